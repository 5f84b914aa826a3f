-- A Neovim plugin's module: the editor's own loop, libuv's, polls tl_fd, and a script has
-- timers, tasks and sockets that do not hold up the editor. In a folder lua/ of
-- 'runtimepath', where LuaJIT's FFI finds libtimerlua:
--   local host = require("neovim_host").start(path, on_text)
--   host:call("watch", "127.0.0.1:8080", 0.5)
-- The script has a Lua state of its own, without vim: it sends texts by tell(text), print
-- and its errors, and on_text gets each in the editor's main loop.
local ffi = require "ffi"
local vim = vim -- luacheck: globals vim
local uv = vim.uv or vim.loop

ffi.cdef [[
  typedef struct tl_runtime tl_runtime;
  tl_runtime *tl_new(const void *config);
  int tl_free(tl_runtime *);
  int tl_fd(tl_runtime *);
  int tl_step(tl_runtime *, int64_t budget_ns);
  int tl_load_string(tl_runtime *, const char *code, size_t, const char *name);
  int tl_load_file(tl_runtime *, const char *path);
  int tl_call(tl_runtime *, const char *function, const char *signature, ...);
  const char *tl_error(tl_runtime *);
]]
local library = ffi.load "libtimerlua.so.0"
local BUDGET_NS, WAITS = 1000000, -115 -- -EINPROGRESS: it goes on as a task

-- The texts are fetched after each step: the runtime could call the editor's Lua by FFI
-- callbacks only, which are slow, few, and end the process when compiled code reaches one.
-- Standard output is the editor's screen, so print leads elsewhere.
local PRELUDE = [[
  local texts = {}
  function tell(text) texts[#texts + 1] = tostring(text) end
  function print(...)
    local words = { ... }
    for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
    tell(table.concat(words, "\t"))
  end
  function told() return table.remove(texts, 1) end
  require("timerlua").on("error", function(err, traceback)
    tell("error: " .. tostring(err) .. "\n" .. traceback)
  end)
]]

local Host = {}
Host.__index = Host

local text = ffi.new "const char *[1]"

local function fetch(self)
  while library.tl_call(self.runtime, "told", ">s", text) == 0 and text[0] ~= nil do
    vim.schedule_wrap(self.on_text)(ffi.string(text[0]))
  end
end

local function why(self)
  return ffi.string(library.tl_error(self.runtime))
end

local function step(self)
  local state = library.tl_step(self.runtime, BUDGET_NS)
  local failure = state < 0 and why(self)
  fetch(self)
  if not failure then return end
  self:stop()
  error("timerlua: " .. failure)
end

-- The letter of tl_call's signature for a value, and what C reads by it.
local function letter_of(value)
  local kind = type(value)
  if kind == "string" then return "S", value, ffi.cast("size_t", #value) end
  if kind == "number" then return "d", value end
  if kind == "boolean" then return "b", ffi.cast("int", value and 1 or 0) end
  if kind == "nil" then return "n" end
  error("an argument must be a string, number, boolean or nil, got a " .. kind, 3)
end

local function pack(...)
  local letters, list, length = {}, {}, 0
  for i = 1, select("#", ...) do
    local letter, first, second = letter_of((select(i, ...)))
    letters[i] = letter
    if letter ~= "n" then length, list[length + 1] = length + 1, first end
    if second then length, list[length + 1] = length + 1, second end
  end
  return table.concat(letters), list, length
end

--- Call a function of the script, which may wait; what it returns is dropped.
--- @param name string
--- @param ... string|number|boolean|nil
--- @return boolean? ok
--- @return string? message
function Host:call(name, ...)
  if not self.runtime then return nil, "stopped" end
  local signature, list, length = pack(...)
  local outcome = library.tl_call(self.runtime, name, signature, unpack(list, 1, length))
  local failure = outcome < 0 and outcome ~= WAITS and why(self)
  fetch(self)
  return not failure or nil, failure or nil
end

--- End the script, and what it has begun.
function Host:stop()
  if not self.runtime then return end
  self.poll:close() -- and no step comes any more
  library.tl_free(self.runtime)
  self.runtime = nil
end

local neovim_host = {}

--- Start a script, which ends with the editor or by host:stop().
--- @param on_text fun(text: string)
function neovim_host.start(path, on_text)
  local runtime = library.tl_new(nil)
  if runtime == nil then error("timerlua: no runtime: errno " .. ffi.errno(), 2) end
  local self = setmetatable({ runtime = runtime, on_text = on_text,
    poll = uv.new_poll(library.tl_fd(runtime)) }, Host)
  if library.tl_load_string(runtime, PRELUDE, #PRELUDE, "=neovim_host") < 0
    or library.tl_load_file(runtime, path) < 0 then
    local failure = why(self)
    self:stop()
    error("timerlua: " .. failure, 2)
  end
  fetch(self)
  self.poll:start("r", function() step(self) end)
  vim.api.nvim_create_autocmd("VimLeavePre", { callback = function() self:stop() end })
  return self
end

return neovim_host
