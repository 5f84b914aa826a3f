-- The end of a run: everything is ended, and then nothing may be left.
local ffi = require "ffi"
local tl = require "timerlua"
local judge = require "judge"
local pool = require "pool"

ffi.cdef [[
int fcntl(int fd, int command, ...);
intptr_t readlink(const char *path, char *target, size_t size);
]]

local F_GETFD = 1
local target = ffi.new("char[256]")
local ROUNDS = 200
local VERBS = { "cancel", "abort", "close" }

local ending = {}

--- The number of open descriptors.
function ending.count_descriptors()
  local count = 0
  for fd = 0, 4095 do
    if ffi.C.fcntl(fd, F_GETFD) >= 0 then count = count + 1 end
  end
  return count
end

--- Print what each open descriptor is.
function ending.list_descriptors()
  for fd = 0, 4095 do
    local length = ffi.C.readlink(("/proc/self/fd/%d"):format(fd), target, ffi.sizeof(target))
    if length > 0 then print(("  fd %d: %s"):format(fd, ffi.string(target, length))) end
  end
end

local function verb_of(object)
  for _, name in ipairs(VERBS) do
    local ok, method = pcall(function() return object[name] end)
    if ok and type(method) == "function" then return method, name end
  end
end

local function end_one(object)
  local method, name = verb_of(object)
  if not method then return end
  local ok, err = pcall(tl.timeout, 0.1, method, object)
  if not ok then judge.error("ending by " .. name, err) end
end

-- The rows of tl.handles, without those of the run itself.
local function left(own)
  local rows = {}
  for _, row in ipairs(tl.handles()) do
    if not own[row.name] and row.handle ~= tl.current() then rows[#rows + 1] = row end
  end
  return rows
end

local function describe(row)
  return ("  left: %s %s, %s, waiting for %s, %s"):format(tostring(row.kind),
    tostring(row.name), tostring(row.status), tostring(row.waiting_for), tostring(row.site))
end

--- Print what is there.
function ending.list(own)
  for _, row in ipairs(left(own)) do print(describe(row)) end
end

--- End everything.
--- @param own table<string, true> names of the run's own handles
--- @param progress function called at every turn
function ending.end_all(own, progress)
  for _, object in ipairs(pool.empty()) do end_one(object) end
  for round = 1, ROUNDS do
    local rows = left(own)
    if #rows == 0 then return true end
    for _, row in ipairs(rows) do end_one(row.handle) end
    collectgarbage()
    progress()
    tl.sleep(round < ROUNDS / 2 and 0.005 or 0.05)
  end
  return false
end

return ending
