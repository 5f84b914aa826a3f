-- --pid-file destroyed any file that it named, even a pipe.
local support = require "tests.support"

local function refused(before, after, kept)
  local folder = support.shell("mktemp -d").out:match("[^\n]+")
  local path = folder .. "/name"
  local r = support.shell(("cd %s; %s; %s --pid-file=name -e 'print(1)'; echo $?; %s; ls"):format(
    folder, before, support.program, after))
  support.shell("rm -r " .. folder)
  assert.equal("timerlua: --pid-file name: there is something else of that name\n", r.err, path)
  assert.equal("1\n" .. kept .. "name\n", r.out)
end

describe("a pid file's name that belongs to another file", function()
  it("was taken from a file with other contents", function()
    refused("echo precious >name", "cat name", "precious\n")
    refused("echo 12 monkeys >name", "cat name", "12 monkeys\n")
    refused("seq 1 100000 >name", "wc -l <name", "100000\n")
    refused("printf 12345678901234567890 >name", "wc -c <name", "20\n")
  end)

  it("was taken from a pipe", function()
    refused("mkfifo name", "test -p name && echo pipe", "pipe\n")
  end)

  it("is taken from a file that a killed process left, and from an empty file", function()
    for _, left in ipairs { "99999999\n", "12", "" } do
      local path = support.temporary(left)
      local r = support.run { "--pid-file=" .. path, "-e", ("io.write(io.open(%q):read('*a') == "
        .. "io.open('/proc/self/stat'):read('*n') .. '\\n' and 'ours' or 'not')"):format(path) }
      os.remove(path)
      assert.equal("", r.err)
      assert.equal("ours", r.out)
    end
  end)
end)
