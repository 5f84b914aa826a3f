/* Lookups and their queue: see lookup.h. */
#include "sys/lookup.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static bool is_under_localhost(const char *name, size_t length)
{
    static const char localhost[] = "localhost";
    size_t size = sizeof localhost - 1;
    if (length > 0 && name[length - 1] == '.')
        length--;
    if (length < size ||
        strncasecmp(name + length - size, localhost, size) != 0)
        return false;
    return length == size || name[length - size - 1] == '.';
}

tl_lookup *tl_lookup_new(const char *name, size_t length, int family,
                         uint32_t ticket)
{
    if (is_under_localhost(name, length)) {
        name = "localhost";
        length = strlen(name);
    }
    tl_lookup *lookup = calloc(1, sizeof *lookup + length + 1);
    if (lookup == NULL)
        return NULL;
    lookup->ticket = ticket;
    lookup->family = family;
    memcpy(lookup->name, name, length);
    return lookup;
}

void tl_lookup_free(tl_lookup *lookup)
{
    if (lookup == NULL)
        return;
    free(lookup->addresses);
    free(lookup);
}

void tl_lookup_reserve(tl_lookup *lookup, size_t count)
{
    free(lookup->addresses);
    lookup->count = 0;
    lookup->addresses = calloc(count + 1, sizeof *lookup->addresses);
    if (lookup->addresses == NULL)
        lookup->status = TL_LOOKUP_NO_MEMORY;
}

void tl_lookup_add(tl_lookup *lookup, const void *socket_address, size_t length)
{
    if (lookup->addresses == NULL)
        return;
    tl_address *address = &lookup->addresses[lookup->count];
    sa_family_t family;
    if (length < sizeof family || length > sizeof address->bytes)
        return;
    memcpy(&family, socket_address, sizeof family);
    if (family != TL_INET && family != TL_INET6)
        return;
    if (lookup->family != 0 && family != lookup->family)
        return;
    memcpy(address->bytes, socket_address, length);
    address->length = (uint32_t)length;
    lookup->count++;
}

bool tl_lookup_is_localhost(const tl_lookup *lookup)
{
    return strcmp(lookup->name, "localhost") == 0;
}

void tl_lookup_set_loopback(tl_lookup *lookup)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_addr = in6addr_loopback};
    lookup->status = 0;
    tl_lookup_reserve(lookup, 2);
    tl_lookup_add(lookup, &in, sizeof in);
    tl_lookup_add(lookup, &in6, sizeof in6);
}

void tl_lookup_tell(const tl_lookup *lookup, tl_lookup_result *result)
{
    bool found = lookup->status == 0;
    result->ticket = lookup->ticket;
    result->count = found ? lookup->count : 0;
    result->addresses = lookup->addresses;
    /* an answer with no address in it */
    result->status =
        found && lookup->count == 0 ? TL_LOOKUP_NO_DATA : lookup->status;
}

/* --- the queue ---------------------------------------------------------- */

void tl_lookups_put(tl_lookups *queue, tl_lookup *lookup)
{
    lookup->next = NULL;
    if (queue->last != NULL)
        queue->last->next = lookup;
    else
        queue->first = lookup;
    queue->last = lookup;
}

tl_lookup *tl_lookups_take(tl_lookups *queue)
{
    tl_lookup *lookup = queue->first;
    if (lookup == NULL)
        return NULL;
    queue->first = lookup->next;
    if (queue->first == NULL)
        queue->last = NULL;
    return lookup;
}

tl_lookup *tl_lookups_remove(tl_lookups *queue, uint32_t ticket)
{
    tl_lookup *before = NULL;
    tl_lookup *lookup = queue->first;
    while (lookup != NULL && lookup->ticket != ticket) {
        before = lookup;
        lookup = lookup->next;
    }
    if (lookup == NULL)
        return NULL;
    if (before == NULL)
        return tl_lookups_take(queue);
    before->next = lookup->next;
    if (queue->last == lookup)
        queue->last = before;
    return lookup;
}

void tl_lookups_free(tl_lookups *queue)
{
    tl_lookup *lookup;
    while ((lookup = tl_lookups_take(queue)) != NULL)
        tl_lookup_free(lookup);
}

/* --- failures ----------------------------------------------------------- */

static const struct {
    const char *name, *text;
} failures[] = {
    [0] = {"OK", "found"},
    [TL_LOOKUP_NOT_FOUND] = {"ENOTFOUND", "host not found"},
    [TL_LOOKUP_NO_DATA] = {"ENODATA", "the host has no such address"},
    [TL_LOOKUP_SERVER_FAILED] = {"ESERVFAIL", "the name server failed"},
    [TL_LOOKUP_REFUSED] = {"EREFUSED", "the name server refused to answer"},
    [TL_LOOKUP_UNREACHABLE] = {"ECONNREFUSED", "no name server gave an answer"},
    [TL_LOOKUP_TIMED_OUT] = {"ETIMEDOUT", "no name server answered in time"},
    [TL_LOOKUP_BAD_NAME] = {"EBADNAME", "not a host's name"},
    [TL_LOOKUP_BAD_ANSWER] = {"EBADRESP", "the name server's answer is broken"},
    [TL_LOOKUP_NO_MEMORY] = {"ENOMEM", "cannot allocate memory"},
};

static size_t known(int status)
{
    size_t count = sizeof failures / sizeof *failures;
    size_t i = (size_t)status;
    return status >= 0 && i < count ? i : TL_LOOKUP_SERVER_FAILED;
}

const char *tl_lookup_error_name(int status)
{
    return failures[known(status)].name;
}

const char *tl_lookup_error_text(int status)
{
    return failures[known(status)].text;
}
