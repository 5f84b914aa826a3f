-- The functions of the ABI that may block: the contracts, whose lines begin with
-- "Blocks:", are compared with the calls in the sources. A system call that may wait
-- counts, unless its arguments show that it returns at once, or the call is listed
-- below with the reason why it does.
local support = require "tests.support"

-- By the name of a call: the form of its arguments that shows that it returns at once;
-- false if no form does.
local AT_ONCE = "^.*,%s*0%)$" -- the last argument is a time of 0
local WAITING = {
  poll = AT_ONCE, epoll_wait = AT_ONCE,
  ppoll = false, select = false, pselect = false, epoll_pwait = false, epoll_pwait2 = false,
  waitpid = "WNOHANG", wait4 = "WNOHANG", waitid = "WNOHANG", clone = false, vfork = false,
  recv = "MSG_DONTWAIT", recvfrom = "MSG_DONTWAIT", recvmsg = "MSG_DONTWAIT",
  send = "MSG_DONTWAIT", sendto = "MSG_DONTWAIT", sendmsg = "MSG_DONTWAIT",
  accept = false, accept4 = false, connect = false,
  read = false, readv = false, pread = false, write = false, writev = false, pwrite = false,
  fread = false, fwrite = false, fgets = false, fflush = false, fsync = false,
  flock = "LOCK_NB", lockf = false, tcdrain = false, getaddrinfo = false,
  sleep = false, usleep = false, nanosleep = false, clock_nanosleep = false, pause = false,
  sigwait = false, sigwaitinfo = false, sigtimedwait = false, sigsuspend = false,
  pthread_join = false, pthread_cond_wait = false, sem_wait = false, system = false,
  syscall = "SYS_rt_sigprocmask", -- and the calls in HARMLESS
}
local HARMLESS = { SYS_rt_sigqueueinfo = true, SYS_pidfd_send_signal = true,
  SYS_pidfd_open = true }

-- Calls whose arguments do not show it: file, function, call.
local NEVER_WAITS = {
  ["loop/poller_epoll.c timer_fired read"] = "a timerfd of its own, non-blocking",
  ["loop/poller_epoll.c next_signal read"] = "a signalfd of its own, non-blocking",
  ["loop/poller_epoll.c wake write"] = "an eventfd of its own, non-blocking",
  ["loop/signals.c drop sigtimedwait"] = "for no time",
  ["net/standard.c take_over fflush"] = "of input: lseek(2)",
  ["net/standard.c take_over fread"] = "what stdio has read already, not a byte more",
  ["sys/content.c read_all read"] = "a regular file, by a check before",
  ["sys/file.c tl_file_read read"] = "non-blocking, a file, or asked first by read_lent",
  ["sys/file.c tl_file_write writev"] = "non-blocking, a file, or asked first by write_lent",
  ["sys/file.c tl_file_write_quietly sigtimedwait"] = "for no time",
  ["sys/group.c is_member read"] = "/proc",
  ["sys/inotify.c tl_inotify_read read"] = "a descriptor of tl_inotify_open, non-blocking",
  ["sys/kqueue/carriers.c look_timer read"] = "a timerfd of its own, non-blocking",
  ["sys/kqueue/carriers.c count_signals read"] = "a signalfd of its own, non-blocking",
  ["sys/kqueue/kqueue.c tl__kqueue_ring read"] = "an eventfd of its own, non-blocking",
  ["sys/kqueue/kqueue.c tl__kqueue_ring write"] = "an eventfd of its own, non-blocking",
  ["sys/kqueue/vnode.c tl__kqueue_hear read"] = "an inotify descriptor, non-blocking",
  ["sys/manager.c tl_manager_tell sendto"] = "a socket that is made non-blocking there",
  ["sys/pid_file.c is_ours pread"] = "a regular file, by a check before",
  ["sys/pid_file.c read_number read"] = "a regular file, by is_ours",
  ["sys/pid_file.c write_number write"] = "a regular file that it made",
  ["sys/resolver_thread.c put_over write"] = "a pipe of its own, non-blocking",
  ["sys/resolver_thread.c tl_resolver_process read"] = "a pipe of its own, non-blocking",
  ["sys/resolver_thread.c tl_resolver_close pthread_join"] = "a thread that is idle",
  ["sys/socket.c tl_socket_accept accept4"] = "a listening socket, non-blocking",
  ["sys/socket.c tl_socket_connect connect"] = "a socket, non-blocking",
  ["sys/socket.c tl_socket_disconnect connect"] = "to nothing: it ends an association",
}

local HEADER = "runtime/timerlua_abi.h"

