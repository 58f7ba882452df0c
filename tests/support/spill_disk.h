/*
 * tests/support/spill_disk.h - a disk for stores that spill: a real file without a name, written at
 * once, that fails as it is told to.
 */
#ifndef ASSAY_TESTS_SPILL_DISK_H
#define ASSAY_TESTS_SPILL_DISK_H

#include "engine/base/temp_file.h"
#include "features/spill.h"
#include "tests/support/cmocka_all.h"

#include <errno.h>
#include <setjmp.h>
#include <unistd.h>

struct spill_disk {
    int fd;
    struct assay_spill_done done[ASSAY_SPILL_WRITING_MAX];
    uint64_t given, taken;
    uint64_t reserved;   /* calls */
    uint64_t lag;        /* extents that are under way for a while, unless waited for */
    uint64_t full_from;  /* reserve() of this number and on fails; 0: never */
    uint64_t fails_from; /* writing of this number and on fails; 0: never */
    int map_code;        /* what mapping says */
    enum assay_spill_state told;
    int told_code;
    uint64_t told_count;
    jmp_buf *on_damage; /* NULL: damage fails the test */
    struct assay_spill_options options;
};

static int disk_reserve(void *context, uint64_t at, size_t bytes)
{
    struct spill_disk *disk = context;
    disk->reserved++;
    return disk->full_from != 0 && disk->reserved >= disk->full_from
               ? ENOSPC
               : assay_temp_file_reserve(disk->fd, at, bytes);
}

static void disk_write(void *context, uint64_t at, const void *bytes, size_t size)
{
    struct spill_disk *disk = context;
    assert_true(disk->given - disk->taken < ASSAY_SPILL_WRITING_MAX);
    struct assay_spill_done *done = &disk->done[disk->given++ % ASSAY_SPILL_WRITING_MAX];
    *done = (struct assay_spill_done){.at = at};
    if (disk->fails_from != 0 && disk->given >= disk->fails_from) {
        done->code = EIO; /* and nothing of it is in the file */
    } else {
        assert_int_equal(assay_temp_file_write(disk->fd, at, bytes, size), 0);
    }
}

static bool disk_collect(void *context, bool wait, struct assay_spill_done *done)
{
    struct spill_disk *disk = context;
    assert_true(!wait || disk->given > disk->taken);
    if (disk->given == disk->taken || (!wait && disk->given - disk->taken <= disk->lag)) {
        return false;
    }
    *done = disk->done[disk->taken++ % ASSAY_SPILL_WRITING_MAX];
    return true;
}

static int disk_map(void *context, uint64_t at, void *place, size_t bytes)
{
    const struct spill_disk *disk = context;
    return disk->map_code != 0 ? disk->map_code : assay_temp_file_map(disk->fd, at, place, bytes);
}

static void disk_tell(void *context, enum assay_spill_state state, int code)
{
    struct spill_disk *disk = context;
    disk->told = state;
    disk->told_code = code;
    disk->told_count++;
}

static void disk_damaged(void *context, uint64_t at)
{
    const struct spill_disk *disk = context;
    if (disk->on_damage == NULL) {
        fail_msg("damage at byte %llu", (unsigned long long)at);
    }
    longjmp(*disk->on_damage, 1);
}

static const struct assay_spill_ops disk_ops = {.reserve = disk_reserve,
                                                .write = disk_write,
                                                .collect = disk_collect,
                                                .map = disk_map,
                                                .tell = disk_tell,
                                                .damaged = disk_damaged};

static inline void disk_open(struct spill_disk *disk, size_t bytes_max, size_t after_bytes)
{
    *disk = (struct spill_disk){.lag = 2};
    assert_int_equal(assay_temp_file_open(&disk->fd, "/tmp", NULL), ASSAY_OK);
    disk->options = (struct assay_spill_options){
        .ops = &disk_ops,
        .context = disk,
        .bytes_max = bytes_max,
        .extent_bytes = ASSAY_SPILL_EXTENT_BYTES,
        .after_bytes = after_bytes,
    };
}

/* After the store is gone. */
static inline void disk_close(struct spill_disk *disk)
{
    assert_int_equal(disk->given, disk->taken);
    (void)close(disk->fd);
}

#endif
