/* C streams, on which Lua's io files are built: see timerlua_abi.h. */
#include <stdio.h>

#include "abi.h"

int tl_stdio_descriptor(void *stream)
{
    return fileno(stream);
}

int tl_stdio_failed(void *stream)
{
    return ferror(stream) != 0;
}
