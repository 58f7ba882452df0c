/*
 * scorers/writer_pvt.h - what a record holds beside text: numbers as little-endian bytes.
 */
#ifndef ASSAY_SCORERS_WRITER_PVT_H
#define ASSAY_SCORERS_WRITER_PVT_H

#include "engine/base/hash.h"
#include "engine/base/writer.h"

void assay_write_u8(struct assay_writer *writer, uint8_t value);
void assay_write_u16(struct assay_writer *writer, uint16_t value);
void assay_write_u32(struct assay_writer *writer, uint32_t value);
void assay_write_u64(struct assay_writer *writer, uint64_t value);
void assay_write_f64(struct assay_writer *writer, double value);
/* u32 length (UINT32_MAX: null) and the bytes. */
void assay_write_text(struct assay_writer *writer, struct assay_str text);

#endif
