/* Process groups as /proc has them: see timerlua_abi.h. kill(2) cannot tell
   whether a process of a group still runs after its leader has ended unreaped,
   since ended processes count for kill(2). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi.h"

enum { STAT_BYTES = 256 }; /* the fields that count are the first five */

/* Whether the process of an entry of /proc runs and is of this group, or
   -errno. proc(5): "pid (name) state parent group ..."; a name may have any
   bytes in it. */
static int is_member(int folder, const char *entry, int group)
{
    char path[64], text[STAT_BYTES];
    (void)snprintf(path, sizeof path, "%.20s/stat", entry);
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == EACCES ? 0 : -errno;
    ssize_t got = read(fd, text, sizeof text - 1);
    (void)close(fd);
    text[got > 0 ? got : 0] = '\0'; /* ESRCH: it has just been reaped */
    const char *rest = strrchr(text, ')');
    if (rest == NULL || strlen(rest) < 4 || strchr("ZXx", rest[2]) != NULL)
        return 0;
    char *after;
    (void)strtol(rest + 3, &after, 10); /* its parent */
    return strtol(after, NULL, 10) == group;
}

int tl_group_lives(int group)
{
    DIR *processes = opendir("/proc");
    if (processes == NULL)
        return -errno;
    int found = 0;
    const struct dirent *entry;
    while (found == 0 && (entry = readdir(processes)) != NULL)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            found = is_member(dirfd(processes), entry->d_name, group);
    (void)closedir(processes);
    return found;
}
