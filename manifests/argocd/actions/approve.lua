-- Bound by the digest to exactly these models and this judgement. Argo CD does not tell a script who acts: its event
-- ResourceActionRan does.
local os = require("os")
if obj.status == nil or obj.status.gate == nil or obj.status.gate.digest == nil then
  error("there is no judgement to approve yet", 0)
end
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["retrain.crpbot.dev/approve"] =
  obj.status.gate.digest .. " by Argo CD: approved at " .. os.date("!%Y-%m-%dT%XZ")
return obj
