-- The programs of scripts/embed, built as users build them: by the command in each one's
-- comment, from the installed library.
local luassert = require "luassert"
local support = require "tests.support"

local FLAGS = support.sanitized
  and "-g -fsanitize=address,undefined -fno-sanitize-recover=undefined" or ""

local Examples = {}
Examples.__index = Examples

local examples = {}

--- A script whose next step fails: it closes the descriptor of the loop's clock.
examples.SPOILED = [[
  local ffi = require "ffi"
  ffi.cdef "int close(int); long readlink(const char *, char *, size_t);"
  local name = ffi.new "char[64]"
  print "begun"
  require("timerlua").every("20ms", function()
    for fd = 3, 255 do
      local length = tonumber(ffi.C.readlink("/proc/self/fd/" .. fd, name, 64))
      if length > 0 and ffi.string(name, length):find "timerfd" then ffi.C.close(fd) end
    end
  end)]]

--- Install the library, and a copy of the folder beside it, under build/<name>, for one
--- spec file: files run side by side.
function examples.install(name)
  local home = support.build .. "/" .. name
  local self = setmetatable({ home = home, prefix = home .. "/prefix" }, Examples)
  support.shell(("rm -rf %s && mkdir -p %s && cp -r scripts/embed %s"):format(home, home, home))
  local result = support.shell(
    ("make NO_INSTALL=1 BUILD=%s SANITIZE=%s JIT=%s PREFIX=%s install-library"):format(
      support.build, support.sanitized and 1 or 0, support.interpreted and "off" or "on",
      self.prefix), { timeout = 300 })
  luassert.equal(0, result.code, result.err)
  return self
end

--- The output of a shell command in the copied folder.
function Examples:shell(command, options)
  local result = support.shell(([[
    cd %s/embed || exit
    export PKG_CONFIG_PATH=%s/lib/pkgconfig LD_LIBRARY_PATH=%s/lib
    cc() { command cc -Wall -Wextra -Werror %s "$@"; }
    %s]]):format(self.home, self.prefix, self.prefix, FLAGS, command), options)
  luassert.equal("", result.err)
  luassert.equal(0, result.code)
  return result.out
end

--- The commands of a file's comment that call the compiler.
function examples.build_commands(path)
  local comment = support.read(path):match("^/%*.-%*/"):gsub("\\\n%s*", "")
  local commands = {}
  for line in comment:gmatch("[^\n]+") do
    commands[#commands + 1] = line:match("^%s+(cc .*)$")
  end
  return commands
end

--- Build scripts/embed/<name>.c.
function Examples:build(name)
  local commands = examples.build_commands("scripts/embed/" .. name .. ".c")
  luassert.is_true(#commands > 0, name)
  self:shell(table.concat(commands, " && "))
end

return examples
