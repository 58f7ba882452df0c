/*
 * scorers/writer_pvt.h - what a record holds beside text: numbers as little-endian bytes.
 *
 * Inline, since a decision's record is some hundred numbers: each is one check of the room and one
 * store.
 */
#ifndef ASSAY_SCORERS_WRITER_PVT_H
#define ASSAY_SCORERS_WRITER_PVT_H

#include "engine/base/hash.h"
#include "engine/base/writer.h"

#include <endian.h>

/* Room for the next @p bytes bytes; NULL where they do not fit: they are counted all the same. */
static inline char *writer_take(struct assay_writer *writer, size_t bytes)
{
    const size_t at = writer->used;
    writer->used += bytes;
    return writer->used <= writer->size ? writer->out + at : NULL;
}

/* The low @p bytes bytes of a number. */
static inline void writer_low(struct assay_writer *writer, uint64_t value, size_t bytes)
{
    char *at = writer_take(writer, bytes);
    if (at != NULL) {
        value = htole64(value);
        memcpy(at, &value, bytes);
    }
}

static inline void writer_u8(struct assay_writer *writer, uint8_t value)
{
    writer_low(writer, value, sizeof value);
}

static inline void writer_u16(struct assay_writer *writer, uint16_t value)
{
    writer_low(writer, value, sizeof value);
}

static inline void writer_u32(struct assay_writer *writer, uint32_t value)
{
    writer_low(writer, value, sizeof value);
}

static inline void writer_u64(struct assay_writer *writer, uint64_t value)
{
    writer_low(writer, value, sizeof value);
}

static inline void writer_f64(struct assay_writer *writer, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    writer_u64(writer, bits);
}

/* u32 length (UINT32_MAX: null) and the bytes. */
static inline void writer_text(struct assay_writer *writer, struct assay_str text)
{
    writer_u32(writer, text.ptr == NULL ? UINT32_MAX : text.len);
    assay_write_bytes(writer, text.ptr, text.ptr == NULL ? 0 : text.len);
}

#endif
