/* A WeeChat plugin: the chat client's own loop, poll(2), has tl_fd among its
   descriptors, and a script has timers and sockets in it, prints to its core
   buffer, runs its commands and answers /timerlua TEXT by on_command(TEXT):
       cc -shared -fPIC weechat_plugin.c \
           $(pkg-config --cflags --libs timerlua weechat) -o timerlua.so
       TIMERLUA_SCRIPT=$PWD/weechat_clock.lua weechat \
           -r "/plugin load $PWD/timerlua.so" */
#include <lauxlib.h>
#include <stdlib.h>
#include <timerlua.h>
#include <weechat-plugin.h>

enum { BUDGET_NS = 1000000 };

WEECHAT_PLUGIN_NAME("timerlua")
WEECHAT_PLUGIN_DESCRIPTION("timers and sockets for scripts")
WEECHAT_PLUGIN_AUTHOR("timerlua")
WEECHAT_PLUGIN_VERSION("1")
WEECHAT_PLUGIN_LICENSE("MIT")

struct t_weechat_plugin *weechat_plugin;
static tl_runtime *runtime;
static struct t_hook *source;

static void print(tl_runtime *rt, const char *text, size_t length, void *data)
{
    (void)rt, (void)data;
    weechat_printf(NULL, "%.*s", (int)length, text);
}

/* command(text): as if it had been typed, a millisecond later: it may unload
   this plugin, which must not happen inside the script. */
static int command(lua_State *L)
{
    const char *text = luaL_checkstring(L, 1);
    struct t_hashtable *options = weechat_hashtable_new(
        8, WEECHAT_HASHTABLE_STRING, WEECHAT_HASHTABLE_STRING, NULL, NULL);
    weechat_hashtable_set(options, "delay", "1");
    weechat_command_options(NULL, text, options);
    weechat_hashtable_free(options);
    return 0;
}

static int step(const void *pointer, void *data, int fd)
{
    (void)pointer, (void)data, (void)fd;
    int state = tl_step(runtime, BUDGET_NS);
    if (state < 0)
        weechat_printf(NULL, "%s", tl_error(runtime));
    if (state < 0 || state == TL_DONE) {
        weechat_unhook(source);
        source = NULL;
    }
    return WEECHAT_RC_OK;
}

static int on_command(const void *pointer, void *data,
                      struct t_gui_buffer *buffer, int argc, char **argv,
                      char **argv_eol)
{
    (void)pointer, (void)data, (void)buffer, (void)argv;
    const char *text = argc > 1 ? argv_eol[1] : "";
    if (tl_call(runtime, "on_command", "s", text) < 0)
        weechat_printf(NULL, "%s", tl_error(runtime));
    return WEECHAT_RC_OK;
}

int weechat_plugin_init(struct t_weechat_plugin *plugin, int argc, char *argv[])
{
    tl_config config = {
        .size = sizeof config, .on_error = print, .on_log = print};
    const char *path = getenv("TIMERLUA_SCRIPT");
    (void)argc, (void)argv;
    weechat_plugin = plugin;
    runtime = tl_new(&config);
    if (runtime == NULL || path == NULL)
        return WEECHAT_RC_ERROR;
    lua_register(tl_lua(runtime), "command", command);
    if (tl_load_file(runtime, path) < 0) {
        weechat_printf(NULL, "%s", tl_error(runtime));
        return WEECHAT_RC_ERROR;
    }
    source = weechat_hook_fd(tl_fd(runtime), 1, 0, 0, step, NULL, NULL);
    weechat_hook_command("timerlua", "tell the script", "text", "", NULL,
                         on_command, NULL, NULL);
    return WEECHAT_RC_OK;
}

int weechat_plugin_end(struct t_weechat_plugin *plugin)
{
    (void)plugin;
    tl_free(runtime);
    return WEECHAT_RC_OK;
}
