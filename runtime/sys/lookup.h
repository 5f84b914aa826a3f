/* Lookups of names, and the queue of those that are over: what the two
   resolvers share. A lookup holds the room for its own end, so none is lost
   for want of memory. */
#ifndef TL_LOOKUP_H
#define TL_LOOKUP_H

#include <stdbool.h>

#include "abi.h"

typedef struct tl_lookup {
    struct tl_lookup *next;
    struct tl_resolver *resolver;
    uint32_t ticket;
    int family; /* 0 for all */
    int status; /* of tl_lookup_result */
    bool cancelled;
    uint32_t batch; /* the resolver's, when it was asked */
    uint32_t count;
    tl_address *addresses;
    char name[]; /* ends with a zero */
} tl_lookup;

/* First in, first out. */
typedef struct tl_lookups {
    tl_lookup *first;
    tl_lookup *last;
} tl_lookups;

/* NULL without memory. "localhost" and all that is under it become just
   that, RFC 6761 section 6.3. */
tl_lookup *tl_lookup_new(const char *name, size_t length, int family,
                         uint32_t ticket);
void tl_lookup_free(tl_lookup *lookup);

/* Room for so many addresses; without memory the lookup fails by it. */
void tl_lookup_reserve(tl_lookup *lookup, size_t count);
/* Into the room; what is no address of the family asked for is left out. */
void tl_lookup_add(tl_lookup *lookup, const void *socket_address,
                   size_t length);
bool tl_lookup_is_localhost(const tl_lookup *lookup);
/* The loopback addresses, without asking anybody. */
void tl_lookup_set_loopback(tl_lookup *lookup);
/* What Lua gets to see; the addresses stay the lookup's. */
void tl_lookup_tell(const tl_lookup *lookup, tl_lookup_result *result);

void tl_lookups_put(tl_lookups *queue, tl_lookup *lookup);
/* NULL when there is none. */
tl_lookup *tl_lookups_take(tl_lookups *queue);
/* The one of that ticket, taken out; NULL when there is none. */
tl_lookup *tl_lookups_remove(tl_lookups *queue, uint32_t ticket);
void tl_lookups_free(tl_lookups *queue);

#endif
