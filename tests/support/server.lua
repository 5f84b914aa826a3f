-- A script as a server, in a process of its own, for specs that are its clients.
local support = require "tests.support"
local tl = require "timerlua"

local Server = {}
Server.__index = Server

local server = {}

--- Seconds within which events that take no time have happened.
server.patience = support.sanitized and 60 or 20

--- Wait until `ask()` returns something true, and return that.
function server.await(what, ask)
  local deadline = tl.now() + server.patience
  while true do
    local answer = ask()
    if answer then return answer end
    if tl.now() > deadline then error("no " .. what, 2) end
    tl.sleep(0.01)
  end
end

--- Start a shell command, which has to be one program that stays.
function server.command(command)
  local self = setmetatable({ out_path = os.tmpname(), err_path = os.tmpname(),
    code_path = os.tmpname() }, Server)
  local pipe = assert(io.popen(("(LD_PRELOAD= %s >%s 2>%s & echo $!; exec >/dev/null 2>&1;"
    .. " wait $!; echo $? >%s) </dev/null &"):format(command, self.out_path,
    self.err_path, self.code_path)))
  self.pid = pipe:read("*n")
  pipe:close()
  return self
end

--- Start a script; the arguments are its own.
function server.start(path, ...)
  local words = { support.program, path }
  for i = 1, select("#", ...) do words[i + 2] = support.quote((select(i, ...))) end
  local self = server.command(table.concat(words, " "))
  if path ~= "scripts/health.lua" then
    self.address = self:await("listening on ([^\n]+)\n")
    self.port = tonumber(self.address:match(":(%d+)$"))
  end
  return self
end

function Server:out() return support.read(self.out_path) end
function Server:err() return support.read(self.err_path) end

--- Wait until the server has printed this, and return the pattern's captures.
function Server:await(pattern)
  return server.await(pattern, function()
    return self:out():match(pattern) or self:err():match(pattern)
  end)
end

--- Wait until the server has ended: a table of out, err, code.
function Server:ended()
  local code = server.await("end of " .. self.pid, function()
    return tonumber(support.read(self.code_path))
  end)
  local result = { out = self:out(), err = self:err(), code = code }
  os.remove(self.out_path)
  os.remove(self.err_path)
  os.remove(self.code_path)
  return result
end

--- End the server by SIGTERM, or by another signal.
function Server:stop(signal)
  os.execute(("kill -%s %d 2>/dev/null"):format(signal or "TERM", self.pid))
  return self:ended()
end

--- The server's open descriptors.
function Server:fds()
  return tonumber(support.shell(("ls /proc/%d/fd | wc -l"):format(self.pid)).out)
end

--- Seconds of processor time that the server has used, in hundredths.
function Server:cpu()
  local fields = support.read(("/proc/%d/stat"):format(self.pid)):match("%) (.*)")
  local user, system = fields:match("^%S+" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
  return (user + system) / 100
end

--- The most resident memory that the server has had, in megabytes.
function Server:peak()
  return tonumber(support.read(("/proc/%d/status"):format(self.pid)):match("VmHWM:%s*(%d+)")) / 1024
end

return server
