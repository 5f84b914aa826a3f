/* Natives: see natives.h. */
#include "store/natives.h"

#include <stdlib.h>
#include <string.h>

#include "store/handles.h"

struct tl_native_page {
    uint32_t live;
    tl_native natives[TL_PAGE_SIZE];
};

void tl_natives_free(tl_natives *natives)
{
    for (uint32_t p = 0; p < natives->page_count; p++)
        free(natives->pages[p]);
    free(natives->pages);
    free(natives->spare);
    *natives = (tl_natives){0};
}

static bool reserve(tl_natives *natives, uint32_t count)
{
    if (count <= natives->page_count)
        return true;
    if (count < 2 * natives->page_count)
        count = 2 * natives->page_count;
    enum { EACH = sizeof(void *) };
    tl_native_page **pages = realloc(natives->pages, (size_t)count * EACH);
    if (pages == NULL)
        return false;
    for (uint32_t p = natives->page_count; p < count; p++)
        pages[p] = NULL;
    natives->bytes += (size_t)(count - natives->page_count) * EACH;
    natives->pages = pages;
    natives->page_count = count;
    return true;
}

static tl_native_page *page_for(tl_natives *natives, uint32_t p)
{
    if (!reserve(natives, p + 1))
        return NULL;
    if (natives->pages[p] == NULL && natives->spare != NULL) {
        natives->pages[p] = natives->spare;
        natives->spare = NULL;
    } else if (natives->pages[p] == NULL) {
        natives->pages[p] = calloc(1, sizeof(tl_native_page));
        if (natives->pages[p] != NULL)
            natives->bytes += sizeof(tl_native_page);
    }
    return natives->pages[p];
}

tl_native *tl_natives_add(tl_natives *natives, tl_id id)
{
    tl_native_page *page = page_for(natives, id.slot >> TL_PAGE_BITS);
    if (page == NULL)
        return NULL;
    tl_native *native = &page->natives[id.slot & (TL_PAGE_SIZE - 1)];
    page->live += native->generation == 0;
    *native = (tl_native){.generation = id.generation, .fd = -1};
    return native;
}

tl_native *tl_natives_find(const tl_natives *natives, tl_id id)
{
    uint32_t p = id.slot >> TL_PAGE_BITS;
    if (p >= natives->page_count || natives->pages[p] == NULL)
        return NULL;
    tl_native *native =
        &natives->pages[p]->natives[id.slot & (TL_PAGE_SIZE - 1)];
    return native->generation == id.generation && id.generation != 0 ? native
                                                                     : NULL;
}

void tl_natives_remove(tl_natives *natives, tl_id id)
{
    tl_native *native = tl_natives_find(natives, id);
    if (native == NULL)
        return;
    *native = (tl_native){0};
    uint32_t p = id.slot >> TL_PAGE_BITS;
    tl_native_page *page = natives->pages[p];
    if (--page->live > 0)
        return;
    natives->pages[p] = NULL;
    if (natives->spare == NULL) {
        natives->spare = page;
        return;
    }
    natives->bytes -= sizeof *page;
    free(page);
}
