/* Errors: symbolic names and texts of errno values. */
#include <string.h>

#include "abi.h"

const char *tl_error_name(int error)
{
    const char *name = strerrorname_np(error < 0 ? -error : error);
    return name != NULL ? name : "EUNKNOWN";
}

const char *tl_error_text(int error)
{
    const char *text = strerrordesc_np(error < 0 ? -error : error);
    return text != NULL ? text : "unknown error";
}
