-- Health of a RetrainRun for Argo CD. Needs none of the libraries that useOpenLibs turns on.
local meta = obj.metadata
local status = obj.status

if meta.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "The run is being deleted." }
end
if status == nil or status.observedGeneration == nil or status.state == nil then
  return { status = "Progressing", message = "Waits for the operator to see the run." }
end
-- What follows would speak of an older spec, and let a sync wave pass on yesterday's verdict.
if status.observedGeneration ~= meta.generation then
  return { status = "Progressing", message = "Waits for the operator to see the changed spec." }
end
local unreadable = false
for _, condition in ipairs(status.conditions or {}) do
  -- The operator acts on no token of a run that it can't read: waiting for that would hide why.
  unreadable = unreadable or condition.reason == "InvalidRun"
end
local rerun = meta.annotations and meta.annotations["retrain.crpbot.dev/rerun"]
if rerun ~= nil and rerun ~= "" and rerun ~= status.lastHandledRerun and not unreadable then
  return { status = "Progressing", message = "Waits for the operator to see the new rerun token." }
end

local health = {
  Suspended = "Suspended",
  AwaitingApproval = "Suspended",
  Passed = "Healthy",
  Promoted = "Healthy",
  Rejected = "Degraded",
  Failed = "Degraded",
}
local message = status.message
if message == nil or message == "" then
  message = status.state
else
  message = status.state .. ": " .. message
end
return { status = health[status.state] or "Progressing", message = message }
