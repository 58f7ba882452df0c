#include "engine/base/writer.h"

#include "engine/base/assert.h"
#include "engine/base/number.h"

#include <inttypes.h>
#include <math.h>

void assay_write_bytes(struct assay_writer *writer, const void *data, size_t bytes)
{
    if (bytes > 0 && writer->used <= writer->size && bytes <= writer->size - writer->used) {
        memcpy(writer->out + writer->used, data, bytes);
    }
    writer->used += bytes;
}

void assay_write_plain(struct assay_writer *writer, const char *text)
{
    assay_write_bytes(writer, text, strlen(text));
}

/* --- JSON strings, piece by piece --- */

/* What is to be written for the next bytes of a text. */
struct piece {
    const char *ptr;
    uint32_t len;
    uint32_t taken; /* bytes of the text it stands for */
    char escape[8];
};

static bool stands_for_itself(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

/* Bytes of the well-formed UTF-8 sequence at @p text, which is not ASCII; 0: none. */
static uint32_t sequence_bytes(const unsigned char text[], uint32_t left)
{
    static const struct {
        unsigned char first_min, first_max, second_min, second_max, bytes;
    } forms[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (text[0] < forms[i].first_min || text[0] > forms[i].first_max) {
            continue;
        }
        const uint32_t bytes = forms[i].bytes;
        if (bytes > left || text[1] < forms[i].second_min || text[1] > forms[i].second_max) {
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

static void escape_ascii(unsigned char c, struct piece *piece)
{
    const char letter = c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : (char)c;
    const bool hex = (c < 0x20 && letter == (char)c) || c == 0x7F;
    const int len = hex ? snprintf(piece->escape, sizeof piece->escape, "\\u%04x", c)
                        : snprintf(piece->escape, sizeof piece->escape, "\\%c", letter);
    piece->ptr = piece->escape;
    piece->len = (uint32_t)len;
}

/* A run of plain ASCII, or one character. @p left is above 0. */
static void next_piece(const char *text, uint32_t left, struct piece *piece)
{
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t run = 0;
    while (run < left && stands_for_itself(bytes[run])) {
        run++;
    }
    if (run == 0 && bytes[0] >= 0x80) {
        run = sequence_bytes(bytes, left);
    }
    piece->ptr = text;
    piece->len = run;
    piece->taken = run > 0 ? run : 1;
    if (run == 0 && bytes[0] < 0x80) {
        escape_ascii(bytes[0], piece);
    } else if (run == 0) {
        piece->ptr = "\\ufffd";
        piece->len = 6;
    }
}

void assay_write_json_text(struct assay_writer *writer, struct assay_str text)
{
    if (text.ptr == NULL) {
        assay_write_plain(writer, "null");
        return;
    }
    assay_write_plain(writer, "\"");
    struct piece piece;
    for (uint32_t i = 0; i < text.len; i += piece.taken) {
        next_piece(text.ptr + i, text.len - i, &piece);
        assay_write_bytes(writer, piece.ptr, piece.len);
    }
    assay_write_plain(writer, "\"");
}

void assay_print_json_text(struct assay_str text, FILE *out)
{
    if (text.ptr == NULL) {
        (void)fputs("null", out);
        return;
    }
    (void)fputc('"', out);
    struct piece piece;
    for (uint32_t i = 0; i < text.len; i += piece.taken) {
        next_piece(text.ptr + i, text.len - i, &piece);
        (void)fwrite(piece.ptr, 1, piece.len, out);
    }
    (void)fputc('"', out);
}

size_t assay_escape_json_text(struct assay_str text, size_t size, char out[])
{
    ASSAY_ASSERT(text.ptr != NULL || text.len == 0);
    size_t used = 0;
    struct piece piece;
    for (uint32_t i = 0; i < text.len; i += piece.taken) {
        next_piece(text.ptr + i, text.len - i, &piece);
        if (piece.len > size - used) {
            /* A run may be cut anywhere, anything else is one character. */
            const size_t cut = stands_for_itself((unsigned char)piece.ptr[0]) ? size - used : 0;
            memcpy(out + used, piece.ptr, cut);
            return used + cut;
        }
        memcpy(out + used, piece.ptr, piece.len);
        used += piece.len;
    }
    return used;
}

/* --- JSON numbers --- */

void assay_write_json_number(struct assay_writer *writer, double value)
{
    if (!isfinite(value)) {
        assay_write_plain(writer, "null");
        return;
    }
    char text[ASSAY_NUMBER_TEXT_BYTES];
    assay_write_bytes(writer, text, assay_number_print(value, text));
}

void assay_write_json_integer(struct assay_writer *writer, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    assay_write_plain(writer, text);
}

void assay_write_json_unsigned(struct assay_writer *writer, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    assay_write_plain(writer, text);
}
