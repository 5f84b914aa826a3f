/* Natives: the C functions that handles call instead of Lua functions, in pages
   that mirror the handles' own. A function is valid for one use of a slot only.
   Pure: no system call but malloc. */
#ifndef TL_NATIVES_H
#define TL_NATIVES_H

#include "abi.h"
#include "timerlua.h"

typedef struct tl_native {
    /* Run the function for an event of the handle; native is a copy. */
    void (*run)(tl_runtime *runtime, tl_id id, const struct tl_native *native,
                int ready);
    union {
        tl_timer_function *timer;
        tl_watch_function *watch;
    } function;
    void *argument;
    uint32_t generation; /* 0 if there is none */
    int fd;              /* for a watch */
} tl_native;

typedef struct tl_native_page tl_native_page;

typedef struct tl_natives {
    tl_native_page **pages;
    uint32_t page_count;
    tl_native_page *spare; /* a page that became empty, for a program around a
                              page's boundary */
    size_t bytes;
} tl_natives;

void tl_natives_free(tl_natives *natives);
/* Room for the function of a handle, to be filled in; NULL if memory runs out.
   The function of an earlier handle that ended in another way is forgotten. */
tl_native *tl_natives_add(tl_natives *natives, tl_id id);
/* NULL if this handle has no function. */
tl_native *tl_natives_find(const tl_natives *natives, tl_id id);
/* Fine if the handle has no function. */
void tl_natives_remove(tl_natives *natives, tl_id id);

#endif
