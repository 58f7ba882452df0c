/*
 * tests/support/zone_file.h - TZif files made by hand.
 */
#ifndef ASSAY_TESTS_ZONE_FILE_H
#define ASSAY_TESTS_ZONE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { ZONE_FILE_MAX = 1 << 14 };

struct zone_turn {
    int64_t at_s;
    unsigned char type;
};

struct zone_text {
    unsigned char bytes[ZONE_FILE_MAX];
    size_t size;
};

static inline void zone_put(struct zone_text *text, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--) {
        text->bytes[text->size++] = (unsigned char)(value >> (8 * (i - 1)));
    }
}

static inline void zone_block(struct zone_text *text, char version, size_t width,
                              const struct zone_turn turns[], size_t turn_count,
                              const int32_t offsets[], size_t offset_count)
{
    memcpy(text->bytes + text->size, "TZif", 4);
    text->size += 4;
    zone_put(text, (unsigned char)version, 1);
    zone_put(text, 0, 15 - 7);
    zone_put(text, 0, 7);
    const size_t counts[6] = {0, 0, 0, turn_count, offset_count, 4};
    for (size_t i = 0; i < 6; i++) {
        zone_put(text, counts[i], 4);
    }
    for (size_t i = 0; i < turn_count; i++) {
        zone_put(text, (uint64_t)turns[i].at_s, width);
    }
    for (size_t i = 0; i < turn_count; i++) {
        zone_put(text, turns[i].type, 1);
    }
    for (size_t i = 0; i < offset_count; i++) {
        zone_put(text, (uint32_t)offsets[i], 4);
        zone_put(text, 0, 2);
    }
    zone_put(text, 0x41424300, 4);
}

/** A file of version 0 (the first), '2' or '3'; the footer only with the later ones. */
static inline void zone_make(struct zone_text *text, char version, const struct zone_turn turns[],
                             size_t turn_count, const int32_t offsets[], size_t offset_count,
                             const char *footer)
{
    text->size = 0;
    zone_block(text, version, 4, turns, turn_count, offsets, offset_count);
    if (version != 0) {
        zone_block(text, version, 8, turns, turn_count, offsets, offset_count);
        text->bytes[text->size++] = '\n';
        memcpy(text->bytes + text->size, footer, strlen(footer));
        text->size += strlen(footer);
        text->bytes[text->size++] = '\n';
    }
}

#endif
