/* Constants of the system's headers, by their names: their numbers differ
   between systems and processors, so Lua asks for them. Declared in
   timerlua_abi.h. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>

#include "abi.h"

#define NAMED(name)                                                            \
    {                                                                          \
#name, name                                                            \
    }
static const struct {
    const char *name;
    int64_t value; /* EPOLLET is no int */
} constants[] = {
    NAMED(AF_UNIX),
    NAMED(AF_INET),
    NAMED(AF_INET6),
    NAMED(SOCK_STREAM),
    NAMED(SOCK_DGRAM),
    NAMED(SOCK_SEQPACKET),
    NAMED(SOL_SOCKET),
    NAMED(SO_ACCEPTCONN),
    NAMED(SO_BROADCAST),
    NAMED(SO_DOMAIN),
    NAMED(SO_ERROR),
    NAMED(SO_KEEPALIVE),
    NAMED(SO_LINGER),
    NAMED(SO_OOBINLINE),
    NAMED(SO_PRIORITY),
    NAMED(SO_PROTOCOL),
    NAMED(SO_RCVBUF),
    NAMED(SO_RCVLOWAT),
    NAMED(SO_REUSEADDR),
    NAMED(SO_REUSEPORT),
    NAMED(SO_SNDBUF),
    NAMED(SO_TYPE),
    NAMED(IPPROTO_IP),
    NAMED(IPPROTO_IPV6),
    NAMED(IPPROTO_TCP),
    NAMED(IPPROTO_UDP),
    NAMED(TCP_CORK),
    NAMED(TCP_DEFER_ACCEPT),
    NAMED(TCP_FASTOPEN),
    NAMED(TCP_KEEPCNT),
    NAMED(TCP_KEEPIDLE),
    NAMED(TCP_KEEPINTVL),
    NAMED(TCP_LINGER2),
    NAMED(TCP_MAXSEG),
    NAMED(TCP_NODELAY),
    NAMED(TCP_QUICKACK),
    NAMED(TCP_SYNCNT),
    NAMED(TCP_USER_TIMEOUT),
    NAMED(IP_TOS),
    NAMED(IP_TTL),
    NAMED(IPV6_UNICAST_HOPS),
    NAMED(IPV6_V6ONLY),
    NAMED(MSG_MORE),
    NAMED(MSG_OOB),
    NAMED(MSG_PEEK),
    NAMED(SHUT_RD),
    NAMED(SHUT_WR),
    NAMED(SHUT_RDWR),
    NAMED(SOMAXCONN),

    NAMED(POLLIN),
    NAMED(POLLPRI),
    NAMED(POLLOUT),
    NAMED(POLLERR),
    NAMED(POLLHUP),
    NAMED(POLLNVAL),
    NAMED(POLLRDNORM),
    NAMED(POLLRDBAND),
    NAMED(POLLWRNORM),
    NAMED(POLLWRBAND),
    NAMED(POLLMSG),
    NAMED(POLLRDHUP),

    NAMED(EPOLLIN),
    NAMED(EPOLLPRI),
    NAMED(EPOLLOUT),
    NAMED(EPOLLERR),
    NAMED(EPOLLHUP),
    NAMED(EPOLLRDNORM),
    NAMED(EPOLLRDBAND),
    NAMED(EPOLLWRNORM),
    NAMED(EPOLLWRBAND),
    NAMED(EPOLLMSG),
    NAMED(EPOLLRDHUP),
    NAMED(EPOLLEXCLUSIVE),
    NAMED(EPOLLWAKEUP),
    NAMED(EPOLLONESHOT),
    NAMED(EPOLLET),
    NAMED(EPOLL_CLOEXEC),

    NAMED(CLOCK_REALTIME),
    NAMED(CLOCK_MONOTONIC),
    NAMED(CLOCK_BOOTTIME),
    NAMED(CLOCK_REALTIME_ALARM),
    NAMED(CLOCK_BOOTTIME_ALARM),
    NAMED(TFD_NONBLOCK),
    NAMED(TFD_CLOEXEC),
    NAMED(TFD_TIMER_ABSTIME),
    NAMED(TFD_TIMER_CANCEL_ON_SET),
    NAMED(PIPE_BUF),
};

int64_t tl_system_constant(const char *name)
{
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++)
        if (strcmp(constants[i].name, name) == 0)
            return constants[i].value;
    return -EINVAL;
}
