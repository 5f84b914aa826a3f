/* Errors: symbolic names and texts of errno values. */
#include <string.h>

#include "abi.h"

enum { MOST_ERRNO = 4095 }; /* the kernel's own bound, MAX_ERRNO */

const char *tl_error_name(int error)
{
    if (error == TL_LIMIT)
        return "ELIMIT";
    const char *name = strerrorname_np(error < 0 ? -error : error);
    return name != NULL ? name : "EUNKNOWN";
}

const char *tl_error_text(int error)
{
    if (error == TL_LIMIT)
        return "as many are in use as the host allows";
    const char *text = strerrordesc_np(error < 0 ? -error : error);
    return text != NULL ? text : "unknown error";
}

int tl_error_status(const char *name)
{
    for (int error = 1; error <= MOST_ERRNO; error++) {
        const char *each = strerrorname_np(error);
        if (each != NULL && strcmp(each, name) == 0)
            return -error;
    }
    return 0;
}
