-- The file of a Unix socket: its permissions, its end, and what a crash leaves.
local ffi = require "ffi"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

pcall(ffi.cdef, "unsigned umask(unsigned mask);")

local run = sockets.run
local function nothing() end

local function new_path()
  local path = os.tmpname()
  os.remove(path)
  return path
end

local function mode_of(path)
  return (support.shell("stat -c %a " .. path).out:gsub("%s", ""))
end

-- What a process that is killed leaves at a path.
local function crashed(path, call)
  local r = support.run(([[
    local tl = require "timerlua"
    assert(%s)
    require("ffi").cdef "int raise(int signal);"
    require("ffi").C.raise(9)]]):format(call:format(path)))
  assert.equal(137, r.code)
  assert.equal("socket\n", support.shell("stat -c %F " .. path).out)
end

local MAKERS = {
  listen = function(path, opts) return tl.listen("unix:" .. path, nothing, opts) end,
  udp = function(path, opts) return tl.udp("unix:" .. path, nil, opts) end,
}
local CRASHES = { listen = 'tl.listen("unix:%s", print)', udp = 'tl.udp("unix:%s")' }

for name, make in pairs(MAKERS) do
  describe("the file of a Unix socket, tl." .. name, function()
    it("has the permissions of mode, whatever the umask", function()
      run(function()
        for _, mask in ipairs { 0, 63, 511 } do -- 0077, 0777
          local before = ffi.C.umask(mask)
          for mode, expected in pairs { [0660] = "660", ["0600"] = "600", ["7"] = "7" } do
            local path = new_path()
            local socket = assert(make(path, { mode = mode }))
            assert.equal(expected, mode_of(path))
            socket:close()
          end
          ffi.C.umask(before)
        end
      end)
    end)

    it("is taken over from one that crashed, with unlink", function()
      run(function()
        for _, crash in pairs(CRASHES) do -- a dead socket's type is not known any more
          local path = new_path()
          crashed(path, crash)
          local none, _, code = make(path)
          assert.same({ nil, "EADDRINUSE" }, { none, code })
          local socket = assert(make(path, { unlink = "stale" }))
          socket:close()
          assert.is_nil(io.open(path))
        end
      end)
    end)

    it("is not taken from one that lives, whatever its kind", function()
      run(function()
        for _, other in pairs(MAKERS) do
          local path = new_path()
          local living = assert(other(path, name == "listen" and nil or { unlink = "stale" }))
          local none, message, code = make(path, { unlink = "stale" })
          assert.same({ nil, ("%s unix:%s: address already in use"):format(name, path),
            "EADDRINUSE" }, { none, message, code })
          assert.equal("socket\n", support.shell("stat -c %F " .. path).out)
          living:close()
        end
      end)
    end)

    it("is not taken over when it is no socket", function()
      run(function()
        local path = support.temporary("precious")
        local none, _, code = make(path, { unlink = "stale" })
        assert.same({ nil, "EADDRINUSE" }, { none, code })
        assert.equal("precious", support.read(path))
        os.remove(path)
      end)
    end)

    it("refuses other options, and options where there is no file", function()
      local function raised(opts, addr)
        addr = addr or "unix:/x"
        if name == "udp" then return support.raised(function() tl.udp(addr, nil, opts) end) end
        return support.raised(function() tl.listen(addr, nothing, opts) end)
      end
      for _, mode in ipairs { 0668, 1777, -1, 6.5, "rw", true, "07777", 0 / 0 } do
        assert.equal(("HERE: timerlua.%s: option mode must be permissions as in chmod, 0660 or "
          .. '"0660", got %s'):format(name, type(mode) == "string" and ("%q"):format(mode)
          or tostring(mode)), raised { mode = mode })
      end
      assert.equal(("HERE: timerlua.%s: option unlink must be \"stale\", got true"):format(name),
        raised { unlink = true })
      for _, addr in ipairs { "127.0.0.1:0", "unix:@x", "fd:3" } do
        assert.equal(('HERE: timerlua.%s: option mode is for an address of the form unix:/path, '
          .. "got %q"):format(name, addr), raised({ mode = 0600 }, addr))
      end
    end)
  end)
end

describe("the file of a listening Unix socket", function()
  it("never has more permissions than mode", function()
    local r = support.shell(("umask 022; strace -e trace=/chmod,bind,umask,listen %s -e %s"):format(
      support.program, support.quote(([[
        local tl = require "timerlua"
        assert(tl.listen("unix:%s", print, { mode = 0620 })):close()]]):format(new_path()))))
    local order = {}
    for call in ("\n" .. r.err):gmatch("\n([a-z]+)") do order[#order + 1] = call end
    -- the last but one gives back what the umask took; glibc 2.36 calls chmod for it
    assert.equal("fchmod bind chmod listen",
      (table.concat(order, " "):gsub("fchmodat", "chmod")), r.err)
  end)

  it("goes to one of several that start at once", function()
    local path = new_path()
    crashed(path, CRASHES.listen)
    local r = support.shell(([[for i in 1 2 3 4 5 6; do %s -e %s & done; wait]]):format(
      support.program, support.quote(([[
        local tl = require "timerlua"
        local l, _, code = tl.listen("unix:%s", function() end, { unlink = "stale" })
        local log = io.open("%s.log", "a")
        log:write(l and "got it" or code, "\n")
        log:close()
        local deadline = tl.now() + 20
        repeat -- until all have tried
          tl.sleep(0.01)
          local count = 0
          for _ in io.lines("%s.log") do count = count + 1 end
        until count == 6 or tl.now() > deadline]]):format(path, path, path))))
    r.out = support.read(path .. ".log")
    os.remove(path .. ".log")
    local lines = {}
    for line in r.out:gmatch("[^\n]+") do lines[#lines + 1] = line end
    table.sort(lines)
    assert.same({ "EADDRINUSE", "EADDRINUSE", "EADDRINUSE", "EADDRINUSE", "EADDRINUSE",
      "got it" }, lines)
  end)
end)
