/* Makes one call of one function fail, for faults_spec.lua, which compiles it
   and loads it before the program.

   FAULT=function:n:errno   the n-th counted call fails with errno; n = 0: none
   FAULT_LOG=file           gets the number of counted calls at the end

   FAULT_EXCEPT=from:size   hexadecimal: a function of the program, by its
                            address in the file, whose calls do not count

   Allocations count only when the program's own code asks for them, so those
   of libc (and of LuaJIT, which maps its memory) never fail. The compiler's
   unwinder is in the program too, and ends it when an allocation fails: its
   __register_frame, which LuaJIT calls, is to be excepted. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

static char target[32];
static int wanted, error, calls;
static uintptr_t program_from, program_to, except_from, except_size;

static int find_program(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    except_from += info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD && header->p_flags & PF_X) {
            program_from = from;
            program_to = from + header->p_memsz;
        }
    }
    return 1; /* the first object is the program */
}

__attribute__((constructor)) static void prepare(void)
{
    const char *fault = getenv("FAULT");
    if (fault == NULL ||
        sscanf(fault, "%31[^:]:%d:%d", target, &wanted, &error) != 3)
        target[0] = '\0';
    const char *except = getenv("FAULT_EXCEPT");
    if (except == NULL || sscanf(except, "%" SCNxPTR ":%" SCNxPTR, &except_from,
                                 &except_size) != 2)
        except_size = 0;
    dl_iterate_phdr(find_program, NULL);
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("FAULT_LOG");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (fd < 0)
        return;
    char text[16];
    int length = snprintf(text, sizeof text, "%d", calls);
    ssize_t written = write(fd, text, (size_t)length);
    (void)written;
    close(fd);
}

static int fails(const char *function)
{
    if (strcmp(function, target) != 0 || ++calls != wanted)
        return 0;
    errno = error;
    return 1;
}

static int from_program(void *caller)
{
    uintptr_t address = (uintptr_t)caller;
    return program_from <= address && address < program_to &&
           address - except_from >= except_size;
}

#define REAL(name)        ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define CALLED_BY_PROGRAM from_program(__builtin_return_address(0))

int epoll_create1(int flags)
{
    return fails("epoll_create1") ? -1 : REAL(epoll_create1)(flags);
}

int eventfd(unsigned count, int flags)
{
    int (*real)(unsigned, int) =
        (int (*)(unsigned, int))dlsym(RTLD_NEXT, "eventfd");
    return fails("eventfd") ? -1 : real(count, flags);
}

int timerfd_create(int clock, int flags)
{
    return fails("timerfd_create") ? -1 : REAL(timerfd_create)(clock, flags);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when,
                    struct itimerspec *before)
{
    if (fails("timerfd_settime"))
        return -1;
    return REAL(timerfd_settime)(fd, flags, when, before);
}

int epoll_ctl(int epfd, int operation, int fd, struct epoll_event *event)
{
    if (fails("epoll_ctl"))
        return -1;
    return REAL(epoll_ctl)(epfd, operation, fd, event);
}

int epoll_wait(int epfd, struct epoll_event *events, int most, int timeout)
{
    if (fails("epoll_wait"))
        return -1;
    return REAL(epoll_wait)(epfd, events, most, timeout);
}

ssize_t read(int fd, void *buffer, size_t count)
{
    if (CALLED_BY_PROGRAM && fails("read"))
        return -1;
    return REAL(read)(fd, buffer, count);
}

void *malloc(size_t size)
{
    static void *(*real)(size_t);
    if (real == NULL)
        real = REAL(malloc);
    return CALLED_BY_PROGRAM && fails("malloc") ? NULL : real(size);
}

void *realloc(void *old, size_t size)
{
    static void *(*real)(void *, size_t);
    if (real == NULL)
        real = REAL(realloc);
    return CALLED_BY_PROGRAM && fails("realloc") ? NULL : real(old, size);
}

void *calloc(size_t count, size_t size)
{
    static void *(*real)(size_t, size_t);
    if (real == NULL)
        real = REAL(calloc);
    return CALLED_BY_PROGRAM && fails("calloc") ? NULL : real(count, size);
}
