-- Which actions make sense on this RetrainSchedule now. The others are shown greyed out.
local status = obj.status or {}
local state = status.state
local annotations = obj.metadata.annotations or {}
local suspended = obj.spec.suspend == true
local current = status.observedGeneration ~= nil and status.observedGeneration == obj.metadata.generation

local function new(kind, handled)
  local token = annotations["retrain.crpbot.dev/" .. kind]
  return token ~= nil and token ~= "" and token ~= handled
end
-- While a proof goes on, or where the spec can't be read, a run that is asked for would have to wait.
local makes = { Active = true, Unproven = true, Paused = true }
local triggered = new("trigger", status.lastHandledTrigger)
local resumed = new("resume", status.lastHandledResume)

local actions = {}
actions["trigger"] = {
  ["displayName"] = "Make a run now",
  ["iconClass"] = "fa fa-fw fa-bolt",
  ["disabled"] = suspended or triggered or not (current and makes[state] == true),
}
actions["suspend"] = {
  ["displayName"] = "Suspend",
  ["iconClass"] = "fa fa-fw fa-pause",
  ["disabled"] = suspended,
}
actions["resume"] = {
  ["displayName"] = "Resume",
  ["iconClass"] = "fa fa-fw fa-play",
  ["disabled"] = not (suspended or (current and state == "Paused" and not resumed)),
}
return actions
