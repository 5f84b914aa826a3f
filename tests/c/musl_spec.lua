-- The core on another C library: every file compiles for musl, and what needs no Lua
-- runs there.
local support = require "tests.support"

if support.sanitized or support.shell("command -v musl-gcc").code ~= 0 then
  pending("the core on musl needs musl-gcc, and no sanitizer")
  return
end

local function run(line, ...)
  local r = support.shell(line:format(...), { timeout = 300 })
  assert.same({ "", 0 }, { r.err, r.code }, line)
  return r.out
end

describe("the core on musl", function()
  local folder
  local flags = "-std=c11 -D_GNU_SOURCE -O0 -Wall -Wextra -Wshadow -Wconversion -Werror "
    .. "-iquote runtime -iquote " .. support.build .. " "
    .. support.shell("pkg-config --cflags luajit").out:gsub("%s+$", "")

  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    run("mkdir %s", folder)
  end)

  teardown(function() run("rm -rf %s", folder) end)

  -- Debian has no c-ares for musl, but there is another resolver.
  it("compiles without a warning", function()
    run("find runtime -name '*.c' ! -name resolver_ares.c | xargs -P 2 -I {} sh -c "
      .. "'musl-gcc %s -c {} -o %s/$(echo {} | tr / _).o'", flags, folder)
  end)

  it("does there what it does elsewhere", function()
    for name, arguments in pairs { ["base/duration"] = "100000 decimals",
      ["store/timers"] = "10000 10", ["loop/loop"] = "5000 random", ["net/stream"] = "10000" } do
      local objects = ("$(ls %s/*.o | grep -E 'runtime_(base|store|sys|loop|net)_')"):format(folder)
      run("musl-gcc %s -static tests/c/%s_test.c %s -o %s/test", flags, name, objects, folder)
      assert.truthy(run("%s/test 1 %s", folder, arguments):find("ok: ", 1, true), name)
    end
  end)
end)
