-- Which actions make sense on this RetrainRun now. The others are shown, greyed out.
local status = obj.status or {}
local state = status.state
local annotations = obj.metadata.annotations or {}
local suspended = obj.spec.suspend == true

local final = { Passed = true, Promoted = true, Rejected = true, Failed = true }
local current = status.observedGeneration ~= nil and status.observedGeneration == obj.metadata.generation
local rerun = annotations["retrain.crpbot.dev/rerun"]
local asked = rerun ~= nil and rerun ~= "" and rerun ~= status.lastHandledRerun
local digest = status.gate and status.gate.digest
local waits = current and state == "AwaitingApproval" and digest ~= nil

local actions = {}
actions["suspend"] = {
  ["displayName"] = "Suspend",
  ["iconClass"] = "fa fa-fw fa-pause",
  ["disabled"] = suspended or final[state] == true,
}
actions["resume"] = {
  ["displayName"] = "Resume",
  ["iconClass"] = "fa fa-fw fa-play",
  ["disabled"] = not suspended,
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
