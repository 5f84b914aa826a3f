-- With TL_NO_EXEC, scripts could still require installed modules that start programs.
local hosts = require "tests.support.hosts"

describe("TL_NO_EXEC", function()
  it("applies to installed modules too", function()
    hosts.edge("programs")
  end)
end)
