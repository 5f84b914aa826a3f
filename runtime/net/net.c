/* What the sockets of a loop share: see net.h. */
#include "net/net.h"

#include <errno.h>
#include <stdlib.h>

int tl__net_open(tl_loop *loop)
{
    if (loop->net != NULL)
        return 0;
    tl_net *net = calloc(1, sizeof *net);
    char *scratch = malloc(TL_SCRATCH_BYTES);
    if (net == NULL || scratch == NULL) {
        free(net);
        free(scratch);
        return -ENOMEM;
    }
    net->scratch = scratch;
    for (int i = 0; i < TL_BORROWED_COUNT; i++)
        tl__borrowed_init(&net->borrowed[i]);
    loop->net = net;
    return 0;
}

void tl__net_close(tl_loop *loop)
{
    if (loop->net == NULL)
        return;
    tl_buffer_pool_free(&loop->net->pool);
    free(loop->net->scratch);
    free(loop->net->taken);
    free(loop->net);
    loop->net = NULL;
}
