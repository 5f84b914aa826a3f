/* Listings of directories, and stamps of files, by which two states of a file
   are compared: see timerlua_abi.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"

enum { STAMP_BITS = 53 }; /* a double has as many */

/* Steele, Lea and Flood's mixing of 64 bits (SplitMix, 2014): each bit of the
   input changes half of the output's. */
static uint64_t mix(uint64_t stamp, uint64_t value)
{
    stamp += value + UINT64_C(0x9e3779b97f4a7c15);
    stamp = (stamp ^ (stamp >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    stamp = (stamp ^ (stamp >> 27)) * UINT64_C(0x94d049bb133111eb);
    return stamp ^ (stamp >> 31);
}

static double stamp_of(const struct stat *status)
{
    uint64_t stamp = mix(0, status->st_ino);
    if (!S_ISDIR(status->st_mode)) { /* they change with their entries */
        stamp = mix(stamp, (uint64_t)status->st_size);
        stamp = mix(stamp, (uint64_t)status->st_mtim.tv_sec);
        stamp = mix(stamp, (uint64_t)status->st_mtim.tv_nsec);
    }
    return (double)(stamp >> (64 - STAMP_BITS));
}

double tl_file_stamp(const char *path)
{
    struct stat status;
    return stat(path, &status) ? -errno : stamp_of(&status);
}

int tl_listing_open(tl_listing **listing, const char *path)
{
    DIR *directory = opendir(path);
    *listing = (tl_listing *)directory;
    return directory == NULL ? -errno : 0;
}

/* An entry that is gone by now was never there. */
int tl_listing_next(tl_listing *listing, const char **name, double *stamp)
{
    DIR *directory = (DIR *)listing;
    const struct dirent *entry;
    struct stat status;
    errno = 0;
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (fstatat(dirfd(directory), entry->d_name, &status,
                    AT_SYMLINK_NOFOLLOW) == 0) {
            *name = entry->d_name;
            *stamp = stamp_of(&status);
            return 1;
        }
        if (errno != ENOENT)
            break;
        errno = 0;
    }
    return -errno;
}

void tl_listing_close(tl_listing *listing)
{
    (void)closedir((DIR *)listing);
}
