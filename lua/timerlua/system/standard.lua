-- Standard input, output and error as connections, each made on first use.
local core = require "timerlua.core.ffi"
local entries = require "timerlua.core.entries"
local errno = require "timerlua.core.errno"
local later = require "timerlua.core.later"
local wait = require "timerlua.task.wait"

local C, loop = core.C, core.loop
local NUMBERS = { stdin = 0, stdout = 1, stderr = 2 }
local FILES = { stdin = io.stdin, stdout = io.stdout, stderr = io.stderr }
local BAD_FD, STAYS_NONBLOCKING = errno.EBADF, core.C.TL_STAYS_NONBLOCKING

local standard = {}

local tell_opened -- see standard.on_open

-- A description that could only be used by making it non-blocking is often
-- that of the others too, a terminal's: stdio would lose what it writes there.
local function open_others(self)
  for name in entries(NUMBERS) do
    if name ~= "stdin" then standard.get(self, name) end
  end
end

local function open(self, name)
  local connection = later.load "timerlua.net.connection.making"
  local settings = connection.settings("standard", {})
  local conn = connection.pending(settings)
  conn.name = name
  rawset(self, name, conn)
  if name ~= "stdin" then FILES[name]:flush() end -- for earlier output
  local id = core.new_id()
  local status = C.tl_standard_open(loop, id, NUMBERS[name], settings.flags)
  if status == BAD_FD then -- all its methods return this error
    if tell_opened then tell_opened(FILES[name], conn, status) end
    return conn
  end
  if status < 0 then
    rawset(self, name, nil)
    wait.raise_status(name, status)
  end
  connection.equip(conn, id.slot, id.generation, settings, true)
  connection.standard[NUMBERS[name]] = conn
  if tell_opened then tell_opened(FILES[name], conn, 0) end
  if status == STAYS_NONBLOCKING then open_others(self) end
  return conn
end

--- Have `fn` called with a file of the io library and its connection, once there is a
--- connection: for the program, whose print then writes to the connection.
--- @param fn fun(file: file*, connection: timerlua.Connection, status: integer) `status` is
---   a negative errno if the descriptor is closed, otherwise 0
function standard.on_open(fn)
  if tell_opened then error("the opening of streams is handled already", 2) end
  tell_opened = fn
end

--- A connection of the process's own, in one direction. It is made on first use, and stays.
--- Closing it puts /dev/null in place of the descriptor. Output still queued when the
--- script ends is sent before the process ends. In a host's runtime the descriptor stays
--- the host's and is unchanged, closed or not; of the bytes queued at the end, the kernel
--- gets what it accepts at once.
--- @param self table the table that keeps the connection from then on
--- @param name any "stdin", "stdout" or "stderr"; nil is returned for other names
--- @return timerlua.Connection?
--- Raises when memory or descriptors run out. The connection of a closed descriptor is
--- closed.
function standard.get(self, name)
  if NUMBERS[name] then return rawget(self, name) or open(self, name) end
end

return standard
