/* Limits that the kernel sets for the process, getrlimit(2). */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>

#include "abi.h"

static double number(rlim_t limit)
{
    return limit == RLIM_INFINITY ? INFINITY : (double)limit;
}

int tl_limits_nofile(double *soft, double *hard)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    *soft = number(limit.rlim_cur);
    *hard = number(limit.rlim_max);
    return 0;
}

int tl_limits_set_nofile(double soft)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    limit.rlim_cur = (rlim_t)soft;
    if (limit.rlim_max < limit.rlim_cur)
        limit.rlim_max = limit.rlim_cur;
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

int tl_limits_resource(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } all[] = {
        {"as", RLIMIT_AS},
        {"core", RLIMIT_CORE},
        {"cpu", RLIMIT_CPU},
        {"data", RLIMIT_DATA},
        {"fsize", RLIMIT_FSIZE},
        {"locks", RLIMIT_LOCKS},
        {"memlock", RLIMIT_MEMLOCK},
        {"msgqueue", RLIMIT_MSGQUEUE},
        {"nice", RLIMIT_NICE},
        {"nofile", RLIMIT_NOFILE},
        {"nproc", RLIMIT_NPROC},
        {"rss", RLIMIT_RSS},
        {"rtprio", RLIMIT_RTPRIO},
        {"rttime", RLIMIT_RTTIME},
        {"sigpending", RLIMIT_SIGPENDING},
        {"stack", RLIMIT_STACK},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(name, all[i].name) == 0)
            return all[i].number;
    return -EINVAL;
}
