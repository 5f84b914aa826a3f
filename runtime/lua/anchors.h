/* Anchors: the functions and objects of the handles, kept where Lua's collector
   sees them, in pages that mirror the handles' own: anchors[page][2i+1] is the
   target to run, anchors[page][2i+2] its object. A target is a function, a
   suspended coroutine, or a bound call: a table with either at [1], its
   arguments from [2] on, and the index of the last at [0]; for a flowing
   connection, a table of functions by TL_TELL_... */
#ifndef TL_ANCHORS_H
#define TL_ANCHORS_H

#include "lua/state.h"

/* Index of the table of anchors, in the state that runs the loop. */
enum { TL_ANCHORS_INDEX = 1 };

/* The index in a page of a slot's target; its object is at the next index. */
int tl__what_index(uint32_t slot);
/* Push the object of a handle, and its target; false if it has neither. */
bool tl__push_anchor(lua_State *L, uint32_t slot);
void tl__forget_anchor(lua_State *L, uint32_t slot);
/* Whether the wait with this handle has not been woken with values yet. */
bool tl__takes_values(lua_State *L, tl_id waiter);

#endif
