# make test, check, check-asan, fuzz and api-fuzz. Included by the Makefile.
TESTERS := $(patsubst tests/c/%.c,$(BUILD)/tests/%,$(wildcard tests/c/*/*_test.c))
SEEDS ?= 200
STEPS ?= 3000
CASES ?= 20000
FUZZERS := $(patsubst tests/c/fuzz/%.c,$(BUILD)/%,$(wildcard tests/c/fuzz/*_fuzz.c))

.PHONY: test testers check check-asan check-nojit check-zones check-schedules \
  fuzz fuzzers api-fuzz

# Test programs reach into the core, so they link its objects; without link-time
# optimization, which would take most of a build.
$(BUILD)/tests/%: tests/c/%.c $(CORE_OBJECTS) $(wildcard tests/c/*/*.h)
	@mkdir -p $(@D)
	$(call say,cc $<)
	$(Q)$(CC) $(filter-out -fPIC -fvisibility=hidden $(LTO),$(ALL_CFLAGS)) \
	  $(if $(LTO),-fno-lto) $< $(CORE_OBJECTS) $(LUAJIT_LIBS) $(RESOLVER_LIBS) -Wl,-E -lm -ldl -o $@

$(BUILD)/%_fuzz: tests/c/fuzz/%_fuzz.c $(CORE_OBJECTS)
	@mkdir -p $(@D)
	$(call say,cc $<)
	$(Q)$(CC) $(filter-out -fPIC -fvisibility=hidden,$(ALL_CFLAGS)) \
	  -fsanitize=fuzzer $< $(CORE_OBJECTS) $(LUAJIT_LIBS) $(RESOLVER_LIBS) \
	  -Wl,-E -lm -ldl -o $@

testers: $(TESTERS)
	@:

test: all
	@.ci/install test
	@$(MAKE) --no-print-directory testers
	@BUILD=$(BUILD) SANITIZE=$(SANITIZE) JIT=$(JIT) JOBS=$(JOBS) \
	  tests/run $(SPECS)

# one after the other, however many jobs there may be
check:
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory check-asan

check-asan:
	@$(MAKE) --no-print-directory test BUILD=$(BUILD)/asan SANITIZE=1

check-nojit:
	@$(MAKE) --no-print-directory test BUILD=$(BUILD)/nojit JIT=off

# every zone; make test compares a few. JOBS=1, here and below: without a bound in time
check-zones: all
	@ZONES=all JOBS=1 BUILD=$(BUILD) tests/run tests/lua/calendar/zones_spec.lua

# schedules by chance, and some beside systemd's
check-schedules: all
	@CASES=$(CASES) JOBS=1 BUILD=$(BUILD) tests/run tests/lua/calendar/schedules_spec.lua \
	  tests/lua/calendar/systemd_spec.lua tests/lua/calendar/croner_spec.lua

# FUZZ=1 is for the second make: everything again, for the fuzzer.
fuzz:
	@$(call need,fuzz)
	@$(MAKE) --no-print-directory fuzzers BUILD=$(BUILD)/fuzz FUZZ=1
	@BUILD=$(BUILD)/fuzz tests/c/fuzz/run $(FUZZERS:$(BUILD)/%=$(BUILD)/fuzz/%)

fuzzers: $(FUZZERS)

api-fuzz: $(PROGRAM)
	@tests/fuzz/run $(PROGRAM) $(SEEDS) $(STEPS) $(SEED)
