/* A host that calls functions of the script which wait, hears of their results
   later, and lets none of them run for long:
       cc calls_host.c $(pkg-config --cflags --libs timerlua) -o calls_host
       ./calls_host */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <timerlua.h>

enum { MS = 1000000 };

static const char script[] =
    "local tl = require 'timerlua'\n"
    "function fetch(key) tl.sleep(0.01) return 'value of ' .. key, #key end\n"
    "function fail(key) tl.sleep(0.02) error('no ' .. key) end\n"
    "function hang() tl.sleep(0.03) while true do end end\n"
    "function long() tl.sleep(60) end\n";

static void done(tl_runtime *runtime, int outcome, void *key)
{
    const char *text;
    int length;
    const char *error = tl_error(runtime);
    if (outcome == 0 && tl_results(runtime, "si", &text, &length) == 0)
        printf("%s: %s, %d bytes\n", (const char *)key, text, length);
    else
        printf("%s: %s: %.*s\n", (const char *)key, tl_strerror(outcome),
               (int)strcspn(error, "\n"), error);
}

int main(void)
{
    static char *const calls[] = {"fetch", "fail", "hang", "long", "none"};
    tl_config config = {.size = sizeof config, .max_callback_ns = 200 * MS};
    tl_runtime *runtime = tl_new(&config);
    if (tl_load_string(runtime, script, sizeof script - 1, "=script") < 0)
        fprintf(stderr, "%s\n", tl_error(runtime));
    for (int i = 0; i < 5; i++) {
        char *name = calls[i];
        if (tl_call_then(runtime, done, name, name, "s", "the key") < 0)
            printf("%s: %s\n", name, tl_error(runtime));
    }
    int64_t end_ns = tl_clock_ns(runtime, 0) + 1000 * MS;
    int state = TL_IDLE;
    while (state >= 0 && state != TL_DONE && tl_clock_ns(runtime, 0) < end_ns)
        state = tl_step(runtime, 0);
    if (state < 0)
        fprintf(stderr, "%s\n", tl_error(runtime));
    return tl_free(runtime); /* long has not ended, and is told so */
}
