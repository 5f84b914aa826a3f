/* Sockets: see socket.h. */
#include "sys/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/descriptor.h"

#define RETRY(call)                                                            \
    __extension__({                                                            \
        ssize_t result_;                                                       \
        do                                                                     \
            result_ = (call);                                                  \
        while (result_ < 0 && errno == EINTR);                                 \
        result_ < 0 ? -errno : result_;                                        \
    })

static int set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) ? -errno : 0;
}

static int get_int(int fd, int level, int name)
{
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, level, name, &value, &size) ? -errno : value;
}

/* An IPv4 address received through an IPv6 socket, ::ffff:1.2.3.4, in its plain
   form. */
static void unmap(tl_address *address)
{
    struct sockaddr_in6 in6;
    if (tl_address_family(address) != TL_INET6)
        return;
    memcpy(&in6, address->bytes, sizeof in6);
    if (!IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
        return;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = in6.sin6_port};
    memcpy(&in.sin_addr, &in6.sin6_addr.s6_addr[12], sizeof in.sin_addr);
    memcpy(address->bytes, &in, sizeof in);
    address->length = sizeof in;
}

void tl_socket_map(const tl_address *address, tl_address *mapped)
{
    struct sockaddr_in in;
    memcpy(&in, address->bytes, sizeof in);
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = in.sin_port};
    memset(&in6.sin6_addr.s6_addr[10], 0xff, 2);
    memcpy(&in6.sin6_addr.s6_addr[12], &in.sin_addr, sizeof in.sin_addr);
    memcpy(mapped->bytes, &in6, sizeof in6);
    mapped->length = sizeof in6;
}

