local ffi = require "ffi"
local support = require "tests.support"

ffi.cdef [[
  int pipe(int fds[2]);
  int socketpair(int domain, int type, int protocol, int fds[2]);
  int close(int fd);
  int dup(int fd);
  int open(const char *path, int flags, ...);
  long read(int fd, void *buffer, size_t count);
  long write(int fd, const void *buffer, size_t count);
  int fcntl(int fd, int command, ...);
]]

local AF_UNIX, SOCK_STREAM = 1, 1
local F_SETFL, O_NONBLOCK = 4, 2048

local count_fds = support.count_fds

describe("tl.watch", function()
  local tl, opened, watchdog, before

  -- On virtual time, the watchdog ends a wait for an event that never comes at once.
  before_each(function()
    tl = require "timerlua"
    tl.clock.virtual()
    opened = {}
    support.collect()
    before = { fds = count_fds(), handles = tl.stats().handles,
      active = tl.stats().active }
    watchdog = tl.after(3600, function() error("nothing happened") end)
  end)

  local function close(fd)
    if opened[fd] then
      opened[fd] = nil
      ffi.C.close(fd)
    end
  end

  after_each(function()
    watchdog:cancel()
    tl.clock.real()
    for fd in pairs(opened) do ffi.C.close(fd) end
    assert.same(before, { fds = count_fds(), handles = tl.stats().handles,
      active = tl.stats().active })
  end)

  local function keep(fds)
    opened[fds[0]], opened[fds[1]] = true, true
    for i = 0, 1 do ffi.C.fcntl(fds[i], F_SETFL, ffi.cast("int", O_NONBLOCK)) end
    return fds[0], fds[1]
  end

  local function new_pipe()
    local fds = ffi.new("int[2]")
    assert.equal(0, ffi.C.pipe(fds))
    return keep(fds)
  end

  local function new_pair()
    local fds = ffi.new("int[2]")
    assert.equal(0, ffi.C.socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
    return keep(fds)
  end

  local function write(fd, text)
    assert.equal(#text, tonumber(ffi.C.write(fd, text, #text)))
  end

  local function read(fd, most)
    local buffer = ffi.new("char[?]", most or 100)
    local got = tonumber(ffi.C.read(fd, buffer, most or 100))
    return got >= 0 and ffi.string(buffer, got) or nil
  end

  -- Enough turns for all ready events to be reported.
  local function turns(count)
    for _ = 1, count do tl.sleep(0) end
  end

  it("calls back with the watch and what is ready", function()
    local r, w = new_pipe()
    local calls = {}
    local watch
    watch = tl.watch(r, "r", function(self, ready, ...)
      calls[#calls + 1] = { self == watch, ready, read(r), select("#", ...) }
    end)
    turns(3)
    assert.same({}, calls)
    write(w, "hello")
    turns(3)
    assert.same({ { true, "r", "hello", 0 } }, calls)
    assert.equal(true, watch:cancel())
  end)

  it("waits for a descriptor to become ready, without a turn in between", function()
    local r, w = new_pipe()
    local got
    local watch = tl.watch(r, "r", function(self)
      got = read(r)
      self:cancel()
    end)
    tl.after(5, function() write(w, "late") end)
    local turns_before = tl.stats().turns
    tl.sleep(6)
    assert.equal("late", got)
    assert.truthy(tl.stats().turns - turns_before < 10)
    assert.equal(false, watch:cancel())
  end)

  it("reports writable, and both directions of a socket", function()
    local a, b = new_pair()
    local ready = {}
    local writable = tl.watch(a, "w", function(_, letters) ready.a = letters end)
    local both = tl.watch(b, "rw", function(_, letters) ready.b = letters end)
    turns(2)
    assert.same({ a = "w", b = "w" }, ready)
    write(a, "x")
    turns(2)
    assert.same({ a = "w", b = "rw" }, ready)
    writable:cancel()
    both:cancel()
  end)

  it("calls again on every turn while there is something to read", function()
    local r, w = new_pipe()
    local got = {}
    local watch = tl.watch(r, "r", function() got[#got + 1] = read(r, 1) end)
    write(w, "abc")
    turns(6)
    assert.equal("abc", table.concat(got))
    assert.equal(3, #got)
    watch:cancel()
  end)

  it("calls no more once it is cancelled in its own callback", function()
    local r, w = new_pipe()
    local calls, cancelled = 0, {}
    tl.watch(r, "r", function(self)
      calls = calls + 1
      cancelled[1], cancelled[2] = self:cancel(), self:cancel()
    end)
    write(w, "x")
    turns(4)
    assert.equal(1, calls)
    assert.same({ true, false }, cancelled)
  end)

  it("does not call a watch that another callback of the same batch cancelled", function()
    local calls = {}
    local watches = {}
    for i = 1, 10 do
      local r, w = new_pipe()
      watches[i] = tl.watch(r, "r", function()
        calls[#calls + 1] = i
        for k = 1, 10 do watches[k]:cancel() end
      end)
      write(w, "x")
    end
    turns(4)
    assert.equal(1, #calls)
  end)

  it("does not call a new watch for events of an old one with the same number", function()
    local calls = {}
    local watches, ends = {}, {}
    for i = 1, 2 do
      local r, w = new_pipe()
      ends[i] = { r = r, w = w }
      write(w, "x")
    end
    local fresh
    local function replace(other)
      return function()
        calls[#calls + 1] = "old"
        for k = 1, 2 do watches[k]:cancel() end
        close(ends[other].r)
        close(ends[other].w)
        local r = new_pipe() -- takes the lowest numbers: those just closed
        calls[#calls + 1] = r == math.min(ends[other].r, ends[other].w) and "same" or "other"
        fresh = tl.watch(r, "r", function() calls[#calls + 1] = "new" end)
      end
    end
    watches[1] = tl.watch(ends[1].r, "r", replace(2))
    watches[2] = tl.watch(ends[2].r, "r", replace(1))
    turns(5)
    assert.same({ "old", "same" }, calls)
    fresh:cancel()
  end)

  it("delivers a hang-up, after the readable data", function()
    local r, w = new_pipe()
    local seen = {}
    tl.watch(r, "r", function(self, ready)
      seen[#seen + 1] = ready
      local text = read(r)
      seen[#seen + 1] = text
      if text == "" then self:cancel() end
    end)
    write(w, "last words")
    close(w)
    turns(4)
    assert.same({ "rh", "last words", "h", "" }, seen)
  end)

  it("delivers a half-closed socket as readable", function()
    local a, b = new_pair()
    local seen = {}
    tl.watch(a, "r", function(self, ready)
      seen[#seen + 1] = ready
      seen[#seen + 1] = read(a)
      self:cancel()
    end)
    close(b)
    turns(3)
    assert.same({ "rh", "" }, seen)
  end)

  it("delivers the error of a pipe whose reader is gone to its writer", function()
    local r, w = new_pipe()
    local seen
    tl.watch(w, "w", function(self, ready)
      seen = ready
      self:cancel()
    end)
    close(r)
    turns(3)
    assert.equal("we", seen)
  end)

  it("serves a readable pipe although a timer re-arms itself without delay", function()
    local r, w = new_pipe()
    local spins, at
    spins = 0
    local spinner = tl.after(0, function(t)
      spins = spins + 1
      if spins == 10 then write(w, "x") end
      if spins < 1000 then t:reset(0) end
    end)
    local watch = tl.watch(r, "r", function() at = at or spins read(r) end)
    turns(1100)
    spinner:cancel()
    watch:cancel()
    assert.truthy(at and at <= 12, "served at turn " .. tostring(at))
    assert.equal(1000, spins)
  end)

  it("lets its callback wait, and go on as a task", function()
    local r, w = new_pipe()
    local seen, start = {}, tl.now()
    tl.watch(r, "r", function(self)
      self:cancel()
      seen[1] = read(r)
      tl.sleep(5)
      seen[2] = math.floor(tl.now() - start + 0.5)
    end)
    write(w, "x")
    tl.sleep(6)
    assert.same({ "x", 5 }, seen)
  end)

  it("goes on after an error in its callback, which is reported with the watch", function()
    local r, w = new_pipe()
    local told = {}
    local subscription = tl.on("error", function(err, _, source)
      told[#told + 1] = { err, source.kind, source.fd == r }
    end)
    local watch = tl.watch(r, "r", function() error(read(r), 0) end)
    write(w, "one")
    turns(3)
    write(w, "two")
    turns(3)
    subscription:cancel()
    watch:cancel()
    assert.same({ { "one", "watch", true }, { "two", "watch", true } }, told)
  end)

  it("takes an object with fileno()", function()
    local r, w = new_pipe()
    local calls = 0
    local watch = tl.watch({ fileno = function() return r end }, "r", function()
      calls = calls + 1
      read(r)
    end)
    write(w, "x")
    turns(3)
    assert.equal(1, calls)
    assert.equal(r, watch.fd)
    watch:cancel()
  end)

  it("takes a file of the io library", function()
    local pipe = io.popen("echo hello")
    local got
    local watch = tl.watch(pipe, "r", function(self)
      got = pipe:read("*l")
      self:cancel()
    end)
    local deadline = os.time() + 10 -- real time, for the real process
    while not got and os.time() < deadline do tl.sleep(0) end
    watch:cancel()
    pipe:close()
    assert.equal("hello", got)
  end)

  it("refuses a regular file with EPERM", function()
    local path = support.temporary("text")
    local fd = ffi.C.open(path, 0)
    opened[fd] = true
    local watch, message, code = tl.watch(fd, "r", print)
    assert.equal(("watch fd %d: operation not permitted"):format(fd), message)
    os.remove(path)
    assert.is_nil(watch)
    assert.equal("EPERM", code)
  end)

  it("refuses a closed descriptor with EBADF", function()
    local r = new_pipe()
    close(r)
    local watch, message, code = tl.watch(r, "r", print)
    assert.is_nil(watch)
    assert.equal(("watch fd %d: bad file descriptor"):format(r), message)
    assert.equal("EBADF", code)
  end)

  it("refuses a watched descriptor with EEXIST; the first watch goes on", function()
    local r, w = new_pipe()
    local calls = 0
    local first = tl.watch(r, "r", function() calls = calls + 1 read(r) end)
    local second, message, code = tl.watch(r, "w", print)
    assert.is_nil(second)
    assert.equal(("watch fd %d: file exists"):format(r), message)
    assert.equal("EEXIST", code)
    write(w, "x")
    turns(3)
    assert.equal(1, calls)
    first:cancel()
    local third = tl.watch(r, "r", print)
    assert.equal(r, third.fd)
    third:cancel()
  end)

  it("refuses a connection, which goes on", function()
    local one, other = tl.socketpair()
    local watch, message, code = tl.watch(one, "r", print)
    assert.is_nil(watch)
    assert.equal(("watch fd %d: file exists"):format(one:fileno()), message)
    assert.equal("EEXIST", code)
    other:send("x\n")
    assert.equal("x", one:receive())
    one:abort()
    other:abort()
  end)

  it("calls once for each edge, in both directions", function()
    local a, b = new_pair()
    local seen = {}
    local watch = tl.watch(a, "edge", function(_, ready) seen[#seen + 1] = ready end)
    turns(5)
    assert.same({ "w" }, seen)
    write(b, "x")
    turns(5)
    assert.same({ "w", "rw" }, seen)
    write(b, "y")
    turns(5)
    assert.same({ "w", "rw", "rw" }, seen)
    close(b)
    turns(5)
    assert.same({ "w", "rw", "rw", "rwh" }, seen)
    assert.equal("edge", watch.interest)
    assert.equal(true, watch:cancel())
  end)

  it("reports an edge again after its callback has waited", function()
    local a, b = new_pair()
    local seen = {}
    write(b, "x")
    local watch = tl.watch(a, "edge", function(_, ready)
      seen[#seen + 1] = ready
      if #seen == 1 then
        tl.sleep(1)
        write(b, "y")
      end
    end)
    tl.sleep(2)
    turns(5)
    assert.same({ "rw", "rw" }, seen)
    watch:cancel()
  end)

  it("delivers errors and hang-ups that were not requested", function()
    local seen = {}
    local r, w = new_pipe()
    tl.watch(w, "r", function(self, ready)
      seen[1] = ready
      self:cancel()
    end)
    close(r)
    local a, b = new_pair()
    while tonumber(ffi.C.write(a, ("x"):rep(65536), 65536)) > 0 do end
    tl.watch(a, "w", function(self, ready)
      seen[2] = ready
      self:cancel()
    end)
    close(b)
    turns(3)
    assert.equal("e", seen[1])
    assert.truthy(seen[2]:find("h", 1, true), seen[2])
  end)

  it("informs a watch of a closed descriptor, once another file has the number", function()
    local r, w = new_pipe()
    local seen, other = {}, {}
    local watch = tl.watch(r, "r", function(_, ready) seen[#seen + 1] = ready end)
    turns(2)
    close(r)
    local fresh, fresh_w = new_pipe()
    assert.equal(r, fresh)
    local second = tl.watch(fresh, "r", function(_, ready)
      other[#other + 1] = ready
      read(fresh)
    end)
    write(fresh_w, "x")
    turns(4)
    assert.same({ "e" }, seen)
    assert.same({ "r" }, other)
    assert.equal(false, watch:cancel())
    write(fresh_w, "y")
    turns(3)
    assert.same({ "r", "r" }, other)
    second:cancel()
    close(w)
  end)

  it("drops events that a closed descriptor's duplicate still reports", function()
    local r, w = new_pipe()
    local copy = ffi.C.dup(r)
    opened[copy] = true
    local calls, other = 0, 0
    local watch = tl.watch(r, "r", function() calls = calls + 1 end)
    turns(2)
    close(r)
    watch:cancel()
    local again = new_pair()
    assert.equal(r, again)
    local second = tl.watch(again, "w", function() other = other + 1 end)
    write(w, "x")
    turns(5)
    assert.equal(0, calls)
    assert.is_true(other >= 3, other)
    second:cancel()
  end)

  it("watches the two sides of a socket, or a dup, apart", function()
    local a = new_pair()
    local copy = ffi.C.dup(a)
    opened[copy] = true
    local ready = {}
    local one = tl.watch(a, "w", function(_, letters) ready[1] = letters end)
    local two = tl.watch(copy, "w", function(_, letters) ready[2] = letters end)
    turns(2)
    one:cancel()
    two:cancel()
    assert.same({ "w", "w" }, ready)
  end)

  it("refuses wrong arguments at the caller's line", function()
    local watch = loadstring("require('timerlua').watch(...)", "=x")
    local function message(...)
      local ok, err = pcall(watch, ...)
      return ok and "no error" or err
    end
    local no_fd = "x:1: timerlua.watch: fd must be a descriptor, an io file or have fileno(), got "
    assert.equal(no_fd .. "nil", message(nil, "r", print))
    assert.equal(no_fd .. "-1", message(-1, "r", print))
    assert.equal(no_fd .. "1.5", message(1.5, "r", print))
    assert.equal(no_fd .. "4294967296", message(2 ^ 32, "r", print))
    assert.equal('x:1: timerlua.watch: interest must be "r", "w", "rw" or "edge", got "x"',
      message(0, "x", print))
    assert.equal('x:1: timerlua.watch: interest must be "r", "w", "rw" or "edge", got nil',
      message(0, nil, print))
    assert.equal("x:1: timerlua.watch: fn must be a function, got nil",
      message(0, "r"))
  end)

  it("is listed by tl.handles with its descriptor and site", function()
    local r = new_pipe()
    local watch = tl.watch(r, "rw", function() end)
    watch.name = "mine"
    local rows = {}
    for _, row in ipairs(tl.handles()) do
      if row.handle == watch then rows[#rows + 1] = row end
    end
    assert.equal(1, #rows)
    assert.same({ "watch", r, "rw", "mine", watch.site },
      { rows[1].kind, rows[1].fd, rows[1].interest, rows[1].name, rows[1].site })
    assert.truthy(watch.site:find("watch_spec.lua:%d+$"), watch.site)
    watch:cancel()
  end)

  it("holds its callback until it is cancelled, and no longer", function()
    local r = new_pipe()
    local weak = setmetatable({}, { __mode = "v" })
    local function start()
      local marker = {}
      weak[1] = marker
      weak[2] = tl.watch(r, "r", function() return marker end)
    end
    start()
    support.collect()
    assert.equal("watch", weak[2].kind)
    weak[2]:cancel()
    support.collect()
    assert.same({}, weak)
  end)
end)

describe("the program with a watched descriptor", function()
  local PRELUDE = [[
local tl = require "timerlua"
local ffi = require "ffi"
ffi.cdef "int pipe(int fds[2]); long write(int, const void *, size_t); int close(int);"
local fds = ffi.new("int[2]")
assert(ffi.C.pipe(fds) == 0)
]]

  local function run_script(code)
    return support.run({ "-e", PRELUDE .. code }, { timeout = 10 })
  end

  it("ends when the last watch is cancelled", function()
    local r = run_script [[
      local watch = tl.watch(fds[0], "r", function(self) io.write("ready") self:cancel() end)
      tl.after(0.01, function() ffi.C.write(fds[1], "x", 1) end)]]
    assert.equal("ready", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)

  it("does not wait for a watch that is not referenced", function()
    local r = run_script [[
      local watch = tl.watch(fds[0], "r", print)
      io.write(tostring(watch:unref() == watch))
      watch:unref()]]
    assert.equal("true", r.out)
    assert.equal(0, r.code)
  end)

  it("calls an unreferenced watch while something else keeps it running", function()
    local r = run_script [[
      local over = false
      local watch = tl.watch(fds[0], "r", function(self)
        io.write("ready")
        over = self:cancel()
      end)
      watch:unref()
      tl.after(0.001, function() ffi.C.write(fds[1], "x", 1) end)
      repeat tl.sleep(0.001) until over]]
    assert.equal("ready", r.out)
    assert.equal(0, r.code)
  end)

  it("waits for a watch that is referenced again", function()
    local r = run_script [[
      local watch = tl.watch(fds[0], "r", function(self) io.write("ready") self:cancel() end)
      watch:unref():ref():ref()
      tl.after(0.001, function() ffi.C.write(fds[1], "x", 1) end):unref()]]
    assert.equal("ready", r.out)
    assert.equal(0, r.code)
  end)

  it("does not keep a closed descriptor's watch from being cancelled", function()
    local r = run_script [[
      local watch = tl.watch(fds[0], "r", print)
      ffi.C.close(fds[0])
      io.write(tostring(watch:cancel()))]]
    assert.equal("true", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)

  it("opens four descriptors at most, none of which a child inherits", function()
    local r = run_script [[
      local function count(pid)
        local list = io.popen("ls /proc/" .. pid .. "/fd | wc -l")
        local text = list:read("*a")
        list:close()
        return tonumber(text)
      end
      local function fds_of_child()
        local list = io.popen("ls -l /proc/self/fd")
        local text = list:read("*a")
        list:close()
        return select(2, text:gsub("anon_inode", ""))
      end
      for i = 1, 1000 do tl.after(i / 1e6, function() end) end
      tl.at(tl.time(), function() end)
      tl.timer { after = 0.001, clock = "boottime", fn = function() end }
      tl.sleep(0.01)
      local own = io.popen("ls -l /proc/$PPID/fd")
      local _, anonymous = own:read("*a"):gsub("anon_inode", "")
      own:close()
      io.write(anonymous <= 5 and "few" or anonymous, " ", fds_of_child(), " ",
        count("self") > 0 and "counted" or "")]]
    assert.equal("few 0 counted", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)
end)
