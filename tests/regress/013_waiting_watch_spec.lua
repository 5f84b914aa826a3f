local support = require "tests.support"

describe("a watch whose callback waits", function()
  it("runs one callback at a time, and goes on after it", function()
    local r = support.run [==[
      local ffi = require "ffi"
      ffi.cdef "int pipe(int *); long write(int, const void *, size_t);"
      local tl = require "timerlua"
      local fds = ffi.new("int[2]")
      ffi.C.pipe(fds)
      ffi.C.write(fds[1], "x", 1)
      local runs, under_way, most = 0, 0, 0
      tl.watch(fds[0], "r", function(watch)
        runs, under_way = runs + 1, under_way + 1
        most = math.max(most, under_way)
        tl.sleep(0.01)
        under_way = under_way - 1
        if runs == 3 then watch:cancel() end
      end)
      tl.sleep(0.2)
      print(runs, most, tl.stats().turns < 100)]==]
    assert.equal("", r.err)
    assert.equal("3\t1\ttrue\n", r.out)
    assert.equal(0, r.code)
  end)
end)
