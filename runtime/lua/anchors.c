/* Anchors: see anchors.h. */
#include "lua/anchors.h"

int tl__what_index(uint32_t slot)
{
    return (int)(2 * (slot & (TL_PAGE_SIZE - 1)) + 1);
}

void tl__forget_anchor(lua_State *L, uint32_t slot)
{
    lua_rawgeti(L, TL_ANCHORS_INDEX, (int)(slot >> TL_PAGE_BITS));
    if (lua_istable(L, -1)) { /* memory may have run out before the first one */
        lua_pushnil(L);
        lua_rawseti(L, -2, tl__what_index(slot));
        lua_pushnil(L);
        lua_rawseti(L, -2, tl__what_index(slot) + 1);
    }
    lua_pop(L, 1);
}

bool tl__push_anchor(lua_State *L, uint32_t slot)
{
    lua_rawgeti(L, TL_ANCHORS_INDEX, (int)(slot >> TL_PAGE_BITS));
    if (!lua_istable(L, -1)) { /* memory ran out when the handle was started */
        lua_pop(L, 1);
        return false;
    }
    lua_rawgeti(L, -1, tl__what_index(slot) + 1);
    lua_rawgeti(L, -2, tl__what_index(slot));
    lua_remove(L, -3);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 2);
        return false;
    }
    return true;
}

bool tl__takes_values(lua_State *L, tl_id waiter)
{
    if (!tl__push_anchor(L, waiter.slot))
        return false;
    bool takes = lua_isfunction(L, -1) || lua_isthread(L, -1);
    lua_pop(L, 2);
    return takes;
}
