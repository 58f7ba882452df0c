#include "engine/runtime/epoch_log_pvt.h"

#include "engine/runtime/file_syncer.h"

#include <stdlib.h>

struct assay_epoch_writer {
    struct assay_frame_writer *frames;
    struct assay_file_syncer *syncer; /* NULL: every epoch is synced at once */
    uint8_t *buffer;
    size_t capacity;
};

static bool reserve(struct assay_epoch_writer *writer, size_t bytes)
{
    if (bytes <= writer->capacity) {
        return true;
    }
    uint8_t *buffer = realloc(writer->buffer, 2 * bytes);
    if (buffer != NULL) {
        writer->buffer = buffer;
        writer->capacity = 2 * bytes;
    }
    return buffer != NULL;
}

static uint8_t *write_text(uint8_t *at, struct assay_str text)
{
    at = write_number(at, text.len, 4);
    memcpy(at, text.ptr, text.len);
    return at + text.len;
}

static enum assay_status write_header(struct assay_epoch_writer *writer,
                                      const struct assay_epoch_identity *identity,
                                      struct assay_err *err)
{
    size_t bytes = EPOCH_HEADER_BYTES_MIN;
    for (size_t p = 0; p < identity->partition_count; p++) {
        bytes +=
            12 + (size_t)identity->partitions[p].source.len + identity->partitions[p].topic.len;
    }
    if (bytes > ASSAY_FRAME_PAYLOAD_BYTES_MAX || !reserve(writer, bytes)) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "epoch log", "no memory for its header");
    }
    uint8_t *at = writer->buffer;
    for (size_t i = 0; i < 2; i++) {
        at = write_number(at, identity->plan[i], 8);
    }
    for (size_t i = 0; i < 2; i++) {
        at = write_number(at, identity->policies[i], 8);
    }
    at = write_number(at, identity->partition_count, 4);
    for (size_t p = 0; p < identity->partition_count; p++) {
        at = write_number(at, identity->partitions[p].number, 4);
        at = write_text(at, identity->partitions[p].source);
        at = write_text(at, identity->partitions[p].topic);
    }
    return assay_frame_append(writer->frames, ASSAY_EPOCH_HEADER, ASSAY_EPOCH_VERSION,
                              writer->buffer, bytes, err);
}

enum assay_status assay_epoch_writer_open(struct assay_epoch_writer **out, const char *path,
                                          const struct assay_epoch_identity *identity,
                                          uint32_t sync_ms, struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && path != NULL && identity != NULL);
    *out = NULL;
    struct assay_epoch_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, path, "no memory to write");
    }
    enum assay_status status =
        assay_frame_writer_open(&writer->frames, path, ASSAY_EPOCH_LOG_MAGIC, err);
    if (status == ASSAY_OK) {
        status = write_header(writer, identity, err);
    }
    if (status == ASSAY_OK) {
        status = assay_epoch_sync(writer, err);
    }
    if (status == ASSAY_OK && sync_ms > 0) {
        status = assay_file_syncer_start(&writer->syncer, assay_frame_writer_fd(writer->frames),
                                         sync_ms, err);
    }
    if (status != ASSAY_OK) {
        assay_epoch_writer_close(writer);
        return status;
    }
    *out = writer;
    return ASSAY_OK;
}

static enum assay_status check_sync(int code, struct assay_err *err)
{
    if (code == 0) {
        return ASSAY_OK;
    }
    (void)assay_err_errno(err, code, "epoch log", "cannot be synced");
    assay_err_remedy(err, "free space or mend the disk, then start again: what is whole is kept");
    return ASSAY_E_IO;
}

enum assay_status assay_epoch_append(struct assay_epoch_writer *writer,
                                     const struct assay_epoch *epoch, struct assay_err *err)
{
    ASSAY_ASSERT(writer != NULL && epoch != NULL);
    const size_t bytes = EPOCH_HEAD_BYTES + epoch->range_count * EPOCH_RANGE_BYTES;
    if (!reserve(writer, bytes)) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "epoch log", "no memory for a record");
    }
    uint8_t *at = write_number(writer->buffer, epoch->number, 8);
    at = write_number(at, (uint64_t)epoch->clock_ms, 8);
    at = write_number(at, epoch->range_count, 4);
    for (size_t r = 0; r < epoch->range_count; r++) {
        ASSAY_ASSERT(epoch->ranges[r].next < epoch->ranges[r].end);
        at = write_number(at, epoch->ranges[r].partition, 4);
        at = write_number(at, epoch->ranges[r].next, 8);
        at = write_number(at, epoch->ranges[r].end, 8);
    }
    enum assay_status status = assay_frame_append(writer->frames, ASSAY_EPOCH_RECORD,
                                                  ASSAY_EPOCH_VERSION, writer->buffer, bytes, err);
    if (status == ASSAY_OK) {
        status = assay_frame_flush(writer->frames, err);
    }
    if (status != ASSAY_OK || writer->syncer == NULL) {
        return status == ASSAY_OK ? assay_epoch_sync(writer, err) : status;
    }
    return check_sync(assay_file_syncer_touch(writer->syncer), err);
}

enum assay_status assay_epoch_sync(struct assay_epoch_writer *writer, struct assay_err *err)
{
    if (writer->syncer == NULL) {
        return assay_frame_sync(writer->frames, err);
    }
    const enum assay_status status = assay_frame_flush(writer->frames, err);
    return status == ASSAY_OK ? check_sync(assay_file_syncer_sync(writer->syncer), err) : status;
}

void assay_epoch_writer_close(struct assay_epoch_writer *writer)
{
    if (writer != NULL) {
        assay_file_syncer_stop(writer->syncer);
        assay_frame_writer_close(writer->frames);
        free(writer->buffer);
        free(writer);
    }
}
