-- Which actions make sense on this RetrainRun now. The others are shown greyed out.
local status = obj.status or {}
local state = status.state
local annotations = obj.metadata.annotations or {}
local suspended = obj.spec.suspend == true

local final = { Passed = true, Promoted = true, Rejected = true, Skipped = true, Failed = true }
local current = status.observedGeneration ~= nil and status.observedGeneration == obj.metadata.generation
local handled = { rerun = status.lastHandledRerun, retry = status.lastHandledRetry }
local asked = false
for _, kind in ipairs({ "rerun", "retry" }) do
  local token = annotations["retrain.crpbot.dev/" .. kind]
  asked = asked or (token ~= nil and token ~= "" and token ~= handled[kind])
end
local digest = status.gate and status.gate.digest
local waits = current and state == "AwaitingApproval" and digest ~= nil

-- A finished run is at work as long as its models are looked at.
local observed = status.observation ~= nil and status.observation.nextTime ~= nil

-- As `retrain retry` has it: a symbol, the report, a copy, a look or a notification failed, and the run as a whole is not refused.
local failed = status.backups ~= nil and status.backups.failedKey ~= nil
failed = failed or (status.observation ~= nil and status.observation.failedKey ~= nil)
for _, receiver in ipairs(status.notified or {}) do
  failed = failed or receiver.failedKey ~= nil
end
for _, entry in ipairs(status.symbols or {}) do
  failed = failed or entry.state == "Failed"
end
local refused = false
for _, condition in ipairs(status.conditions or {}) do
  failed = failed or condition.reason == "PublishFailed"
  refused = refused or condition.reason == "InvalidRun" or condition.reason == "ImageNotAllowed"
end

local actions = {}
actions["suspend"] = {
  ["displayName"] = "Suspend",
  ["iconClass"] = "fa fa-fw fa-pause",
  ["disabled"] = suspended or (final[state] == true and not observed),
}
actions["resume"] = {
  ["displayName"] = "Resume",
  ["iconClass"] = "fa fa-fw fa-play",
  ["disabled"] = not suspended,
}
actions["retry"] = {
  ["displayName"] = "Try again what failed",
  ["iconClass"] = "fa fa-fw fa-undo",
  ["disabled"] = suspended or asked or refused or not (current and failed),
}
actions["rerun"] = {
  ["displayName"] = "Train again",
  ["iconClass"] = "fa fa-fw fa-redo",
  ["disabled"] = suspended or asked or not (current and (final[state] == true or state == "AwaitingApproval")),
}
actions["approve"] = {
  ["displayName"] = "Approve promotion",
  ["iconClass"] = "fa fa-fw fa-check",
  ["disabled"] = not waits,
}
actions["reject"] = {
  ["displayName"] = "Reject promotion",
  ["iconClass"] = "fa fa-fw fa-times",
  ["disabled"] = not waits,
}
return actions
