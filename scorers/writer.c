#include "scorers/writer_pvt.h"

void assay_write_u8(struct assay_writer *writer, uint8_t value)
{
    assay_write_bytes(writer, &value, 1);
}

void assay_write_u16(struct assay_writer *writer, uint16_t value)
{
    assay_write_u8(writer, (uint8_t)(value & 0xFF));
    assay_write_u8(writer, (uint8_t)(value >> 8));
}

void assay_write_u32(struct assay_writer *writer, uint32_t value)
{
    assay_write_u16(writer, (uint16_t)(value & 0xFFFF));
    assay_write_u16(writer, (uint16_t)(value >> 16));
}

void assay_write_u64(struct assay_writer *writer, uint64_t value)
{
    assay_write_u32(writer, (uint32_t)(value & UINT32_MAX));
    assay_write_u32(writer, (uint32_t)(value >> 32));
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
