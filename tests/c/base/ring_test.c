/* The ring against a queue of the added records: sizes, wrapping, being full.
   ring_test SEED STEPS */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "base/ring.h"

enum { MOST = 4096, LONGEST = 200 };

static struct {
    uint32_t kind;
    size_t first, second;
    unsigned char byte;
} model[MOST];
static size_t begin, end;
static uint64_t state;

static size_t choose(size_t count)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state >> 20) % count;
}

static void add(tl_ring *ring)
{
    char first[LONGEST], second[LONGEST];
    size_t i = end % MOST;
    model[i].kind = 1 + (uint32_t)choose(9);
    model[i].first = choose(4) ? choose(40) : choose(LONGEST);
    model[i].second = choose(2) ? choose(LONGEST) : 0;
    model[i].byte = (unsigned char)choose(256);
    memset(first, model[i].byte, sizeof first);
    memset(second, model[i].byte ^ 255, sizeof second);
    int error = tl_ring_add(ring, model[i].kind, first, model[i].first, second,
                            model[i].second);
    size_t size = (model[i].first + model[i].second + 31) / 16 * 16;
    if (size > ring->capacity / 8) {
        TL_CHECK(error == -EMSGSIZE, "too long a record is taken");
        return;
    }
    TL_CHECK(error == 0 || error == -EAGAIN, "add tells something else");
    TL_CHECK(error == 0 || end - begin > 2, "an empty ring is full");
    end += error == 0;
}

static void check(const tl_record *record, size_t i)
{
    TL_CHECK(record->kind == model[i].kind, "kind");
    TL_CHECK(record->first_length == model[i].first, "first length");
    TL_CHECK(record->second_length == model[i].second, "second length");
    for (size_t k = 0; k < record->first_length; k++)
        TL_CHECK((unsigned char)record->first[k] == model[i].byte, "first");
    for (size_t k = 0; k < record->second_length; k++)
        TL_CHECK((unsigned char)record->second[k] == (model[i].byte ^ 255),
                 "second");
}

static void take(tl_ring *ring, uint64_t mark)
{
    tl_record record;
    while (begin < end && choose(20) != 0) {
        if (!tl_ring_next(ring, mark, &record)) {
            TL_CHECK(mark != tl_ring_mark(ring), "a record is not found");
            return;
        }
        check(&record, begin++ % MOST);
        tl_ring_drop(ring);
    }
    TL_CHECK(begin < end || !tl_ring_has(ring), "a record too many");
}

int main(int argc, char **argv)
{
    state = strtoull(argv[argc - 2], NULL, 10) * 2654435761u + 1;
    tl_ring ring;
    TL_CHECK(tl_ring_open(&ring, 1000) == 0 && ring.capacity == 1024,
             "capacity is not rounded up");
    uint64_t mark = 0, old = 0;
    for (long steps = atol(argv[argc - 1]); steps > 0; steps--) {
        if (choose(3))
            add(&ring);
        if (choose(64) == 0)
            old = ring.head;
        if (choose(8) == 0) /* as a slow adder may write it */
            ring.seen = old;
        if (choose(8) == 0)
            mark = tl_ring_mark(&ring);
        if (choose(8) == 0)
            take(&ring, choose(2) ? mark : tl_ring_mark(&ring));
    }
    tl_ring_give_back(&ring);
    TL_CHECK(ring.head == ring.taken, "room is not given back");
    tl_ring_free(&ring);
    printf("ok: %zu records\n", end);
    return 0;
}
