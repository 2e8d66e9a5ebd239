-- Health of a RetrainSchedule for Argo CD. A sync waits neither for the next slot nor for a proof, which may take days.
local meta = obj.metadata
local status = obj.status

if meta.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "The schedule is being deleted." }
end
if status == nil or (status.observedGeneration or 0) == 0 or status.state == nil then
  return { status = "Progressing", message = "Waits for the operator to see the schedule." }
end
-- The rest of the status belongs to an older spec: a sync would fail for what it has just put right.
if status.observedGeneration ~= meta.generation then
  return { status = "Progressing", message = "Waits for the operator to see the changed spec." }
end

local stalled = false
for _, condition in ipairs(status.conditions or {}) do
  stalled = stalled or (condition.type == "Stalled" and condition.status == "True")
end
local resume = meta.annotations and meta.annotations["retrain.crpbot.dev/resume"]
if status.state == "Paused" and resume ~= nil and resume ~= "" and resume ~= status.lastHandledResume then
  return { status = "Progressing", message = "Waits for the operator to see the new resume token." }
end

local message = status.message
if message == nil or message == "" then
  message = status.state
else
  message = status.state .. ": " .. message
end
if stalled then
  return { status = "Degraded", message = message }
end
local health = {
  Active = "Healthy",
  Proving = "Healthy",
  Unproven = "Healthy",
  Suspended = "Suspended",
  Paused = "Degraded",
  Invalid = "Degraded",
}
return { status = health[status.state] or "Progressing", message = message }
