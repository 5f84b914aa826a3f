-- With --on-error=stop and a stop handler, a script that had any connection, listener
-- or UDP socket, or used tl.stdin, never ended: it looped at the first handle that was
-- not a timer, task or watch.
local support = require "tests.support"

local function run(code, options)
  options = options or {}
  options.timeout = 10
  return support.run({ "--on-error=stop", "-e", 'local tl = require "timerlua"\n' .. code },
    options)
end

describe("an error that ends the script", function()
  it("ends handles of every kind, and nothing more is reported", function()
    local r = run([[
      local select = require "timerlua.select"
      local function told() print "told" end
      local on = { data = told, close = told, error = told, eof = told }
      local server = tl.listen("127.0.0.1:0", on)
      local client = tl.connect("127.0.0.1:" .. server.port, { handler = on })
      local plain = tl.connect("127.0.0.1:" .. server.port)
      local reader, writer = tl.pipe()
      KEPT = { server, client, plain, writer, tl.udp("127.0.0.1:0"),
        tl.udp("127.0.0.1:0", { data = told }), tl.exec { "sleep", "60" } }
      tl.spawn(function() reader:receive() told() end)
      tl.spawn(function() tl.stdin:receive("*a") tl.sleep(9) told() end)
      local idle, other = tl.pipe()
      tl.spawn(function()
        select.select({ idle:fileno() }, {}, {})
        told(other)
      end)
      tl.sleep(0.01)
      tl.every(0.001, told)
      tl.on("stop", function(reason)
        print("stop", reason)
        writer:send("x")
        tl.sleep(0.02)
        local kinds = {}
        for _, row in ipairs(tl.handles()) do
          if row.kind ~= "task" then kinds[#kinds + 1] = row.kind end
        end
        print(table.concat(kinds, " "))
      end)
      plain:send("x")
      error "x"]], { stdin = "some\n" })
    assert.truthy(r.err:find("x\n", 1, true), r.err)
    assert.equal(1, r.code)
    assert.equal("stop\terror\nconnection timer\n", r.out)
  end)

  it("leaves standard output as it is, with its queued bytes", function()
    local r = support.shell(("(%s --on-error=stop -e %s; echo status $?) | (sleep 0.3; tail -c 15)")
      :format(support.program, support.quote [[
      local tl = require "timerlua"
      tl.stdout:send(("x"):rep(200000))
      tl.on("stop", function() print(tl.stdout:closed()) end)
      tl.after(0.01, function() error "x" end)
      tl.sleep(1)]]), { timeout = 10 })
    assert.equal("false\nstatus 1\n", r.out)
  end)

  it("lets the handlers use all of it again", function()
    local r = run [[
      local a, b = tl.pipe()
      tl.on("stop", function()
        print((select(4, a:receive())), (select(4, b:send "x")))
        local r, w = tl.pipe()
        w:send("anew\n")
        print(r:receive())
        print(tl.run({ "echo", "child" }).stdout)
      end)
      tl.spawn(function() error "x" end)
      tl.sleep(1)]]
    assert.equal("EBADF\tEBADF\nanew\nchild\n\n", r.out)
    assert.equal(1, r.code)
  end)
end)
