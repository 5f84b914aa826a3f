/* Lookups of names, and the queue of finished lookups: the part that the two
   resolvers share. A lookup holds the room for its own end, so none is lost
   when memory runs out. */
#ifndef TL_LOOKUP_H
#define TL_LOOKUP_H

#include <stdbool.h>

#include "abi.h"

typedef struct tl_lookup {
    struct tl_lookup *next;
    struct tl_resolver *resolver;
    uint32_t ticket;
    int family; /* 0 for all families */
    int status; /* of tl_lookup_result */
    bool cancelled;
    uint32_t batch; /* the resolver's count when the lookup was begun */
    uint32_t count;
    tl_address *addresses;
    char name[]; /* zero-terminated */
} tl_lookup;

/* First in, first out. */
typedef struct tl_lookups {
    tl_lookup *first;
    tl_lookup *last;
} tl_lookups;

/* NULL if memory runs out. "localhost" and all names under it become
   "localhost", RFC 6761 section 6.3. */
tl_lookup *tl_lookup_new(const char *name, size_t length, int family,
                         uint32_t ticket);
void tl_lookup_free(tl_lookup *lookup);

/* Room for count addresses; if memory runs out, the lookup fails. */
void tl_lookup_reserve(tl_lookup *lookup, size_t count);
/* Add an address to the room; addresses of other families than the requested
   one are left out. */
void tl_lookup_add(tl_lookup *lookup, const void *socket_address,
                   size_t length);
bool tl_lookup_is_localhost(const tl_lookup *lookup);
/* The loopback addresses, without a query. */
void tl_lookup_set_loopback(tl_lookup *lookup);
/* The result as Lua sees it; the addresses still belong to the lookup. */
void tl_lookup_tell(const tl_lookup *lookup, tl_lookup_result *result);

void tl_lookups_put(tl_lookups *queue, tl_lookup *lookup);
/* NULL if the queue is empty. */
tl_lookup *tl_lookups_take(tl_lookups *queue);
/* Take out the lookup with this ticket; NULL if there is none. */
tl_lookup *tl_lookups_remove(tl_lookups *queue, uint32_t ticket);
void tl_lookups_free(tl_lookups *queue);

#endif
