"""The scripts of Argo CD as it runs them: by Lua 5.1, in a sandbox."""

from __future__ import annotations

from typing import Any

from lupa.lua51 import LuaRuntime, lua_type

# Argo CD gives a script the basic functions, `table`, and an `os` that knows the time alone; not even `string`.
SANDBOX = """
getmetatable("").__index = nil
local clock = { time = os.time, date = os.date }
for _, name in ipairs({"io", "os", "string", "math", "debug", "coroutine", "python", "dofile", "loadfile", "package"}) do
  _G[name] = nil
end
require = function(name)
  assert(name == "os", "no module " .. name)
  return clock
end
"""


def lua(script: str, document: dict[str, Any]) -> Any:
    """What a script returns for the global `obj`, as Argo CD would decode it."""
    runtime = LuaRuntime(register_eval=False, register_builtins=False)
    runtime.execute(SANDBOX)
    runtime.globals().obj = runtime.table_from(document, recursive=True)
    return plain(runtime.execute(script))


def plain(value: Any) -> Any:
    """A Lua table as data; an empty one is a list to Argo CD, which puts it right by comparing with the object."""
    if lua_type(value) != "table":
        return value
    keys = list(value.keys())
    if keys == list(range(1, len(keys) + 1)):
        return [plain(value[key]) for key in keys]
    return {key: plain(value[key]) for key in keys}
