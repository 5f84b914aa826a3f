# make install and make uninstall: the program, the module for other LuaJITs, the
# library with what pkg-config and CMake need and its manual page. Included by the
# Makefile.
.PHONY: install uninstall install-library uninstall-library

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

# Files with places to be filled in.
filled = sed -e 's|@VERSION@|$(VERSION)|g' \
  -e 's|@LIBS@|$(PRIVATE_LIBS)|g' -e 's|@SONAME@|$(SONAME)|g'
PRIVATE_LIBS = $(if $(filter ares,$(RESOLVER)),-lcares) -lm -ldl -pthread

LIBDIR := $(DESTDIR)$(PREFIX)/lib
MAN3 := $(DESTDIR)$(PREFIX)/share/man/man3

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
