#include "engine/base/diag.h"

#include <stdarg.h>
#include <stdlib.h>

struct entry {
    struct assay_diag diag;
    size_t file; /* order of first mention */
};

struct assay_diags {
    struct assay_arena *arena;
    size_t count_max;
    size_t kept;
    size_t count;
    bool newest_kept;
    size_t file_count;
    const struct assay_text *files[64];
    struct entry *entries;
};

struct assay_diags *assay_diags_create(struct assay_arena *arena, size_t count_max)
{
    ASSAY_ASSERT(count_max > 0);
    struct assay_diags *diags = assay_arena_alloc(arena, sizeof *diags);
    struct entry *entries = assay_arena_array(arena, count_max, sizeof *entries);
    if (diags == NULL || entries == NULL) {
        return NULL;
    }
    diags->arena = arena;
    diags->count_max = count_max;
    diags->entries = entries;
    return diags;
}

static size_t file_number(struct assay_diags *diags, const struct assay_text *text)
{
    const size_t room = sizeof diags->files / sizeof diags->files[0];
    for (size_t i = 0; i < diags->file_count; i++) {
        if (diags->files[i] == text) {
            return i;
        }
    }
    if (diags->file_count < room) {
        diags->files[diags->file_count++] = text;
    }
    return diags->file_count - 1;
}

static int order(const struct entry *a, const struct entry *b)
{
    if (a->file != b->file) {
        return a->file < b->file ? -1 : 1;
    }
    return (a->diag.span.begin > b->diag.span.begin) - (a->diag.span.begin < b->diag.span.begin);
}

enum { TEXT_BYTES_MAX = 512 };

static struct assay_str keep_text(struct assay_arena *arena, const char *text)
{
    const struct assay_str copy = assay_arena_copy(arena, assay_str_of(text));
    /* The place alone may still help, and no one must be left without any reason. */
    return copy.ptr != NULL ? copy : assay_str_of("out of memory");
}

/* One line with a list of spans is compiled once a span, and is wrong in the same way each time. */
static bool is_kept(const struct assay_diags *diags, enum assay_diag_code code,
                    struct assay_span span, const char *message)
{
    for (size_t i = 0; i < diags->kept; i++) {
        const struct assay_diag *diag = &diags->entries[i].diag;
        if (diag->code == code && diag->span.text == span.text && diag->span.begin == span.begin &&
            diag->span.end == span.end && strcmp(diag->message.ptr, message) == 0) {
            return true;
        }
    }
    return false;
}

void assay_diag_add(struct assay_diags *diags, enum assay_diag_code code, struct assay_span span,
                    const char *message, ...)
{
    ASSAY_ASSERT(diags != NULL);
    char text[TEXT_BYTES_MAX];
    va_list args;
    va_start(args, message);
    (void)vsnprintf(text, sizeof text, message, args);
    va_end(args);
    diags->newest_kept = false;
    if (is_kept(diags, code, span, text)) {
        return;
    }
    diags->count++;
    if (diags->kept == diags->count_max) {
        return;
    }
    diags->entries[diags->kept++] = (struct entry){
        .diag = {.code = code, .span = span, .message = keep_text(diags->arena, text)},
        .file = file_number(diags, span.text),
    };
    diags->newest_kept = true;
}

void assay_diag_hint(struct assay_diags *diags, const char *hint, ...)
{
    char text[TEXT_BYTES_MAX];
    if (!diags->newest_kept) {
        return;
    }
    va_list args;
    va_start(args, hint);
    (void)vsnprintf(text, sizeof text, hint, args);
    va_end(args);
    diags->entries[diags->kept - 1].diag.hint = keep_text(diags->arena, text);
}

size_t assay_diags_count(const struct assay_diags *diags)
{
    return diags->count;
}

size_t assay_diags_kept(const struct assay_diags *diags)
{
    return diags->kept;
}

