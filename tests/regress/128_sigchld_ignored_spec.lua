-- With SIGCHLD ignored by its parent, the program lost the exit codes of its children.
local support = require "tests.support"

describe("a program started with SIGCHLD ignored", function()
  it("gets the exit codes of its children", function()
    local script = support.quote("print(require 'timerlua'.run({ 'sh', '-c', 'exit 3' }).code)")
    local r = support.shell("env --ignore-signal=CHLD " .. support.program .. " -e " .. script)
    assert.same({ "3\n", "", 0 }, { r.out, r.err, r.code })
  end)
end)
