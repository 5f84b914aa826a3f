/* A call of a script's function by the host: what tl_call and tl_call_then,
   whose results come later, have in common. */
#ifndef TL_CALL_H
#define TL_CALL_H

#include <lua.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "timerlua.h"

typedef struct tl_call_frame {
    const char *function;
    const char *arguments; /* letters */
    size_t argument_count;
    const char *results;
    size_t result_count;
    bool is_plain; /* all values are of kinds that need no memory */
    va_list *values;
    bool entered; /* the function was run, with this status */
    int status;
    int outcome;
} tl_call_frame;

/* Take a signature apart. -EINVAL. */
int tl__call_split(tl_call_frame *f, const char *signature);
/* Push the function and its arguments; may raise. The outcome is 0, or -ENOENT
   or -ERANGE with a text kept. */
void tl__call_push(tl_runtime *rt, lua_State *L, tl_call_frame *f);
/* -EDOM: result i, on L from index first on, has another type. */
int tl__call_misfit(tl_runtime *rt, lua_State *L, int first,
                    const tl_call_frame *f, int i);

#endif
