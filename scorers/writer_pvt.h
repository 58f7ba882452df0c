/*
 * scorers/writer_pvt.h - text and bytes into a bounded buffer; what does not fit is counted.
 */
#ifndef ASSAY_SCORERS_WRITER_PVT_H
#define ASSAY_SCORERS_WRITER_PVT_H

#include "engine/base/hash.h"
#include "engine/base/str.h"

#include <stddef.h>

/* used may grow past size: then nothing usable was written, and used is the room needed. */
struct writer {
    char *out;
    size_t size;
    size_t used;
};

void assay_write_bytes(struct writer *writer, const void *data, size_t bytes);
/* NUL-terminated text without its NUL. */
void assay_write_plain(struct writer *writer, const char *text);

/* --- JSON --- */

/* A quoted JSON string; null for a null text. Bytes that are not UTF-8 become U+FFFD. */
void assay_write_json_text(struct writer *writer, struct assay_str text);
/* Shortest round-trip; null when not finite. */
void assay_write_json_number(struct writer *writer, double value);
void assay_write_json_integer(struct writer *writer, int64_t value);
void assay_write_json_unsigned(struct writer *writer, uint64_t value);

/* --- bytes, little-endian --- */

void assay_write_u8(struct writer *writer, uint8_t value);
void assay_write_u16(struct writer *writer, uint16_t value);
void assay_write_u32(struct writer *writer, uint32_t value);
void assay_write_u64(struct writer *writer, uint64_t value);
void assay_write_f64(struct writer *writer, double value);
/* u32 length (UINT32_MAX: null) and the bytes. */
void assay_write_text(struct writer *writer, struct assay_str text);

#endif