int tl_socket_open(const tl_address *address, int kind)
{
    int type = kind == TL_SOCKET_STREAM ? SOCK_STREAM : SOCK_DGRAM;
    int fd = socket(tl_address_family(address),
                    type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

int tl_socket_pair(int32_t *fds)
{
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    return socketpair(AF_UNIX, type, 0, fds) ? -errno : 0;
}

int tl_socket_inherit(int fd, int *listening)
{
    int type = get_int(fd, SOL_SOCKET, SO_TYPE);
    if (type < 0)
        return type;
    if (type != SOCK_STREAM && type != SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    *listening = get_int(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    return type == SOCK_STREAM ? TL_SOCKET_STREAM : TL_SOCKET_DATAGRAM;
}

void tl_socket_reset(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    tl_descriptor_close(fd);
}

int tl_socket_bind(int fd, const tl_address *address)
{
    const struct sockaddr *name = (const void *)address->bytes;
    return bind(fd, name, address->length) ? -errno : 0;
}

int tl_socket_listen(int fd, int backlog)
{
    return listen(fd, backlog) ? -errno : 0;
}

int tl_socket_connect(int fd, const tl_address *address)
{
    const struct sockaddr *name = (const void *)address->bytes;
    if (connect(fd, name, address->length) == 0)
        return 0;
    /* interrupted, connect goes on by itself: connect(2) */
    return errno == EINTR ? -EINPROGRESS : -errno;
}

int tl_socket_error(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
        return -errno;
    return -error;
}

int tl_socket_accept(int fd, tl_address *peer)
{
    socklen_t size = sizeof peer->bytes;
    int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    int made = (int)RETRY(accept4(fd, (void *)peer->bytes, &size, flags));
    peer->length = made < 0 ? 0 : (uint32_t)size;
    unmap(peer);
    return made;
}

ssize_t tl_socket_receive(int fd, void *bytes, size_t room)
{
    return RETRY(recv(fd, bytes, room, MSG_DONTWAIT));
}

ssize_t tl_socket_send(int fd, const void *bytes, size_t count)
{
    return RETRY(send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT));
}

ssize_t tl_socket_send_parts(int fd, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts,
                             .msg_iovlen = (size_t)count};
    return RETRY(sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

int tl_socket_shutdown(int fd, int how)
{
    static const int hows[] = {[TL_SHUTDOWN_RECEIVE] = SHUT_RD,
                               [TL_SHUTDOWN_SEND] = SHUT_WR,
                               [TL_SHUTDOWN_BOTH] = SHUT_RDWR};
    return shutdown(fd, hows[how]) ? -errno : 0;
}

ssize_t tl_socket_receive_from(int fd, void *bytes, size_t room,
                               tl_address *from)
{
    struct iovec part = {bytes, room};
    struct msghdr message = {.msg_name = from->bytes,
                             .msg_namelen = sizeof from->bytes,
                             .msg_iov = &part,
                             .msg_iovlen = 1};
    ssize_t got = RETRY(recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC));
    from->length = got < 0 ? 0 : (uint32_t)message.msg_namelen;
    unmap(from);
    return got;
}

ssize_t tl_socket_send_to(int fd, const void *bytes, size_t count,
                          const tl_address *to)
{
    const struct sockaddr *name = to != NULL ? (const void *)to->bytes : NULL;
    return RETRY(sendto(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT, name,
                        to != NULL ? to->length : 0));
}

/* --- names and options -------------------------------------------------- */

int tl_socket_name(int fd, int peer, tl_address *address)
{
    socklen_t size = sizeof address->bytes;
    struct sockaddr *name = (void *)address->bytes;
    int failed =
        peer ? getpeername(fd, name, &size) : getsockname(fd, name, &size);
    if (failed)
        return -errno;
    address->length = (uint32_t)size;
    unmap(address);
    return 0;
}

int tl_socket_is_own_peer(int fd, const tl_address *to)
{
    tl_address own = {0}, peer = {0};
    if (tl_address_family(to) == TL_UNIX || tl_socket_name(fd, 0, &own) ||
        tl_address_port(&own) != tl_address_port(to))
        return 0;
    /* not `to`, which may be the unspecified address */
    return tl_socket_name(fd, 1, &peer) == 0 && own.length == peer.length &&
           memcmp(own.bytes, peer.bytes, own.length) == 0;
}

int tl_socket_disconnect(int fd)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    struct sockaddr_in6 before = {0},
                        after = {0}; /* an in has its port there */
    socklen_t size = sizeof before;
    if (getsockname(fd, (void *)&before, &size) ||
        connect(fd, &none, sizeof none))
        return -errno;
    size = sizeof after;
    if (before.sin6_family == AF_UNIX || getsockname(fd, (void *)&after, &size))
        return 0;
    if (after.sin6_port != 0 || before.sin6_port == 0)
        return 0;
    /* this gives up a port that the kernel chose: take it again */
    after.sin6_port = before.sin6_port;
    return bind(fd, (void *)&after, size) ? -errno : 0;
}

int tl_socket_family(int fd)
{
    return get_int(fd, SOL_SOCKET, SO_DOMAIN);
}

typedef struct place {
    int level, name;
} place;

/* Where the kernel keeps an option; IPv6 has its own for some. */
static place place_of(int option, bool v6)
{
    switch (option) {
    case TL_OPTION_NODELAY:
        return (place){IPPROTO_TCP, TCP_NODELAY};
    case TL_OPTION_CORK:
        return (place){IPPROTO_TCP, TCP_CORK};
    case TL_OPTION_DEFER_ACCEPT:
        return (place){IPPROTO_TCP, TCP_DEFER_ACCEPT};
    case TL_OPTION_REUSEADDR:
        return (place){SOL_SOCKET, SO_REUSEADDR};
    case TL_OPTION_REUSEPORT:
        return (place){SOL_SOCKET, SO_REUSEPORT};
    case TL_OPTION_BROADCAST:
        return (place){SOL_SOCKET, SO_BROADCAST};
    case TL_OPTION_SNDBUF:
        return (place){SOL_SOCKET, SO_SNDBUF};
    case TL_OPTION_RCVBUF:
        return (place){SOL_SOCKET, SO_RCVBUF};
    case TL_OPTION_V6ONLY:
        return (place){IPPROTO_IPV6, IPV6_V6ONLY};
    case TL_OPTION_TTL:
        return v6 ? (place){IPPROTO_IPV6, IPV6_UNICAST_HOPS}
                  : (place){IPPROTO_IP, IP_TTL};
    case TL_OPTION_MULTICAST_TTL:
        return v6 ? (place){IPPROTO_IPV6, IPV6_MULTICAST_HOPS}
                  : (place){IPPROTO_IP, IP_MULTICAST_TTL};
    case TL_OPTION_MULTICAST_LOOP:
        return v6 ? (place){IPPROTO_IPV6, IPV6_MULTICAST_LOOP}
                  : (place){IPPROTO_IP, IP_MULTICAST_LOOP};
    default:
        return (place){-1, 0};
    }
}

/* value: seconds of silence before the first probe; 0 for none. */
static int set_keepalive(int fd, int value)
{
    int error = set_int(fd, SOL_SOCKET, SO_KEEPALIVE, value > 0);
    if (error == 0 && value > 0)
        error = set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, value);
    return error;
}

static int set_linger(int fd, int value)
{
    struct linger linger = {.l_onoff = value >= 0,
                            .l_linger = value < 0 ? 0 : value};
    int failed = setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    return failed ? -errno : 0;
}

static int get_linger(int fd)
{
    struct linger linger;
    socklen_t size = sizeof linger;
    if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size))
        return -errno;
    return linger.l_onoff ? linger.l_linger : TL_LINGER_OFF;
}

