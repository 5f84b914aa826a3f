-- Puts one load on one server and prints what it cost:
--   luajit bench/load.lua WORKLOAD MODE 'COMMAND OF THE SERVER'
-- The command gets a port as its last argument. The server is pinned to one
-- core and its client to another; LOAD_SECONDS: how long S1 to S3 last.
-- CPU is the server's, all threads, user and system, from before the load to
-- after it, so that starting it is not counted.

local ffi = require "ffi"

ffi.cdef [[
struct sockaddr_in { uint16_t family, port; uint8_t address[4], zero[8]; };
struct timespec { long seconds, nanoseconds; };
int socket(int domain, int type, int protocol);
int bind(int fd, const struct sockaddr_in *address, uint32_t size);
int getsockname(int fd, struct sockaddr_in *address, uint32_t *size);
int close(int fd);
int fork(void);
int execl(const char *path, const char *arg, ...);
void _exit(int status);
int prctl(int option, unsigned long value);
int kill(int pid, int signal);
int waitpid(int pid, int *status, int options);
int clock_getcpuclockid(int pid, int *clock);
int clock_gettime(int clock, struct timespec *time);
]]

local C = ffi.C
local inet, stream = 2, 1        -- AF_INET, SOCK_STREAM
local death_signal = 1           -- PR_SET_PDEATHSIG
local sigkill = 9                -- no server here has anything to lose
local files = 10100              -- S5: open files of a server
local seconds = tonumber(os.getenv("LOAD_SECONDS") or 5)
local build = os.getenv("BUILD") or "build"

-- The first and the last core this process may use; "0-1" or "2,3,7".
local function two_cores()
  for line in io.lines("/proc/self/status") do
    local list = line:match("^Cpus_allowed_list:%s+(%S+)")
    if list then return list:match("^%d+"), list:match("%d+$") end
  end
end

local server_core, client_core = two_cores()

-- One that is free now; nobody else is expected to take it meanwhile.
local function free_port()
  local fd = C.socket(inet, stream, 0)
  local address = ffi.new("struct sockaddr_in", { family = inet })
  address.address[0], address.address[3] = 127, 1
  local size = ffi.new("uint32_t[1]", ffi.sizeof(address))
  assert(C.bind(fd, address, size[0]) == 0, "bind")
  assert(C.getsockname(fd, address, size) == 0, "getsockname")
  C.close(fd)
  local swapped = address.port
  return swapped % 256 * 256 + math.floor(swapped / 256)
end

local function start(command)
  local line = ("ulimit -n %d; exec taskset -c %s %s >/dev/null"):format(
    files, server_core, command)
  local pid = C.fork()
  if pid == 0 then
    C.prctl(death_signal, ffi.cast("unsigned long", sigkill))
    C.execl("/bin/sh", "sh", "-c", line, ffi.cast("char *", nil))
    C._exit(127)
  end
  assert(pid > 0, "fork")
  return pid
end

local function stop(pid)
  C.kill(pid, sigkill)
  C.waitpid(pid, nil, 0)
end

local function cpu_seconds(pid)
  local clock, time = ffi.new("int[1]"), ffi.new("struct timespec")
  assert(C.clock_getcpuclockid(pid, clock) == 0, "the server has ended")
  assert(C.clock_gettime(clock[0], time) == 0, "the server has ended")
  return tonumber(time.seconds) + tonumber(time.nanoseconds) * 1e-9
end

local function run_client(command)
  local pipe = io.popen(("taskset -c %s %s 2>&1; echo status $?"):format(
    client_core, command))
  local output = pipe:read("*a")
  pipe:close()
  assert(output:find("status 0\n$"), output)
  return output
end

local function find_number(output, pattern)
  return tonumber(output:match(pattern))
end

-- Answers that did not come, or were not 200.
local function wrk_failures(output)
  local connect, read, write, timeout = output:match(
    "Socket errors: connect (%d+), read (%d+), write (%d+), timeout (%d+)")
  return (connect or 0) + (read or 0) + (write or 0) + (timeout or 0)
    + (find_number(output, "Non%-2xx or 3xx responses: (%d+)") or 0)
end

local function wrk(options, port)
  local output = run_client(("wrk -t1 -c64 -d%ds %s http://127.0.0.1:%d/")
    :format(seconds, options, port))
  return {
    requests = find_number(output, "(%d+) requests in"),
    requests_s = find_number(output, "Requests/sec:%s+([%d.]+)"),
    failed = wrk_failures(output),
  }
end

-- What a client in C prints: a key and a value a line.
local function own_client(...)
  local output = run_client(build .. "/bench/sockets_client " .. (...):format(
    select(2, ...)))
  local figures = {}
  for key, value in output:gmatch("(%S+) (%S+)\n") do
    figures[key] = tonumber(value)
  end
  figures.status = nil -- of the command, looked at above
  return figures
end

local loads = {}

function loads.S1(port) return wrk("", port) end

function loads.S2(port) return wrk("-s bench/pipelined.lua", port) end

function loads.S3(port) return own_client("echo %d %g", port, seconds) end

function loads.S4(port)
  local output = run_client(("ab -q -n 20000 -c 100 http://127.0.0.1:%d/")
    :format(port))
  return {
    requests = find_number(output, "Complete requests:%s+(%d+)"),
    requests_s = find_number(output, "Requests per second:%s+([%d.]+)"),
    failed = find_number(output, "Failed requests:%s+(%d+)"),
  }
end

function loads.S5(port, pid) return own_client("idle %d %d", port, pid) end

local function measure(name, mode, port, pid)
  own_client("check %s %d", mode, port)
  local before = cpu_seconds(pid)
  local figures = loads[name](port, pid)
  figures.cpu_us = (cpu_seconds(pid) - before) * 1e6 / figures.requests
  return figures
end

local name, mode, command = arg[1], arg[2], arg[3]
local port = free_port()
local pid = start(("%s %d"):format(command, port))
local fine, figures = pcall(measure, name, mode, port, pid)
stop(pid)
if not fine then
  io.stderr:write(name, ": ", command, ": ", tostring(figures), "\n")
  os.exit(1)
end
for key, value in pairs(figures) do print(("%s %.6g"):format(key, value)) end
