-- Health of a RetrainRun for Argo CD. It needs none of the libraries that useOpenLibs turns on.
local meta = obj.metadata
local status = obj.status

if meta.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "The run is being deleted." }
end
if status == nil or (status.observedGeneration or 0) == 0 or status.state == nil then
  return { status = "Progressing", message = "Waits for the operator to see the run." }
end
-- The rest of the status belongs to an older spec: a sync wave would pass on yesterday's verdict.
if status.observedGeneration ~= meta.generation then
  return { status = "Progressing", message = "Waits for the operator to see the changed spec." }
end
local unreadable = false
for _, condition in ipairs(status.conditions or {}) do
  -- The operator ignores the token of a run that it can't read: waiting for it would hide the reason.
  unreadable = unreadable or condition.reason == "InvalidRun"
end
local handled = { rerun = status.lastHandledRerun, retry = status.lastHandledRetry }
for _, token in ipairs({ "rerun", "retry" }) do
  local asked = meta.annotations and meta.annotations["retrain.crpbot.dev/" .. token]
  if asked ~= nil and asked ~= "" and asked ~= handled[token] and not unreadable then
    return { status = "Progressing", message = "Waits for the operator to see the new " .. token .. " token." }
  end
end

local health = {
  Suspended = "Suspended",
  AwaitingApproval = "Suspended",
  Passed = "Healthy",
  Promoted = "Healthy",
  Skipped = "Healthy",
  Rejected = "Degraded",
  Failed = "Degraded",
}
local message = status.message
if message == nil or message == "" then
  message = status.state
else
  message = status.state .. ": " .. message
end
-- Whatever becomes of promoted models is said and changes no health: Degraded would fail every later sync, one that mends it too.
local observed = status.observation
if observed ~= nil and observed.state ~= nil then
  local since = observed.state
  if observed.message ~= nil and observed.message ~= "" then
    since = since .. ": " .. observed.message
  end
  message = message .. ". Since then " .. since
end
return { status = health[status.state] or "Progressing", message = message }
