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
	@$(if $(V),,echo "  ld $@")
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
	@$(if $(V),,echo "  ar $@")
	$(Q)$(CC) $(CFLAGS) $(if $(LTO),$(LTO) -flinker-output=nolto-rel,-fno-lto) \
	  -nostdlib -r $(LIBRARY_OBJECTS) -o $(BUILD)/libtimerlua.o
	$(Q)objcopy --localize-hidden -L luaopen_timerlua_core \
	  $(BUILD)/libtimerlua.o
	$(Q)rm -f $@ && $(AR) rcs $@ $(BUILD)/libtimerlua.o

# Files with places to be filled in.
filled = sed -e 's|@VERSION@|$(VERSION)|g' \
  -e 's|@LIBS@|$(PRIVATE_LIBS)|g' -e 's|@SONAME@|$(SONAME)|g'
PRIVATE_LIBS = $(if $(filter ares,$(RESOLVER)),-lcares) -lm -ldl -pthread

LIBDIR := $(DESTDIR)$(PREFIX)/lib
MAN3 := $(DESTDIR)$(PREFIX)/share/man/man3

.PHONY: install-library uninstall-library
install-library: $(LIBRARIES)
	install -d "$(DESTDIR)$(PREFIX)/include" "$(LIBDIR)/pkgconfig" \
	  "$(LIBDIR)/cmake/timerlua" "$(MAN3)"
	install -m 644 runtime/timerlua.h "$(DESTDIR)$(PREFIX)/include"
	install -m 755 $(SHARED) "$(LIBDIR)"
	ln -sf $(SONAME) "$(LIBDIR)/libtimerlua.so"
	install -m 644 $(STATIC) "$(LIBDIR)"
	$(filled) packaging/timerlua.pc.in > "$(LIBDIR)/pkgconfig/timerlua.pc"
	$(filled) packaging/timerlua-config.cmake.in \
	  > "$(LIBDIR)/cmake/timerlua/timerlua-config.cmake"
	$(filled) packaging/timerlua-config-version.cmake.in \
	  > "$(LIBDIR)/cmake/timerlua/timerlua-config-version.cmake"
	$(filled) docs/timerlua.3 > "$(MAN3)/timerlua.3"

uninstall-library:
	rm -f "$(DESTDIR)$(PREFIX)/include/timerlua.h" "$(LIBDIR)/$(SONAME)" \
	  "$(LIBDIR)/libtimerlua.so" "$(LIBDIR)/libtimerlua.a" \
	  "$(LIBDIR)/pkgconfig/timerlua.pc" "$(MAN3)/timerlua.3"
	rm -rf "$(LIBDIR)/cmake/timerlua"
