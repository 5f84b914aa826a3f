# timerlua. `make help` lists the targets; V=1 shows the commands.

PREFIX ?= /usr/local
BUILD ?= build
CFLAGS ?= -O2 -g
SCRIPT ?= scripts/hello.lua
SPECS ?= tests

LUAJIT ?= luajit
LUAJIT_CFLAGS ?= -I/usr/include/luajit-2.1
LUAJIT_LIBS ?= -Wl,--whole-archive -l:libluajit-5.1.a -Wl,--no-whole-archive

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
ifeq ($(WERROR),1)
  WARN += -Werror
endif
Q := $(if $(V),,@)

WARN += -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden $(WARN) \
  -iquote runtime -iquote $(BUILD) $(LUAJIT_CFLAGS) $(CFLAGS) $(LTO) $(CPPFLAGS)

SOURCES := $(filter-out runtime/sys/resolver_$(OTHER_RESOLVER).c, \
  $(wildcard runtime/*/*.c runtime/*/*/*.c))
OBJECTS := $(SOURCES:runtime/%.c=$(BUILD)/obj/%.o)
PROGRAM_ONLY := $(filter $(BUILD)/obj/app/%,$(OBJECTS))
LIBRARY_ONLY := $(filter $(BUILD)/obj/embed/%,$(OBJECTS))
CORE_OBJECTS := $(filter-out $(PROGRAM_ONLY) $(LIBRARY_ONLY) \
  $(BUILD)/obj/lua/bundle.o,$(OBJECTS))
LIBRARY_OBJECTS := $(filter-out $(PROGRAM_ONLY),$(OBJECTS))
MODULES := $(sort $(wildcard lua/timerlua/*.lua lua/timerlua/*/*.lua \
  lua/timerlua/*/*/*.lua))
