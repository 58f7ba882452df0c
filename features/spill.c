#include "features/spill_pvt.h"

#include "engine/base/assert.h"
#include "engine/base/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/*
 * Why mapped and readable, and not packed and decoded: a chunk keeps its address and its form, so
 * everything that reads chunks reads moved ones too, and a window's cursor costs what it costs in
 * memory. What could be packed is small already: rows are as narrow as their values allow.
 *
 * Why not simply a file that is mapped for writing: then the kernel writes back when it likes, and
 * when that fails the page may be dropped all the same. Here an extent is anonymous memory until
 * the disk has confirmed every byte of it.
 */

static uint32_t extents_of(const struct assay_spill_options *options)
{
    const size_t count = options->bytes_max / options->extent_bytes;
    ASSAY_ASSERT(count < SPILL_NONE);
    return count == 0 ? 1 : (uint32_t)count;
}

size_t assay_spill_space(const struct assay_spill_options *options)
{
    return (size_t)extents_of(options) * options->extent_bytes;
}

/* Zeroed tables, touched as needed. */
static void *reserve(size_t bytes)
{
    void *table = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return table == MAP_FAILED ? NULL : table;
}

static size_t extents_table_bytes(const struct assay_spill *spill)
{
    return spill->extent_max * sizeof *spill->extents;
}

static size_t names_table_bytes(const struct assay_spill *spill)
{
    return (((size_t)spill->extent_max * spill->extent_bytes) >> SPILL_GRAIN_LOG) *
           sizeof *spill->run_names;
}

bool assay_spill_init(struct assay_spill *spill, struct assay_slab *slab,
                      const struct assay_spill_options *options)
{
    *spill = (struct assay_spill){
        .options = *options,
        .slab = slab,
        .extent_bytes = options->extent_bytes,
        .free_first = SPILL_NONE,
        .stats = {.state = ASSAY_SPILL_ON},
    };
    spill->extent_max = extents_of(options);
    ASSAY_ASSERT((size_t)spill->extent_max * spill->extent_bytes <= slab->beyond_bytes);
    spill->extents = reserve(extents_table_bytes(spill));
    spill->run_names = reserve(names_table_bytes(spill));
    if (spill->extents == NULL || spill->run_names == NULL) {
        assay_spill_fini(spill);
        return false;
    }
    return true;
}

void assay_spill_fini(struct assay_spill *spill)
{
    if (spill->slab == NULL) {
        return;
    }
    assay_spill_collect(spill, true); /* what is under way reads the space */
    if (spill->extents != NULL) {
        (void)munmap(spill->extents, extents_table_bytes(spill));
    }
    if (spill->run_names != NULL) {
        (void)munmap(spill->run_names, names_table_bytes(spill));
    }
    *spill = (struct assay_spill){0};
}

/* ---- extents ---- */

static uint64_t offset_of(const struct assay_spill *spill, uint32_t extent)
{
    return (uint64_t)extent * spill->extent_bytes;
}

static unsigned char *place_of(const struct assay_spill *spill, uint32_t extent)
{
    return spill->slab->beyond + offset_of(spill, extent);
}

static void set_state(struct assay_spill *spill, uint32_t extent, enum spill_extent_state state)
{
    struct spill_extent *it = &spill->extents[extent];
    const uint64_t bytes = spill->extent_bytes;
    spill->stats.disk_bytes -= it->state == EXTENT_ON_DISK ? bytes : 0;
    spill->stats.memory_bytes -=
        it->state != EXTENT_ON_DISK && it->state != EXTENT_FREE ? bytes : 0;
    it->state = (uint8_t)state;
    spill->stats.disk_bytes += state == EXTENT_ON_DISK ? bytes : 0;
    spill->stats.memory_bytes += state != EXTENT_ON_DISK && state != EXTENT_FREE ? bytes : 0;
}

/* It stays so: a disk that failed once is not trusted again. */
static void stop(struct assay_spill *spill, enum assay_spill_state state, int code)
{
    if (spill->stats.state < state) {
        spill->stats.state = state;
        spill->stats.code = code;
        spill->options.ops->tell(spill->options.context, state, code);
    }
}

