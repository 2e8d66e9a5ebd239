-- Goes on, whoever stopped it: a person, who suspended it, or failures in a row, after which it pauses by itself.
local os = require("os")
if obj.spec.suspend == true then
  obj.spec.suspend = false
  return obj
end
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["retrain.crpbot.dev/resume"] = os.date("!%Y-%m-%dT%XZ")
return obj
