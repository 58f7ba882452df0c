#include "features/zone_pvt.h"

#include "engine/base/suggest.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * TZif files of the system's time zone data (RFC 8536). A file of version 2 or 3 holds its data
 * twice, with times of 32 and of 64 bits; only the latter count. Everything is bounded by the
 * file's size, which is bounded itself.
 */

enum {
    FILE_BYTES_MAX = 1 << 16,
    HEADER_BYTES = 44,
    TYPES_MAX = 256,
    NAME_BYTES_MAX = 64,
    TYPE_BYTES = 6,
};

/* What turned longer ago, or is further ahead, no event can tell. */
static const int64_t turn_s_max = INT64_C(1) << 42;

static const char folder[] = "/usr/share/zoneinfo";

struct bytes {
    const unsigned char *at;
    size_t left;
};

static uint64_t big_endian(const unsigned char *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* The next @p count bytes, or NULL. */
static const unsigned char *take(struct bytes *bytes, size_t count)
{
    if (count > bytes->left) {
        return NULL;
    }
    const unsigned char *taken = bytes->at;
    bytes->at += count;
    bytes->left -= count;
    return taken;
}

struct header {
    unsigned char version;
    uint32_t ut_count, standard_count, leap_count, time_count, type_count, char_count;
};

static bool take_header(struct bytes *bytes, struct header *out)
{
    const unsigned char *header = take(bytes, HEADER_BYTES);
    if (header == NULL || memcmp(header, "TZif", 4) != 0) {
        return false;
    }
    uint32_t counts[6];
    for (size_t i = 0; i < 6; i++) {
        counts[i] = (uint32_t)big_endian(header + 20 + 4 * i, 4);
        if (counts[i] > FILE_BYTES_MAX) {
            return false;
        }
    }
    *out = (struct header){header[4], counts[0], counts[1], counts[2],
                           counts[3], counts[4], counts[5]};
    return true;
}

/* Bytes of a data block, with times of @p width bytes. */
static size_t block_bytes(const struct header *header, size_t width)
{
    return header->time_count * (width + 1) + (size_t)header->type_count * TYPE_BYTES +
           header->char_count + header->leap_count * (width + 4) + header->standard_count +
           header->ut_count;
}

bool assay_zone_turn(struct zone_builder *builder, int64_t from_ms, int64_t offset_ms)
{
    struct zone_span *last = &builder->spans[builder->count - 1];
    if (builder->count > 1 && from_ms < last->from_ms) {
        return false;
    }
    if (builder->count > 1 && from_ms == last->from_ms) { /* of two at once the second counts */
        builder->count--;
        last--;
    }
    if (last->offset_ms == offset_ms) {
        return true;
    }
    if (builder->count == ZONE_SPANS_MAX) {
        return false;
    }
    builder->spans[builder->count++] =
        (struct zone_span){.from_ms = from_ms, .offset_ms = offset_ms};
    return true;
}

/* The data block: when which type begins, and what the types are. */
struct block {
    const unsigned char *times;
    const unsigned char *indices;
    const unsigned char *types;
    size_t width;
};

static bool offset_of(const struct header *header, const struct block *block, uint32_t type,
                      int64_t *offset_ms)
{
    if (type >= header->type_count) {
        return false;
    }
    const int32_t offset_s = (int32_t)big_endian(block->types + (size_t)type * TYPE_BYTES, 4);
    *offset_ms = (int64_t)offset_s * 1000;
    return offset_s >= -ZONE_OFFSET_S_MAX && offset_s <= ZONE_OFFSET_S_MAX;
}

static bool add_table(struct zone_builder *builder, const struct header *header,
                      const struct block *block)
{
    builder->count = 1;
    builder->spans[0] = (struct zone_span){.from_ms = INT64_MIN};
    if (!offset_of(header, block, 0, &builder->spans[0].offset_ms)) {
        return false;
    }
    int64_t before_s = INT64_MIN;
    for (uint32_t i = 0; i < header->time_count; i++) {
        const uint64_t bits = big_endian(block->times + i * block->width, block->width);
        const int64_t time_s = block->width == 4 ? (int32_t)bits : (int64_t)bits;
        int64_t offset_ms = 0;
        if (!offset_of(header, block, block->indices[i], &offset_ms) || time_s > turn_s_max ||
            (i > 0 && time_s <= before_s)) {
            return false;
        }
        before_s = time_s;
        if (time_s < -turn_s_max) {
            builder->spans[0].offset_ms = offset_ms;
        } else if (!assay_zone_turn(builder, time_s * 1000, offset_ms)) {
            return false;
        }
    }
    return true;
}

/* "\n" rule "\n" behind the block. */
static bool add_footer(struct zone_builder *builder, struct bytes *bytes)
{
    const unsigned char *begin = take(bytes, 1);
    const unsigned char *end = begin == NULL ? NULL : memchr(bytes->at, '\n', bytes->left);
    if (end == NULL || *begin != '\n') {
        return false;
    }
    const struct assay_str rule = {.ptr = (const char *)bytes->at,
                                   .len = (uint32_t)(end - bytes->at)};
    return rule.len == 0 || assay_zone_add_rule(builder, rule);
}

static bool read_zone(struct zone_builder *builder, struct bytes bytes)
{
    struct header header;
    size_t width = 4;
    if (!take_header(&bytes, &header)) {
        return false;
    }
    if (header.version >= '2') {
        width = 8;
        if (take(&bytes, block_bytes(&header, 4)) == NULL || !take_header(&bytes, &header)) {
            return false;
        }
    }
    if (header.type_count == 0 || header.type_count > TYPES_MAX || header.leap_count != 0 ||
        header.time_count > ZONE_SPANS_MAX / 2) { /* the rest is for the footer */
        return false;
    }
    const unsigned char *at = take(&bytes, block_bytes(&header, width));
    if (at == NULL) {
        return false;
    }
    const struct block block = {.times = at,
                                .indices = at + header.time_count * width,
                                .types = at + header.time_count * (width + 1),
                                .width = width};
    return add_table(builder, &header, &block) && (width == 4 || add_footer(builder, &bytes));
}

/* The table at its final size, with what searches need. */
static const struct assay_zone *finish(struct assay_arena *arena,
                                       const struct zone_builder *builder)
{
    struct assay_zone *zone = assay_arena_alloc(arena, sizeof *zone);
    struct zone_span *spans = assay_arena_array(arena, builder->count, sizeof *spans);
    if (zone == NULL || spans == NULL) {
        return NULL;
    }
    memcpy(spans, builder->spans, builder->count * sizeof *spans);
    int64_t least_ms = spans[0].offset_ms;
    int64_t greatest_ms = spans[0].offset_ms;
    int64_t reach_ms = INT64_MIN;
    for (uint32_t i = 0; i < builder->count; i++) {
        const int64_t end_ms =
            i + 1 < builder->count ? spans[i + 1].from_ms + spans[i].offset_ms : INT64_MAX;
        reach_ms = end_ms > reach_ms ? end_ms : reach_ms;
        spans[i].reach_ms = reach_ms;
        least_ms = spans[i].offset_ms < least_ms ? spans[i].offset_ms : least_ms;
        greatest_ms = spans[i].offset_ms > greatest_ms ? spans[i].offset_ms : greatest_ms;
    }
    *zone = (struct assay_zone){.count = builder->count,
                                .cycles = builder->cycles,
                                .rule_ms = builder->rule_ms,
                                .spread_ms = greatest_ms - least_ms,
                                .spans = spans};
    return zone;
}

enum assay_status assay_zone_parse(struct assay_arena *arena, const unsigned char *bytes,
                                   size_t size, const struct assay_zone **out)
{
    ASSAY_ASSERT(bytes != NULL && out != NULL);
    struct zone_builder builder = {.spans = calloc(ZONE_SPANS_MAX, sizeof *builder.spans)};
    *out = NULL;
    if (builder.spans == NULL) {
        return ASSAY_E_NO_MEMORY;
    }
    const bool good =
        size <= FILE_BYTES_MAX && read_zone(&builder, (struct bytes){.at = bytes, .left = size});
    *out = good ? finish(arena, &builder) : NULL;
    free(builder.spans);
    if (!good) {
        return ASSAY_E_FORMAT;
    }
    return *out == NULL ? ASSAY_E_NO_MEMORY : ASSAY_OK;
}

/* Letters, digits and + - _ in parts between single slashes: no dots, so no way out of the folder;
 * and not the machine's own zone, which is another one elsewhere. */
static bool is_name(struct assay_str name)
{
    char before = '/';
    for (uint32_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '_';
        if (!plain && (c != '/' || before == '/')) {
            return false;
        }
        before = c;
    }
    return before != '/' && name.len <= NAME_BYTES_MAX &&
           !assay_str_equal(name, assay_str_of("localtime"));
}

/* All of a file of the folder. @return how much, or -1: it cannot be read. */
static long read_file(struct assay_str name, unsigned char bytes[], size_t size)
{
    char path[sizeof folder + NAME_BYTES_MAX + 1];
    (void)snprintf(path, sizeof path, "%s/%.*s", folder, (int)name.len, name.ptr);
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return -1;
    }
    const size_t count = fread(bytes, 1, size, file);
    const bool good = ferror(file) == 0;
    (void)fclose(file);
    return good ? (long)count : -1;
}