-- { [function] = whether its contract, the comment right above it, says that it blocks
-- }
local function marks()
  local marked, code = {}, support.read(HEADER)
  for name in code:gsub("/%*.-%*/", " "):gmatch("[%s%*](tl_[%w_]+)%(") do marked[name] = false end
  for comment, after in code:gmatch("/(%*.-%*)/%s*()") do
    local name = code:match("^[%w_%s%*]-(tl_[%w_]+)%(", after)
    if comment:find("\n%s*Blocks: ") then
      assert(name and marked[name] == false, "no function follows: " .. comment)
      marked[name] = true
    end
  end
  return marked
end

-- Remove comments, strings and preprocessor lines.
local function bare(path)
  return (support.read(path):gsub("/%*.-%*/", " "):gsub('"[^"\n]*"', '""')
    :gsub("\n#[^\n]*", "\n"))
end

-- The functions of all sources: { name, file, body, static }. A body begins and ends with a
-- brace in the first column, as clang-format has it, and nothing else begins so.
local function definitions()
  local all = {}
  local r = support.shell("find runtime -name '*.[ch]' | sort")
  for path in r.out:gmatch("%S+") do
    local file = path:gsub("^runtime/", "")
    for signature, body in bare(path):gmatch("([^;}]-)\n{\n(.-)\n}") do
      local name = assert(signature:match("([%a_][%w_]*)%("), path .. signature)
      all[#all + 1] = { name = name, file = file, body = body,
        static = signature:find("%f[%w]static%f[%W]") and file:find("%.c$") }
    end
  end
  return all
end

local function waits(name, arguments)
  local shown = WAITING[name]
  if shown == nil then return false end
  if name == "syscall" then
    local number = arguments:match("SYS_[%w_]+")
    return not (number == shown or HARMLESS[number] or arguments:find("WNOHANG"))
  end
  return not (shown and arguments:find(shown))
end

-- The functions that a call may reach: a static function of the same file first. A call
-- through a member of a table may reach every function that is put into a member of
-- that name.
local function linked(all)
  local global, static, members = {}, {}, {}
  local function find(file, name) return static[file .. " " .. name] or global[name] end
  for _, f in ipairs(all) do
    if f.static then static[f.file .. " " .. f.name] = f
    else -- one of two files for the same job, as the resolvers are
      f.twin, global[f.name] = global[f.name], f
    end
  end
  for path in support.shell("find runtime -name '*.c'").out:gmatch("%S+") do
    for member, name in bare(path):gmatch("%.([%a_][%w_]*)%s*=%s*([%a_][%w_]*)%s*,") do
      local f = find(path:gsub("^runtime/", ""), name)
      members[member] = members[member] or {}
      table.insert(members[member], f)
    end
  end
  for _, f in ipairs(all) do
    f.calls = { f.twin }
    f.waits = {}
    for before, name, at in f.body:gmatch("([%.>]?)%f[%w_]([%a_][%w_]*)%s*()%(") do
      local callee = find(f.file, name)
      if before ~= "" then
        for _, target in ipairs(members[name] or {}) do f.calls[#f.calls + 1] = target end
      elseif callee then
        f.calls[#f.calls + 1] = callee
      elseif waits(name, f.body:match("^%b()", at)) then
        f.waits[#f.waits + 1] = ("%s %s %s"):format(f.file, f.name, name)
      end
    end
  end
  return global
end

-- The way from a function to a call that waits, as text; nil when there is no way.
local function way(f, seen)
  seen[f] = true
  for _, site in ipairs(f.waits) do
    if not NEVER_WAITS[site] then return site end
  end
  for _, callee in ipairs(f.calls) do
    local rest = not seen[callee] and way(callee, seen)
    if rest then return f.name .. " > " .. rest end
  end
end

describe("a function that may block", function()
  local marked, all = marks(), definitions()
  local global = linked(all)

  it("says so in its contract, and no other function does", function()
    local count, wrong = 0, {}
    for name, says in pairs(marked) do
      count = count + 1
      local found = way(assert(global[name], name .. " is not defined"), {})
      if says and not found then wrong[#wrong + 1] = name .. " says that it blocks, but how?" end
      if found and not says then wrong[#wrong + 1] = "unmarked: " .. found end
    end
    assert.is_true(count > 100)
    assert.same({}, wrong)
  end)

  it("is distinguished from others by reasons that still hold", function()
    local sites = {}
    for _, f in ipairs(all) do
      for _, site in ipairs(f.waits) do sites[site] = true end
    end
    for site in pairs(NEVER_WAITS) do assert.is_true(sites[site], "no such call: " .. site) end
  end)

  it("is found through tables of functions, too", function()
    local found = way(global.tl_poller_wait, {})
    assert.equal("tl_poller_wait > loop/poller_epoll.c wait_for_news epoll_wait", found)
  end)
end)