/* Memory in the place of whatever is there. */
static bool make_memory(const struct assay_spill *spill, uint32_t extent, int protection)
{
    return mmap(place_of(spill, extent), spill->extent_bytes, protection,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static void vacate(struct assay_spill *spill, uint32_t extent)
{
    struct spill_extent *it = &spill->extents[extent];
    it->used = 0;
    if (it->is_last) {
        return; /* its log fills it from the start again */
    }
    (void)make_memory(spill, extent, PROT_NONE); /* else it goes when the extent is used again */
    set_state(spill, extent, EXTENT_FREE);
    it->next = spill->free_first;
    spill->free_first = extent;
}

static void settle(struct assay_spill *spill, const struct assay_spill_done *done)
{
    const struct assay_spill_ops *ops = spill->options.ops;
    const uint32_t extent = (uint32_t)(done->at / spill->extent_bytes);
    ASSAY_ASSERT(extent < spill->extent_count);
    struct spill_extent *it = &spill->extents[extent];
    ASSAY_ASSERT(it->state == EXTENT_WRITING);
    int code = done->code;
    if (it->live == 0) {
        vacate(spill, extent);
    } else if (code == 0) {
        code = ops->map(spill->options.context, done->at, place_of(spill, extent),
                        spill->extent_bytes);
    }
    if (it->live != 0) {
        set_state(spill, extent, code == 0 ? EXTENT_ON_DISK : EXTENT_KEPT);
        it->is_read = false;
    }
    if (code != 0) {
        stop(spill, ASSAY_SPILL_FAILED, code);
    }
}

static bool collect_one(struct assay_spill *spill, bool wait)
{
    struct assay_spill_done done;
    if (spill->writing == 0 || !spill->options.ops->collect(spill->options.context, wait, &done)) {
        return false;
    }
    spill->writing--;
    settle(spill, &done);
    return true;
}

void assay_spill_collect(struct assay_spill *spill, bool wait)
{
    while (collect_one(spill, wait)) {
    }
}

/* A full extent goes to the disk. */
static void send(struct assay_spill *spill, uint32_t extent)
{
    struct spill_extent *it = &spill->extents[extent];
    it->is_last = false;
    if (it->live == 0) {
        vacate(spill, extent);
        return;
    }
    if (spill->writing >= ASSAY_SPILL_WRITING_MAX) {
        (void)collect_one(spill, true); /* so memory is bounded, whatever the disk's speed */
    }
    if (spill->stats.state == ASSAY_SPILL_FAILED) {
        set_state(spill, extent, EXTENT_KEPT);
        return;
    }
    set_state(spill, extent, EXTENT_WRITING);
    spill->writing++;
    spill->options.ops->write(spill->options.context, offset_of(spill, extent),
                              place_of(spill, extent), spill->extent_bytes);
}

/* An extent that nothing lies in; SPILL_NONE: there is none. */
static uint32_t take_extent(struct assay_spill *spill)
{
    uint32_t extent = spill->free_first;
    if (extent != SPILL_NONE) {
        spill->free_first = spill->extents[extent].next;
    } else {
        if (spill->stats.state != ASSAY_SPILL_ON) {
            return SPILL_NONE;
        }
        if (spill->extent_count == spill->extent_max) {
            stop(spill, ASSAY_SPILL_FULL, 0);
            return SPILL_NONE;
        }
        extent = spill->extent_count;
        const int code = spill->options.ops->reserve(spill->options.context,
                                                     offset_of(spill, extent), spill->extent_bytes);
        if (code != 0) {
            const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
            stop(spill, full ? ASSAY_SPILL_FULL : ASSAY_SPILL_FAILED, code);
            return SPILL_NONE;
        }
        spill->extent_count++;
    }
    struct spill_extent *it = &spill->extents[extent];
    if (!make_memory(spill, extent, PROT_READ | PROT_WRITE)) {
        it->next = spill->free_first;
        spill->free_first = extent;
        stop(spill, ASSAY_SPILL_FAILED, errno);
        return SPILL_NONE;
    }
    *it = (struct spill_extent){.next = SPILL_NONE, .state = it->state, .is_last = true};
    set_state(spill, extent, EXTENT_FILLING);
    return extent;
}

/* ---- runs ---- */

static uint32_t *names_of(const struct assay_spill *spill, const void *place)
{
    const size_t at = (size_t)((const unsigned char *)place - spill->slab->beyond);
    return &spill->run_names[at >> SPILL_GRAIN_LOG];
}

static size_t run_size(uint32_t count)
{
    return sizeof(struct spill_run) + count * sizeof(struct spill_piece);
}

static size_t grains_of(const struct spill_run *run)
{
    return (run->bytes + (1UL << SPILL_GRAIN_LOG) - 1) >> SPILL_GRAIN_LOG;
}

static struct spill_run *run_of(const struct assay_spill *spill, const struct chunk *chunk)
{
    const uint32_t name = *names_of(spill, chunk);
    ASSAY_ASSERT(name != 0);
    return assay_slab_at(spill->slab, name);
}

/* Which of its run's chunks it is. */
static uint32_t index_of(const struct spill_run *run, const struct chunk *chunk)
{
    const uint32_t at = (uint32_t)((const unsigned char *)(const void *)chunk - run->start);
    uint32_t index = 0;
    while (index < run->count && run->pieces[index].at != at) {
        index++;
    }
    ASSAY_ASSERT(index < run->count && run->pieces[index].opens != SPILL_NONE);
    return index;
}

static uint32_t piece_bytes(const struct spill_run *run, uint32_t index)
{
    const uint32_t end = index + 1 < run->count ? run->pieces[index + 1].at : run->bytes;
    return end - run->pieces[index].at;
}

struct spill_piece *assay_spill_piece(const struct assay_spill *spill, const struct chunk *chunk)
{
    struct spill_run *run = run_of(spill, chunk);
    return &run->pieces[index_of(run, chunk)];
}

uint32_t assay_spill_bytes(const struct assay_spill *spill, const struct chunk *chunk)
{
    const struct spill_run *run = run_of(spill, chunk);
    return piece_bytes(run, index_of(run, chunk));
}

size_t assay_spill_run_bytes(const struct assay_spill *spill, const struct chunk *chunk)
{
    const struct spill_run *run = run_of(spill, chunk);
    uint32_t first = 0;
    while (run->pieces[first].opens == SPILL_NONE) {
        first++;
    }
    return first == index_of(run, chunk) ? run_size(run->count) : 0;
}

/* The log's extent, with room for so many bytes; SPILL_NONE: there is none. */
static uint32_t extent_for(struct assay_spill *spill, struct log_spill *log, size_t bytes)
{
    if (log->extent != SPILL_NONE &&
        spill->extent_bytes - spill->extents[log->extent].used >= bytes) {
        return log->extent;
    }
    const uint32_t fresh = take_extent(spill);
    if (fresh == SPILL_NONE) {
        return SPILL_NONE;
    }
    if (log->extent != SPILL_NONE) {
        spill->extents[log->extent].next = fresh;
        send(spill, log->extent);
    }
    log->extent = fresh;
    return fresh;
}

struct spill_run *assay_spill_begin(struct assay_spill *spill, struct log_spill *log,
                                    uint32_t count, size_t bytes)
{
    ASSAY_ASSERT(count > 0 && bytes > 0 && bytes <= spill->extent_bytes);
    assay_spill_collect(spill, false);
    if (!spill_moves(spill)) {
        return NULL;
    }
    struct spill_run *run = assay_slab_alloc(spill->slab, run_size(count));
    if (run == NULL) {
        return NULL;
    }
    const uint32_t extent = extent_for(spill, log, bytes);
    if (extent == SPILL_NONE) {
        assay_slab_free(spill->slab, run, run_size(count));
        return NULL;
    }
    struct spill_extent *it = &spill->extents[extent];
    *run = (struct spill_run){
        .start = place_of(spill, extent) + it->used,
        .bytes = (uint32_t)bytes,
        .count = count,
        .live = count,
        .extent = extent,
    };
    return run;
}

void assay_spill_seal(struct assay_spill *spill, struct spill_run *run)
{
    struct spill_extent *it = &spill->extents[run->extent];
    const uint32_t name = assay_slab_ref(spill->slab, run);
    const size_t grains = grains_of(run);
    uint32_t *names = names_of(spill, run->start);
    ASSAY_ASSERT(name != 0);
    for (size_t i = 0; i < grains; i++) {
        ASSAY_ASSERT(names[i] == 0);
        names[i] = name;
    }
    for (uint32_t i = 0; i < run->count; i++) {
        run->pieces[i].crc = assay_crc32c(0, run->start + run->pieces[i].at, piece_bytes(run, i));
    }
    it->live += run->count;
    const size_t used = it->used + (grains << SPILL_GRAIN_LOG);
    it->used = (uint32_t)(used < spill->extent_bytes ? used : spill->extent_bytes);
    spill->stats.chunks += run->count;
    spill->stats.moved += run->count;
    spill->stats.bytes += run->bytes;
}

void assay_spill_release(struct assay_spill *spill, const struct chunk *chunk)
{
    struct spill_run *run = run_of(spill, chunk);
    struct spill_extent *it = &spill->extents[run->extent];
    const uint32_t extent = run->extent;
    const uint32_t index = index_of(run, chunk);
    struct spill_piece *piece = &run->pieces[index];
    ASSAY_ASSERT(run->live > 0 && it->live > 0 && piece->opens == 0 && piece->closes == 0);
    piece->opens = SPILL_NONE;
    run->live--;
    it->live--;
    spill->stats.chunks--;
    spill->stats.bytes -= piece_bytes(run, index);
    if (run->live == 0) {
        memset(names_of(spill, run->start), 0, grains_of(run) * sizeof *spill->run_names);
        assay_slab_free(spill->slab, run, run_size(run->count));
    }
    /* What is under way is read still: it goes when it is collected. */
    if (it->live == 0 && it->state != EXTENT_WRITING) {
        vacate(spill, extent);
    }
}

void assay_spill_leave(struct assay_spill *spill, struct log_spill *log)
{
    if (log->extent != SPILL_NONE) {
        ASSAY_ASSERT(spill->extents[log->extent].live == 0);
        spill->extents[log->extent].is_last = false;
        vacate(spill, log->extent);
        log->extent = SPILL_NONE;
    }
}

/* ---- reading ---- */

/* Pages that were read are given back in the order of reading, so that a walk over everything takes
 * no more memory than a few extents. */
static void forget_oldest(struct assay_spill *spill)
{
    const uint32_t oldest = spill->mapped[spill->mapped_first];
    struct spill_extent *it = &spill->extents[oldest];
    spill->mapped_first = (spill->mapped_first + 1) % SPILL_MAPPED_MAX;
    spill->mapped_count--;
    if (it->state == EXTENT_ON_DISK && it->is_read) {
        (void)madvise(place_of(spill, oldest), spill->extent_bytes, MADV_DONTNEED);
        it->is_read = false;
    }
}

static void note_read(struct assay_spill *spill, uint32_t extent)
{
    if (spill->mapped_count == SPILL_MAPPED_MAX) {
        forget_oldest(spill);
    }
    spill->mapped[(spill->mapped_first + spill->mapped_count++) % SPILL_MAPPED_MAX] = extent;
    spill->extents[extent].is_read = true;
    uint32_t next = spill->extents[extent].next;
    for (int i = 0; i < SPILL_AHEAD && next != SPILL_NONE; i++) {
        const struct spill_extent *it = &spill->extents[next];
        if (it->state != EXTENT_ON_DISK) {
            break;
        }
        if (!it->is_read) {
            (void)madvise(place_of(spill, next), spill->extent_bytes, MADV_WILLNEED);
        }
        next = it->next;
    }
}

bool assay_spill_is_cold(const struct assay_spill *spill, const struct chunk *chunk)
{
    const struct spill_extent *it = &spill->extents[run_of(spill, chunk)->extent];
    return it->state == EXTENT_ON_DISK && !it->is_read;
}

void assay_spill_check(struct assay_spill *spill, const struct chunk *chunk)
{
    const struct spill_run *run = run_of(spill, chunk);
    const uint32_t index = index_of(run, chunk);
    if (spill->extents[run->extent].state != EXTENT_ON_DISK) {
        return; /* memory */
    }
    if (!spill->extents[run->extent].is_read) {
        note_read(spill, run->extent);
    }
    const unsigned char *start = run->start + run->pieces[index].at;
    if (assay_crc32c(0, start, piece_bytes(run, index)) != run->pieces[index].crc) {
        spill->options.ops->damaged(spill->options.context,
                                    (uint64_t)(start - spill->slab->beyond));
        ASSAY_ASSERT(false);
    }
}
