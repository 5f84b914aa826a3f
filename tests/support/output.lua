-- A busted output handler: a dot or letter for each spec, failures with their
-- messages, and "N passed, N failed" as the last line.
return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()

  local marks = { success = ".", failure = "F", error = "E", pending = "P" }

  local function mark(status)
    io.write(marks[status] or "?")
    io.flush()
  end

  handler.testEnd = function(_, _, status)
    mark(status)
    return nil, true
  end

  handler.error = function(element)
    if element.descriptor ~= "it" then mark("error") end
    return nil, true
  end

  local function show(kind, entry)
    local message = entry.message
    if type(message) ~= "string" then message = require("pl.pretty").write(message) end
    print(("\n%s: %s (%s:%s)\n%s"):format(kind, entry.name, entry.trace.short_src,
      tostring(entry.trace.currentline), message))
    if entry.trace.traceback and options.verbose then print(entry.trace.traceback) end
  end

  handler.suiteEnd = function()
    print()
    for _, entry in ipairs(handler.pendings) do show("pending", entry) end
    for _, entry in ipairs(handler.failures) do show("failure", entry) end
    for _, entry in ipairs(handler.errors) do show("error", entry) end
    print(("%d passed, %d failed"):format(handler.successesCount,
      handler.failuresCount + handler.errorsCount))
    io.flush()
    return nil, true
  end

  busted.subscribe({ "test", "end" }, handler.testEnd, { predicate = handler.cancelOnPending })
  busted.subscribe({ "error" }, handler.error)
  busted.subscribe({ "failure" }, handler.error)
  busted.subscribe({ "suite", "end" }, handler.suiteEnd)
  return handler
end
