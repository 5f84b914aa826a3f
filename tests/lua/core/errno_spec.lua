-- The system's errors by their names: lua/timerlua/core/errno.lua.
local ffi = require "ffi"
local core = require "timerlua.core.ffi"
local errno = require "timerlua.core.errno"

describe("errno", function()
  it("has an error's number as the core returns it", function()
    local fd = core.C.tl_descriptor_duplicate(-1)
    assert.is_true(fd < 0)
    assert.equal(fd, errno.EBADF)
    assert.equal(core.C.tl_duration_parse("x", 1, ffi.new("int64_t[1]")), errno.EINVAL)
  end)

  it("knows every error that has a name, and gives that name back", function()
    local known = 0
    for number = 1, 4095 do
      local name = ffi.string(core.C.tl_error_name(number))
      if name ~= "EUNKNOWN" then
        known = known + 1
        assert.equal(-number, errno[name], name)
      end
    end
    assert.is_true(known > 100)
  end)

  it("raises for an unknown name", function()
    for _, name in ipairs { "EFOO", "", "eagain", "EAGAIN ", "ELIMIT" } do
      local ok, message = pcall(function() return errno[name] end)
      assert.is_false(ok)
      assert.truthy(message:find(("no error of the system is called %q"):format(name), 1, true))
    end
  end)
end)
