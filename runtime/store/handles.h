/* Handles: fixed-size records in a paged table, addressed by slot and guarded
   by a generation, so that an id kept too long finds nothing rather than
   another handle's record. Pages do not move; an empty page is given back.

   The generations stand apart from the records, in tags: a program that asks
   about one of a million handles in random order finds the tag in the cache,
   and not the record. A tag is the generation, which is even, plus TL_TAG_QUICK
   if nothing else need be known of the handle to cancel it. No generation is
   TL_TAG_NONE.

   Pure: no system call but malloc, knows no clock. */
#ifndef TL_HANDLES_H
#define TL_HANDLES_H

#include <stdbool.h>

#include "abi.h"
#include "store/repetition.h"

enum { TL_PAGE_SIZE = 1 << TL_PAGE_BITS };

/* Room in tables by kind; those of timerlua_abi.h are TL_KINDS. */
enum { TL_KINDS_MOST = 16 };

/* The position of a timed handle. TL_HELD: it came due while its callback was
   not over. From TL_IN_WHEEL on, a bucket of the wheel. */
enum {
    TL_NOWHERE = 0,
    TL_IN_FRONT = 1,
    TL_IN_BATCH = 2,
    TL_HELD = 3,
    TL_IN_WHEEL = 4
};

/* The corresponding bits of a handle with a descriptor. */
enum { TL_IN_POLLER = 1, TL_POSTED = 2 };

/* Bits of tl_handle.flags; the lowest two hold the clock. Data that only
   repeated timers have is in their repetition. */
enum {
    TL_CLOCK_MASK = 3,
    TL_FLAG_HOST = 4, /* the host program's: scripts cannot act on it */
    TL_FLAG_UNREF = TL_UNREF,
    TL_FLAG_BUSY = 16,     /* its callback has begun and is not over */
    TL_FLAG_PAUSED = 32,   /* deadline_ns holds the time that was left */
    TL_FLAG_ACTIVE = 64,   /* counted: queued or watching */
    TL_FLAG_REPEATED = 128 /* repetition is in use, not interval_ns */
};

/* 28 bytes, and 4 for the tag, since a program may have ten million of them. */
typedef struct __attribute__((packed, aligned(4))) tl_handle {
    union {
        int64_t deadline_ns;
        struct {
            int32_t fd;
            uint32_t interest;
        } watch;
        uint32_t next_free;
    } at;
    union {                           /* the data that its kind needs */
        int64_t interval_ns;          /* timed, without TL_FLAG_REPEATED */
        tl_repetition *repetition;    /* timed, with TL_FLAG_REPEATED; owned */
        struct tl_stream *stream;     /* TL_STREAM; its start and end own it */
        struct tl_datagram *datagram; /* TL_DATAGRAM, in the same way */
        tl_id waiter;                 /* TL_READINESS; may have ended */
        uint32_t stream_options;      /* TL_LISTENER: options of the connections
                                         it accepts */
    };
    union {
        uint32_t order;  /* of arming: breaks ties between equal deadlines */
        uint32_t wanted; /* TL_WATCH: the interest; the poller's may be less,
                            because nothing is reported while the callback
                            waits */
        uint32_t burst; /* TL_LISTENER, TL_DATAGRAM: the most to take at once */
    };
    float late_s; /* of the latest run */
    uint16_t where;
    uint8_t kind; /* TL_FREE when not in use */
    uint8_t flags;
} tl_handle;

_Static_assert(sizeof(tl_handle) == 28, "a handle has grown");

enum { TL_TAG_NONE = 0, TL_TAG_QUICK = 1, TL_TAG_NEXT = 2 };
/* The generation of a slot that is not used any more. */
#define TL_WORN (UINT32_MAX - 1)

typedef struct tl_page {
    tl_handle *records;       /* NULL while the page is given back */
    uint32_t live;            /* slots that are not free: resting ones, too */
    uint32_t first_free;      /* index in the page, TL_PAGE_SIZE at the end */
    uint32_t next_generation; /* a page that comes back starts here */
    uint32_t open_next;       /* list of pages with a free record */
    uint32_t open_prev;
    bool worn; /* a record's generations are used up: never given back */
} tl_page;

