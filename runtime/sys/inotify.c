/* inotify(7), as Lua calls it: see timerlua_abi.h. Lua keeps track of the
   watches and their owners; names and paths pass through here untouched. */
#include <sys/inotify.h>

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "abi.h"

_Static_assert(sizeof(tl_file_event) == sizeof(struct inotify_event) &&
                   offsetof(tl_file_event, length) ==
                       offsetof(struct inotify_event, len),
               "the kernel's layout");
_Static_assert((int)TL_FILE_MODIFY == (int)IN_MODIFY &&
                   (int)TL_FILE_MOVED_FROM == (int)IN_MOVED_FROM &&
                   (int)TL_FILE_MOVED_TO == (int)IN_MOVED_TO &&
                   (int)TL_FILE_CREATE == (int)IN_CREATE &&
                   (int)TL_FILE_DELETE == (int)IN_DELETE &&
                   (int)TL_FILE_DELETE_SELF == (int)IN_DELETE_SELF &&
                   (int)TL_FILE_MOVE_SELF == (int)IN_MOVE_SELF &&
                   (int)TL_FILE_UNMOUNT == (int)IN_UNMOUNT &&
                   (int)TL_FILE_OVERFLOW == (int)IN_Q_OVERFLOW &&
                   (int)TL_FILE_IGNORED == (int)IN_IGNORED &&
                   (int)TL_FILE_ONLY_DIRECTORY == (int)IN_ONLYDIR,
               "the kernel's numbers");

int tl_inotify_open(void)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int tl_inotify_add(int fd, const char *path, uint32_t mask)
{
    int watch = inotify_add_watch(fd, path, mask | IN_MASK_ADD);
    return watch < 0 ? -errno : watch;
}

void tl_inotify_remove(int fd, int watch)
{
    (void)inotify_rm_watch(fd, watch); /* EINVAL: it has ended by itself */
}

int tl_inotify_read(int fd, char *bytes, int room)
{
    ssize_t got;
    do
        got = read(fd, bytes, (size_t)room);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : (int)got;
}

int tl_working_directory(char *text, int room)
{
    return getcwd(text, (size_t)room) == NULL ? -errno : 0;
}

int tl_link_target(const char *path, char *text, int room)
{
    ssize_t length = readlink(path, text, (size_t)room);
    return length < 0 ? -errno : (int)length;
}
