#include "engine/runtime/epoch_log_pvt.h"

#include <stdlib.h>

struct assay_epoch_reader {
    const char *path;
    struct assay_frame_reader *frames;
    const struct assay_epoch_identity *identity;
    uint32_t *map; /* partition of the last header -> partition of today */
    size_t map_count;
    size_t map_capacity;
    struct assay_range *ranges;
    size_t range_capacity;
    uint64_t number; /* of the last epoch */
};

/* An array with room for @p count items, its contents lost if it had to grow; NULL: no memory. */
static void *grown(void *items, size_t *capacity, size_t count, size_t size)
{
    if (count <= *capacity) {
        return items;
    }
    free(items);
    items = calloc(count, size);
    *capacity = items == NULL ? 0 : count;
    return items;
}

static enum assay_status malformed(const char *path, const struct assay_frame *frame,
                                   const char *what, struct assay_err *err)
{
    return assay_err_set(err, ASSAY_E_FORMAT, path, "record at offset %llu: %s",
                         (unsigned long long)frame->offset, what);
}

static enum assay_status check_version(const char *path, const struct assay_frame *frame,
                                       struct assay_err *err)
{
    if (frame->version == ASSAY_EPOCH_VERSION) {
        return ASSAY_OK;
    }
    (void)assay_err_set(err, ASSAY_E_VERSION, path, "written by another version of assay");
    assay_err_value(err, "record version %u", frame->version);
    assay_err_allowed(err, "%d", ASSAY_EPOCH_VERSION);
    return ASSAY_E_VERSION;
}

static enum assay_status refuse_definitions(const struct assay_epoch_reader *reader,
                                            const char *what, struct assay_err *err)
{
    (void)assay_err_set(err, ASSAY_E_CONFIG, reader->path,
                        "the recorded epochs were decided under other %s", what);
    assay_err_remedy(err, "restore those definitions, or start anew with an empty state folder");
    return ASSAY_E_CONFIG;
}

static enum assay_status refuse_partition(const struct assay_epoch_reader *reader,
                                          const struct assay_partition *partition,
                                          struct assay_err *err)
{
    (void)assay_err_set(err, ASSAY_E_CONFIG, reader->path,
                        "the recorded epochs took from a partition that is no longer a source");
    assay_err_value(err, "%.*s:%.*s:%u", (int)partition->source.len, partition->source.ptr,
                    (int)partition->topic.len, partition->topic.ptr, partition->number);
    assay_err_remedy(err, "restore the source, or start anew with an empty state folder");
    return ASSAY_E_CONFIG;
}

/* Place of a partition in the table of today, or ASSAY_NONE. */
static uint32_t find_partition(const struct assay_epoch_identity *identity,
                               const struct assay_partition *wanted)
{
    for (size_t p = 0; p < identity->partition_count; p++) {
        const struct assay_partition *known = &identity->partitions[p];
        if (known->number == wanted->number && assay_str_equal(known->topic, wanted->topic) &&
            assay_str_equal(known->source, wanted->source)) {
            return (uint32_t)p;
        }
    }
    return ASSAY_NONE;
}

static struct assay_partition read_partition(struct byte_reader *bytes)
{
    struct assay_partition partition = {.number = (uint32_t)read_number(bytes, 4)};
    partition.source = read_text(bytes);
    partition.topic = read_text(bytes);
    return partition;
}

