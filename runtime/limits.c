/* Limits that the kernel sets for the process, getrlimit(2). */
#include <errno.h>
#include <math.h>
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
