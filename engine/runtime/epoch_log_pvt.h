/*
 * engine/runtime/epoch_log_pvt.h - the bytes of the epoch log's records.
 *
 * Little endian. Header: plan hash 2 x u64, policies' hash 2 x u64, u32 count, per partition u32
 * number, u32 length and bytes of the source, the same of the topic. Epoch: u64 number, i64 clock,
 * u32 count, per range u32 partition, u64 next, u64 end.
 */
#ifndef ASSAY_RUNTIME_EPOCH_LOG_PVT_H
#define ASSAY_RUNTIME_EPOCH_LOG_PVT_H

#include "engine/base/frame.h"
#include "engine/runtime/epoch_log.h"

enum { EPOCH_HEAD_BYTES = 20, EPOCH_RANGE_BYTES = 20, EPOCH_HEADER_BYTES_MIN = 36 };

/** Bytes read one after the other; `bad` once they ran out. */
struct byte_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline uint64_t read_number(struct byte_reader *reader, unsigned bytes)
{
    uint64_t value = 0;
    if (reader->bad || (size_t)(reader->end - reader->at) < bytes) {
        reader->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)reader->at[i] << (8 * i);
    }
    reader->at += bytes;
    return value;
}

static inline struct assay_str read_text(struct byte_reader *reader)
{
    const uint64_t len = read_number(reader, 4);
    if (reader->bad || (uint64_t)(reader->end - reader->at) < len) {
        reader->bad = true;
        return (struct assay_str){0};
    }
    const struct assay_str text = {.ptr = (const char *)reader->at, .len = (uint32_t)len};
    reader->at += len;
    return text;
}

static inline uint8_t *write_number(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
    return at + bytes;
}

#endif