/* Take a header: check what it was written under, translate its partitions. */
static enum assay_status take_header(struct assay_epoch_reader *reader,
                                     const struct assay_frame *frame, struct assay_err *err)
{
    const struct assay_epoch_identity *identity = reader->identity;
    struct byte_reader bytes = {.at = frame->payload, .end = frame->payload + frame->bytes};
    uint64_t hashes[4];
    for (size_t i = 0; i < 4; i++) {
        hashes[i] = read_number(&bytes, 8);
    }
    const uint64_t count = read_number(&bytes, 4);
    if (bytes.bad || count > ASSAY_PARTITIONS_MAX) {
        return malformed(reader->path, frame, "not a header", err);
    }
    if (hashes[0] != identity->plan[0] || hashes[1] != identity->plan[1]) {
        return refuse_definitions(reader, "features", err);
    }
    if (hashes[2] != identity->policies[0] || hashes[3] != identity->policies[1]) {
        return refuse_definitions(reader, "policies or models", err);
    }
    reader->map = grown(reader->map, &reader->map_capacity, count + 1, sizeof *reader->map);
    if (reader->map == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, reader->path, "no memory for its partitions");
    }
    reader->map_count = count;
    for (uint64_t p = 0; p < count; p++) {
        const struct assay_partition partition = read_partition(&bytes);
        if (bytes.bad) {
            return malformed(reader->path, frame, "a header cut short", err);
        }
        reader->map[p] = find_partition(identity, &partition);
        if (reader->map[p] == ASSAY_NONE) {
            return refuse_partition(reader, &partition, err);
        }
        if (p > 0 && reader->map[p] <= reader->map[p - 1]) {
            return malformed(reader->path, frame, "partitions in another order than today", err);
        }
    }
    return ASSAY_OK;
}

static enum assay_status take_epoch(struct assay_epoch_reader *reader,
                                    const struct assay_frame *frame, struct assay_epoch *epoch,
                                    struct assay_err *err)
{
    struct byte_reader bytes = {.at = frame->payload, .end = frame->payload + frame->bytes};
    *epoch = (struct assay_epoch){.number = read_number(&bytes, 8)};
    epoch->clock_ms = (int64_t)read_number(&bytes, 8);
    const uint64_t count = read_number(&bytes, 4);
    if (bytes.bad || epoch->number != reader->number + 1 || count > reader->map_count) {
        return malformed(reader->path, frame, "not the next epoch", err);
    }
    reader->ranges =
        grown(reader->ranges, &reader->range_capacity, count + 1, sizeof *reader->ranges);
    if (reader->ranges == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, reader->path, "no memory for an epoch");
    }
    for (uint64_t r = 0; r < count; r++) {
        const uint64_t partition = read_number(&bytes, 4);
        struct assay_range *range = &reader->ranges[r];
        range->next = read_number(&bytes, 8);
        range->end = read_number(&bytes, 8);
        if (bytes.bad || partition >= reader->map_count || range->next >= range->end) {
            return malformed(reader->path, frame, "a bad range", err);
        }
        range->partition = reader->map[partition];
        if (r > 0 && range->partition <= reader->ranges[r - 1].partition) {
            return malformed(reader->path, frame, "ranges out of order", err);
        }
    }
    reader->number = epoch->number;
    epoch->ranges = reader->ranges;
    epoch->range_count = count;
    epoch->partitions = reader->map;
    epoch->partition_count = reader->map_count;
    return ASSAY_OK;
}

enum assay_status assay_epoch_reader_open(struct assay_epoch_reader **out, const char *path,
                                          const struct assay_epoch_identity *identity,
                                          struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && path != NULL && identity != NULL);
    *out = NULL;
    struct assay_epoch_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, path, "no memory to read");
    }
    reader->path = path;
    reader->identity = identity;
    const enum assay_status status =
        assay_frame_reader_open(&reader->frames, path, ASSAY_EPOCH_LOG_MAGIC, err);
    if (status != ASSAY_OK) {
        free(reader);
        return status;
    }
    *out = reader;
    return ASSAY_OK;
}

enum assay_status assay_epoch_reader_next(struct assay_epoch_reader *reader,
                                          struct assay_epoch *epoch, struct assay_err *err)
{
    ASSAY_ASSERT(reader != NULL && epoch != NULL);
    for (;;) {
        struct assay_frame frame;
        enum assay_status status = assay_frame_next(reader->frames, &frame, err);
        if (status == ASSAY_OK) {
            status = check_version(reader->path, &frame, err);
        }
        if (status != ASSAY_OK) {
            return status;
        }
        if (frame.type == ASSAY_EPOCH_RECORD) {
            return take_epoch(reader, &frame, epoch, err);
        }
        if (frame.type != ASSAY_EPOCH_HEADER) {
            return malformed(reader->path, &frame, "of an unknown type", err);
        }
        status = take_header(reader, &frame, err);
        if (status != ASSAY_OK) {
            return status;
        }
    }
}

