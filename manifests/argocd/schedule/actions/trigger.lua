-- A new token makes one run now, beside those of the clock. The time serves as the token and says when it was requested.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["retrain.crpbot.dev/trigger"] = os.date("!%Y-%m-%dT%XZ")
return obj
