# timerlua. `make help` lists the targets; V=1 shows the commands.

PREFIX ?= /usr/local
BUILD ?= build
CFLAGS ?= -O2 -g
SCRIPT ?= scripts/hello.lua
SPECS ?= tests

LUAJIT ?= luajit
LUAJIT_CFLAGS ?= -I/usr/include/luajit-2.1
LUAJIT_LIBS ?= -Wl,--whole-archive -l:libluajit-5.1.a -Wl,--no-whole-archive

# Every processor works, unless -j says otherwise.
ifeq ($(MAKELEVEL),0)
  MAKEFLAGS += -j$(shell nproc)
endif

include packaging/flags.mk

SOURCES := $(filter-out runtime/sys/resolver_$(OTHER_RESOLVER).c, \
  $(wildcard runtime/*/*.c runtime/*/*/*.c))
OBJECTS := $(SOURCES:runtime/%.c=$(BUILD)/obj/%.o)
PROGRAM_ONLY := $(filter $(BUILD)/obj/app/%,$(OBJECTS))
LIBRARY_ONLY := $(filter $(BUILD)/obj/embed/%,$(OBJECTS))
# Of a first build, how far it is.
TO_COMPILE := $(words $(filter-out $(wildcard $(OBJECTS)) \
  $(if $(filter-out run,$(or $(MAKECMDGOALS),all)),,$(LIBRARY_ONLY)),$(OBJECTS)))
step = $(if $(filter-out 0,$(TO_COMPILE)),$(eval COMPILED += x)[$(words \
  $(COMPILED))/$(TO_COMPILE)] )
say = @$(if $(V),:,echo "  $1")
CORE_OBJECTS := $(filter-out $(PROGRAM_ONLY) $(LIBRARY_ONLY) \
  $(BUILD)/obj/lua/bundle.o,$(OBJECTS))
LIBRARY_OBJECTS := $(filter-out $(PROGRAM_ONLY),$(OBJECTS))
MODULES := $(sort $(wildcard lua/timerlua/*.lua lua/timerlua/*/*.lua \
  lua/timerlua/*/*/*.lua))
PROGRAM := $(BUILD)/timerlua
CORE := $(BUILD)/lib/timerlua/core.so

include packaging/library.mk packaging/install.mk tests/tests.mk

.DEFAULT_GOAL := all
JOBS_WITH_PACKAGES := build test hosts lint fuzz bench
.PHONY: all run lint format format-check bench pictures clean help deps need-build \
  $(JOBS_WITH_PACKAGES:%=deps-%)
.DELETE_ON_ERROR:

all: $(PROGRAM) $(CORE) $(LIBRARIES)

help:
	@echo "make run            build the program and run SCRIPT=$(SCRIPT)"
	@echo "make test           build all and run every test (SPECS=tests/lua/loop)"
	@echo "                    JOBS=n files at a time, by default one for each"
	@echo "                    processor, 4 at most; JOBS=1 all in one process"
	@echo "                    (these two install the packages that are missing)"
	@echo "make                build all"
	@echo "make deps           install the packages for a build; deps-test, deps-lint,"
	@echo "                    deps-fuzz, deps-bench those for other targets, and"
	@echo "                    deps-hosts PostgreSQL and Neovim, else left out of test"
	@echo "make check          test, lint, and the tests again with sanitizers"
	@echo "make check-asan     the tests with address and undefined sanitizers"
	@echo "make check-nojit    the tests with the JIT off (a build with JIT=off)"
	@echo "make check-zones    every time zone, beside Python's"
	@echo "make check-schedules  random schedules beside an oracle, CASES=20000"
	@echo "make fuzz           random inputs for the parsers, FUZZ_SECONDS=20 each"
	@echo "make api-fuzz       random calls of the whole API: SEEDS=200 STEPS=3000 SEED=1"
	@echo "make lint           clang-tidy, cppcheck, luacheck, format-check"
	@echo "make format         format the C sources; format-check only checks"
	@echo "make reference      write docs/reference.md from the modules' comments"
	@echo "make bench          the benchmarks (BENCH=\"T1 T3\" for some)"
	@echo "make pictures       draw docs/pictures/ from the last figures of make bench"
	@echo "make install        install everything into \$$(DESTDIR)\$$(PREFIX), default /usr/local"
	@echo "make uninstall      remove it again"
	@echo "make clean          remove $(BUILD)/"
	@echo "RESOLVER=ares or thread: how names are looked up; here $(RESOLVER)"
	@echo "V=1 shows commands; with NO_INSTALL=1, run and test install nothing"