PROGRAM := $(BUILD)/timerlua
CORE := $(BUILD)/lib/timerlua/core.so
TESTERS := $(patsubst tests/c/%.c,$(BUILD)/tests/%,$(wildcard tests/c/*/*_test.c))
FUZZERS := $(patsubst tests/c/fuzz/%.c,$(BUILD)/%,$(wildcard tests/c/fuzz/*_fuzz.c))

include packaging/library.mk

.DEFAULT_GOAL := all
.PHONY: all run test check check-asan fuzz fuzzers lint format format-check bench install \
  uninstall clean help deps-build
.DELETE_ON_ERROR:

all: deps-build $(PROGRAM) $(CORE) $(LIBRARIES)

help:
	@echo "make run            build and run SCRIPT=$(SCRIPT)"
	@echo "make test           build and run every test (SPECS=tests/lua/loop)"
	@echo "                    JOBS=n files at a time, by default one for each"
	@echo "                    processor, 4 at most; JOBS=1 all in one process"
	@echo "make check          test, lint, and the tests again with sanitizers"
	@echo "make check-asan     the tests with address and undefined sanitizers"
	@echo "make fuzz           random inputs for the parsers, FUZZ_SECONDS=20 each"
	@echo "make lint           clang-tidy, cppcheck, luacheck, format-check"
	@echo "make format         format the C sources; format-check only looks"
	@echo "make bench          the benchmarks (BENCH=\"T1 T3\" for some)"
	@echo "make install        all of it into \$$(DESTDIR)\$$(PREFIX), default /usr/local"
	@echo "make uninstall      take it away again"
	@echo "make clean          remove $(BUILD)/"
	@echo "RESOLVER=ares or thread: who looks up names; here $(RESOLVER)"
	@echo "V=1 shows commands; NO_INSTALL=1 forbids installing packages"

deps-build:
	@RESOLVER=$(RESOLVER) .ci/install build

# Everything that is compiled waits for the packages to be there.
$(OBJECTS) $(BUILD)/abi_text.h $(BUILD)/lua_modules.h: | deps-build

$(BUILD)/abi_text.h: runtime/lua/embed.lua runtime/timerlua_abi.h
	@mkdir -p $(@D)
	$(Q)$(LUAJIT) runtime/lua/embed.lua abi runtime/timerlua_abi.h > $@

$(BUILD)/lua_modules.h: runtime/lua/embed.lua $(MODULES)
	@mkdir -p $(@D)
	$(Q)$(LUAJIT) runtime/lua/embed.lua modules $(MODULES) > $@

$(BUILD)/obj/lua/module.o: $(BUILD)/abi_text.h
$(BUILD)/obj/lua/bundle.o: $(BUILD)/lua_modules.h

# Another resolver than in the last build: link again.
$(BUILD)/obj/sys/lookup.o: $(BUILD)/resolver-$(RESOLVER)
$(BUILD)/resolver-$(RESOLVER):
	@mkdir -p $(@D)
	@rm -f $(BUILD)/resolver-*
	@touch $@

$(BUILD)/obj/%.o: runtime/%.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  cc $<")
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(PROGRAM): $(filter-out $(LIBRARY_ONLY),$(OBJECTS))
	@$(if $(V),,echo "  ld $@")
	$(Q)$(CC) $(CFLAGS) $(LTO) $(LDFLAGS) -static-libgcc -Wl,-E $^ \
	  $(LUAJIT_LIBS) $(RESOLVER_LIBS) -lm -ldl -o $@

$(CORE): $(CORE_OBJECTS)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  ld $@")
	$(Q)$(CC) $(CFLAGS) $(LTO) $(LDFLAGS) -shared $^ $(RESOLVER_LIBS) -lm -o $@

# Test programs reach into the core, so they link its objects; as they are, for to
# optimize each program as a whole takes most of a build.
$(BUILD)/tests/%: tests/c/%.c $(CORE_OBJECTS)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  cc $<")
	$(Q)$(CC) $(filter-out -fPIC -fvisibility=hidden $(LTO),$(ALL_CFLAGS)) \
	  $(if $(LTO),-fno-lto) $< $(CORE_OBJECTS) $(LUAJIT_LIBS) $(RESOLVER_LIBS) -Wl,-E -lm -ldl -o $@

$(BUILD)/%_fuzz: tests/c/fuzz/%_fuzz.c $(CORE_OBJECTS)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  cc $<")
	$(Q)$(CC) $(filter-out -fPIC -fvisibility=hidden,$(ALL_CFLAGS)) \
	  -fsanitize=fuzzer $< $(CORE_OBJECTS) $(LUAJIT_LIBS) $(RESOLVER_LIBS) \
	  -Wl,-E -lm -ldl -o $@

run: all
	@$(PROGRAM) $(SCRIPT)

test: all
	@.ci/install test
	@$(MAKE) --no-print-directory $(TESTERS)
	@BUILD=$(BUILD) SANITIZE=$(SANITIZE) JOBS=$(JOBS) tests/run $(SPECS)

check: test lint check-asan

check-asan:
	@$(MAKE) --no-print-directory test BUILD=$(BUILD)/asan SANITIZE=1

# FUZZ=1 is for the second make: everything again, for the fuzzer.
fuzz:
	@.ci/install fuzz
	@$(MAKE) --no-print-directory fuzzers BUILD=$(BUILD)/fuzz FUZZ=1
	@BUILD=$(BUILD)/fuzz tests/c/fuzz/run $(FUZZERS:$(BUILD)/%=$(BUILD)/fuzz/%)

fuzzers: deps-build $(FUZZERS)

lint: all format-check
	@.ci/install lint
	$(Q)printf '%s\n' $(sort $(SOURCES) runtime/sys/resolver_thread.c) | xargs -P "$$(nproc)" -I{} \
	  clang-tidy --quiet {} -- $(filter -std% -D%,$(ALL_CFLAGS)) \
	  -iquote runtime -iquote $(BUILD) $(LUAJIT_CFLAGS)
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 \
	  --enable=warning,performance,portability --inline-suppr \
	  -Iruntime -I$(BUILD) runtime
	$(Q)luacheck --quiet lua scripts tests bench runtime

format format-check: deps-build
	@.ci/install lint
	$(Q)clang-format $(if $(filter format,$@),-i,--dry-run --Werror) \
	  runtime/*.h runtime/*/*.[ch] runtime/*/*/*.[ch] tests/c/*/*.c tests/embed/*.c \
	  tests/faults/*.c tests/support/*.c bench/*.c scripts/embed/*.[ch]

bench: all
	@.ci/install bench
	@bench/run $(BENCH)

SHARE := $(DESTDIR)$(PREFIX)/share/lua/5.1/timerlua
LIB := $(DESTDIR)$(PREFIX)/lib/lua/5.1/timerlua

install: all install-library
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(SHARE)" "$(LIB)"
	install -m 755 $(PROGRAM) "$(DESTDIR)$(PREFIX)/bin/timerlua"
	install -m 755 $(CORE) "$(LIB)/core.so"
	for module in $(MODULES:lua/timerlua/%=%); do \
	  install -D -m 644 "lua/timerlua/$$module" "$(SHARE)/$$module" || exit; done

uninstall: uninstall-library
	rm -f "$(DESTDIR)$(PREFIX)/bin/timerlua"
	rm -rf "$(SHARE)" "$(LIB)"

clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d)
