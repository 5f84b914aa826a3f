-- Hosts in C for the specs: compiled against the files of the build.
local luassert = require "luassert"
local support = require "tests.support"

local hosts = {}

local luajit_flags

--- A folder for a spec file, to be removed by hosts.remove.
function hosts.make_folder()
  local folder = os.tmpname()
  os.remove(folder)
  assert(support.shell("mkdir " .. folder).code == 0)
  luajit_flags = support.shell("pkg-config --cflags luajit").out:gsub("%s+$", "")
  return folder
end

function hosts.remove(folder)
  support.shell("rm -rf " .. support.quote(folder))
end

--- Compile, without a warning.
function hosts.cc(output, sources, flags)
  local sanitize = support.sanitized and "-fsanitize=address,undefined" or ""
  local r = support.shell(table.concat({ os.getenv("CC") or "cc", "-std=gnu11 -O1 -g -Wall",
    "-Wextra -Werror", sanitize, "-I" .. support.build .. "/include", luajit_flags, sources, "-o",
    output, flags }, " "),
    { timeout = 60 })
  assert(r.err == "", r.err)
  return output
end

function hosts.link_flags()
  local build = support.build
  return ("-L%s -ltimerlua -lluajit-5.1 -pthread -Wl,-rpath,%s"):format(build, build)
end

--- Build tests/embed/<name>.c in a folder.
function hosts.build(folder, name)
  return hosts.cc(folder .. "/" .. name, "tests/embed/" .. name .. ".c", hosts.link_flags())
end

--- Run a case of tests/embed/edges.c; `told` is its output on standard error.
function hosts.edge(case, told)
  local folder = hosts.make_folder()
  local r = support.shell(hosts.build(folder, "edges") .. " " .. case, { timeout = 20 })
  hosts.remove(folder)
  luassert.equal(told or "", r.err)
  luassert.equal(0, r.code)
end

return hosts