/* Groups of handles that are counted and limited together. */
enum {
    TL_GROUP_TIMERS = 0,
    TL_GROUP_TASKS = 1,       /* tasks waiting or about to begin */
    TL_GROUP_DESCRIPTORS = 2, /* all handles with a descriptor, and no others */
    TL_GROUPS = 3
};

typedef struct tl_handles {
    tl_page *pages;
    uint32_t **tags; /* by page */
    uint32_t page_count;
    uint32_t page_capacity;
    uint32_t open; /* head of the list; TL_NO_PAGE if all pages are full */
    uint32_t live;
    uint32_t resting;           /* slots of handles that ended, not yet free */
    uint32_t resident;          /* pages with memory */
    uint32_t vacant_from;       /* no page below this is without memory */
    uint32_t given_back;        /* pages given back so far; shows owners of side
                                   tables when to look */
    uint32_t counts[TL_GROUPS]; /* live handles */
    uint32_t limits[TL_GROUPS]; /* UINT32_MAX for none */
    uint8_t groups[TL_KINDS_MOST]; /* by kind: the group that counts it */
} tl_handles;

#define TL_NO_PAGE UINT32_MAX

/* groups: by kind, TL_GROUP_... */
void tl_handles_init(tl_handles *handles, const uint8_t groups[TL_KINDS_MOST]);
void tl_handles_free(tl_handles *handles);

/* Take a record of this kind, zeroed except for its generation. -ENOMEM;
   TL_LIMIT: the group has as many live handles as are allowed. */
int tl_handles_open(tl_handles *handles, int kind, tl_id *id);
/* End the handle; its generation will not be seen again at this slot. The slot
   rests: no handle gets it before tl_handles_free_slot. */
void tl_handles_end(tl_handles *handles, uint32_t slot);
void tl_handles_free_slot(tl_handles *handles, uint32_t slot);
/* Both. */
void tl_handles_close(tl_handles *handles, uint32_t slot);

/* The record, or NULL when the pair has ended or never was. */
tl_handle *tl_handles_find(const tl_handles *handles, uint32_t slot,
                           uint32_t generation);

/* The group that counts the handle. */
static inline int tl__group_of(const tl_handles *handles,
                               const tl_handle *handle)
{
    return handles->groups[handle->kind];
}

/* Whether the handle waits for a descriptor, not for an instant. Every event
   needs the answer. */
static inline bool tl__has_descriptor(const tl_handles *handles,
                                      const tl_handle *handle)
{
    return tl__group_of(handles, handle) == TL_GROUP_DESCRIPTORS;
}

/* The record of a slot whose page is known to be resident. */
static inline tl_handle *tl_handles_at(const tl_handles *handles, uint32_t slot)
{
    return &handles->pages[slot >> TL_PAGE_BITS]
                .records[slot & (TL_PAGE_SIZE - 1)];
}

static inline uint32_t *tl_handles_tag(const tl_handles *handles, uint32_t slot)
{
    return &handles->tags[slot >> TL_PAGE_BITS][slot & (TL_PAGE_SIZE - 1)];
}

/* The generation of a slot's latest use, or of its next use if it is free. */
static inline uint32_t tl_handles_generation(const tl_handles *handles,
                                             uint32_t slot)
{
    return *tl_handles_tag(handles, slot) & ~(uint32_t)TL_TAG_QUICK;
}

/* The same, but NULL if the page was given back: for ids that may be stale. */
tl_handle *tl_handles_peek(const tl_handles *handles, uint32_t slot);
/* The first live slot at or after slot, 0 at the end. */
uint32_t tl_handles_walk(const tl_handles *handles, uint32_t slot);
size_t tl_handles_bytes(const tl_handles *handles);
/* Recompute every count; aborts if one is wrong. For tests. */
void tl_handles_check(const tl_handles *handles);

#endif
