-- A picture of horizontal bars: rows are peers, and the figures of a row are the parts
-- of one bar or bars of their own.
--   style: title, unit, parts, stacked. A part: key, label, and `not_of`, the peers
--   for which the figure means nothing.

local figures = require "running.figures"
local scale = require "drawing.scale"
local svg = require "drawing.svg"
local words = require "drawing.words"

local WIDTH, MARGIN = 760, 20
local ROW, GAP = 26, 8
local LEGEND, ABOVE = 54, 34 -- where a legend begins, and the room it takes
local ROOM_FOR_NUMBER = 70

local colors = svg.colors

-- The figures of a row that are drawn: index of the part, label, value.
local function drawn(row, style)
  local list = {}
  for i, part in ipairs(style.parts) do
    local value = figures.median(row.seen[part.key])
    if type(value) == "number" and not (part.not_of and part.not_of[row.peer]) then
      list[#list + 1] = { part = i, label = part.label, value = value }
    end
  end
  return list
end

local function length(values, stacked)
  local sum, greatest = 0, 0
  for _, figure in ipairs(values) do
    sum, greatest = sum + figure.value, math.max(greatest, figure.value)
  end
  return stacked and sum or greatest
end

-- Of several parts; returns where the bars begin.
local function draw_legend(picture, style)
  if #style.parts == 1 then return LEGEND + 8 end
  local x = MARGIN
  for i, part in ipairs(style.parts) do
    picture:rect("key", x, LEGEND, 7, 12, colors.peers[i])
    picture:rect("key", x + 7, LEGEND, 7, 12, colors.ours[i])
    picture:text(x + 20, LEGEND + 11, part.label, { color = colors.soft })
    x = x + 44 + svg.width_of(part.label, 13)
  end
  return LEGEND + ABOVE
end

local function draw_axis(picture, axis, top, bottom)
  for _, tick in ipairs(axis.ticks) do
    local x = axis.at(tick)
    picture:line(x, top - 4, x, bottom, colors.grid)
    picture:text(x, bottom + 16, words.number(tick),
      { size = 12, color = colors.soft, anchor = "middle" })
  end
end

local function draw_bar(picture, row, figure, x, y, width, height)
  local shades = words.is_ours(row) and colors.ours or colors.peers
  picture:rect("bar", x, y, width, height, shades[figure.part],
    ("%s, %s: %s"):format(words.row(row), figure.label, words.number(figure.value)))
end

local function draw_stack(picture, row, values, axis, y)
  local sum = 0
  for _, figure in ipairs(values) do
    local x = axis.at(sum)
    draw_bar(picture, row, figure, x, y, axis.at(sum + figure.value) - x, ROW)
    sum = sum + figure.value
  end
  picture:text(axis.at(sum) + 6, y + ROW / 2 + 5, words.number(sum), {})
end

local function draw_group(picture, row, values, axis, y)
  local height = ROW / #values
  for i, figure in ipairs(values) do
    local top, x = y + (i - 1) * height, axis.at(0)
    draw_bar(picture, row, figure, x, top, axis.at(figure.value) - x, height)
    picture:text(axis.at(figure.value) + 6, top + height / 2 + 4, words.number(figure.value),
      { size = #values > 1 and 11 or 13 })
  end
end

local function measure(rows, style)
  local greatest, widest = 0, 0
  for _, row in ipairs(rows) do
    greatest = math.max(greatest, length(drawn(row, style), style.stacked))
    widest = math.max(widest, svg.width_of(words.row(row), 13))
  end
  return greatest, widest
end

return function(record, style)
  local picture = svg.picture(style.title)
  local greatest, widest = measure(record.rows, style)
  local left = MARGIN + widest + 10
  local axis = scale.linear(greatest, left, WIDTH - MARGIN - ROOM_FOR_NUMBER)
  picture:text(MARGIN, 28, style.title, { size = 17, bold = true })
  picture:text(MARGIN, 46, style.unit, { color = colors.soft })
  local top = draw_legend(picture, style)
  local bottom = top + #record.rows * (ROW + GAP)
  draw_axis(picture, axis, top, bottom)
  for i, row in ipairs(record.rows) do
    local y = top + (i - 1) * (ROW + GAP)
    picture:text(left - 10, y + ROW / 2 + 5, words.row(row),
      { anchor = "end", bold = words.is_ours(row) })
    local draw = style.stacked and draw_stack or draw_group
    draw(picture, row, drawn(row, style), axis, y)
  end
  picture:text(MARGIN, bottom + 40, words.origin(record), { size = 11, color = colors.soft })
  return picture:finish(WIDTH, bottom + 54)
end
