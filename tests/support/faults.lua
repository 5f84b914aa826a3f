-- Shared by the specs of faults: running the program with calls that fail, see
-- tests/faults/preload.c.
local ffi = require "ffi"
local luassert = require "luassert"
local support = require "tests.support"

local faults = {}

local folder, shim
local except = "0:0"

--- Numbers of errno, by name.
faults.codes = {
  EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ENXIO = 6, E2BIG = 7, ENOEXEC = 8,
  EBADF = 9, ECHILD = 10, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EFAULT = 14, EEXIST = 17,
  ENODEV = 19, ENOTDIR = 20, EISDIR = 21, EINVAL = 22, ENFILE = 23, EMFILE = 24, ETXTBSY = 26,
  EFBIG = 27, ENOSPC = 28, EROFS = 30, EPIPE = 32, EDOM = 33, ENAMETOOLONG = 36, ENOLCK = 37,
  ENOSYS = 38, ELOOP = 40, ENONET = 64, EPROTO = 71, ENOTSOCK = 88, EDESTADDRREQ = 89,
  EMSGSIZE = 90, EPROTOTYPE = 91, ENOPROTOOPT = 92, EPROTONOSUPPORT = 93, EOPNOTSUPP = 95,
  EAFNOSUPPORT = 97, EADDRINUSE = 98, EADDRNOTAVAIL = 99, ENETDOWN = 100, ENETUNREACH = 101,
  ECONNABORTED = 103, ECONNRESET = 104, ENOBUFS = 105, EISCONN = 106, ENOTCONN = 107,
  ETIMEDOUT = 110, ECONNREFUSED = 111, EHOSTDOWN = 112, EHOSTUNREACH = 113, EALREADY = 114,
  EINPROGRESS = 115, ECANCELED = 125,
}

ffi.cdef "char *strerror(int);"

--- The system's words for an errno, in small letters.
function faults.text(code)
  return ffi.string(ffi.C.strerror(faults.codes[code])):lower()
end

function faults.setup()
  folder = support.shell("mktemp -d").out:match("[^\n]+")
  shim = folder .. "/faults.so"
  local r = support.shell(("cc -O1 -fPIC -shared -o %s tests/faults/preload.c -ldl"):format(shim))
  luassert.equal("", r.err)
  luassert.equal(0, r.code)
  -- since GCC 13 __register_frame has more than one function that allocates
  local found = {}
  for from, size, name in support.shell("nm -S " .. support.program).out
    :gmatch("(%x+) (%x+) %a ([^\n]+)\n") do
    if name == "__register_frame" or name:find "^btree_" then
      found[#found + 1] = from .. ":" .. size
    end
  end
  if #found > 0 then except = table.concat(found, ",") end
end

function faults.teardown()
  support.shell("rm -rf " .. folder)
end

--- Run a command in which the n-th call fails; r.calls is the number of calls, the
--- failed one included, nil when the process was ended from outside.
--- @param options? table times (how many calls fail, 1), most, storm (see
---   tests/faults/preload.c), timeout, sanitizer (the command is no sanitized program)
function faults.run_command(command, call, n, code, options)
  options = options or {}
  local log = folder .. "/calls"
  os.remove(log)
  local r = support.shell(([[LD_PRELOAD="%s%s" FAULT=%s:%d:%d:%d FAULT_LOG=%s FAULT_EXCEPT=%s ]]
    .. [[FAULT_MOST=%d FAULT_STORM=%d ]]
    .. [[ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0:allocator_may_return_null=1 %s]])
    :format(options.sanitizer and "$SANITIZER_PRELOAD " or "", shim, call, n,
      assert(faults.codes[code], code), options.times or 1, log, except, options.most or 0,
      options.storm or 0, command), { timeout = options.timeout or 10 })
  local file = io.open(log)
  if file then
    r.calls = tonumber(file:read("*a"))
    file:close()
  end
  return r
end

--- The same for the program and a script.
function faults.run(script, call, n, code, options)
  return faults.run_command(support.program .. " -e " .. support.quote(script), call, n,
    code, options)
end

return faults
