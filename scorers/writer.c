#include "scorers/writer_pvt.h"

#include "engine/base/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

void assay_write_bytes(struct writer *writer, const void *data, size_t bytes)
{
    if (bytes > 0 && writer->used <= writer->size && bytes <= writer->size - writer->used) {
        memcpy(writer->out + writer->used, data, bytes);
    }
    writer->used += bytes;
}

void assay_write_plain(struct writer *writer, const char *text)
{
    assay_write_bytes(writer, text, strlen(text));
}

/* --- JSON --- */

/* Bytes of the well-formed UTF-8 sequence at @p text (no surrogates, no overlong forms); 0:
 * none. */
static uint32_t sequence_bytes(const unsigned char text[], uint32_t left)
{
    static const struct {
        unsigned char first_min, first_max, second_min, second_max, bytes;
    } forms[] = {
        {0x00, 0x7F, 0x00, 0x00, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (text[0] < forms[i].first_min || text[0] > forms[i].first_max) {
            continue;
        }
        const uint32_t bytes = forms[i].bytes;
        if (bytes > left ||
            (bytes > 1 && (text[1] < forms[i].second_min || text[1] > forms[i].second_max))) {
            return 0;
        }
        for (uint32_t k = 2; k < bytes; k++) {
            if ((text[k] & 0xC0) != 0x80) {
                return 0;
            }
        }
        return bytes;
    }
    return 0;
}

static void write_ascii(struct writer *writer, unsigned char c)
{
    char text[8];
    const char *two = c == '"'    ? "\\\""
                      : c == '\\' ? "\\\\"
                      : c == '\n' ? "\\n"
                      : c == '\r' ? "\\r"
                      : c == '\t' ? "\\t"
                                  : NULL;
    if (two != NULL) {
        assay_write_plain(writer, two);
    } else if (c < 0x20 || c == 0x7F) {
        (void)snprintf(text, sizeof text, "\\u%04x", c);
        assay_write_plain(writer, text);
    } else {
        assay_write_bytes(writer, &c, 1);
    }
}

void assay_write_json_text(struct writer *writer, struct assay_str text)
{
    if (text.ptr == NULL) {
        assay_write_plain(writer, "null");
        return;
    }
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    assay_write_plain(writer, "\"");
    for (uint32_t i = 0; i < text.len;) {
        const uint32_t count = sequence_bytes(bytes + i, text.len - i);
        if (count == 0) {
            assay_write_plain(writer, "\\ufffd");
        } else if (count == 1) {
            write_ascii(writer, bytes[i]);
        } else {
            assay_write_bytes(writer, bytes + i, count);
        }
        i += count == 0 ? 1 : count;
    }
    assay_write_plain(writer, "\"");
}

void assay_write_json_number(struct writer *writer, double value)
{
    if (!isfinite(value)) {
        assay_write_plain(writer, "null");
        return;
    }
    char text[ASSAY_NUMBER_TEXT_BYTES];
    assay_write_bytes(writer, text, assay_number_print(value, text));
}

void assay_write_json_integer(struct writer *writer, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    assay_write_plain(writer, text);
}

void assay_write_json_unsigned(struct writer *writer, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    assay_write_plain(writer, text);
}

/* --- bytes --- */

void assay_write_u8(struct writer *writer, uint8_t value)
{
    assay_write_bytes(writer, &value, 1);
}

void assay_write_u16(struct writer *writer, uint16_t value)
{
    assay_write_u8(writer, (uint8_t)(value & 0xFF));
    assay_write_u8(writer, (uint8_t)(value >> 8));
}

void assay_write_u32(struct writer *writer, uint32_t value)
{
    assay_write_u16(writer, (uint16_t)(value & 0xFFFF));
    assay_write_u16(writer, (uint16_t)(value >> 16));
}

void assay_write_u64(struct writer *writer, uint64_t value)
{
    assay_write_u32(writer, (uint32_t)(value & UINT32_MAX));
    assay_write_u32(writer, (uint32_t)(value >> 32));
}

void assay_write_f64(struct writer *writer, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    assay_write_u64(writer, bits);
}

void assay_write_text(struct writer *writer, struct assay_str text)
{
    assay_write_u32(writer, text.ptr == NULL ? UINT32_MAX : text.len);
    assay_write_bytes(writer, text.ptr, text.ptr == NULL ? 0 : text.len);
}
