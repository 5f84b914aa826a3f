-- A parent that hands a listening socket to the command that it runs, as a service
-- manager does: luajit tests/support/inherit.lua COMMAND runs the shell command with a
-- socket of 127.0.0.1 as descriptor 3 and the port in PORT.
local ffi = require "ffi"

ffi.cdef [[
struct sockaddr_in { uint16_t family, port; uint32_t address; uint8_t zero[8]; };
int socket(int, int, int);
int bind(int, const void *, uint32_t);
int listen(int, int);
int getsockname(int, void *, uint32_t *);
int dup2(int, int);
int setenv(const char *, const char *, int);
uint32_t htonl(uint32_t);
uint16_t ntohs(uint16_t);
int execv(const char *, const char *const *);
]]

local AF_INET, SOCK_STREAM, LOOPBACK = 2, 1, 0x7f000001

local own = ffi.new("struct sockaddr_in", { AF_INET, 0, ffi.C.htonl(LOOPBACK) })
local length = ffi.new("uint32_t[1]", ffi.sizeof(own))
local fd = ffi.C.socket(AF_INET, SOCK_STREAM, 0)
assert(ffi.C.bind(fd, own, length[0]) == 0)
assert(ffi.C.listen(fd, 4096) == 0)
assert(ffi.C.getsockname(fd, own, length) == 0)
assert(ffi.C.dup2(fd, 3) == 3)
ffi.C.setenv("PORT", tostring(ffi.C.ntohs(own.port)), 1)
ffi.C.execv("/bin/sh", ffi.new("const char *[4]", { "sh", "-c", assert(arg[1]) }))
error("no /bin/sh")
