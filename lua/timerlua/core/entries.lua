-- pairs() by another name. LuaJIT knows loops over pairs() by this name, and compiles them.
-- In LuaJIT 2.1.0-beta3, that of Debian 12, such a compiled loop that is left at its first
-- instruction enters its code again; elsewhere the compiler ends this, but in a finalizer it
-- may not, and the process spins. Later versions are mended (LuaJIT issue 1000).
--
-- No hot path iterates over tables, so nothing is lost.
return pairs
