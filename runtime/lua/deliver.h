/* Delivery: how the events of each kind of handle run the script, and the table
   of all kinds. */
#ifndef TL_DELIVER_H
#define TL_DELIVER_H

#include "loop/kinds.h"
#include "lua/state.h"

struct tl_kind_entry {
    const tl_kind *row;   /* what the loop does with handles of the kind */
    tl_delivery *deliver; /* how their events run the script */
};

/* By the kinds' numbers in timerlua_abi.h. */
extern const tl_kind_entry tl__kinds[TL_KINDS_MOST];

#endif