void assay_epoch_reader_close(struct assay_epoch_reader *reader)
{
    if (reader != NULL) {
        assay_frame_reader_close(reader->frames);
        free(reader->map);
        free(reader->ranges);
        free(reader);
    }
}

enum assay_status assay_epoch_log_scan(const char *path,
                                       const struct assay_epoch_identity *identity,
                                       uint64_t first[], uint64_t *count, struct assay_err *err)
{
    struct assay_epoch_reader *reader = NULL;
    struct assay_epoch epoch = {0};
    *count = 0;
    for (size_t p = 0; p < identity->partition_count; p++) {
        first[p] = UINT64_MAX;
    }
    enum assay_status status = assay_epoch_reader_open(&reader, path, identity, err);
    if (status == ASSAY_E_NOT_FOUND) {
        return ASSAY_OK;
    }
    while (status == ASSAY_OK) {
        status = assay_epoch_reader_next(reader, &epoch, err);
        for (size_t r = 0; status == ASSAY_OK && r < epoch.range_count; r++) {
            const struct assay_range *range = &epoch.ranges[r];
            first[range->partition] =
                range->next < first[range->partition] ? range->next : first[range->partition];
        }
        *count += status == ASSAY_OK ? 1 : 0;
    }
    assay_epoch_reader_close(reader);
    return status == ASSAY_E_END ? ASSAY_OK : status;
}

static enum assay_status read_table(struct assay_epoch_table *out, struct assay_arena *arena,
                                    const char *path, const struct assay_frame *frame,
                                    struct assay_err *err)
{
    struct byte_reader bytes = {.at = frame->payload, .end = frame->payload + frame->bytes};
    for (size_t i = 0; i < 2; i++) {
        out->plan[i] = read_number(&bytes, 8);
    }
    for (size_t i = 0; i < 2; i++) {
        out->policies[i] = read_number(&bytes, 8);
    }
    const uint64_t count = read_number(&bytes, 4);
    if (bytes.bad || count > ASSAY_PARTITIONS_MAX) {
        return malformed(path, frame, "not a header", err);
    }
    struct assay_partition *partitions = assay_arena_array(arena, count + 1, sizeof *partitions);
    bool good = partitions != NULL;
    for (uint64_t p = 0; good && p < count; p++) {
        partitions[p] = read_partition(&bytes);
        if (bytes.bad) {
            return malformed(path, frame, "a header cut short", err);
        }
        partitions[p].source = assay_arena_copy(arena, partitions[p].source);
        partitions[p].topic = assay_arena_copy(arena, partitions[p].topic);
        good = partitions[p].source.ptr != NULL && partitions[p].topic.ptr != NULL;
    }
    out->partitions = partitions;
    out->partition_count = count;
    return good ? ASSAY_OK : assay_err_set(err, ASSAY_E_NO_MEMORY, path, "no memory to read");
}

enum assay_status assay_epoch_table_read(struct assay_epoch_table *out, struct assay_arena *arena,
                                         const char *path, struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && path != NULL);
    struct assay_frame_reader *frames = NULL;
    struct assay_frame frame;
    *out = (struct assay_epoch_table){0};
    enum assay_status status = assay_frame_reader_open(&frames, path, ASSAY_EPOCH_LOG_MAGIC, err);
    if (status != ASSAY_OK) {
        return status;
    }
    while ((status = assay_frame_next(frames, &frame, err)) == ASSAY_OK) {
        status = check_version(path, &frame, err);
        if (status == ASSAY_OK && frame.type == ASSAY_EPOCH_HEADER) {
            status = read_table(out, arena, path, &frame, err);
        }
        if (status != ASSAY_OK) {
            break;
        }
        out->epoch_count += frame.type == ASSAY_EPOCH_RECORD ? 1 : 0;
    }
    assay_frame_reader_close(frames);
    return status == ASSAY_E_END ? ASSAY_OK : status;
}
