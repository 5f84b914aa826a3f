# Flags of the compiler and the linker. Included by the Makefile.

# Names are looked up by c-ares, or, where it is missing and may not be installed,
# by getaddrinfo in a helper thread. RESOLVER=ares or RESOLVER=thread decides.
ifndef RESOLVER
  RESOLVER := $(shell $(CC) $(CPPFLAGS) -include ares.h -E -x c /dev/null \
    >/dev/null 2>&1 || [ "$(NO_INSTALL)" != 1 ] && echo ares || echo thread)
endif
ifeq ($(RESOLVER),ares)
  # linked in, as LuaJIT is, and its symbols kept inside
  RESOLVER_LIBS ?= $(if $(wildcard \
    $(shell $(CC) -print-file-name=libcares.a)),-l:libcares.a,-lcares) \
    -Wl,--exclude-libs,libcares.a
else ifeq ($(RESOLVER),thread)
  RESOLVER_LIBS ?= -pthread
else
  $(error RESOLVER must be ares or thread, not "$(RESOLVER)")
endif
OTHER_RESOLVER := $(if $(filter ares,$(RESOLVER)),thread,ares)

ifeq ($(SANITIZE),1)
  override CFLAGS := -O1 -g -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
ifeq ($(FUZZ),1)
  override CC := clang
  override CFLAGS := -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
# The dispatch path crosses files at every step: measured, 5 to 12 % of T1 and T4.
# Fat objects keep their symbols for the specs.
ifeq ($(filter 1,$(SANITIZE) $(FUZZ)),)
  LTO ?= -flto=auto -ffat-lto-objects
endif
# JIT=off: the program, the module and the library begin with the JIT off, so that
# the tests show what the interpreter does with the same scripts.
JIT ?= on
ifneq ($(filter-out on off,$(JIT)),)
  $(error JIT must be on or off, not "$(JIT)")
endif
ifeq ($(WERROR),1)
  WARN += -Werror
endif
Q := $(if $(V),,@)

WARN += -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden $(WARN) \
  -iquote runtime -iquote $(BUILD) $(LUAJIT_CFLAGS) $(CFLAGS) $(LTO) \
  $(if $(filter off,$(JIT)),-DTL_JIT_OFF) $(CPPFLAGS)
