-- A new token tries again what failed, once its cause is mended, and keeps what succeeded. The time serves as the token.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["retrain.crpbot.dev/retry"] = os.date("!%Y-%m-%dT%XZ")
return obj
