/* For late_answers_spec.lua, which compiles this file and loads it before the
   program: the file that RESOLV_CONF names is /etc/resolv.conf, and port 53 is
   port DNS_PORT, in both directions: c-ares 1.34.9 drops an answer from another
   port than its question went to. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static FILE *open_file(const char *call, const char *path, const char *mode)
{
    FILE *(*real)(const char *, const char *);
    *(void **)&real = dlsym(RTLD_NEXT, call);
    if (strcmp(path, "/etc/resolv.conf") == 0)
        path = getenv("RESOLV_CONF");
    return real(path, mode);
}

FILE *fopen(const char *restrict path, const char *restrict mode)
{
    return open_file("fopen", path, mode);
}

FILE *fopen64(const char *restrict path, const char *restrict mode)
{
    return open_file("fopen64", path, mode);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    int (*real)(int, const struct sockaddr *, socklen_t);
    *(void **)&real = dlsym(RTLD_NEXT, "connect");
    struct sockaddr_in in;
    if (address->sa_family != AF_INET || length < sizeof in)
        return real(fd, address, length);
    memcpy(&in, address, sizeof in);
    if (in.sin_port == htons(53))
        in.sin_port = htons((uint16_t)atoi(getenv("DNS_PORT")));
    return real(fd, (const struct sockaddr *)&in, sizeof in);
}

/* The answer came from port 53. */
static ssize_t answered(ssize_t got, struct sockaddr *from)
{
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)from;
    if (got > 0 && from != NULL && from->sa_family == AF_INET &&
        in->sin_port == htons((uint16_t)atoi(getenv("DNS_PORT"))))
        in->sin_port = htons(53);
    return got;
}

ssize_t recvfrom(int fd, void *restrict bytes, size_t size, int flags,
                 struct sockaddr *restrict from, socklen_t *restrict length)
{
    ssize_t (*real)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
    *(void **)&real = dlsym(RTLD_NEXT, "recvfrom");
    return answered(real(fd, bytes, size, flags, from, length), from);
}

/* What a program compiled with _FORTIFY_SOURCE calls instead. */
ssize_t __recvfrom_chk(int fd, void *bytes, size_t size, size_t room, int flags,
                       struct sockaddr *from, socklen_t *length);
ssize_t __recvfrom_chk(int fd, void *bytes, size_t size, size_t room, int flags,
                       struct sockaddr *from, socklen_t *length)
{
    (void)room;
    return recvfrom(fd, bytes, size, flags, from, length);
}
