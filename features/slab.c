#include "features/slab_pvt.h"

#include "engine/base/assert.h"

#include <string.h>
#include <sys/mman.h>

enum {
    GRAIN_LOG_MIN = 4,
    SMALL_LOG = 8, /* classes up to 2^8 bytes are one grain apart */
    SMALL_CLASSES = 16,
    STEP_LOG = 3,       /* above: eight classes a power of two */
    CUT_FROM = 1 << 16, /* freed pieces of this size are cut into pieces of at most ... */
    CUT_MAX = 1 << 14,
    GUARD_BYTES = 1 << 12,
};

static const size_t huge_bytes = (size_t)2 << 20;

size_t assay_slab_class_bytes(uint32_t class)
{
    if (class < SMALL_CLASSES) {
        return (class + 1U) << GRAIN_LOG_MIN;
    }
    const uint32_t log = SMALL_LOG + (class - SMALL_CLASSES) / 8;
    const uint32_t step = (class - SMALL_CLASSES) % 8 + 1;
    return ((size_t)1 << log) + ((size_t)step << (log - STEP_LOG));
}

static uint32_t class_of(size_t bytes)
{
    if (bytes <= (size_t)1 << SMALL_LOG) {
        return bytes == 0 ? 0 : (uint32_t)((bytes - 1) >> GRAIN_LOG_MIN);
    }
    const uint32_t log = 63U - (uint32_t)__builtin_clzll(bytes - 1);
    const uint32_t step = (uint32_t)((bytes - 1) >> (log - STEP_LOG)) - 8;
    const uint32_t class = SMALL_CLASSES + (log - SMALL_LOG) * 8 + step;
    ASSAY_ASSERT(class < ASSAY_SLAB_CLASSES);
    return class;
}

static size_t class_bytes(uint32_t class)
{
    return assay_slab_class_bytes(class);
}

/* Of a coarse grain only the classes that are multiples of it are used. */
static uint32_t class_in(const struct assay_slab *slab, size_t bytes)
{
    const size_t grain = (size_t)1 << slab->grain_log;
    uint32_t class = class_of(bytes);
    while ((class_bytes(class) & (grain - 1)) != 0) {
        class ++;
    }
    return class;
}

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

bool assay_slab_init(struct assay_slab *slab, size_t bytes_max)
{
    return assay_slab_init_beyond(slab, bytes_max, 0);
}

bool assay_slab_init_beyond(struct assay_slab *slab, size_t bytes_max, size_t beyond_bytes)
{
    ASSAY_ASSERT(slab != NULL && bytes_max > 0 && bytes_max < (size_t)1 << 47);
    ASSAY_ASSERT(beyond_bytes < (size_t)1 << 46);
    *slab = (struct assay_slab){
        .bytes_max = bytes_max, .beyond_bytes = beyond_bytes, .grain_log = GRAIN_LOG_MIN};
    /* Guards keep the kernel from joining regions, so that what it reports is this one's. */
    const size_t beyond_at = round_up(bytes_max + GUARD_BYTES, huge_bytes);
    const size_t named = beyond_bytes == 0 ? bytes_max : beyond_at + beyond_bytes;
    while ((named - 1) >> slab->grain_log > UINT32_MAX) {
        slab->grain_log++;
    }
    const size_t room = beyond_at + beyond_bytes + 2 * huge_bytes;
    void *map = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        return false;
    }
    slab->map = map;
    slab->map_bytes = room;
    unsigned char *base = map;
    base += huge_bytes - ((uintptr_t)map & (huge_bytes - 1));
    if (mprotect(base, bytes_max, PROT_READ | PROT_WRITE) != 0) {
        assay_slab_fini(slab);
        return false;
    }
    /* Keys are met in random order: fewer, larger pages. A kernel without them says no; fine. */
    (void)madvise(base, bytes_max, MADV_HUGEPAGE);
    slab->base = base;
    slab->beyond = base + beyond_at;
    return true;
}

void assay_slab_fini(struct assay_slab *slab)
{
    assay_slab_unshare(slab);
    if (slab->map != NULL) {
        (void)munmap(slab->map, slab->map_bytes);
        slab->map = NULL;
        slab->base = NULL;
        slab->beyond = NULL;
    }
}

static void push(struct assay_slab *slab, uint32_t class, void *piece)
{
    memcpy(piece, &slab->free_lists[class], sizeof piece);
    slab->free_lists[class] = piece;
    slab->large_free += class_bytes(class) >= CUT_FROM ? 1 : 0;
}

void assay_slab_list(struct assay_slab *slab, uint32_t class, void *piece)
{
    push(slab, class, piece);
}

