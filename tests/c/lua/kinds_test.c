/* The kinds of the runtime: each number of timerlua_abi.h has a complete row
   and a delivery. And a kind that is made here, whose events run a Lua
   function.
   kinds_test SEED STEPS rows|delivery */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "loop/agenda.h"
#include "loop/descriptor.h"
#include "loop/handle_ops.h"
#include "loop/loop.h"
#include "lua/dispatch.h"
#include "lua/anchors.h"
#include "lua/coroutines.h"
#include "lua/deliver.h"
#include "lua/module.h"

enum { BELL = TL_KINDS };

/* --- rows --------------------------------------------------------------- */

static bool is_text(const char *text)
{
    return text != NULL && *text != '\0';
}

static void check_row(int kind, const tl_kind *row)
{
    bool has_descriptor = row->group == TL_GROUP_DESCRIPTORS;
    TL_CHECK(row != NULL, "a kind without a row");
    TL_CHECK(is_text(row->name) && is_text(row->noun), "a kind without a name");
    for (int other = 1; other < kind; other++)
        TL_CHECK(strcmp(tl__kinds[other].row->name, row->name) != 0,
                 "two kinds of one name");
    TL_CHECK(row->group < TL_GROUPS, "a kind in no group");
    TL_CHECK(row->finish && row->dispose && row->drop && row->hold && row->done,
             "a row with a gap");
    TL_CHECK((row->posted != NULL) == has_descriptor &&
                 (row->renew != NULL) == has_descriptor &&
                 (row->give_way != NULL) == has_descriptor,
             "a row that lacks what a descriptor needs, or has it for none");
    TL_CHECK(!row->owns_descriptor || has_descriptor, "it has none to own");
    TL_CHECK(!row->records_lateness || !has_descriptor, "it has no deadline");
    TL_CHECK(tl__kinds[kind].deliver != NULL, "a kind without a delivery");
}

static void test_rows(void)
{
    for (int kind = 0; kind < TL_KINDS_MOST; kind++)
        if (kind != TL_FREE && kind < TL_KINDS)
            check_row(kind, tl__kinds[kind].row);
        else
            TL_CHECK(tl__kinds[kind].row == NULL &&
                         tl__kinds[kind].deliver == NULL,
                     "a row without a kind");
}

/* --- a kind from outside ------------------------------------------------- */

static int delivered;

/* Run the anchored function, and end the handle the third time. */
static void deliver(tl_dispatcher *d, lua_State *L, const tl_event *event)
{
    TL_CHECK(tl__push_anchor(L, event->id.slot), "nothing is anchored");
    int top = lua_gettop(L);
    lua_pushvalue(L, top);
    lua_pushinteger(L, ++delivered);
    lua_xmove(L, d->idle, 2);
    (void)tl__call(d, L, event->id, top - 1, 1);
    tl_handle *handle = tl_handles_find(&d->loop->handles, event->id.slot,
                                        event->id.generation);
    if (delivered < 3)
        tl__post(d->loop, event->id, handle);
    else
        tl_handle_close(d->loop, event->id.slot, event->id.generation);
}

static const tl_kind bell_kind = {
    .name = "bell",
    .noun = "bell of a test",
    .group = TL_GROUP_DESCRIPTORS,
    .finish = tl__nothing_to_finish,
    .dispose = tl__nothing_to_dispose,
    .drop = tl__handle_end,
    .hold = tl__kind_hold,
    .done = tl__descriptor_done,
    .posted = tl__kind_posted,
    .renew = tl__post,
    .give_way = tl__never_gives_way,
};

static const tl_kind *const rows[TL_KINDS_MOST] = {[BELL] = &bell_kind};
static const tl_kind_entry kinds[TL_KINDS_MOST] = {
    [BELL] = {&bell_kind, deliver},
};

/* Anchor a function that adds its arguments to the global `sum`. */
static void anchor(tl_dispatcher *d, lua_State *L, tl_id id)
{
    int what = tl__what_index(id.slot);
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->anchors_ref);
    lua_newtable(L);
    TL_CHECK(luaL_loadstring(L, "sum = (sum or 0) + ...") == 0, "no function");
    lua_rawseti(L, -2, what);
    lua_rawseti(L, -2, (int)(id.slot >> TL_PAGE_BITS));
    lua_pop(L, 1);
}

static void test_delivery(void)
{
    tl_id id;
    lua_State *L = luaL_newstate();
    TL_CHECK(L != NULL, "no memory");
    luaL_openlibs(L);
    tl_dispatcher *d = tl_module_open(L);
    tl_loop_close(d->loop);
    d->loop = tl_loop_open(rows);
    d->kinds = kinds;
    d->bare = true; /* the Lua modules are not loaded */
    TL_CHECK(d->loop != NULL && tl__agendas_reserve(d->loop) == 0 &&
                 tl_handle_open(d->loop, &id, BELL) == 0,
             "no bell");
    tl_handle *handle = tl_handles_at(&d->loop->handles, id.slot);
    handle->at.watch.fd = -1;
    tl__set_active(d->loop, handle, true);
    tl__post(d->loop, id, handle);
    anchor(d, L, id);
    lua_pushcfunction(L, tl_dispatch_run);
    TL_CHECK(lua_pcall(L, 0, 1, 0) == 0, "the run fails");
    lua_getglobal(L, "sum");
    TL_CHECK(delivered == 3 && lua_tointeger(L, -1) == 6,
             "the function was not called with each event");
    TL_CHECK(d->loop->handles.live == 0, "it has not ended");
    lua_close(L);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: kinds_test SEED STEPS rows|delivery\n");
        return 2;
    }
    if (strcmp(argv[3], "rows") == 0)
        test_rows();
    else
        test_delivery();
    printf("ok: %s, seed %s, %s steps\n", argv[3], argv[1], argv[2]);
    return 0;
}
