-- Posted bytes beyond the largest length were taken for fewer.
local hosts = require "tests.support.hosts"

describe("tl_post_bytes", function()
  it("refuses more bytes than there can be", function()
    hosts.edge("posts")
  end)
end)