static enum assay_status load_utc(struct assay_arena *arena, const struct assay_zone **out)
{
    struct zone_span span = {.from_ms = INT64_MIN};
    const struct zone_builder builder = {.spans = &span, .count = 1};
    *out = finish(arena, &builder);
    return *out == NULL ? ASSAY_E_NO_MEMORY : ASSAY_OK;
}

enum assay_status assay_zone_load(struct assay_arena *arena, struct assay_str name,
                                  const struct assay_zone **out)
{
    ASSAY_ASSERT(out != NULL);
    *out = NULL;
    if (assay_str_equal(name, assay_str_of("UTC"))) {
        return load_utc(arena, out);
    }
    if (!is_name(name)) {
        return ASSAY_E_UNKNOWN;
    }
    unsigned char *bytes = malloc(FILE_BYTES_MAX + 1);
    if (bytes == NULL) {
        return ASSAY_E_NO_MEMORY;
    }
    const long size = read_file(name, bytes, FILE_BYTES_MAX + 1);
    enum assay_status status = ASSAY_E_UNKNOWN;
    if (size >= 0) {
        status = assay_zone_parse(arena, bytes, (size_t)size, out);
    } else if (read_file(assay_str_of("Etc/UTC"), bytes, 1) < 0) {
        status = ASSAY_E_UNAVAILABLE;
    }
    free(bytes);
    return status;
}

