/* tl_call_then: the outcome of a call comes once, whatever becomes of it. */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>

#include "host.h"

typedef struct outcome {
    int times, value, misfit;
    char text[256];
    int number;
} outcome;

static void take(tl_runtime *runtime, int value, void *argument)
{
    outcome *o = argument;
    const char *text = "";
    REQUIRE(runtime == rt);
    o->times++;
    o->value = value;
    if (value != 0)
        text = tl_error(rt);
    else
        o->misfit = tl_results(rt, "si", &text, &o->number);
    if (o->misfit == 0)
        (void)snprintf(o->text, sizeof o->text, "%s", text);
    int busy = tl_step(rt, 0);
    REQUIRE(busy == -EBUSY || busy == -ECANCELED);
}

static outcome call(const char *name, int argument)
{
    outcome o = {0};
    REQUIRE(tl_call_then(rt, take, &o, name, "i", argument) == 0);
    REQUIRE(o.times == 0); /* never at once */
    finish();
    REQUIRE(o.times == 1);
    return o;
}

static void test_outcomes(void)
{
    REQUIRE(load("tl = require 'timerlua'\n"
                 "function now(n) return 'now', n end\n"
                 "function later(n) tl.sleep(0.001) return 'later', n + 1 end\n"
                 "function fail(n) tl.sleep(0.001) error('no ' .. n) end\n"
                 "function few() return 'few' end\n"
                 "function leave() tl.sleep(0) os.exit(0) end") == 0);
    outcome o = call("now", 1);
    REQUIRE(o.value == 0 && !strcmp(o.text, "now") && o.number == 1);
    o = call("later", 1);
    REQUIRE(o.value == 0 && !strcmp(o.text, "later") && o.number == 2);
    o = call("fail", 7);
    REQUIRE(o.value == TL_ERAISED && strstr(o.text, "script:4: no 7\n"));
    REQUIRE(strstr(o.text, "in function <script:4>"));
    REQUIRE(call("few", 1).misfit == -EDOM);
    REQUIRE(call("leave", 1).value == -ECANCELED);
    tl_runtime_stats stats;
    REQUIRE(tl_stats(rt, &stats, sizeof stats) == 0 && stats.errors == 0);
}

/* Where calls may be made, and which are refused. */
static void make_more(tl_runtime *runtime, int value, void *argument)
{
    REQUIRE(value == 0);
    REQUIRE(tl_call_then(runtime, take, argument, "later", "i", 5) == 0);
}

static int from_script(lua_State *L)
{
    REQUIRE(tl_of(L) == rt);
    REQUIRE(tl_call_then(tl_of(L), take, tl_data(rt), "later", "i", 7) == 0);
    return 0;
}

static void test_places(void)
{
    outcome o = {0}, *in_data = tl_data(rt);
    lua_register(tl_lua(rt), "from_script", from_script);
    REQUIRE(load("tl = require 'timerlua'\n"
                 "function later(n) tl.sleep(0.001) return 'x', n end\n"
                 "tl.after(0, coroutine.wrap(from_script))") == 0);
    REQUIRE(tl_call_then(rt, make_more, &o, "later", "i", 4) == 0);
    finish();
    REQUIRE(o.times == 1 && o.number == 5);
    REQUIRE(in_data->times == 1 && in_data->number == 7);
    REQUIRE(tl_call_then(rt, NULL, &o, "later", "") == -EINVAL);
    REQUIRE(tl_call_then(rt, take, &o, "later", ">i") == -EINVAL);
    REQUIRE(tl_call_then(rt, take, &o, "none", "") == -ENOENT);
    REQUIRE(tl_call_then(rt, take, &o, "later", "I", INT64_MAX) == -ERANGE);
    REQUIRE(tl_results(rt, "i", &o.number) == -EINVAL);
    REQUIRE(o.times == 1 && tl_step(rt, 0) == TL_DONE);
}

/* The end of the runtime is an outcome, too. */
static void test_end(void)
{
    static outcome waiting, not_begun;
    REQUIRE(load("function long() require 'timerlua'.sleep(60) end") == 0);
    REQUIRE(tl_call_then(rt, take, &waiting, "long", "") == 0);
    REQUIRE(tl_step(rt, 0) >= 0 && waiting.times == 0);
    REQUIRE(tl_call_then(rt, take, &not_begun, "long", "") == 0);
    REQUIRE(tl_free(rt) == 0);
    REQUIRE(waiting.times == 1 && waiting.value == -ECANCELED);
    REQUIRE(not_begun.times == 1 && not_begun.value == -ECANCELED);
}

int main(void)
{
    static outcome in_data;
    tl_config config = {.size = sizeof config, .data = &in_data};
    void (*const tests[])(void) = {test_outcomes, test_places, test_end};
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        REQUIRE((rt = tl_new(&config)) != NULL);
        REQUIRE(tl_data(rt) == &in_data && tl_of(tl_lua(rt)) == rt);
        tests[i]();
        if (tests[i] != test_end)
            REQUIRE(tl_free(rt) == 0);
    }
    lua_State *L = luaL_newstate(); /* no runtime's */
    REQUIRE(tl_of(L) == NULL && tl_of(NULL) == NULL);
    REQUIRE(tl_data(NULL) == NULL);
    lua_close(L);
    return 0;
}
