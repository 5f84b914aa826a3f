/* tl_config.max_callback_ns: what runs too long gets an error with its place,
   and cannot keep it; everything else goes on. */
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "host.h"

static char errors[4096];

static void on_error(tl_runtime *runtime, const char *text, size_t length,
                     void *data)
{
    (void)runtime, (void)data;
    size_t used = strlen(errors);
    (void)snprintf(errors + used, sizeof errors - used, "%.*s\n", (int)length,
                   text);
}

static int count_threads(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    REQUIRE(tasks != NULL);
    while (readdir(tasks) != NULL)
        count++;
    (void)closedir(tasks);
    return count;
}

static int number(const char *function)
{
    int value = -1;
    REQUIRE(tl_call(rt, function, ">i", &value) == 0);
    return value;
}

int main(void)
{
    static const char over[] = "this callback took longer than the 0.2 s";
    tl_config config = {
        .size = sizeof config, .on_error = on_error, .max_callback_ns = -1};
    REQUIRE(tl_new(&config) == NULL && errno == EINVAL);
    config.max_callback_ns = 200000000;
    int threads = count_threads();
    REQUIRE((rt = tl_new(&config)) != NULL);
    /* no other thread could set a hook safely */
    REQUIRE(count_threads() == threads);
    REQUIRE(load("tl, n = require 'timerlua', 0\n"
                 "function count() return n end\n"
                 "function spin() while true do end end\n"
                 "function keep() while true do pcall(spin) end end\n"
                 "function deep() pcall(pcall, keep) xpcall(keep, keep) end\n"
                 "tl.every(0.005, function() n = n + 1 end)") == 0);
    REQUIRE(tl_call(rt, "spin", "") == TL_ERAISED);
    REQUIRE(strstr(tl_error(rt), "script:3: ") == tl_error(rt));
    REQUIRE(strstr(tl_error(rt), over));
    REQUIRE(tl_call(rt, "keep", "") == TL_ERAISED);
    REQUIRE(tl_call(rt, "deep", "") == TL_ERAISED);
    /* a name like those of the modules inside saves nobody */
    REQUIRE(load("forged = loadstring('while true do end',\n"
                 "  '=[timerlua]/forged.lua')") == 0);
    REQUIRE(tl_call(rt, "forged", "") == TL_ERAISED);
    REQUIRE(load("spin()") == TL_ERAISED && load("n = 0") == 0);
    REQUIRE(load("tl.after(0, spin) tl.spawn(function()\n"
                 "  tl.sleep(0) keep() end)") == 0);
    while (number("count") < 5)
        REQUIRE(readable(5000) == 1 && tl_step(rt, 0) >= 0);
    const char *first = strstr(errors, over);
    REQUIRE(first != NULL && strstr(first + 1, over));
    REQUIRE(strstr(errors, "): script:3: this") &&
            !strstr(errors, "script:1: s"));
    /* no hook of the script's takes the limit's place */
    REQUIRE(load("debug.sethook()") == TL_ERAISED);
    REQUIRE(strstr(tl_error(rt), "script:1: debug.sethook: this program does "
                                 "not allow scripts to set hooks"));
    REQUIRE(load("pcall(debug.sethook) spin()") == TL_ERAISED);
    /* many slow functions of C between two looks */
    REQUIRE(load("function slow()\n"
                 "  while true do (' '):rep(1e6):reverse() end end") == 0);
    REQUIRE(tl_call(rt, "slow", "") == TL_ERAISED);
    /* each takes a tenth of the limit: a thousand instructions would be a
       hundred of these */
    REQUIRE(load("function slower()\n"
                 "  local x = ('x'):rep(3e6)\n"
                 "  for i = 1, 1e9 do n = i x:reverse():find('[^x]') end end\n"
                 "function later() for _ = 1, 1e4 do end slower() end") == 0);
    REQUIRE(tl_call(rt, "slower", "") == TL_ERAISED && number("count") < 60);
    REQUIRE(tl_call(rt, "later", "") == TL_ERAISED && number("count") < 60);
    REQUIRE(load("n = 0") == 0);
    /* time spent waiting, and many short calls, are no long one */
    REQUIRE(load("tl.sleep(0.3) function count() return -1 end") == 0);
    while (number("count") != -1)
        REQUIRE(readable(5000) == 1 && tl_step(rt, 0) >= 0);
    for (int calls = 0; calls < 100000; calls++)
        (void)number("count");
    REQUIRE(tl_free(rt) == 0);
    return 0;
}
