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

enum { PAGE_BYTES = TL_PAGE_SIZE * (sizeof(tl_handle) + sizeof(uint32_t)) };

/* The tags of a page that was given back: no generation is 0. */
static const uint32_t no_tags[TL_PAGE_SIZE];

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
    free(handles->tags);
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

static int reserve_pages(tl_handles *handles, uint32_t capacity)
{
    tl_page *pages = realloc(handles->pages, capacity * sizeof *pages);
    if (pages == NULL)
        return -ENOMEM;
    handles->pages = pages;
    uint32_t **tags = realloc(handles->tags, capacity * sizeof *tags);
    if (tags == NULL)
        return -ENOMEM;
    handles->tags = tags;
    handles->page_capacity = capacity;
    return 0;
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
        int error = reserve_pages(handles, capacity);
        if (error)
            return error;
    }
    *p = handles->page_count++;
    handles->pages[*p] = (tl_page){.next_generation = TL_TAG_NEXT};
    handles->tags[*p] = (uint32_t *)no_tags;
    return 0;
}

static int add_page(tl_handles *handles)
{
    uint32_t p;
    int error = vacant_page(handles, &p);
    if (error)
        return error;
    tl_page *page = &handles->pages[p];
    page->records = malloc(PAGE_BYTES);
    if (page->records == NULL)
        return -ENOMEM;
    uint32_t *tags = (uint32_t *)(page->records + TL_PAGE_SIZE);
    for (uint32_t i = 0; i < TL_PAGE_SIZE; i++) {
        page->records[i] = (tl_handle){.at.next_free = i + 1};
        tags[i] = page->next_generation;
    }
    handles->tags[p] = tags;
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
    *handle = (tl_handle){.kind = (uint8_t)kind};
    id->slot = p << TL_PAGE_BITS | index;
    id->generation = handles->tags[p][index];
    return 0;
}

static void give_back(tl_handles *handles, uint32_t p)
{
    tl_page *page = &handles->pages[p];
    uint32_t newest = page->next_generation;
    for (uint32_t i = 0; i < TL_PAGE_SIZE; i++)
        if (handles->tags[p][i] > newest)
            newest = handles->tags[p][i];
    page->next_generation = newest;
    handles->tags[p] = (uint32_t *)no_tags;
    open_remove(handles, p);
    free(page->records);
    page->records = NULL;
    if (p < handles->vacant_from)
        handles->vacant_from = p;
    handles->resident--;
    handles->given_back++;
}

void tl_handles_end(tl_handles *handles, uint32_t slot)
{
    tl_handle *handle = tl_handles_at(handles, slot);
    TL_CHECK(handle->kind != TL_FREE, "a handle is ended twice");
    if (handle->flags & TL_FLAG_REPEATED)
        tl_repetition_close(handle->repetition);
    handles->counts[handles->groups[handle->kind]]--;
    handle->kind = TL_FREE;
    handle->where = TL_NOWHERE;
    handle->flags = 0;
    *tl_handles_tag(handles, slot) =
        tl_handles_generation(handles, slot) + TL_TAG_NEXT;
    handles->live--;
    handles->resting++;
}

void tl_handles_free_slot(tl_handles *handles, uint32_t slot)
{
    uint32_t p = slot >> TL_PAGE_BITS;
    tl_page *page = &handles->pages[p];
    tl_handle *handle = tl_handles_at(handles, slot);
    page->live--;
    handles->resting--;
    /* A slot whose generations are used up is retired: 32 bytes lost every
       two billion uses, and never a wrong match. */
    if (tl_handles_generation(handles, slot) == TL_WORN) {
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

void tl_handles_close(tl_handles *handles, uint32_t slot)
{
    tl_handles_end(handles, slot);
    tl_handles_free_slot(handles, slot);
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
    uint32_t p = slot >> TL_PAGE_BITS;
    if (p >= handles->page_count || generation == TL_TAG_NONE ||
        tl_handles_generation(handles, slot) != generation)
        return NULL;
    tl_handle *handle = tl_handles_peek(handles, slot);
    return handle == NULL || handle->kind == TL_FREE ? NULL : handle;
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
    return handles->page_capacity * (sizeof(tl_page) + sizeof(uint32_t *)) +
           (size_t)handles->resident * PAGE_BYTES;
}

static uint32_t check_page(const tl_handles *handles, const tl_page *page,
                           uint32_t counts[TL_GROUPS], uint32_t *resting)
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
    TL_CHECK(live <= page->live, "page counts its handles wrongly");
    *resting += page->live - live;
    return live;
}

void tl_handles_check(const tl_handles *handles)
{
    uint32_t live = 0, resting = 0, resident = 0, counts[TL_GROUPS] = {0};
    for (uint32_t p = 0; p < handles->page_count; p++) {
        if (handles->pages[p].records == NULL)
            continue;
        resident++;
        live += check_page(handles, &handles->pages[p], counts, &resting);
    }
    TL_CHECK(live == handles->live, "table counts its handles wrongly");
    TL_CHECK(resting == handles->resting, "table counts resting slots wrongly");
    TL_CHECK(resident == handles->resident, "table counts its pages wrongly");
    TL_CHECK(memcmp(counts, handles->counts, sizeof counts) == 0,
             "a group of kinds is miscounted");
    for (uint32_t p = handles->open; p != TL_NO_PAGE;
         p = handles->pages[p].open_next)
        TL_CHECK(handles->pages[p].records != NULL &&
                     handles->pages[p].first_free < TL_PAGE_SIZE,
                 "a page without room is listed open");
}
