#include "mcc_hs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcc_mem.h"

static int hs_trouble(const char *node, const char *pattern, const char *why)
{
    fprintf(stderr, "mcc: %s: %s: %s\n", node, pattern ? pattern : "Hyperscan", why);
    return -1;
}

static int hs_compile_all(struct mcc_hs *hs, const char *node, const char *const *patterns,
                          uint32_t n, unsigned flags)
{
    unsigned *each = malloc(n * 2 * sizeof *each);
    if (!each)
        return hs_trouble(node, NULL, "out of memory");
    for (uint32_t i = 0; i < n; i++) {
        each[i] = flags;
        each[n + i] = i;
    }
    hs_compile_error_t *error = NULL;
    hs_error_t code =
        hs_compile_multi(patterns, each, each + n, n, HS_MODE_STREAM, NULL, &hs->db, &error);
    if (code != HS_SUCCESS) {
        int at = error ? error->expression : -1;
        hs_trouble(node, at >= 0 && (uint32_t)at < n ? patterns[at] : NULL,
                   error && error->message ? error->message : "the patterns do not compile");
        hs->db = NULL;
    }
    hs_free_compile_error(error);
    free(each);
    return code == HS_SUCCESS ? 0 : -1;
}

int mcc_hs_init(struct mcc_hs *hs, const char *node, const char *const *patterns, uint32_t n,
                unsigned flags, uint32_t cap)
{
    memset(hs, 0, sizeof *hs);
    hs->cap = cap;
    if (hs_valid_platform() != HS_SUCCESS)
        return hs_trouble(node, NULL, "the processor lacks SSSE3");
    if (hs_compile_all(hs, node, patterns, n, flags) != 0)
        return -1;
    if (hs_alloc_scratch(hs->db, &hs->scratch) != HS_SUCCESS)
        return hs_trouble(node, NULL, "out of memory");
    hs->places = mcc_mem_map(((size_t)cap + 1) * sizeof *hs->places);
    hs->taken = mcc_mem_map((size_t)cap + 1);
    if (!hs->places || !hs->taken)
        return hs_trouble(node, NULL, "out of memory");
    return 0;
}

void mcc_hs_free(struct mcc_hs *hs)
{
    if (hs->places && hs->taken)
        for (uint32_t i = 1; i <= hs->used; i++)
            if (hs->taken[i])
                hs_close_stream(hs->places[i].stream, NULL, NULL, NULL);
    mcc_mem_unmap(hs->places, ((size_t)hs->cap + 1) * sizeof *hs->places);
    mcc_mem_unmap(hs->taken, (size_t)hs->cap + 1);
    hs_free_scratch(hs->scratch);
    hs_free_database(hs->db);
    memset(hs, 0, sizeof *hs);
}

static uint64_t hs_open(struct mcc_hs *hs)
{
    hs_stream_t *stream;
    uint32_t place = hs->free ? hs->free : hs->used < hs->cap ? hs->used + 1 : 0;
    if (!place || hs_open_stream(hs->db, 0, &stream) != HS_SUCCESS) {
        hs->refused++;
        return MCC_HS_REFUSED;
    }
    if (hs->free)
        hs->free = (uint32_t)hs->places[place].next;
    else
        hs->used = place;
    hs->places[place].stream = stream;
    hs->taken[place] = 1;
    hs->open++;
    return place;
}

static int hs_found(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *context)
{
    struct mcc_hs *hs = context;
    (void)from, (void)to, (void)flags;
    if (hs->found == 0)
        hs->first = id;
    if (hs->found != UINT32_MAX)
        hs->found++;
    return 0;
}

uint32_t mcc_hs_scan(struct mcc_hs *hs, uint64_t *handle, const uint8_t *data, uint32_t len)
{
    hs->found = 0;
    if (*handle == 0)
        *handle = hs_open(hs);
    if (*handle != MCC_HS_REFUSED)
        hs_scan_stream(hs->places[*handle].stream, (const char *)data, len, 0, hs->scratch,
                       hs_found, hs);
    return hs->found;
}

static void hs_close(struct mcc_hs *hs, uint64_t *handle, match_event_handler on_match)
{
    uint64_t place = *handle;
    *handle = 0;
    if (place == 0 || place == MCC_HS_REFUSED)
        return;
    hs_close_stream(hs->places[place].stream, on_match ? hs->scratch : NULL, on_match, hs);
    hs->taken[place] = 0;
    hs->places[place].next = hs->free;
    hs->free = (uint32_t)place;
    hs->open--;
}

uint32_t mcc_hs_finish(struct mcc_hs *hs, uint64_t *handle)
{
    hs->found = 0;
    hs_close(hs, handle, hs_found);
    return hs->found;
}

void mcc_hs_close(struct mcc_hs *hs, uint64_t *handle)
{
    hs_close(hs, handle, NULL);
}