static void *pop(struct assay_slab *slab, uint32_t class)
{
    void *piece = slab->free_lists[class];
    if (piece != NULL) {
        memcpy(&slab->free_lists[class], piece, sizeof piece);
        slab->large_free -= class_bytes(class) >= CUT_FROM ? 1 : 0;
    }
    return piece;
}

/* Bytes between a place and the first one behind it where a piece of that size may start. */
static size_t skip_of(const unsigned char *place, size_t size)
{
    return size % ASSAY_SLAB_LINE_BYTES == 0 ? -(uintptr_t)place % ASSAY_SLAB_LINE_BYTES : 0;
}

/* List what no piece fits into any more, as the largest pieces that do. */
static void list_rest(struct assay_slab *slab, unsigned char *rest, size_t bytes)
{
    const size_t grain = (size_t)1 << slab->grain_log;
    while (bytes > 0) {
        uint32_t class = class_of(bytes);
        while (class_bytes(class) > bytes || (class_bytes(class) & (grain - 1)) != 0 ||
               skip_of(rest, class_bytes(class)) != 0) {
            class --;
        }
        push(slab, class, rest);
        rest += class_bytes(class);
        bytes -= class_bytes(class);
    }
}

/* Put a large freed piece under the knife. */
static void next_cut(struct assay_slab *slab)
{
    list_rest(slab, slab->cut, slab->cut_bytes);
    slab->cut_bytes = 0;
    for (uint32_t class = ASSAY_SLAB_CLASSES; class -- > 0;) {
        if (slab->free_lists[class] != NULL && class_bytes(class) >= CUT_FROM) {
            slab->cut = pop(slab, class);
            slab->cut_bytes = class_bytes(class);
            return;
        }
    }
}

static bool has_room(const struct assay_slab *slab, size_t size)
{
    const size_t left = slab->bytes_max - slab->used;
    return size <= left && skip_of(slab->base + slab->used, size) <= left - size;
}

static void *carve(struct assay_slab *slab, size_t size)
{
    unsigned char *piece = slab->base + slab->used;
    const size_t skip = skip_of(piece, size);
    list_rest(slab, piece, skip);
    slab->used += skip + size;
    return piece + skip;
}

/* A piece of the large one under the knife, or NULL. */
static void *cut(struct assay_slab *slab, size_t size)
{
    if (slab->cut_bytes < size && slab->large_free > 0) {
        next_cut(slab);
    }
    const size_t skip = skip_of(slab->cut, size);
    if (slab->cut_bytes < size || slab->cut_bytes - size < skip) {
        return NULL;
    }
    unsigned char *piece = slab->cut + skip;
    list_rest(slab, slab->cut, skip);
    slab->cut += skip + size;
    slab->cut_bytes -= skip + size;
    return piece;
}

/* A piece of any origin, or NULL. */
static void *find(struct assay_slab *slab, uint32_t class, size_t size)
{
    void *piece = pop(slab, class);
    if (piece == NULL && size <= CUT_MAX) {
        piece = cut(slab, size);
    }
    return piece == NULL && has_room(slab, size) ? carve(slab, size) : piece;
}

void *assay_slab_alloc(struct assay_slab *slab, size_t bytes)
{
    if (bytes > slab->bytes_max) {
        return NULL;
    }
    const uint32_t class = class_in(slab, bytes);
    const size_t size = class_bytes(class);
    void *piece = find(slab, class, size);
    if (piece == NULL && assay_limbo_drain(slab)) {
        piece = find(slab, class, size);
    }
    slab->live += piece == NULL ? 0 : size;
    return piece;
}

void *assay_slab_alloc_zero(struct assay_slab *slab, size_t bytes)
{
    const size_t size = bytes > slab->bytes_max ? 0 : class_bytes(class_in(slab, bytes));
    if (size != 0 && has_room(slab, size)) {
        slab->live += size;
        return carve(slab, size); /* never handed out: as the kernel made it */
    }
    void *piece = assay_slab_alloc(slab, bytes);
    if (piece != NULL) {
        memset(piece, 0, bytes);
    }
    return piece;
}

void assay_slab_free(struct assay_slab *slab, void *piece, size_t bytes)
{
    if (piece == NULL) {
        return;
    }
    const uint32_t class = class_in(slab, bytes);
    ASSAY_DASSERT(slab->live >= class_bytes(class));
    slab->live -= class_bytes(class);
    if (slab->limbo != NULL) {
        assay_limbo_add(slab, class, piece);
    } else {
        push(slab, class, piece);
    }
}

size_t assay_slab_fit(size_t bytes)
{
    return class_bytes(class_of(bytes));
}
