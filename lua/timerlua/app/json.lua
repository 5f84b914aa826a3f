-- Values as JSON (RFC 8259), for output that programs read. Objects keep their order.
local json = {}

local Raw = {}

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t" }

local function escape(byte)
  return ESCAPES[byte] or ("\\u%04x"):format(string.byte(byte))
end

--- The text of a string, a finite number, a boolean, an object or a list.
--- @return string
function json.text(value)
  if getmetatable(value) == Raw then return value.text end
  if type(value) == "string" then
    return '"' .. string.gsub(value, '[%z\1-\31"\\\127]', escape) .. '"'
  end
  if type(value) == "number" and value % 1 == 0 then return ("%.0f"):format(value) end
  return tostring(value)
end

local function join(list, form)
  local texts = {}
  for i, value in ipairs(list) do texts[i] = form(value) end
  return table.concat(texts, ",")
end

--- @param list any[]
function json.list(list)
  return setmetatable({ text = "[" .. join(list, json.text) .. "]" }, Raw)
end

--- @param pairs_in_order table[] { name, value }
function json.object(pairs_in_order)
  return setmetatable({ text = "{" .. join(pairs_in_order, function(pair)
    return json.text(pair[1]) .. ":" .. json.text(pair[2])
  end) .. "}" }, Raw)
end

return json
