-- The digest binds the answer to exactly these models and this judgement. Argo CD does not tell a script who clicked; its
-- event ResourceActionRan does. The answer is signed with the account that Argo CD writes with, as manifests/approval
-- requires. Change the account where Argo CD is installed differently.
local os = require("os")
if obj.status == nil or obj.status.gate == nil or obj.status.gate.digest == nil then
  error("there is no judgement to reject yet", 0)
end
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["retrain.crpbot.dev/reject"] =
  obj.status.gate.digest .. " by system:serviceaccount:argocd:argocd-server: rejected in Argo CD at "
  .. os.date("!%Y-%m-%dT%XZ")
return obj
