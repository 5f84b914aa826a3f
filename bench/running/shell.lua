-- Commands at the root of the project: paths are short there, and bench/luv.lua is not
-- in the folder where luajit looks for the module luv.

local shell = {
  root = (arg[0]:match("^.*/") or "./") .. "..",
  build = os.getenv("BUILD") or "build", -- seen from the root
  cc = os.getenv("CC") or "cc",
}

function shell.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

function shell.at_root(command)
  return "cd " .. shell.quote(shell.root) .. " && " .. command
end

function shell.succeeds(command)
  return os.execute(shell.at_root(command .. " >/dev/null 2>&1")) == 0
end

-- A file of the build as a word of a command.
function shell.built(name)
  return shell.quote(shell.build .. "/" .. name)
end

-- A file of the build as io.open takes it.
function shell.path_of(name)
  local folder = shell.build:find("^/") and "" or shell.root .. "/"
  return folder .. shell.build .. "/" .. name
end

function shell.compile(name, flags)
  local program = shell.built("bench/" .. name)
  assert(shell.succeeds("mkdir -p " .. shell.built "bench"),
    "cannot make " .. shell.build .. "/bench")
  local command = ("%s -O2 -std=c11 -D_GNU_SOURCE -o %s bench/%s.c %s"):format(
    shell.cc, program, name, flags)
  assert(os.execute(shell.at_root(command)) == 0, name .. ".c does not compile")
  return program
end

return shell
