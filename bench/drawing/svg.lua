-- An SVG picture, element by element: text stays text, and the background is its own,
-- so that it reads the same on a white and on a dark page.

local svg = {}

svg.colors = {
  ink = "#1f2933", soft = "#52606d", grid = "#d9dee4", paper = "#ffffff",
  -- shades for the parts of a bar
  ours = { "#c2410c", "#fb923c", "#fed7aa" },
  peers = { "#475569", "#94a3b8", "#cbd5e1" },
}

local Picture = {}
Picture.__index = Picture

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape(text)
  return (text:gsub('[&<>"]', ENTITIES))
end

local function number(value)
  return (("%.1f"):format(value):gsub("%.0$", ""))
end

-- A generous guess, since every machine has another font.
function svg.width_of(text, size)
  local characters = select(2, text:gsub("[^\128-\191]", ""))
  return characters * size * 0.58
end

function Picture:add(line, ...)
  self[#self + 1] = line:format(...)
end

-- `about` is shown beside the pointer.
function Picture:rect(class, x, y, width, height, color, about)
  self:add('<rect class="%s" x="%s" y="%s" width="%s" height="%s" fill="%s">%s</rect>', class,
    number(x), number(y), number(width), number(height), color,
    about and "<title>" .. escape(about) .. "</title>" or "")
end

function Picture:circle(class, x, y, radius, color, about)
  self:add('<circle class="%s" cx="%s" cy="%s" r="%s" fill="%s"><title>%s</title></circle>',
    class, number(x), number(y), number(radius), color, escape(about))
end

function Picture:line(x1, y1, x2, y2, color, width)
  self:add('<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s" stroke-width="%s"/>',
    number(x1), number(y1), number(x2), number(y2), color, number(width or 1))
end

-- `style`: size, color, anchor ("start", "middle", "end"), bold.
function Picture:text(x, y, text, style)
  self:add('<text x="%s" y="%s" font-size="%d" fill="%s" text-anchor="%s"%s>%s</text>',
    number(x), number(y), style.size or 13, style.color or svg.colors.ink,
    style.anchor or "start", style.bold and ' font-weight="bold"' or "", escape(text))
end

-- The whole, `width` by `height`, with a frame.
function Picture:finish(width, height)
  local head = ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
    .. 'viewBox="0 0 %d %d" role="img" aria-labelledby="title" '
    .. 'font-family="system-ui, \'Segoe UI\', Helvetica, Arial, sans-serif">'):format(
    width, height, width, height)
  local frame = ('<rect x="0.5" y="0.5" width="%d" height="%d" rx="6" fill="%s" stroke="%s"/>')
    :format(width - 1, height - 1, svg.colors.paper, svg.colors.grid)
  return table.concat({ head, ('<title id="title">%s</title>'):format(escape(self.title)),
    frame, table.concat(self, "\n"), "</svg>\n" }, "\n")
end

function svg.picture(title)
  return setmetatable({ title = title }, Picture)
end

return svg
