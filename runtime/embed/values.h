/* Values of tl_call between C and Lua, by the letters of a signature; see
   timerlua.h. */
#ifndef TL_VALUES_H
#define TL_VALUES_H

#include <lua.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Push an argument for each letter. -ERANGE if an argument is beyond 2^53; all
   arguments are pushed even then. */
int tl__values_push(lua_State *L, const char *letters, size_t count,
                    va_list *values);
/* Whether the value at an index has the type that a letter stands for. */
bool tl__value_fits(lua_State *L, int index, char letter);
/* Store the value at the address given by the next pointer, unless that pointer
   is NULL. */
void tl__value_store(lua_State *L, int index, char letter, va_list *values);

#endif
