/* Anchors: what the handles run, kept where Lua's collector sees it, in pages
   that mirror the handles' own: anchors[page][2i+1] what to run,
   anchors[page][2i+2] its object. To run is a function, a suspended coroutine,
   or a bound call: a table with either at [1], its arguments from [2] on, and
   the index of the last at [0]; for a flowing connection, a table of functions
   by TL_TELL_... */
#ifndef TL_ANCHORS_H
#define TL_ANCHORS_H

#include "lua/state.h"

/* Index of the table of anchors, in the state that runs the loop. */
enum { TL_ANCHORS_INDEX = 1 };

/* Where a page of anchors has what a slot runs; its object is behind it. */
int tl__what_index(uint32_t slot);
/* Push the object of a handle, and what it runs; false when it has neither. */
bool tl__push_anchor(lua_State *L, uint32_t slot);
void tl__forget_anchor(lua_State *L, uint32_t slot);
/* Whether what waits at this handle has not been woken with values yet. */
bool tl__takes_values(lua_State *L, tl_id waiter);

#endif
