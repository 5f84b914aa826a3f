local support = require "tests.support"

describe("a program that a script starts", function()
  it("ends by SIGPIPE as it would elsewhere", function()
    local r = support.run [==[
      os.execute("yes | head -n 1")
]==]
    assert.equal("y\n", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)
end)
