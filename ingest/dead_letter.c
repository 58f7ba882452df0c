#include "ingest/dead_letter.h"

#include <stdio.h>

/* Bytes are counted past the end of the room, so that the caller learns what it needed. */
struct writer {
    char *out;
    size_t size;
    size_t used;
};

static void put(struct writer *writer, const char *bytes, size_t count)
{
    if (writer->used + count <= writer->size) {
        memcpy(writer->out + writer->used, bytes, count);
    }
    writer->used += count;
}

static void put_text(struct writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

static void put_count(struct writer *writer, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    put_text(writer, text);
}

static bool in_range(unsigned char byte, unsigned low, unsigned high)
{
    return byte >= low && byte <= high;
}

/* Length of the UTF-8 sequence at @p at (RFC 3629), 0 when it is not one. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
    if (at[0] < 0x80) {
        return 1;
    }
    if (left >= 2 && in_range(at[0], 0xC2, 0xDF) && in_range(at[1], 0x80, 0xBF)) {
        return 2;
    }
    /* The second byte shuts out overlong forms, surrogates and what lies beyond U+10FFFF. */
    if (left >= 3 && in_range(at[0], 0xE0, 0xEF) && in_range(at[2], 0x80, 0xBF) &&
        in_range(at[1], at[0] == 0xE0 ? 0xA0 : 0x80, at[0] == 0xED ? 0x9F : 0xBF)) {
        return 3;
    }
    if (left >= 4 && in_range(at[0], 0xF0, 0xF4) && in_range(at[2], 0x80, 0xBF) &&
        in_range(at[3], 0x80, 0xBF) &&
        in_range(at[1], at[0] == 0xF0 ? 0x90 : 0x80, at[0] == 0xF4 ? 0x8F : 0xBF)) {
        return 4;
    }
    return 0;
}

/* A JSON string; bytes that are not UTF-8 (a file's path may hold any) become U+FFFD. */
static void put_string(struct writer *writer, struct assay_str text)
{
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    put(writer, "\"", 1);
    for (uint32_t i = 0; i < text.len;) {
        const size_t length = utf8_length(bytes + i, text.len - i);
        char escape[8];
        if (length == 0) {
            put_text(writer, "\xEF\xBF\xBD");
            i++;
            continue;
        }
        if (bytes[i] == '"' || bytes[i] == '\\') {
            put(writer, "\\", 1);
            put(writer, text.ptr + i, 1);
        } else if (bytes[i] < 0x20) {
            (void)snprintf(escape, sizeof escape, "\\u%04x", bytes[i]);
            put_text(writer, escape);
        } else {
            put(writer, text.ptr + i, length);
        }
        i += (uint32_t)length;
    }
    put(writer, "\"", 1);
}

size_t assay_dead_letter_json(const struct assay_dead_letter *letter, size_t size, char out[])
{
    ASSAY_ASSERT(letter != NULL && letter->partition != NULL);
    struct writer writer = {.out = out, .size = size};
    put_text(&writer, "{\"reason\":\"");
    put_text(&writer, assay_dead_name(letter->reason));
    put_text(&writer, "\",\"text\":");
    put_string(&writer, assay_str_of(assay_dead_text(letter->reason)));
    put_text(&writer, ",\"source\":");
    put_string(&writer, letter->partition->source);
    put_text(&writer, ",\"topic\":");
    put_string(&writer, letter->partition->topic);
    put_text(&writer, ",\"partition\":");
    put_count(&writer, letter->partition->number);
    put_text(&writer, ",\"offset\":");
    put_count(&writer, letter->offset);
    put_text(&writer, ",\"field\":");
    if (letter->field.ptr == NULL) {
        put_text(&writer, "null");
    } else {
        put_string(&writer, letter->field);
    }
    put_text(&writer, ",\"byte\":");
    put_count(&writer, letter->byte);
    put_text(&writer, ",\"bytes\":");
    put_count(&writer, letter->message_bytes);
    put_text(&writer, "}");
    return writer.used;
}
