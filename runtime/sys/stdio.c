/* C streams, on which Lua's io files are built: see timerlua_abi.h. */
#include <errno.h>
#include <stdio.h>

#include "abi.h"

int tl_stdio_descriptor(void *stream)
{
    return fileno(stream);
}

int tl_stdio_failed(void *stream)
{
    if (ferror(stream) == 0)
        return 0;
    return errno != 0 ? -errno : -EIO;
}
