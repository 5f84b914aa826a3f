-- How to start each peer, or why the peer cannot be started. `workloads` takes the name
-- of a workload and its arguments, `code` a program text, `server` a mode and a port.
-- A peer is looked for, and compiled, when a workload first names it.

local shell = require "running.shell"

local built, compile, succeeds = shell.built, shell.compile, shell.succeeds
local program = built "timerlua"

-- LuaJIT inside a C program, as the Makefile links it.
local LUAJIT_FLAGS = "-I/usr/include/luajit-2.1 -Wl,--whole-archive "
  .. "-l:libluajit-5.1.a -Wl,--no-whole-archive -Wl,-E -lm -ldl"

-- Programs on the library as `make` has built it.
local LIBRARY_FLAGS = ("-I%s -I/usr/include/luajit-2.1 -L%s -ltimerlua "
  .. "-Wl,-rpath,'$ORIGIN/..' -lluajit-5.1 -pthread"):format(
  built "include", shell.quote(shell.build))

local function has_header(name)
  return succeeds(("echo '#include <%s>' | %s -E -"):format(name, shell.cc))
end

-- A server that needs a program, and a module of it.
local function find_server(server, needs)
  if succeeds(needs) then return { server = server } end
  return { missing = "not to be had: " .. needs }
end

-- A table whose fields are made when they are first asked for.
local function lazy(makers)
  return setmetatable({}, { __index = function(fields, key)
    local make = makers[key]
    fields[key] = make and make()
    return rawget(fields, key)
  end })
end

local find = {}

function find.c() return { workloads = compile("processes", "") } end

function find.croner()
  if not succeeds("node -e 'require(\"croner\")'") then
    return { missing = "node finds no croner: npm install croner, and NODE_PATH" }
  end
  return { workloads = "node bench/schedules.js", one_workload = true }
end

-- Debian's python3, which has Debian's modules, may not be the first one.
function find.croniter()
  for _, python in ipairs { "python3", "/usr/bin/python3" } do
    if succeeds(python .. " -c 'import croniter'") then
      return { workloads = python .. " bench/schedules.py", one_workload = true }
    end
  end
  return { missing = "no python3-croniter" }
end

function find.dispatch()
  return { workloads = compile("dispatch", LUAJIT_FLAGS), one_workload = true }
end

function find.epoll() return { server = compile("sockets_epoll", "") } end

function find.lateness() return { workloads = compile("lateness", ""), one_workload = true } end

function find.libev()
  if not has_header "ev.h" then return { missing = "no ev.h" } end
  return { workloads = compile("libev", "-lev"), is_c = true }
end

function find.libuv()
  if not has_header "uv.h" then return { missing = "no uv.h" } end
  local peer = lazy {
    workloads = function() return compile("libuv", "-luv") end,
    server = function() return compile("sockets_libuv", "-luv") end,
  }
  peer.is_c = true
  return peer
end

function find.libtimerlua() return { workloads = compile("embed", LIBRARY_FLAGS) } end

function find.luajit() return { code = "luajit -e " } end

function find.luv()
  if not succeeds("luajit -e 'require [[luv]]'") then
    return { missing = "luajit finds no module luv" }
  end
  return { workloads = "luajit bench/luv.lua", code = "luajit -e ",
    server = "luajit bench/sockets_luv.lua" }
end

function find.nginx() return find_server("bench/sockets_nginx", "command -v nginx") end

function find.node()
  if not succeeds("command -v node") then return { missing = "no node" } end
  return { workloads = "node --expose-gc bench/node.js", code = "node -e ",
    server = "node bench/sockets_node.js" }
end

function find.posts()
  if not has_header "uv.h" then return { missing = "no uv.h" } end
  return { workloads = compile("posts", LIBRARY_FLAGS .. " -luv"), one_workload = true }
end

function find.python()
  return find_server("python3 bench/sockets_python.py", "python3 -c 'import select'")
end

function find.scan()
  if not succeeds("test -x " .. program) then
    return { missing = "no " .. shell.build .. "/timerlua" }
  end
  return { workloads = program .. " bench/scan.lua", one_workload = true }
end

function find.schedules()
  if not succeeds("test -x " .. program) then
    return { missing = "no " .. shell.build .. "/timerlua" }
  end
  return { workloads = program .. " bench/schedules.lua", one_workload = true }
end

function find.select()
  return find_server(program .. " bench/sockets_select.lua", "test -x " .. program)
end

function find.timerfds()
  return { workloads = compile("timerfds", ""), one_workload = true, is_c = true }
end

function find.timerfds_lua()
  return { workloads = program .. " bench/timerfds.lua", one_workload = true }
end

function find.timerfds_python()
  return { workloads = "python3 bench/timerfds.py", one_workload = true }
end

function find.timerlua()
  if not succeeds("test -x " .. program) then
    return { missing = "no " .. shell.build .. "/timerlua" }
  end
  return { workloads = program .. " bench/timerlua.lua", code = program .. " -e ",
    server = program .. " bench/sockets_timerlua.lua" }
end

function find.uvloop()
  return find_server("python3 bench/sockets_uvloop.py", "python3 -c 'import uvloop'")
end

function find.waiting() return { workloads = compile("waiting", ""), one_workload = true } end

local found = {}

return function(name)
  found[name] = found[name] or find[name]()
  return found[name]
end
