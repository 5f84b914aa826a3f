/* The file that names the process of a daemon: see timerlua_abi.h.

   A file is written under another name, locked, and only then given its name,
   so no reader sees an empty file or one without its owner's lock. If the lock
   can be taken, the owner is gone, whatever number is in the file. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi.h"

enum { NUMBER_BYTES = 16, MODE = 0644 };

struct tl_pid_file {
    int fd;      /* open while the lock is to be held */
    pid_t owner; /* forked children have a copy of this */
    char *path;
    char *draft; /* the file's name until it gets its final one */
};

static int lock(int fd)
{
    int result;
    do
        result = flock(fd, LOCK_EX | LOCK_NB);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

static int write_number(int fd)
{
    char text[NUMBER_BYTES];
    int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
    ssize_t written = write(fd, text, (size_t)length);
    if (written < 0)
        return -errno;
    return written == length ? 0 : -ENOSPC;
}

static int32_t read_number(int fd)
{
    char text[NUMBER_BYTES];
    ssize_t length = read(fd, text, sizeof text - 1);
    text[length > 0 ? length : 0] = '\0';
    return (int32_t)strtol(text, NULL, 10);
}

/* Whether the open file is the one with this name. */
static bool is_at(int fd, const char *path)
{
    struct stat open_one, named;
    return fstat(fd, &open_one) == 0 && stat(path, &named) == 0 &&
           open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

static int make_draft(tl_pid_file *file)
{
    (void)unlink(file->draft); /* of a process that was killed here */
    file->fd = open(file->draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
    if (file->fd < 0)
        return -errno;
    int error = lock(file->fd);
    return error ? error : write_number(file->fd);
}

/* Whether a process like ours has left this file: it holds a number, or nothing
   at all. Any other file has an owner, and was named by mistake. */
static bool is_ours(int fd)
{
    char text[NUMBER_BYTES];
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    ssize_t length = pread(fd, text, sizeof text, 0);
    if (length < 0 || length == sizeof text)
        return false;
    text[length] = '\0';
    size_t digits = strspn(text, "0123456789");
    size_t blank = strspn(text + digits, " \t\r\n");
    return digits + blank == (size_t)length;
}

/* Replace the file that has the name now, unless its owner lives: then -EEXIST.
   -EAGAIN: the name is another file's by now. */
static int replace(const tl_pid_file *file, int32_t *holder)
{
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? -EAGAIN : -errno;
    int error = is_ours(fd) ? lock(fd) : -ENOTUNIQ;
    if (error == -EWOULDBLOCK) {
        *holder = read_number(fd);
        error = -EEXIST;
    } else if (error == 0 && !is_at(fd, file->path)) {
        error = -EAGAIN;
    } else if (error == 0 && rename(file->draft, file->path) < 0) {
        error = -errno;
    }
    (void)close(fd);
    return error;
}

/* Give the draft its name. */
static int publish(const tl_pid_file *file, int32_t *holder)
{
    int error;
    do {
        error = link(file->draft, file->path) < 0 ? -errno : 0;
        if (error == -EEXIST)
            error = replace(file, holder);
        else if (error == 0)
            (void)unlink(file->draft);
    } while (error == -EAGAIN);
    return error;
}

static void release(tl_pid_file *file)
{
    if (file->fd >= 0)
        (void)close(file->fd);
    file->fd = -1;
    free(file->path);
    free(file->draft);
    file->path = file->draft = NULL;
}

void tl_pid_file_remove(tl_pid_file *file)
{
    if (file->path == NULL || getpid() != file->owner)
        return;
    if (is_at(file->fd, file->path))
        (void)unlink(file->path);
    release(file);
}

/* What atexit(3) and destructors of C++ call; with an argument, as on_exit(3),
   which musl does not have. The Itanium C++ ABI, 3.3.6.3. */
int __cxa_atexit(void (*function)(void *), void *argument, void *library);

static void at_exit(void *file)
{
    tl_pid_file_remove(file);
    free(file);
}

static tl_pid_file *new_file(const char *path)
{
    tl_pid_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return NULL;
    file->fd = -1;
    file->owner = getpid();
    file->path = strdup(path);
    if (file->path == NULL ||
        asprintf(&file->draft, "%s.%d", path, (int)getpid()) < 0) {
        file->draft = NULL;
        release(file);
        free(file);
        return NULL;
    }
    return file;
}

int tl_pid_file_make(tl_pid_file **made, const char *path, int32_t *holder)
{
    *holder = 0;
    tl_pid_file *file = new_file(path);
    if (file == NULL)
        return -ENOMEM;
    int error = make_draft(file);
    if (error == 0)
        error = publish(file, holder);
    if (error == 0 && __cxa_atexit(at_exit, file, NULL) != 0) {
        (void)unlink(file->path);
        error = -ENOMEM;
    }
    if (error) {
        if (file->fd >= 0)
            (void)unlink(file->draft);
        release(file);
        free(file);
        return error;
    }
    *made = file;
    return 0;
}
