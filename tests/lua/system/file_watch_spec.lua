-- Watched paths: the events of files that come, change, move and go.
local ffi = require "ffi"
local faults = require "tests.support.faults"
local sockets = require "tests.support.sockets"
local support = require "tests.support"
local tl = require "timerlua"

ffi.cdef "unsigned getuid(void);"

local folder

setup(function()
  faults.setup()
  folder = support.shell("mktemp -d").out:match("[^\n]+")
end)

teardown(function()
  faults.teardown()
  support.shell("rm -rf " .. folder)
end)

-- Run `fn(seen, sh)` with a watch of a path in a new folder: sh runs a command there;
-- seen(...) checks the events reported for it, one line for each event.
local function watching(path, before, fn)
  local place = support.shell("mktemp -d -p " .. folder).out:match("[^\n]+")
  local function sh(command)
    local r = support.shell(("cd %s && %s"):format(place, command))
    assert.equal("", r.err)
  end
  sh(before)
  sockets.run(function()
    local told = {}
    local watch = assert(tl.on_file(place .. "/" .. path, function(_, ...)
      local words = { ... }
      for i = 1, select("#", ...) do words[i] = tostring(words[i]):gsub("^" .. place .. "/", "") end
      told[#told + 1] = table.concat(words, " ")
    end))
    local function seen(...)
      local expected = { ... }
      sockets.till(function() return #told >= #expected end, table.concat(expected, ", "))
      sockets.turns(10)
      assert.same(expected, told)
      told = {}
    end
    fn(seen, sh, watch, place)
    watch:cancel()
  end)
end

describe("a watched file", function()
  it("reports that it is modified, moved, created and deleted", function()
    watching("log", "echo 1 >log", function(seen, sh, watch)
      assert.is_true(watch.exists)
      sh "echo 2 >>log"
      seen "modify log"
      sh "mv log log.1"
      seen "move log log.1"
      assert.is_false(watch.exists)
      sh "echo 3 >>log.1; echo 4 >other"
      seen()
      sh "touch log"
      seen "create log"
      sh "echo 5 >>log"
      seen "modify log"
      sh "rm log"
      seen "delete log"
    end)
  end)

  it("may be replaced, as editors do, and is followed", function()
    watching("log", "echo 1 >log", function(seen, sh)
      for _ = 1, 3 do
        sh "echo 2 >log.new; mv log.new log"
        seen "create log"
        sh "echo 3 >>log"
        seen "modify log"
      end
      sh "mv log log~; echo 4 >log.new; mv log.new log; rm log~"
      seen("move log log~", "create log")
      sh ": >log"
      seen "modify log"
    end)
  end)

  it("may come only later, with the directories that it is in", function()
    watching("a/b/log", "true", function(seen, sh, watch)
      assert.is_false(watch.exists)
      sh "mkdir a"
      seen()
      sh "mkdir a/b a/c"
      seen()
      sh "echo 1 >a/b/log"
      sockets.till(function() return watch.exists end)
      seen "create a/b/log"
      sh "echo 2 >>a/b/log"
      seen "modify a/b/log"
    end)
  end)

  it("may come and be moved with all its directories at once", function()
    watching("a/b/log", "mkdir -p x/b; echo 1 >x/b/log", function(seen, sh)
      sh "mv x a"
      seen "create a/b/log"
      sh "echo 2 >>a/b/log"
      seen "modify a/b/log"
      sh "mv a y"
      seen "move a/b/log"
      sh "echo 3 >>y/b/log"
      seen()
      sh "mv y a"
      seen "create a/b/log"
      sh "rm -r a"
      seen "delete a/b/log"
      sh "mkdir -p a/b; echo 4 >a/b/log"
      seen "create a/b/log"
      sh "echo 5 >>a/b/log"
      seen "modify a/b/log"
    end)
  end)

  it("is followed through a rename of a directory higher up", function()
    watching("a/b/c/log", "mkdir -p a/b/c z/b/c; echo 1 >a/b/c/log; echo 2 >z/b/c/log",
      function(seen, sh)
        sh "mv a old"
        seen "move a/b/c/log"
        sh "mv z a"
        seen "create a/b/c/log"
        sh "echo 3 >>old/b/c/log; echo 4 >>a/b/c/log"
        seen "modify a/b/c/log"
      end)
  end)

  it("reports events in their order, even long after they happened", function()
    watching("log", "true", function(seen, sh)
      sh "echo 1 >log; rm log"
      seen("create log", "delete log")
      sh "echo 1 >log; mv log log.1; echo 2 >log; mv log log.2"
      seen("create log", "move log log.1", "create log", "move log log.2")
    end)
  end)

  it("may be behind a symbolic link or a hard one", function()
    watching("log", "echo 1 >target; ln -s target log", function(seen, sh)
      sh "echo 2 >>target"
      seen "modify log"
    end)
    watching("log", "echo 1 >target; ln target log", function(seen, sh)
      sh "echo 2 >>target"
      seen "modify log"
    end)
  end)

  it("may be named from the working directory, and in odd ways", function()
    sockets.run(function()
      local told = {}
      local place = support.shell("mktemp -d -p " .. folder).out:match("[^\n]+")
      local odd = place:gsub("/", "//") .. "/./sp ace'\"\n"
      local watch = assert(tl.on_file(odd, function(_, ...)
        told[#told + 1] = { ... }
      end))
      support.write(place .. "/sp ace'\"\n", "x")
      sockets.till(function() return #told > 0 end)
      assert.same({ "create", odd }, told[1])
      watch:cancel()
      local relative = assert(tl.on_file("README.md", print))
      assert.is_true(relative.exists)
      relative:cancel()
      local root = assert(tl.on_file("/", print))
      assert.is_true(root.exists)
      root:cancel()
    end)
  end)
end)

describe("a watched directory", function()
  it("reports events of its entries, and of itself", function()
    watching("d", "mkdir d", function(seen, sh)
      sh "touch d/one"
      seen "create d/one"
      sh "echo 1 >>d/one"
      seen "modify d/one"
      sh "mv d/one d/two"
      seen "move d/one d/two"
      sh "mv d/two three"
      seen "move d/two three"
      sh "mv three d/four"
      seen "create d/four"
      sh "mkdir d/five; touch d/five/six"
      seen "create d/five"
      sh "rm -r d/five; rm d/four; rmdir d"
      seen("delete d/five", "delete d/four", "delete d")
      sh "mkdir d"
      seen "create d"
      sh "touch d/seven"
      seen "create d/seven"
    end)
  end)
end)

describe("a file watch", function()
  it("shares one descriptor and closes it with the last", function()
    sockets.run(function()
      local before = support.count_fds()
      local watches = {}
      for i = 1, 20 do watches[i] = assert(tl.on_file(folder .. "/x" .. i, print)) end
      assert.equal(before + 1, support.count_fds())
      for i = 1, 20 do
        assert.is_true(watches[i]:cancel())
        assert.is_false(watches[i]:cancel())
      end
      assert.equal(before, support.count_fds())
    end)
  end)

  it("informs all watches of the same file, except cancelled ones", function()
    sockets.run(function()
      local path = support.write(folder .. "/same", "1")
      local told = {}
      local watches = {}
      for i = 1, 4 do
        watches[i] = tl.on_file(path, function(_, event)
          told[#told + 1] = i .. event
          watches[4]:cancel()
        end)
      end
      watches[2]:cancel()
      support.write(path, "")
      sockets.till(function() return #told >= 2 end)
      sockets.turns(10)
      table.sort(told)
      assert.same({ "1modify", "3modify" }, told)
      watches[1]:cancel()
      watches[3]:cancel()
    end)
  end)

  it("reports one event at a time when its callback waits, and goes on after an error", function()
    sockets.run(function()
      local path = folder .. "/waits"
      local told, running = {}, 0
      local errors = {}
      local handler = tl.on("error", function(err, _, source)
        errors[#errors + 1] = { err, source.kind, source.name }
      end)
      local watch = tl.on_file(path, function(_, event)
        running = running + 1
        assert(running == 1)
        tl.sleep(0.005)
        running = running - 1
        told[#told + 1] = event
        if event == "create" then error("in between", 0) end
      end)
      watch.name = "mine"
      support.write(path, "1")
      os.remove(path)
      sockets.till(function() return #told == 3 or #told == 2 and told[2] == "delete" end)
      handler:cancel()
      watch:cancel()
      assert.equal("create", told[1])
      assert.equal("delete", told[#told])
      assert.same({ { "in between", "file_watch", "mine" } }, errors)
    end)
  end)

  it("is listed by tl.handles, but its parts are not", function()
    local watch = tl.on_file(folder .. "/listed", print)
    watch.name = "mine"
    local rows = {}
    for _, row in ipairs(tl.handles()) do
      if row.kind == "watch" or row.kind == "file_watch" then rows[#rows + 1] = row end
    end
    watch:cancel()
    assert.same({ { kind = "file_watch", handle = watch, name = "mine", path = folder .. "/listed",
      site = "[C]", exists = false, active = true } }, rows)
    assert.equal(("timerlua.FileWatch: %s/listed (cancelled)"):format(folder), tostring(watch))
  end)

  it("keeps the script alive unless it is not referenced", function()
    local r = support.run { "-e", ([[
      local tl = require "timerlua"
      local path = "%s/alive"
      local watch
      watch = tl.on_file(path, function(self, event)
        print(event)
        watch:cancel()
        tl.on_file(path, print):unref()
        watch = tl.on_file(path, print)
        watch:unref():ref():unref():unref()
      end)
      tl.after(0.01, function() io.open(path, "w"):close() end):unref()]]):format(folder) }
    assert.equal("", r.err)
    assert.equal("create\n", r.out)
    assert.equal(0, r.code)
  end)

  it("reports an overflow of the kernel's queue, and the state after it", function()
    local r = support.run({ "-e", ([[
      local tl = require "timerlua"
      local folder = "%s/overflow"
      os.execute("mkdir " .. folder)
      local seen = {}
      local watch = tl.on_file(folder .. "/log", function(_, event) seen[#seen + 1] = event end)
      local limit = tonumber(io.open("/proc/sys/fs/inotify/max_queued_events"):read("*a"))
      for i = 1, limit / 2 + 10 do
        io.open(folder .. "/a", "w"):close()
        os.remove(folder .. "/a")
      end
      io.open(folder .. "/log", "w"):close()
      local deadline = tl.now() + 10
      while #seen < 2 and tl.now() < deadline do tl.sleep(0.001) end
      print(table.concat(seen, " "))
      watch:cancel()]]):format(folder) }, { timeout = 60 })
    assert.equal("", r.err)
    assert.equal("overflow create\n", r.out)
  end)

  -- D35
  it("reports what came, changed and went while the kernel dropped events", function()
    local r = support.run({ "-e", ([[
      local tl = require "timerlua"
      local folder = "%s/dropped"
      os.execute("mkdir -p " .. folder .. "/sub")
      local function write(name, text)
        local file = io.open(folder .. "/" .. name, "w")
        file:write(text)
        file:close()
      end
      for _, name in ipairs { "goes", "stays", "changes", "replaced", "told" } do
        write(name, "1")
      end
      local function watch(path)
        local told = {}
        told.watch = assert(tl.on_file(path, function(_, event, full)
          if full:find("noise", 1, true) then return end
          told[#told + 1] = event .. full:sub(#folder + 1)
        end))
        return told
      end
      local all, one, same = watch(folder), watch(folder .. "/changes"), watch(folder .. "/stays")
      local none = watch(folder .. "/comes")
      write("told", "22")
      os.remove(folder .. "/told")
      local limit = tonumber(io.open("/proc/sys/fs/inotify/max_queued_events"):read("*a"))
      for i = 1, limit / 2 + 10 do
        write("noise", "")
        os.remove(folder .. "/noise")
      end
      write("comes", "1")
      write("changes", "22")
      write("sub/deeper", "1")
      write("new", "333")
      os.rename(folder .. "/new", folder .. "/replaced")
      os.remove(folder .. "/goes")
      local deadline = tl.now() + 20
      while not (all[7] and one[2] and same[1] and none[2]) and tl.now() < deadline do
        tl.sleep(0.001)
      end
      for _, told in ipairs { all, one, same, none } do
        print(table.concat(told, " "))
        told.watch:cancel()
      end]]):format(folder) }, { timeout = 60 })
    assert.equal("", r.err)
    assert.equal("modify/told delete/told overflow modify/changes create/comes delete/goes "
      .. "modify/replaced\noverflow/changes modify/changes\noverflow/stays\n"
      .. "overflow/comes create/comes\n", r.out)
  end)

  it("reports refusals by the limits of inotify, at once or later", function()
    local script = ([[
      local tl = require "timerlua"
      local folder = "%s/limits"
      os.execute("mkdir -p " .. folder)
      os.remove(folder .. "/log")
      local told
      local watch, message, code = tl.on_file(folder .. "/log", function(_, ...)
        told = true
        print(...)
      end)
      if not watch then return print(message, code) end
      io.open(folder .. "/log", "w"):close()
      local deadline = tl.now() + 1
      repeat tl.sleep(0.02) until told or tl.now() > deadline
      print(watch:cancel())]]):format(folder)
    local path = folder .. "/limits/log"
    local r = faults.run(script, "inotify_init1", 1, "EMFILE")
    assert.equal(("on_file %s: the limit fs.inotify.max_user_instances or that of descriptors "
      .. "is reached\tEMFILE\n"):format(path), r.out)
    r = faults.run(script, "inotify_add_watch", 1, "ENOSPC")
    assert.equal(("on_file %s: the limit fs.inotify.max_user_watches is reached\tENOSPC\n")
      :format(path), r.out)
    local calls = faults.run(script, "inotify_add_watch", 0, "ENOSPC").calls
    for n = 1, calls do
      for _, code in ipairs { "ENOSPC", "EACCES", "ENOMEM", "ENOENT" } do
        r = faults.run(script, "inotify_add_watch", n, code)
        assert.equal("", r.err)
        assert.equal(0, r.code)
        if code == "ENOSPC" or code == "ENOMEM" then
          assert.truthy(r.out:find(code .. "\n", 1, true), n .. r.out)
        end
      end
    end
  end)

  it("cannot be made of invalid arguments", function()
    local rule = "path must be a string, not empty and without zeroes, got "
    assert.equal("HERE: timerlua.on_file: " .. rule .. "nil",
      support.raised(function() tl.on_file(nil, print) end))
    assert.equal("HERE: timerlua.on_file: " .. rule .. '""',
      support.raised(function() tl.on_file("", print) end))
    assert.equal("HERE: timerlua.on_file: fn must be a function, got nil",
      support.raised(function() tl.on_file("x") end))
    local watch, message, code = tl.on_file("/" .. ("x"):rep(300), print)
    assert.is_nil(watch)
    assert.equal("ENAMETOOLONG", code)
    assert.truthy(message:find("file name too long", 1, true))
  end)

  if ffi.C.getuid() == 0 then
    it("reports a file that may not be read through its directory", function()
      support.shell(("mkdir %s/secret; echo x >%s/secret/log; chmod 711 %s; chmod 755 %s/secret; "
        .. "chmod 600 %s/secret/log; cp %s %s/program; chmod 755 %s/program; : >%s/out; "
        .. "chmod 666 %s/out"):format(folder, folder, folder, folder, folder, support.program,
        folder, folder, folder, folder))
      local r = support.shell(("cd %s; setpriv --reuid=65534 --clear-groups ./program -e %s "
        .. ">>out & until grep -q watching out; do sleep 0.01; done; echo y >>secret/log; "
        .. "wait; cat out")
        :format(folder, support.quote [[
          local tl = require "timerlua"
          local watch = assert(tl.on_file("secret/log", function(self, event)
            print(event)
            self:cancel()
          end))
          print("watching")
          io.stdout:flush()
          tl.after(20, function() watch:cancel() end):unref()]]))
      assert.equal("", r.err)
      assert.equal("watching\nmodify\n", r.out)
    end)
  end
end)

describe("scripts/follow_log.lua", function()
  -- 3,000 lines through 6 rotations, with a writer that keeps the old file open for a
  -- while; the follower is ended when it has the last line. A log is not rotated again
  -- before the follower has seen the new one.
  local root = support.shell("pwd").out:match("[^\n]+")

  local function follow(name, rotate)
    local place = support.shell("mktemp -d -p " .. folder).out:match("[^\n]+")
    support.write(place .. "/drive", ([[
      cd %s
      echo "line 0" >log
      %s %s/scripts/follow_log.lua log start >out &
      until grep -qs "line 0" out; do sleep 0.01; done
      exec 3>>log
      i=1
      while [ $i -le 3000 ]; do
        echo "line $i" >&3
        case $i in
        *500)
          until grep -qs "line $i\$" out; do sleep 0.01; done
          %s ;;
        *520) exec 3>>log ;;
        esac
        i=$((i + 1))
      done
      until grep -qs "line 3000" out; do sleep 0.01; done
      kill -TERM $! # INT is ignored in the background
      { wait $!; echo "code $?"; } 2>/dev/null
      seq 0 3000 | sed 's/^/line /' >expected
      sort -n -k 2 out | cmp - expected && echo "nothing lost, nothing doubled"]]):format(place,
      support.program, root, rotate))
    local r = support.shell("sh " .. place .. "/drive", { timeout = 30 })
    assert.equal("", r.err, name)
    assert.equal("code 143\nnothing lost, nothing doubled\n", r.out, name)
  end

  it("loses and doubles nothing when the log is renamed and created again", function()
    follow("rename", 'mv log log.1; : >log')
  end)

  it("loses and doubles nothing when the new log comes later", function()
    follow("late", 'mv log log.1')
  end)

  it("loses and doubles nothing when the log is copied and truncated", function()
    -- A writer that goes on between copy and truncate would lose lines without any
    -- reader; a writer that writes as much as was there before hides that from the
    -- reader.
    local seen = [[until grep -qs "line $i\$" out; do sleep 0.01; done; ]]
    follow("truncate", "cp log log.1; " .. seen .. ': >log; i=$((i + 1)); echo "line $i" >&3; '
      .. seen)
  end)

  it("needs a file's name", function()
    local r = support.run { "scripts/follow_log.lua" }
    assert.truthy(r.err:find("usage: ", 1, true))
    assert.equal(1, r.code)
  end)
end)
