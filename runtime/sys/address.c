/* Addresses of sockets as texts, and texts as the kernel's sockaddr. Looks up
   no names: a host that is not numeric is passed on as a name. One system call
   only: if_nametoindex(3), for the interface of an IPv6 address. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "abi.h"

#define ROOM        sizeof(((tl_address *)NULL)->bytes)
#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)
#define PATH_MOST   (sizeof(struct sockaddr_un) - PATH_OFFSET - 1)
enum { NAME_MOST = 253, LABEL_MOST = 63 }; /* RFC 1035, 2.3.4 */
enum { FD_NAME_MOST = 255 };               /* sd_listen_fds_with_names(3) */

_Static_assert(TL_UNIX == AF_UNIX, "family");
_Static_assert(TL_INET == AF_INET, "family");
_Static_assert(TL_INET6 == AF_INET6, "family");
_Static_assert(sizeof(socklen_t) == sizeof(uint32_t), "accept fills length");
_Static_assert(offsetof(tl_address, bytes) % _Alignof(struct sockaddr_in6) == 0,
               "bytes are given to the kernel as a sockaddr");
/* 1 more: getsockname(2) ends a path of 108 bytes with a zero, unix(7) */
_Static_assert(ROOM > sizeof(struct sockaddr_un), "a sockaddr does not fit");

/* --- building ----------------------------------------------------------- */

static void store(tl_address *address, const void *socket_address, size_t size)
{
    memset(address, 0, sizeof *address);
    memcpy(address->bytes, socket_address, size);
    address->length = (uint32_t)size;
}

static void store_inet(tl_address *address, struct in_addr ip, int port)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr = ip};
    store(address, &in, sizeof in);
}

static void store_inet6(tl_address *address, struct in6_addr ip, int port,
                        uint32_t scope)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = htons((uint16_t)port),
                               .sin6_addr = ip,
                               .sin6_scope_id = scope};
    store(address, &in6, sizeof in6);
}

static bool is_port(int port)
{
    return port >= 0 && port <= UINT16_MAX;
}

int tl_address_any(int inet6, int port, tl_address *address)
{
    if (!is_port(port))
        return -ERANGE;
    if (inet6)
        store_inet6(address, in6addr_any, port, 0);
    else
        store_inet(address, (struct in_addr){htonl(INADDR_ANY)}, port);
    return 0;
}

int tl_address_loopback(int inet6, int port, tl_address *address)
{
    if (!is_port(port))
        return -ERANGE;
    if (inet6)
        store_inet6(address, in6addr_loopback, port, 0);
    else
        store_inet(address, (struct in_addr){htonl(INADDR_LOOPBACK)}, port);
    return 0;
}

/* --- reading ------------------------------------------------------------ */

/* A part of a text; not ended by a zero. */
typedef struct {
    const char *start;
    size_t length;
} part;

static part part_from(part text, size_t start)
{
    return (part){text.start + start, text.length - start};
}

static bool begins_with(part text, const char *prefix)
{
    return text.length >= strlen(prefix) &&
           memcmp(text.start, prefix, strlen(prefix)) == 0;
}

/* The position of the last byte of this value; the length if there is none. */
static size_t find_last(part text, char byte)
{
    const char *found = memrchr(text.start, byte, text.length);
    return found ? (size_t)(found - text.start) : text.length;
}

/* Copy as a C string into room; false if the text is too long or contains a
   zero. */
