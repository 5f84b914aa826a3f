-- A script found its modules only when it was run from its own folder.
local support = require "tests.support"

describe("require", function()
  local folder

  setup(function()
    folder = support.shell("mktemp -d").out:match("[^\n]+")
    support.shell(("mkdir -p %s/app/lib %s/bin"):format(folder, folder))
    support.write(folder .. "/app/main.lua",
      [[print(require "first", require "second", require "lib.third")]])
    support.write(folder .. "/app/first.lua", [[return "one"]])
    support.write(folder .. "/app/lib/third.lua", [[return "three"]])
    support.shell(("mkdir %s/app/second"):format(folder))
    support.write(folder .. "/app/second/init.lua", [[return "two"]])
    support.write(folder .. "/first.lua", [[return "another"]])
  end)
  teardown(function() support.shell("rm -rf " .. folder) end)

  local function run(arguments)
    return support.shell(("cd %s && %s %s"):format(folder, support.program, arguments))
  end

  local function assert_found(r)
    assert.same({ "one\ttwo\tthree\n", "", 0 }, { r.out, r.err, r.code })
  end

  it("finds the modules beside the script first", function()
    assert_found(run "app/main.lua")
    assert_found(run(folder .. "/app/main.lua"))
    assert_found(support.shell(("cd %s/app && %s main.lua"):format(folder, support.program)))
  end)

  it("finds them where the script is a link to the original", function()
    support.shell(("cd %s && ln -s ../app/main.lua bin/relative && ln -s %s/bin/relative bin/job")
      :format(folder, folder))
    assert_found(run "bin/relative")
    assert_found(run "bin/job")
  end)

  it("finds them for -l and -e, which come before the script", function()
    local r = run "-l lib.third -e 'print(require \"first\")' app/main.lua"
    assert.same({ "one\none\ttwo\tthree\n", "" }, { r.out, r.err })
  end)

  it("looks only where package.path says when there is no script", function()
    assert.equal("another\n", run [[-e 'print(require "first")']].out)
    assert.equal("another\n", support.shell(
      ([[cd %s && echo 'print(require "first")' | %s -]]):format(folder, support.program)).out)
  end)
end)
