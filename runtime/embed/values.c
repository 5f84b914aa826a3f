/* Values of tl_call: see values.h. */
#include "embed/values.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

/* The analyzer does not follow a va_list through a pointer. */
/* NOLINTBEGIN(clang-analyzer-valist.Uninitialized) */

/* Integers that a Lua number holds exactly. */
static const double most_exact = 9007199254740992.0;

/* --- arguments ---------------------------------------------------------- */

static void push_text(lua_State *L, const char *text, bool counted,
                      va_list *values)
{
    size_t length = 0;
    if (counted)
        length = va_arg(*values, size_t);
    else if (text != NULL)
        length = strlen(text);
    if (text != NULL)
        lua_pushlstring(L, text, length);
    else
        lua_pushnil(L);
}

static int push_integer(lua_State *L, int64_t value)
{
    lua_pushnumber(L, (double)value);
    /* compared as an integer: made a double, 2^53 + 1 is 2^53 */
    return value <= (int64_t)most_exact && value >= -(int64_t)most_exact
               ? 0
               : -ERANGE;
}

static int push_argument(lua_State *L, char letter, va_list *values)
{
    void *pointer;
    switch (letter) {
    case 's':
    case 'S':
        push_text(L, va_arg(*values, const char *), letter == 'S', values);
        return 0;
    case 'd':
        lua_pushnumber(L, va_arg(*values, double));
        return 0;
    case 'i':
        lua_pushnumber(L, va_arg(*values, int));
        return 0;
    case 'I':
        return push_integer(L, va_arg(*values, int64_t));
    case 'b':
        lua_pushboolean(L, va_arg(*values, int));
        return 0;
    case 'p':
        pointer = va_arg(*values, void *);
        if (pointer != NULL)
            lua_pushlightuserdata(L, pointer);
        else
            lua_pushnil(L);
        return 0;
    default:
        lua_pushnil(L);
        return 0;
    }
}

int tl__values_push(lua_State *L, const char *letters, size_t count,
                    va_list *values)
{
    int error = 0;
    for (size_t i = 0; i < count; i++) {
        int failed = push_argument(L, letters[i], values);
        error = error ? error : failed;
    }
    return error;
}

/* --- results ------------------------------------------------------------ */

static bool is_integer(lua_State *L, int index, double least, double most)
{
    if (lua_type(L, index) != LUA_TNUMBER)
        return false;
    double value = lua_tonumber(L, index);
    return value >= least && value <= most && value == (double)(int64_t)value;
}

bool tl__value_fits(lua_State *L, int index, char letter)
{
    int type = lua_type(L, index);
    switch (letter) {
    case 's':
    case 'S':
        return type == LUA_TSTRING || type == LUA_TNIL || type == LUA_TNONE;
    case 'd':
        return type == LUA_TNUMBER;
    case 'i':
        return is_integer(L, index, INT_MIN, INT_MAX);
    case 'I':
        return is_integer(L, index, -most_exact, most_exact);
    case 'b':
        return type == LUA_TBOOLEAN;
    case 'p':
        return type == LUA_TLIGHTUSERDATA || type == LUA_TUSERDATA ||
               type == LUA_TNIL || type == LUA_TNONE;
    default:
        return true;
    }
}

static void store_text(lua_State *L, int index, bool counted, va_list *values)
{
    size_t length = 0;
    const char *text = lua_tolstring(L, index, &length);
    const char **to = va_arg(*values, const char **);
    size_t *to_length = counted ? va_arg(*values, size_t *) : NULL;
    if (to != NULL)
        *to = text;
    if (to_length != NULL)
        *to_length = length;
}

static void store_double(double *to, double value)
{
    if (to != NULL)
        *to = value;
}

static void store_int(int *to, int value)
{
    if (to != NULL)
        *to = value;
}

static void store_int64(int64_t *to, int64_t value)
{
    if (to != NULL)
        *to = value;
}

static void store_pointer(void **to, void *value)
{
    if (to != NULL)
        *to = value;
}

void tl__value_store(lua_State *L, int index, char letter, va_list *values)
{
    switch (letter) {
    case 's':
    case 'S':
        store_text(L, index, letter == 'S', values);
        break;
    case 'd':
        store_double(va_arg(*values, double *), lua_tonumber(L, index));
        break;
    case 'i':
        store_int(va_arg(*values, int *), (int)lua_tonumber(L, index));
        break;
    case 'I':
        store_int64(va_arg(*values, int64_t *),
                    (int64_t)lua_tonumber(L, index));
        break;
    case 'b':
        store_int(va_arg(*values, int *), lua_toboolean(L, index));
        break;
    case 'p':
        store_pointer(va_arg(*values, void **), lua_touserdata(L, index));
        break;
    default:
        break;
    }
}

/* NOLINTEND(clang-analyzer-valist.Uninitialized) */
