# The library for programs that embed the runtime: libtimerlua, its static form,
# what pkg-config and CMake need, the manual page. Included by the Makefile.
VERSION := $(shell sed 's/return "\(.*\)"/\1/' lua/timerlua/version.lua)
SONAME := libtimerlua.so.0
SHARED := $(BUILD)/$(SONAME)
STATIC := $(BUILD)/libtimerlua.a
LIBRARIES := $(SHARED) $(BUILD)/libtimerlua.so $(STATIC) $(BUILD)/include/timerlua.h

# LuaJIT's archive cannot go into a shared object, so its library is needed.
$(SHARED): $(LIBRARY_OBJECTS) packaging/library.map
	@mkdir -p $(@D)
	$(call say,ld $@)
	$(Q)$(CC) $(CFLAGS) $(LTO) $(LDFLAGS) -shared -Wl,-soname,$(SONAME) \
	  -Wl,--version-script=packaging/library.map $(LIBRARY_OBJECTS) \
	  -lluajit-5.1 $(RESOLVER_LIBS) -lm -ldl -pthread -o $@

$(BUILD)/libtimerlua.so: $(SHARED)
	@ln -sf $(SONAME) $@

# The public header alone: runtime/ has folders named as the system's are.
$(BUILD)/include/timerlua.h: runtime/timerlua.h
	@mkdir -p $(@D)
	@ln -sf "$(abspath $<)" $@

# One object, so that what is hidden is hidden from the host's linker too.
$(STATIC): $(LIBRARY_OBJECTS) packaging/library.map
	$(call say,ar $@)
	$(Q)$(CC) $(CFLAGS) $(if $(LTO),$(LTO) -flinker-output=nolto-rel,-fno-lto) \
	  -nostdlib -r $(LIBRARY_OBJECTS) -o $(BUILD)/libtimerlua.o
	$(Q)objcopy --localize-hidden -L luaopen_timerlua_core \
	  $(BUILD)/libtimerlua.o
	$(Q)rm -f $@ && $(AR) rcs $@ $(BUILD)/libtimerlua.o