/* Stable selection of the index-th entry in (file, place) order: lists are short and read once. */
const struct assay_diag *assay_diags_at(const struct assay_diags *diags, size_t index)
{
    ASSAY_ASSERT(index < diags->kept);
    for (size_t i = 0; i < diags->kept; i++) {
        size_t rank = 0;
        for (size_t j = 0; j < diags->kept; j++) {
            const int compared = order(&diags->entries[j], &diags->entries[i]);
            rank += compared < 0 || (compared == 0 && j < i) ? 1 : 0;
        }
        if (rank == index) {
            return &diags->entries[i].diag;
        }
    }
    ASSAY_ASSERT(false);
    return NULL;
}

void assay_text_place(const struct assay_text *text, size_t offset, size_t *line, size_t *column)
{
    ASSAY_ASSERT(text != NULL);
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset && i < text->len; i++) {
        if (text->data[i] == '\n') {
            (*line)++;
            *column = 1;
        } else if (((unsigned char)text->data[i] & 0xC0U) != 0x80U) {
            (*column)++; /* continuation bytes of UTF-8 belong to the column before */
        }
    }
}

/* Of a very long line only the part around the place, cut at whole characters. */
static void window(const struct assay_text *text, size_t at, size_t *from, size_t *to)
{
    enum { BEFORE_MAX = 120, AFTER_MAX = 80 };
    if (at - *from > BEFORE_MAX) {
        *from = at - BEFORE_MAX;
    }
    if (*to > at && *to - at > AFTER_MAX) {
        *to = at + AFTER_MAX;
    }
    while (*from < at && ((unsigned char)text->data[*from] & 0xC0U) == 0x80U) {
        (*from)++;
    }
    while (*to > at && *to < text->len && ((unsigned char)text->data[*to] & 0xC0U) == 0x80U) {
        (*to)--;
    }
}

static void print_source(const struct assay_span *span, FILE *out)
{
    const struct assay_text *text = span->text;
    const size_t at = span->begin < text->len ? span->begin : text->len;
    size_t from = at;
    size_t to = at;
    while (from > 0 && text->data[from - 1] != '\n') {
        from--;
    }
    while (to < text->len && text->data[to] != '\n') {
        to++;
    }
    if (to > from && text->data[to - 1] == '\r') {
        to--;
    }
    window(text, at, &from, &to);
    (void)fputs("    ", out);
    for (size_t i = from; i < to; i++) {
        const unsigned char c = (unsigned char)text->data[i];
        (void)fputc(c < 0x20 || c == 0x7F ? (c == '\t' ? ' ' : '?') : c, out);
    }
    (void)fputs("\n    ", out);
    for (size_t i = from; i < at; i++) {
        if (((unsigned char)text->data[i] & 0xC0U) != 0x80U) {
            (void)fputc(' ', out);
        }
    }
    (void)fputc('^', out);
    for (size_t i = at + 1; i < span->end && i < to; i++) {
        if (((unsigned char)text->data[i] & 0xC0U) != 0x80U) {
            (void)fputc('~', out);
        }
    }
    (void)fputc('\n', out);
}

static void print_one(const struct assay_diag *diag, FILE *out)
{
    if (diag->span.text != NULL) {
        size_t line = 0;
        size_t column = 0;
        assay_text_place(diag->span.text, diag->span.begin, &line, &column);
        (void)fprintf(out, "%s:%zu:%zu: ", diag->span.text->path, line, column);
    }
    (void)fprintf(out, "error[AS%04d]: %s", (int)diag->code, diag->message.ptr);
    if (diag->hint.ptr != NULL) {
        (void)fprintf(out, " (%s)", diag->hint.ptr);
    }
    (void)fputc('\n', out);
    if (diag->span.text != NULL && diag->span.text->len > 0) {
        print_source(&diag->span, out);
    }
}

void assay_diags_print(const struct assay_diags *diags, FILE *out)
{
    for (size_t i = 0; i < diags->kept; i++) {
        print_one(assay_diags_at(diags, i), out);
    }
    if (diags->count > diags->kept) {
        (void)fprintf(out, "and %zu more\n", diags->count - diags->kept);
    }
}
