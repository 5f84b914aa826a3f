/* Values of tl_call between C and Lua, by the letters of a signature; see
   timerlua.h. */
#ifndef TL_VALUES_H
#define TL_VALUES_H

#include <lua.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Push an argument for each letter. -ERANGE when one is beyond 2^53; all are
   pushed even so. */
int tl__values_push(lua_State *L, const char *letters, size_t count,
                    va_list *values);
/* Whether the value at an index is what a letter stands for. */
bool tl__value_fits(lua_State *L, int index, char letter);
/* Store it where the next of the pointers says, if that is not NULL. */
void tl__value_store(lua_State *L, int index, char letter, va_list *values);

#endif
