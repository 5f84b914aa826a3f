/* The file of a Unix socket: its permissions, its end, and the one that a crash
   has left. See timerlua_abi.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "sys/descriptor.h"
#include "sys/socket.h"

/* How long another process may take to take over a file of the same folder. */
enum { LOCK_TRIES = 100, LOCK_PAUSE_NS = 1000000 };

/* The path of a Unix socket; an abstract name is none. */
static bool path_of(const tl_address *address, struct sockaddr_un *name)
{
    *name = (struct sockaddr_un){0};
    if (tl_address_family(address) != TL_UNIX ||
        address->length > sizeof *name ||
        address->length <= offsetof(struct sockaddr_un, sun_path))
        return false;
    memcpy(name, address->bytes, address->length);
    return name->sun_path[0] != '\0';
}

int tl_socket_file(const tl_address *address, tl_file *file)
{
    struct sockaddr_un name;
    struct stat status;
    if (!path_of(address, &name))
        return -EINVAL;
    if (stat(name.sun_path, &status))
        return -errno;
    *file = (tl_file){(uint64_t)status.st_dev, (uint64_t)status.st_ino};
    return 0;
}

void tl_socket_unlink(const tl_address *address, const tl_file *file)
{
    struct sockaddr_un name;
    tl_file now = {0, 0};
    if (path_of(address, &name) && tl_socket_file(address, &now) == 0 &&
        now.device == file->device && now.inode == file->inode)
        (void)unlink(name.sun_path);
}

/* --- binding ------------------------------------------------------------- */

/* The folder of a path, locked against others who take over a file there; or a
   negative errno. */
static int lock_folder(const char *path)
{
    char folder[sizeof(struct sockaddr_un)];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    memcpy(folder, path, length);
    if (length == 0)
        folder[length++] = '.';
    folder[length] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
        int error = errno;
        if ((error != EWOULDBLOCK && error != EINTR) || i == LOCK_TRIES) {
            tl_descriptor_close(fd);
            return error == EWOULDBLOCK ? -EADDRINUSE : -error;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
    }
    return fd;
}

/* Whether a path is the file of a socket that nobody has any more: the kernel
   finds no socket behind it, unix(7). Of any other answer, as of a socket of
   another type or a full backlog, it is in use. */
static bool is_stale(const tl_address *address, const char *path, int type)
{
    struct stat status;
    if (lstat(path, &status) || !S_ISSOCK(status.st_mode))
        return false;
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool refused = tl_socket_connect(fd, address) == -ECONNREFUSED;
    tl_descriptor_close(fd);
    return refused;
}

/* The umask, which is the whole process's and is left alone, has taken some
   permissions away: give them to the file, and to no link that was put in its
   place. */
static int grant(const char *path, int mode)
{
    struct stat status;
    if (lstat(path, &status))
        return -errno;
    if ((int)(status.st_mode & 0777) == mode)
        return 0;
    int failed = fchmodat(AT_FDCWD, path, (mode_t)mode, AT_SYMLINK_NOFOLLOW);
    return failed ? -errno : 0;
}

static int bind_path(int fd, const tl_address *address, const char *path,
                     int mode, int backlog)
{
    /* the kernel gives the file the permissions of the socket, less the umask
     */
    if (mode >= 0 && fchmod(fd, (mode_t)mode))
        return -errno;
    int error = tl_socket_bind(fd, address);
    if (error)
        return error;
    if (mode >= 0)
        error = grant(path, mode);
    if (error == 0 && backlog >= 0)
        error = tl_socket_listen(fd, backlog);
    if (error)
        (void)unlink(path);
    return error;
}

int tl_socket_bind_file(int fd, const tl_address *address, int mode,
                        int take_over, int backlog)
{
    struct sockaddr_un name;
    int type = 0, lock = -1;
    socklen_t size = sizeof type;
    if (!path_of(address, &name)) {
        int status = tl_socket_bind(fd, address);
        return status || backlog < 0 ? status : tl_socket_listen(fd, backlog);
    }
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size))
        return -errno;
    if (take_over && (lock = lock_folder(name.sun_path)) < 0)
        return lock;
    if (take_over && is_stale(address, name.sun_path, type))
        (void)unlink(name.sun_path); /* if that fails, bind does */
    /* it listens before the lock is given up: until it does, it looks like a
       socket that nobody has */
    int error = bind_path(fd, address, name.sun_path, mode, backlog);
    if (lock >= 0)
        tl_descriptor_close(lock);
    return error;
}