static bool to_string(part text, char *room, size_t size)
{
    if (text.length >= size || memchr(text.start, 0, text.length))
        return false;
    memcpy(room, text.start, text.length);
    room[text.length] = 0;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_name_byte(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '-' || c == '_';
}

static bool all(part text, bool (*is)(char c))
{
    for (size_t i = 0; i < text.length; i++)
        if (!is(text.start[i]))
            return false;
    return text.length > 0;
}

/* The number that the digits give; -1 if it exceeds most. */
static int64_t decimal(part digits, int64_t most)
{
    int64_t number = 0;
    for (size_t i = 0; i < digits.length; i++) {
        number = number * 10 + (digits.start[i] - '0');
        if (number > most)
            return -1;
    }
    return number;
}

/* An interface by name, or by number as RFC 4007, 11.2 has it. */
static int read_scope(part text, uint32_t *scope)
{
    char name[IF_NAMESIZE];
    if (text.length == 0)
        return -EINVAL;
    if (all(text, is_digit) && text.start[0] != '0') {
        int64_t number = decimal(text, INT_MAX);
        *scope = (uint32_t)number;
        return number < 0 ? -ENODEV : 0;
    }
    if (!to_string(text, name, sizeof name))
        return -ENODEV;
    *scope = if_nametoindex(name);
    return *scope == 0 ? -ENODEV : 0;
}

static int read_inet6(part host, int port, tl_address *address)
{
    char digits[INET6_ADDRSTRLEN];
    struct in6_addr ip;
    uint32_t scope = 0;
    size_t percent = find_last(host, '%');
    if (!to_string((part){host.start, percent}, digits, sizeof digits) ||
        inet_pton(AF_INET6, digits, &ip) != 1)
        return -EINVAL;
    if (percent < host.length) {
        int error = read_scope(part_from(host, percent + 1), &scope);
        if (error)
            return error;
    }
    store_inet6(address, ip, port, scope);
    return 0;
}

static int read_inet(part host, int port, tl_address *address)
{
    char digits[INET_ADDRSTRLEN];
    struct in_addr ip;
    if (!to_string(host, digits, sizeof digits) ||
        inet_pton(AF_INET, digits, &ip) != 1)
        return -EINVAL;
    store_inet(address, ip, port);
    return 0;
}

int tl_address_numeric(const char *host, size_t length, int port,
                       tl_address *address)
{
    part text = {host, length};
    if (!is_port(port))
        return -ERANGE;
    if (memchr(host, ':', length))
        return read_inet6(text, port, address);
    return read_inet(text, port, address);
}

/* Whether a resolver would take the label for a number: then "1.2.3" or
   "0x7f.1" would mean an address that no reader sees in it. */
static bool is_number(part label)
{
    if (begins_with(label, "0x") || begins_with(label, "0X"))
        return label.length == 2 || all(part_from(label, 2), is_hex);
    return all(label, is_digit);
}

static int check_name(part name)
{
    if (name.length > 0 && name.start[name.length - 1] == '.')
        name.length--; /* the root */
    if (name.length > NAME_MOST)
        return -ENAMETOOLONG;
    for (;;) {
        const char *dot = memchr(name.start, '.', name.length);
        part label = {name.start,
                      dot ? (size_t)(dot - name.start) : name.length};
        if (!all(label, is_name_byte))
            return -EINVAL;
        if (label.length > LABEL_MOST)
            return -ENAMETOOLONG;
        if (!dot)
            return is_number(label) ? -EINVAL : 0;
        name = part_from(name, label.length + 1);
    }
}

/* "::1" or "::1:80" or "fe80::1%lo:80": only the brackets are missing. */
static bool is_bare_inet6(part text)
{
    tl_address ignored;
    part host = {text.start, find_last(text, ':')};
    const char *percent = memchr(text.start, '%', text.length);
    if (percent)
        host.length = text.length = (size_t)(percent - text.start);
    return read_inet6(text, 0, &ignored) == 0 ||
           read_inet6(host, 0, &ignored) == 0;
}

static int read_host(part text, part host, tl_endpoint *endpoint)
{
    tl_address *address = &endpoint->address;
    endpoint->kind = TL_ENDPOINT_ADDRESS;
    if (host.length == 0) {
        endpoint->kind = TL_ENDPOINT_ANY;
        return 0;
    }
    if (host.start[0] == '[') {
        if (host.start[host.length - 1] != ']')
            return -EINVAL;
        host = (part){host.start + 1, host.length - 2};
        return read_inet6(host, endpoint->port, address);
    }
    if (read_inet(host, endpoint->port, address) == 0)
        return 0;
    endpoint->kind = TL_ENDPOINT_NAME;
    endpoint->host_start = (uint32_t)(host.start - text.start);
    endpoint->host_length = (uint32_t)host.length;
    return check_name(host);
}

static int read_host_port(part text, tl_endpoint *endpoint)
{
    size_t colon = find_last(text, ':');
    if (text.length > 0 && text.start[0] != '[' && is_bare_inet6(text))
        return -EAFNOSUPPORT;
    if (colon == text.length)
        return -EINVAL;
    part host = {text.start, colon};
    part port = part_from(text, colon + 1);
    /* port 0 for now: an error in the host is reported first */
    bool wrong = !all(port, is_digit) || port.length > 5;
    int64_t number = wrong ? -1 : decimal(port, UINT16_MAX);
    endpoint->port = number < 0 ? 0 : (int32_t)number;
    int error = read_host(text, host, endpoint);
    if (error)
        return error;
    return number < 0 ? -ERANGE : 0;
}

static int read_unix(part path, tl_address *address)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    bool abstract = begins_with(path, "@");
    if (path.length == 0 || (abstract && path.length == 1))
        return -EINVAL;
    if (!abstract && memchr(path.start, 0, path.length))
        return -EINVAL;
    if (path.length - abstract > PATH_MOST)
        return -ENAMETOOLONG;
    memcpy(un.sun_path, path.start, path.length);
    if (abstract)
        un.sun_path[0] = 0; /* and none at the end: the length counts */
    store(address, &un, PATH_OFFSET + path.length + !abstract);
    return 0;
}

static bool is_fd_name_byte(char c)
{
    return c >= ' ' && c < 127 && c != ':';
}

static int read_fd(part text, part fd, tl_endpoint *endpoint)
{
    if (all(fd, is_digit)) {
        endpoint->fd = (int32_t)decimal(fd, INT_MAX);
        return endpoint->fd < 0 ? -EBADF : 0;
    }
    endpoint->host_start = (uint32_t)(fd.start - text.start);
    endpoint->host_length = (uint32_t)fd.length;
    if (!all(fd, is_fd_name_byte))
        return -EINVAL;
    return fd.length > FD_NAME_MOST ? -ENAMETOOLONG : 0;
}

