/* Handles: see handles.h. Every page has its own free list, and pages with free
   records are listed, most recently freed first, so taking and giving back are
   O(1). A page whose records are all free is given back unless it is the only
   open page: that spare keeps a program around a page boundary from
   thrashing. */
#include "store/handles.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

void tl_handles_init(tl_handles *handles, const uint8_t groups[TL_KINDS_MOST])
{
    *handles = (tl_handles){.open = TL_NO_PAGE};
    for (int g = 0; g < TL_GROUPS; g++)
        handles->limits[g] = UINT32_MAX;
    memcpy(handles->groups, groups, sizeof handles->groups);
}

void tl_handles_free(tl_handles *handles)
{
    for (uint32_t p = 0; p < handles->page_count; p++)
        free(handles->pages[p].records);
    free(handles->pages);
    *handles = (tl_handles){.open = TL_NO_PAGE};
}

static void open_push(tl_handles *handles, uint32_t p)
{
    tl_page *page = &handles->pages[p];
    page->open_prev = TL_NO_PAGE;
    page->open_next = handles->open;
    if (handles->open != TL_NO_PAGE)
        handles->pages[handles->open].open_prev = p;
    handles->open = p;
}

static void open_remove(tl_handles *handles, uint32_t p)
{
    tl_page *page = &handles->pages[p];
    if (page->open_prev == TL_NO_PAGE)
        handles->open = page->open_next;
    else
        handles->pages[page->open_prev].open_next = page->open_next;
    if (page->open_next != TL_NO_PAGE)
        handles->pages[page->open_next].open_prev = page->open_prev;
}

/* A page number without memory: the first that was given back, otherwise a new
   one. */
static int vacant_page(tl_handles *handles, uint32_t *p)
{
    if (handles->resident < handles->page_count) {
        for (*p = handles->vacant_from; handles->pages[*p].records != NULL;)
            ++*p;
        handles->vacant_from = *p;
        return 0;
    }
    if (handles->page_count == handles->page_capacity) {
        uint32_t capacity =
            handles->page_capacity ? 2 * handles->page_capacity : 16;
        if (capacity > (UINT32_MAX >> TL_PAGE_BITS))
            return -ENOMEM;
        tl_page *pages = realloc(handles->pages, capacity * sizeof *pages);
        if (pages == NULL)
            return -ENOMEM;
        handles->pages = pages;
        handles->page_capacity = capacity;
    }
    *p = handles->page_count++;
    handles->pages[*p] = (tl_page){.next_generation = 1};
    return 0;
}

static int add_page(tl_handles *handles)
{
    uint32_t p;
    int error = vacant_page(handles, &p);
    if (error)
        return error;
    tl_page *page = &handles->pages[p];
    page->records = malloc(TL_PAGE_SIZE * sizeof(tl_handle));
    if (page->records == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < TL_PAGE_SIZE; i++) {
        page->records[i] = (tl_handle){.generation = page->next_generation};
        page->records[i].at.next_free = i + 1;
    }
    page->live = 0;
    page->first_free = p == 0 ? 1 : 0; /* slot 0 is no handle */
    handles->resident++;
    open_push(handles, p);
    return 0;
}

int tl_handles_open(tl_handles *handles, int kind, tl_id *id)
{
    int group = handles->groups[kind];
    if (handles->counts[group] >= handles->limits[group])
        return TL_LIMIT;
    if (handles->open == TL_NO_PAGE) {
        int error = add_page(handles);
        if (error)
            return error;
    }
    uint32_t p = handles->open;
    tl_page *page = &handles->pages[p];
    uint32_t index = page->first_free;
    tl_handle *handle = &page->records[index];
    page->first_free = handle->at.next_free;
    if (page->first_free == TL_PAGE_SIZE)
        open_remove(handles, p);
    page->live++;
    handles->live++;
    handles->counts[group]++;
    *handle =
        (tl_handle){.generation = handle->generation, .kind = (uint8_t)kind};
    id->slot = p << TL_PAGE_BITS | index;
    id->generation = handle->generation;
    return 0;
}

static void give_back(tl_handles *handles, uint32_t p)
{
    tl_page *page = &handles->pages[p];
    uint32_t newest = page->next_generation;
    for (uint32_t i = 0; i < TL_PAGE_SIZE; i++)
        if (page->records[i].generation > newest)
            newest = page->records[i].generation;
    page->next_generation = newest;
    open_remove(handles, p);
    free(page->records);
    page->records = NULL;
    if (p < handles->vacant_from)
        handles->vacant_from = p;
    handles->resident--;
    handles->given_back++;
}

