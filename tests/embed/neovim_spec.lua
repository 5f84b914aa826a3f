-- Neovim with the runtime in a plugin: scripts/embed/neovim_host.lua, in an editor without
-- a screen.
local examples = require "tests.support.examples"
local support = require "tests.support"

if support.sanitized or support.shell("command -v nvim").code ~= 0 then
  -- other projects' programs cannot load a library that is sanitized
  pending("Neovim needs make deps-hosts, and no sanitizer")
  return
end

local built

setup(function()
  built = examples.install "neovim"
  support.shell(("mkdir %s/lua && ln -s ../embed/neovim_host.lua %s/lua"):format(built.home,
    built.home))
end)

-- What the editor says that runs this code; `start` has a script of its own, and `texts`
-- what it told so far.
local function edit(code)
  local path = support.write(built.home .. "/plugin.lua", ([[
    vim.opt.runtimepath:append(%q)
    local uv, texts = vim.uv or vim.loop, {}
    local function say(...) io.stdout:write(table.concat({ ... }, " "), "\n") end
    local function start(path)
      return require("neovim_host").start(path, function(text)
        texts[#texts + 1] = text
        vim.api.nvim_buf_set_lines(0, -1, -1, false, vim.split(text, "\n"))
      end)
    end
    local function next_text()
      vim.wait(20000, function() return texts[1] ~= nil end, 10)
      return table.remove(texts, 1)
    end
    local function script(text)
      local path = vim.fn.tempname()
      local file = io.open(path, "w")
      file:write(text)
      file:close()
      return start(path)
    end
    local ok, message = xpcall(function() %s end, debug.traceback)
    if not ok then say(message) end
    vim.cmd(ok and "qall!" or "cquit")]]):format(built.home, code))
  local r = support.shell(("cd %s/embed && LD_LIBRARY_PATH=%s/lib HOME=%s nvim --headless -u NONE"
    .. " -i NONE -n -c 'luafile %s'"):format(built.home, built.prefix, built.home, path),
    { timeout = 100 })
  assert.equal(0, r.code, r.out .. r.err)
  assert.equal("", r.err)
  return r.out
end

describe("Neovim with a plugin", function()
  it("is told whether a server is up, by the script's timer and sockets", function()
    assert.equal("X is down: connect X: connection refused\nX is up\n"
      .. "X is down: connect X: connection refused\nin the buffer: 3\n", edit [[
      local host = start "neovim_watch.lua"
      local server = uv.new_tcp() -- of the editor's own loop
      server:bind("127.0.0.1", 0)
      local function state()
        return (next_text():gsub("127[%d.]+:%d+", "X"))
      end
      assert(host:call("watch", "127.0.0.1:" .. server:getsockname().port, 0.05))
      say(state())
      server:listen(16, function()
        local client = uv.new_tcp()
        server:accept(client)
        client:close()
      end)
      say(state())
      server:close()
      say(state())
      say("in the buffer:", vim.api.nvim_buf_line_count(0) - 1)]])
  end)

  it("hears what a script prints, and its errors, and lives on", function()
    assert.equal("one\t2\nerror: script:4: no luck\nnil there is no function none\n"
      .. "script:5: as said\n1 2 3\n", (edit [[
      local host = script("print('one', 2)\n"
        .. "local tl = require 'timerlua'\n"
        .. "function numbers() for i = 1, 3 do tl.sleep(0.01) tell(i) end end\n"
        .. "tl.after('10ms', function() error('no luck') end)\n"
        .. "function broken() error('as said') end\n")
      say(next_text())
      say((next_text():match("^[^\n]*"):gsub("/[^:]*:", "script:")))
      local ok, message = host:call("none")
      say(tostring(ok), message)
      ok, message = host:call("broken")
      say((message:match("^[^\n]*"):gsub("/[^:]*:", "script:")))
      assert(host:call("numbers")) -- it waits, and goes on as a task
      say(next_text(), next_text(), next_text())]]))
  end)

  it("gives a script strings, numbers, booleans and nil, and refuses other values", function()
    assert.equal("3 2.5 true nil 4 5\nan argument must be a string, number, boolean or nil, "
      .. "got a table\n", (edit [[
      local host = script("function show(a, b, c, ...)\n"
        .. "  tell(#a .. ' ' .. b .. ' ' .. tostring(c) .. ' ' .. tostring((...)) .. ' '\n"
        .. "    .. select(2, ...) .. ' ' .. select('#', a, b, c, ...)) end")
      assert(host:call("show", "a\0b", 2.5, true, nil, 4))
      say(next_text())
      local ok, message = pcall(host.call, host, "show", {})
      say((message:gsub("^[^:]*:%d+: ", "")))]]))
  end)

  it("goes on after the script, and reports one that cannot be read", function()
    assert.equal("done\nnil stopped\nnil\ntimerlua: none.lua: No such file or directory\n",
      edit [[
      local host = script("tell('done')")
      say(next_text())
      host:stop()
      host:stop()
      local ok, message = host:call("tell", "more")
      say(tostring(ok), message)
      ok, message = pcall(start, "none.lua")
      say(tostring(texts[1]))
      say((message:gsub("^[^:]*:%d+: ", "")))]])
  end)
end)
