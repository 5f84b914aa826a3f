/* A handle's identity as one number, where no pair fits: the kernel's data of a
   descriptor, the identifiers in timerlua.h. Never 0. */
#ifndef TL_ID_H
#define TL_ID_H

#include "abi.h"

static inline uint64_t tl_id_pack(tl_id id)
{
    return (uint64_t)id.generation << 32 | id.slot;
}

static inline tl_id tl_id_unpack(uint64_t name)
{
    return (tl_id){(uint32_t)name, (uint32_t)(name >> 32)};
}

#endif
