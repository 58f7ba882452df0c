#include "scorers/writer_pvt.h"

/* The low @p bytes bytes of a number, lowest first, in one write. */
static void write_number(struct assay_writer *writer, uint64_t value, size_t bytes)
{
    uint8_t laid_out[8];
    for (size_t i = 0; i < sizeof laid_out; i++) {
        laid_out[i] = (uint8_t)(value >> (8 * i));
    }
    assay_write_bytes(writer, laid_out, bytes);
}

void assay_write_u8(struct assay_writer *writer, uint8_t value)
{
    write_number(writer, value, 1);
}

void assay_write_u16(struct assay_writer *writer, uint16_t value)
{
    write_number(writer, value, 2);
}

void assay_write_u32(struct assay_writer *writer, uint32_t value)
{
    write_number(writer, value, 4);
}

void assay_write_u64(struct assay_writer *writer, uint64_t value)
{
    write_number(writer, value, 8);
}

void assay_write_f64(struct assay_writer *writer, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    assay_write_u64(writer, bits);
}

void assay_write_text(struct assay_writer *writer, struct assay_str text)
{
    assay_write_u32(writer, text.ptr == NULL ? UINT32_MAX : text.len);
    assay_write_bytes(writer, text.ptr, text.ptr == NULL ? 0 : text.len);
}