void tl_handles_close(tl_handles *handles, uint32_t slot)
{
    uint32_t p = slot >> TL_PAGE_BITS;
    tl_page *page = &handles->pages[p];
    tl_handle *handle = tl_handles_at(handles, slot);
    TL_CHECK(handle->kind != TL_FREE, "a handle is closed twice");
    if (handle->flags & TL_FLAG_REPEATED)
        tl_repetition_close(handle->repetition);
    handles->counts[handles->groups[handle->kind]]--;
    handle->kind = TL_FREE;
    handle->where = TL_NOWHERE;
    handle->flags = 0;
    page->live--;
    handles->live--;
    handle->generation++;
    /* A slot whose generations are used up is retired: 32 bytes lost every
       four billion uses, and never a wrong match. */
    if (handle->generation == UINT32_MAX) {
        page->worn = true;
        return;
    }
    bool was_full = page->first_free == TL_PAGE_SIZE;
    handle->at.next_free = page->first_free;
    page->first_free = slot & (TL_PAGE_SIZE - 1);
    if (was_full)
        open_push(handles, p);
    bool only_open = handles->open == p && page->open_next == TL_NO_PAGE;
    if (page->live == 0 && p != 0 && !only_open && !page->worn)
        give_back(handles, p);
}

tl_handle *tl_handles_peek(const tl_handles *handles, uint32_t slot)
{
    uint32_t p = slot >> TL_PAGE_BITS;
    if (p >= handles->page_count || handles->pages[p].records == NULL)
        return NULL;
    return tl_handles_at(handles, slot);
}

tl_handle *tl_handles_find(const tl_handles *handles, uint32_t slot,
                           uint32_t generation)
{
    tl_handle *handle = tl_handles_peek(handles, slot);
    if (handle == NULL || handle->generation != generation ||
        handle->kind == TL_FREE)
        return NULL;
    return handle;
}

uint32_t tl_handles_walk(const tl_handles *handles, uint32_t slot)
{
    uint32_t end = handles->page_count << TL_PAGE_BITS;
    while (slot < end) {
        const tl_page *page = &handles->pages[slot >> TL_PAGE_BITS];
        if (page->records == NULL || page->live == 0)
            slot = ((slot >> TL_PAGE_BITS) + 1) << TL_PAGE_BITS;
        else if (page->records[slot & (TL_PAGE_SIZE - 1)].kind == TL_FREE)
            slot++;
        else
            return slot;
    }
    return 0;
}

size_t tl_handles_bytes(const tl_handles *handles)
{
    return handles->page_capacity * sizeof(tl_page) +
           handles->resident * sizeof(tl_handle) * TL_PAGE_SIZE;
}

static uint32_t check_page(const tl_handles *handles, const tl_page *page,
                           uint32_t counts[TL_GROUPS])
{
    uint32_t live = 0, free_listed = 0, free_seen = 0;
    for (uint32_t i = 0; i < TL_PAGE_SIZE; i++) {
        int kind = page->records[i].kind;
        live += kind != TL_FREE;
        counts[handles->groups[kind]] += kind != TL_FREE;
    }
    for (uint32_t i = page->first_free; i < TL_PAGE_SIZE;
         i = page->records[i].at.next_free) {
        TL_CHECK(page->records[i].kind == TL_FREE, "live handle listed free");
        TL_CHECK(++free_listed <= TL_PAGE_SIZE, "free list has a cycle");
    }
    free_seen = TL_PAGE_SIZE - live;
    TL_CHECK(free_listed <= free_seen, "free list too long");
    TL_CHECK(live == page->live, "page counts its handles wrongly");
    return live;
}

void tl_handles_check(const tl_handles *handles)
{
    uint32_t live = 0, resident = 0, counts[TL_GROUPS] = {0};
    for (uint32_t p = 0; p < handles->page_count; p++) {
        if (handles->pages[p].records == NULL)
            continue;
        resident++;
        live += check_page(handles, &handles->pages[p], counts);
    }
    TL_CHECK(live == handles->live, "table counts its handles wrongly");
    TL_CHECK(resident == handles->resident, "table counts its pages wrongly");
    TL_CHECK(memcmp(counts, handles->counts, sizeof counts) == 0,
             "a group of kinds is miscounted");
    for (uint32_t p = handles->open; p != TL_NO_PAGE;
         p = handles->pages[p].open_next)
        TL_CHECK(handles->pages[p].records != NULL &&
                     handles->pages[p].first_free < TL_PAGE_SIZE,
                 "a page without room is listed open");
}
