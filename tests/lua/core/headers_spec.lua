-- Constants of the system's headers: lua/timerlua/core/headers.lua.
local core = require "timerlua.core.ffi"
local headers = require "timerlua.core.headers"
local support = require "tests.support"

describe("the constants of the system's headers", function()
  it("have the numbers that the C compiler sees, all of them", function()
    local lines, expected = {}, {}
    for name in support.read("runtime/sys/constants.c"):gmatch("NAMED%((%u[%u%d_]+)%)") do
      expected[name] = headers[name]
      lines[#lines + 1] = ('printf("%s %%lld\\n", (long long)(%s));'):format(name, name)
    end
    assert.is_true(#lines > 80)
    local source = support.temporary("#include <stdio.h>\n#include <limits.h>\n"
      .. "#include <poll.h>\n#include <time.h>\n#include <sys/epoll.h>\n"
      .. "#include <sys/timerfd.h>\n#include <sys/socket.h>\n#include <netinet/in.h>\n"
      .. "#include <netinet/tcp.h>\nint main(void) {" .. table.concat(lines, "\n") .. "}\n")
    local r = support.shell(("cc -D_GNU_SOURCE -x c %s -o %s.out && %s.out; rm -f %s %s.out")
      :format(source, source, source, source, source))
    local seen = {}
    for name, value in r.out:gmatch("(%S+) (%d+)\n") do seen[name] = tonumber(value) end
    assert.same(expected, seen)
    assert.equal(2 ^ 31, headers.EPOLLET) -- no sign
  end)

  it("are an error where the core has none of the name", function()
    assert.equal(-22, tonumber(core.C.tl_system_constant("SO_WHAT")))
    local ok, message = pcall(function() return headers.SO_WHAT end)
    assert.is_false(ok)
    assert.truthy(message:find('the core has no constant "SO_WHAT"', 1, true))
  end)
end)
