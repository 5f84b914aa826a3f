/* For resolver_spec.lua, which compiles it and loads it before the program:
   what RESOLV_CONF names is /etc/resolv.conf, and port 53 is port DNS_PORT. */
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