int tl_address_parse(const char *text, size_t length, tl_endpoint *endpoint)
{
    part whole = {text, length};
    tl_endpoint read = {.fd = -1};
    int error;
    if (begins_with(whole, "unix:")) {
        read.kind = TL_ENDPOINT_ADDRESS;
        error = read_unix(part_from(whole, 5), &read.address);
    } else if (begins_with(whole, "fd:")) {
        read.kind = TL_ENDPOINT_FD;
        error = read_fd(whole, part_from(whole, 3), &read);
    } else {
        error = read_host_port(whole, &read);
    }
    if (!error)
        *endpoint = read;
    return error;
}

/* --- writing ------------------------------------------------------------ */

int tl_address_family(const tl_address *address)
{
    sa_family_t family;
    if (address->length < sizeof family || address->length > ROOM)
        return 0;
    memcpy(&family, address->bytes, sizeof family);
    if (family == AF_INET)
        return address->length >= sizeof(struct sockaddr_in) ? TL_INET : 0;
    if (family == AF_INET6)
        return address->length >= sizeof(struct sockaddr_in6) ? TL_INET6 : 0;
    return family == AF_UNIX ? TL_UNIX : 0;
}

int tl_address_port(const tl_address *address)
{
    struct sockaddr_in in; /* its port is where an in6's is */
    int family = tl_address_family(address);
    if (family != TL_INET && family != TL_INET6)
        return -EAFNOSUPPORT;
    memcpy(&in, address->bytes, sizeof in);
    return ntohs(in.sin_port);
}

static void write_inet6(const tl_address *address, char *text, size_t size)
{
    struct sockaddr_in6 in6;
    memcpy(&in6, address->bytes, sizeof in6);
    inet_ntop(AF_INET6, &in6.sin6_addr, text, (socklen_t)size);
    if (in6.sin6_scope_id) {
        size_t length = strlen(text);
        snprintf(text + length, size - length, "%%%u", in6.sin6_scope_id);
    }
}

static char *write_number(char *to, unsigned number)
{
    if (number >= 10)
        to = write_number(to, number / 10);
    *to = (char)('0' + number % 10);
    return to + 1;
}

/* By hand, since a server does this for each datagram: measured, inet_ntop and
   snprintf take 115 ns for an address and its port, this function 17. Returns
   the end. */
static char *write_inet(const tl_address *address, char *text)
{
    struct sockaddr_in in;
    memcpy(&in, address->bytes, sizeof in);
    const unsigned char *bytes = (const unsigned char *)&in.sin_addr;
    for (int i = 0; i < 4; i++) {
        text = write_number(text, bytes[i]);
        *text++ = i < 3 ? '.' : '\0';
    }
    return text - 1;
}

/* As a C string; room is TL_ADDRESS_TEXT, more than any of them is long. */
static int write_host(const tl_address *address, char *text)
{
    switch (tl_address_family(address)) {
    case TL_INET:
        (void)write_inet(address, text);
        return 0;
    case TL_INET6:
        write_inet6(address, text, TL_ADDRESS_TEXT);
        return 0;
    default:
        return -EAFNOSUPPORT;
    }
}

/* Returns the length. */
static int write_unix(const tl_address *address, char *text)
{
    const char *path = (const char *)address->bytes + PATH_OFFSET;
    size_t length = address->length - PATH_OFFSET;
    const char *prefix = "unix:";
    if (length > 0 && path[0] == 0) {
        prefix = "unix:@";
        path++;
        length--;
    } else {
        length = strnlen(path, length);
        if (length > 0 && path[0] == '@')
            prefix = "unix:./"; /* a file, not an abstract name */
    }
    char *end = stpcpy(text, prefix);
    memcpy(end, path, length);
    return (int)(end + length - text);
}

static int copy_out(const char *from, int length, char *text, size_t size)
{
    if (length < 0)
        return length;
    if ((size_t)length > size)
        return -ENOSPC;
    memcpy(text, from, (size_t)length);
    return length;
}

int tl_address_host(const tl_address *address, char *text, size_t size)
{
    char host[TL_ADDRESS_TEXT];
    int error = write_host(address, host);
    return copy_out(host, error ? error : (int)strlen(host), text, size);
}

int tl_address_format(const tl_address *address, char *text, size_t size)
{
    char host[TL_ADDRESS_TEXT], whole[TL_ADDRESS_TEXT + 16];
    int family = tl_address_family(address);
    if (family == TL_UNIX)
        return copy_out(whole, write_unix(address, whole), text, size);
    if (family == TL_INET) {
        char *end = write_inet(address, whole);
        *end++ = ':';
        end = write_number(end, (unsigned)tl_address_port(address));
        return copy_out(whole, (int)(end - whole), text, size);
    }
    int error = write_host(address, host);
    if (error)
        return error;
    int length = snprintf(whole, sizeof whole, "[%s]:%d", host,
                          tl_address_port(address));
    return copy_out(whole, length, text, size);
}