# Packages: run and test install those that are missing, all others name them.
deps: deps-build
$(JOBS_WITH_PACKAGES:%=deps-%): deps-%:
	@RESOLVER=$(RESOLVER) .ci/install build $*

INSTALLS := $(filter run test,$(MAKECMDGOALS))
need = .ci/install $(if $(INSTALLS),,--look) $1
need-build:
	@RESOLVER=$(RESOLVER) $(call need,build)

# Everything that is compiled waits for the packages to be there.
$(OBJECTS) $(BUILD)/abi_text.h $(BUILD)/lua_modules.h: | need-build

$(BUILD)/abi_text.h: runtime/lua/bundle.lua runtime/timerlua_abi.h
	@mkdir -p $(@D)
	$(Q)$(LUAJIT) runtime/lua/bundle.lua abi runtime/timerlua_abi.h > $@

$(BUILD)/lua_modules.h: runtime/lua/bundle.lua $(MODULES)
	@mkdir -p $(@D)
	$(Q)$(LUAJIT) runtime/lua/bundle.lua modules $(MODULES) > $@

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
	$(call say,$(step)cc $<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(PROGRAM): $(filter-out $(LIBRARY_ONLY),$(OBJECTS))
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS) $(LTO) $(LDFLAGS) -static-libgcc -Wl,-E $^ \
	  $(LUAJIT_LIBS) $(RESOLVER_LIBS) -lm -ldl -o $@

$(CORE): $(CORE_OBJECTS)
	@mkdir -p $(@D)
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS) $(LTO) $(LDFLAGS) -shared $^ $(RESOLVER_LIBS) -lm -o $@

run: $(PROGRAM)
	@$(PROGRAM) $(SCRIPT)

lint: all format-check
	@$(call need,lint)
	$(Q)printf '%s\n' $(sort $(SOURCES) runtime/sys/resolver_thread.c) | xargs -P "$$(nproc)" -I{} \
	  clang-tidy --quiet {} -- $(filter -std% -D%,$(ALL_CFLAGS)) \
	  -iquote runtime -iquote $(BUILD) $(LUAJIT_CFLAGS)
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 \
	  --enable=warning,performance,portability --inline-suppr \
	  -Iruntime -I$(BUILD) runtime
	$(Q)luacheck --quiet lua scripts tests bench runtime packaging

format format-check:
	@$(call need,lint)
	$(Q)clang-format $(if $(filter format,$@),-i,--dry-run --Werror) \
	  runtime/*.h runtime/*/*.[ch] runtime/*/*/*.[ch] tests/c/*/*.[ch] tests/embed/*.c \
	  tests/faults/*.c tests/support/*.c bench/*.c scripts/embed/*.[ch]

# An incomplete page never replaces the page before it.
.PHONY: reference
reference:
	@mkdir -p $(BUILD)
	$(Q)$(LUAJIT) packaging/reference.lua > $(BUILD)/reference.md
	$(Q)mv $(BUILD)/reference.md docs/reference.md

bench: all
	@$(call need,bench)
	@BUILD=$(BUILD) bench/run $(BENCH)

# From the figures that bench keeps.
pictures:
	@BUILD=$(BUILD) bench/picture

clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d)