/* Third column of the tab-separated table of zones. */
static struct assay_str name_in_line(struct assay_str line)
{
    struct assay_str name = line;
    for (int column = 0; column < 2; column++) {
        const char *tab = memchr(name.ptr, '\t', name.len);
        if (tab == NULL) {
            return (struct assay_str){0};
        }
        name.len -= (uint32_t)(tab + 1 - name.ptr);
        name.ptr = tab + 1;
    }
    const char *end = memchr(name.ptr, '\t', name.len);
    name.len = end == NULL ? name.len : (uint32_t)(end - name.ptr);
    return name;
}

struct assay_str assay_zone_suggest(struct assay_arena *arena, struct assay_str name)
{
    struct assay_suggest suggest = {.word = name};
    assay_suggest_offer(&suggest, assay_str_of("UTC"));
    char *table = malloc(FILE_BYTES_MAX);
    const long size =
        table == NULL ? -1
                      : read_file(assay_str_of("zone.tab"), (unsigned char *)table, FILE_BYTES_MAX);
    for (long at = 0; at < size;) {
        const char *end = memchr(table + at, '\n', (size_t)(size - at));
        const long length = end == NULL ? size - at : end - (table + at);
        const struct assay_str line = {.ptr = table + at, .len = (uint32_t)length};
        const struct assay_str zone = name_in_line(line);
        if (length > 0 && line.ptr[0] != '#' && zone.len > 0) {
            assay_suggest_offer(&suggest, zone);
        }
        at += length + 1;
    }
    const struct assay_str best =
        suggest.best.ptr == NULL ? suggest.best : assay_arena_copy(arena, suggest.best);
    free(table);
    return best;
}
