-- A picture of points: lateness against processor time, both on logarithmic scales, as
-- the peers are far from each other in one or the other. A line joins the rows of
-- timerlua, which differ in slack.
--   style: title, unit

local figures = require "running.figures"
local labels = require "drawing.labels"
local scale = require "drawing.scale"
local svg = require "drawing.svg"
local words = require "drawing.words"

local WIDTH, HEIGHT, MARGIN = 760, 500, 20
local LEFT, RIGHT, TOP, BOTTOM = 84, WIDTH - MARGIN, 84, HEIGHT - 74
local SIZE = 13

local colors = svg.colors

local function label_of(row)
  local slack_us = figures.median(row.seen.slack_us)
  if not slack_us then return words.row(row) end
  return ("slack %s%s"):format(words.microseconds(slack_us), row.label and "" or ", the default")
end

-- A logarithmic scale has no 0: what is below the resolution is drawn there.
local function points_of(record)
  local points = {}
  for _, row in ipairs(record.rows) do
    local label = label_of(row)
    points[#points + 1] = {
      label = label, ours = words.is_ours(row),
      cpu_s = math.max(figures.median(row.seen.cpu_s), 0.001),
      late_us = math.max(figures.median(row.seen.p99_us), 1),
      width = svg.width_of(label, SIZE), height = SIZE + 3,
    }
  end
  return points
end

local function range(points, key)
  local least, most = math.huge, 0
  for _, point in ipairs(points) do
    least, most = math.min(least, point[key]), math.max(most, point[key])
  end
  return least, most
end

local function set_places(points)
  local least, most = range(points, "cpu_s")
  local across = scale.logarithmic(least, most, LEFT, RIGHT, { 1, 2, 5 })
  least, most = range(points, "late_us")
  local up = scale.logarithmic(least, most, BOTTOM, TOP, { 1 })
  for _, point in ipairs(points) do
    point.x, point.y = across.at(point.cpu_s), up.at(point.late_us)
  end
  return across, up
end

local function draw_axes(picture, across, up)
  for _, tick in ipairs(across.ticks) do
    local x = across.at(tick)
    picture:line(x, TOP, x, BOTTOM, colors.grid)
    picture:text(x, BOTTOM + 17, words.number(tick),
      { size = 12, color = colors.soft, anchor = "middle" })
  end
  for _, tick in ipairs(up.ticks) do
    local y = up.at(tick)
    picture:line(LEFT, y, RIGHT, y, colors.grid)
    picture:text(LEFT - 8, y + 4, words.microseconds(tick),
      { size = 12, color = colors.soft, anchor = "end" })
  end
  picture:text((LEFT + RIGHT) / 2, BOTTOM + 36, "processor time, s; both scales are logarithmic",
    { color = colors.soft, anchor = "middle" })
end

-- Joins our points in the order of processor time; returns boxes along the line, which
-- labels keep clear of.
local function draw_line(picture, points)
  local ours, boxes = {}, {}
  for _, point in ipairs(points) do if point.ours then ours[#ours + 1] = point end end
  table.sort(ours, function(a, b) return a.cpu_s < b.cpu_s end)
  for i = 2, #ours do
    local a, b = ours[i - 1], ours[i]
    picture:line(a.x, a.y, b.x, b.y, colors.ours[2], 2)
    local steps = math.max(1, math.ceil(math.sqrt((b.x - a.x) ^ 2 + (b.y - a.y) ^ 2) / 4))
    for k = 0, steps do
      local x, y = a.x + (b.x - a.x) * k / steps, a.y + (b.y - a.y) * k / steps
      boxes[#boxes + 1] = { left = x - 2, right = x + 2, top = y - 2, bottom = y + 2 }
    end
  end
  return boxes
end

local function draw_points(picture, points, lines)
  local area = { left = LEFT, right = RIGHT, top = TOP, bottom = BOTTOM }
  local boxes = labels.place(points, area, lines)
  for i, point in ipairs(points) do
    local box = boxes[i]
    if box.has_leader then picture:line(point.x, point.y, box.x, box.y, colors.peers[2]) end
    picture:text(box.x, box.bottom - 4, point.label,
      { size = SIZE, bold = point.ours, anchor = box.anchor })
  end
  for _, point in ipairs(points) do
    picture:circle("point", point.x, point.y, 5,
      point.ours and colors.ours[1] or colors.peers[1],
      ("%s: %s, %s s of CPU"):format(point.label, words.microseconds(point.late_us),
        words.number(point.cpu_s)))
  end
end

return function(record, style)
  local picture = svg.picture(style.title)
  local points = points_of(record)
  local across, up = set_places(points)
  picture:text(MARGIN, 28, style.title, { size = 17, bold = true })
  picture:text(MARGIN, 46, style.unit, { color = colors.soft })
  picture:circle("key", MARGIN + 6, 61, 5, colors.ours[1], "timerlua")
  picture:text(MARGIN + 18, 65, "timerlua", { color = colors.soft })
  picture:circle("key", MARGIN + 100, 61, 5, colors.peers[1], "peers")
  picture:text(MARGIN + 112, 65, "peers", { color = colors.soft })
  draw_axes(picture, across, up)
  draw_points(picture, points, draw_line(picture, points))
  picture:text(MARGIN, HEIGHT - 14, words.origin(record), { size = 11, color = colors.soft })
  return picture:finish(WIDTH, HEIGHT)
end
