-- An object whose fileno was not a function raised an error inside the runtime.
local select = require "timerlua.select"
local support = require "tests.support"
local timerfd = require "timerlua.timerfd"

describe("an object whose fileno is not a function", function()
  it("is refused as a value that is not a descriptor", function()
    local object = { fileno = 5 }
    local ep, p = assert(select.epoll()), select.poll()
    for what, call in pairs {
      ["select.select: rlist[1]"] = function() select.select({ object }, {}, {}) end,
      ["select.epoll:register: fd"] = function() ep:register(object) end,
      ["select.poll:register: fd"] = function() p:register(object) end,
      ["timerfd.read: fd"] = function() timerfd.read(object) end,
    } do
      assert.truthy(support.raised(call):find("^HERE: timerlua%." .. what:gsub("%p", "%%%0")
        .. " must be a descriptor, an io file or have fileno%(%), got table: "))
    end
    ep:close()
    local callable = setmetatable({}, { __call = function() return 4000 end })
    local _, _, code = select.select({ { fileno = callable } }, {}, {}, 0)
    assert.equal("EBADF", code)
  end)
end)