int tl_socket_set(int fd, int option, int value)
{
    if (option == TL_OPTION_KEEPALIVE)
        return set_keepalive(fd, value);
    if (option == TL_OPTION_LINGER)
        return set_linger(fd, value);
    bool v6 = tl_socket_family(fd) == AF_INET6;
    place at = place_of(option, v6);
    if (at.level < 0)
        return -EINVAL;
    int error = set_int(fd, at.level, at.name, value);
    place too = place_of(option, false);
    if (error == 0 && v6 && too.level == IPPROTO_IP) /* for packets that leave
                                                        as IPv4 */
        (void)set_int(fd, too.level, too.name, value);
    return error;
}

int tl_socket_get(int fd, int option)
{
    if (option == TL_OPTION_KEEPALIVE) {
        int on = get_int(fd, SOL_SOCKET, SO_KEEPALIVE);
        return on <= 0 ? on : get_int(fd, IPPROTO_TCP, TCP_KEEPIDLE);
    }
    if (option == TL_OPTION_LINGER)
        return get_linger(fd);
    place at = place_of(option, tl_socket_family(fd) == AF_INET6);
    return at.level < 0 ? -EINVAL : get_int(fd, at.level, at.name);
}

static int join_inet(int fd, const tl_address *group, unsigned index, int join)
{
    struct sockaddr_in name;
    memcpy(&name, group->bytes, sizeof name);
    struct ip_mreqn request = {.imr_multiaddr = name.sin_addr,
                               .imr_ifindex = (int)index};
    int option = join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP;
    int failed = setsockopt(fd, IPPROTO_IP, option, &request, sizeof request);
    return failed ? -errno : 0;
}

static int join_inet6(int fd, const tl_address *group, unsigned index, int join)
{
    struct sockaddr_in6 name;
    memcpy(&name, group->bytes, sizeof name);
    struct ipv6_mreq request = {.ipv6mr_multiaddr = name.sin6_addr,
                                .ipv6mr_interface =
                                    index ? index : name.sin6_scope_id};
    int option = join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP;
    int failed = setsockopt(fd, IPPROTO_IPV6, option, &request, sizeof request);
    return failed ? -errno : 0;
}

int tl_socket_group(int fd, const tl_address *group, const char *interface,
                    int join)
{
    unsigned index = 0;
    if (interface != NULL && (index = if_nametoindex(interface)) == 0)
        return -errno;
    return tl_address_family(group) == TL_INET6
               ? join_inet6(fd, group, index, join)
               : join_inet(fd, group, index, join);
}

int tl_socket_multicast_from(int fd, const char *interface)
{
    unsigned index = if_nametoindex(interface);
    if (index == 0)
        return -errno;
    struct ip_mreqn from = {.imr_ifindex = (int)index};
    int failed =
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof from);
    if (tl_socket_family(fd) == AF_INET6) /* which may send as IPv4, too */
        return set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)index);
    return failed ? -errno : 0;
}

int tl_process_id(void)
{
    return getpid();
}
