/* Stands in for getaddrinfo, for resolver_spec.lua, which compiles it and loads
   it before the program. The first label of a name determines the result; other
   names go to the real function. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef int real_getaddrinfo(const char *, const char *,
                             const struct addrinfo *, struct addrinfo **);

static const struct {
    const char *label;
    int result, error;
} failures[] = {
    {"gone", EAI_NONAME, 0},
    {"empty", EAI_NODATA, 0},
    {"family", EAI_ADDRFAMILY, 0},
    {"broken", EAI_FAIL, 0},
    {"again", EAI_AGAIN, 0},
    {"late", EAI_AGAIN, ETIMEDOUT},
    {"refused", EAI_AGAIN, ECONNREFUSED},
    {"memory", EAI_MEMORY, 0},
    {"system", EAI_SYSTEM, ENOMEM},
    {"localhost", EAI_NONAME, 0}, /* as without a line in /etc/hosts */
};

static int is_label(const char *name, const char *label)
{
    size_t length = strlen(label);
    return strncmp(name, label, length) == 0 &&
           (name[length] == '.' || name[length] == '\0');
}

static void sleep_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0)
        continue;
}

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints,
                struct addrinfo **restrict list)
{
    real_getaddrinfo *real;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        if (is_label(name, failures[i].label)) {
            errno = failures[i].error;
            return failures[i].result;
        }
    if (is_label(name, "stuck"))
        for (;;)
            pause();
    /* a name server that answers for IPv4 only, never for IPv6 */
    bool half = is_label(name, "half");
    if (half && hints->ai_family != AF_INET)
        sleep_ms(6000);
    if (is_label(name, "slow"))
        sleep_ms(400);
    if (half)
        name = "127.0.0.1";
    if (is_label(name, "slow") || is_label(name, "quick"))
        name = "10.0.0.1";
    return real(name, service, hints, list);
}
