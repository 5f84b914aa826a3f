/* timerlua_abi.h for the C compiler: that file has no preprocessor lines of its
   own, so its needs are included here. */
#ifndef TL_ABI_H
#define TL_ABI_H

#include <stddef.h>
#include <stdint.h>

#include "timerlua_abi.h"

#endif
