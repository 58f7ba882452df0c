#include "engine/base/csv.h"

/*
 * A record is copied into one buffer of the stated size: a field may lie across two blocks of the
 * stream, and doubled quotes must be undone anyway. Field texts point into that buffer, which is
 * why a record lives only until the next one is read.
 */

enum {
    BLOCK_BYTES = 1 << 16,
    FIELDS_FIRST = 64,
    END_OF_INPUT = -1,
};

struct assay_csv {
    struct assay_arena *arena;
    const char *where;
    FILE *file; /* NULL: everything is in [at, end) */
    char *block;
    const char *at;
    const char *end;
    uint64_t line;
    uint64_t column; /* of the byte at `at`; 1-based */
    char *text;      /* contents of this record's fields */
    size_t text_used;
    size_t text_max;
    struct assay_csv_field *fields;
    uint32_t field_room;
    uint32_t field_count;
    uint32_t width; /* fields of the first record; 0: none read yet */
    bool started;
    bool failed;
};

static struct assay_csv *create(struct assay_arena *arena, const char *where,
                                size_t record_bytes_max)
{
    ASSAY_ASSERT(where != NULL);
    ASSAY_ASSERT(record_bytes_max > 0 && record_bytes_max <= UINT32_MAX);
    struct assay_csv *csv = assay_arena_alloc(arena, sizeof *csv);
    if (csv == NULL) {
        return NULL;
    }
    *csv = (struct assay_csv){.arena = arena,
                              .where = where,
                              .line = 1,
                              .column = 1,
                              .text_max = record_bytes_max,
                              .field_room = FIELDS_FIRST};
    csv->text = assay_arena_alloc(arena, record_bytes_max);
    csv->fields = assay_arena_array(arena, FIELDS_FIRST, sizeof *csv->fields);
    return csv->text == NULL || csv->fields == NULL ? NULL : csv;
}

struct assay_csv *assay_csv_create(struct assay_arena *arena, const char *where,
                                   struct assay_str bytes, size_t record_bytes_max)
{
    struct assay_csv *csv = create(arena, where, record_bytes_max);
    if (csv != NULL) {
        csv->at = bytes.ptr == NULL ? "" : bytes.ptr;
        csv->end = csv->at + bytes.len;
    }
    return csv;
}

struct assay_csv *assay_csv_create_file(struct assay_arena *arena, const char *where, FILE *file,
                                        size_t record_bytes_max)
{
    ASSAY_ASSERT(file != NULL);
    struct assay_csv *csv = create(arena, where, record_bytes_max);
    if (csv == NULL) {
        return NULL;
    }
    csv->file = file;
    csv->block = assay_arena_alloc(arena, BLOCK_BYTES);
    csv->at = csv->end = csv->block;
    return csv->block == NULL ? NULL : csv;
}

/* The next byte without taking it, or END_OF_INPUT. */
static int peek(struct assay_csv *csv)
{
    if (csv->at == csv->end) {
        if (csv->file == NULL) {
            return END_OF_INPUT;
        }
        const size_t got = fread(csv->block, 1, BLOCK_BYTES, csv->file);
        csv->at = csv->block;
        csv->end = csv->block + got;
        if (got == 0) {
            return END_OF_INPUT;
        }
    }
    return (unsigned char)*csv->at;
}

static void take(struct assay_csv *csv)
{
    ASSAY_DASSERT(csv->at < csv->end);
    if (*csv->at == '\n') {
        csv->line++;
        csv->column = 1;
    } else {
        csv->column++;
    }
    csv->at++;
}

static enum assay_status fail_at(struct assay_csv *csv, struct assay_err *err, uint64_t line,
                                 uint64_t column, const char *what, const char *remedy)
{
    char place[256];
    (void)snprintf(place, sizeof place, "%s:%llu:%llu", csv->where, (unsigned long long)line,
                   (unsigned long long)column);
    csv->failed = true;
    (void)assay_err_set(err, ASSAY_E_FORMAT, place, "%s", what);
    assay_err_remedy(err, "%s", remedy);
    return ASSAY_E_FORMAT;
}

static enum assay_status fail_here(struct assay_csv *csv, struct assay_err *err, const char *what,
                                   const char *remedy)
{
    return fail_at(csv, err, csv->line, csv->column, what, remedy);
}

static enum assay_status put(struct assay_csv *csv, int byte, struct assay_err *err)
{
    if (byte == '\0') {
        return fail_here(csv, err, "a NUL byte", "write the file as UTF-8 text");
    }
    if (csv->text_used == csv->text_max) {
        (void)fail_here(csv, err, "the record is too long",
                        "check for a quote that is never closed; split the file");
        assay_err_allowed(err, "at most %zu bytes of field contents", csv->text_max);
        return err == NULL ? ASSAY_E_FULL : (err->status = ASSAY_E_FULL);
    }
    csv->text[csv->text_used++] = (char)byte;
    take(csv);
    return ASSAY_OK;
}

/* The byte that may follow a field: a comma, a line end, the end. */
static bool ends_field(int byte)
{
    return byte == ',' || byte == '\n' || byte == '\r' || byte == END_OF_INPUT;
}

static enum assay_status read_plain(struct assay_csv *csv, struct assay_err *err)
{
    for (int byte = peek(csv); !ends_field(byte); byte = peek(csv)) {
        if (byte == '"') {
            return fail_here(csv, err, "a quote inside a field that is not quoted",
                             "put the whole field in quotes and double the quotes in it");
        }
        const enum assay_status status = put(csv, byte, err);
        if (status != ASSAY_OK) {
            return status;
        }
    }
    return ASSAY_OK;
}

static enum assay_status read_quoted(struct assay_csv *csv, struct assay_err *err)
{
    const uint64_t line = csv->line;
    const uint64_t column = csv->column;
    take(csv);
    for (;;) {
        const int byte = peek(csv);
        if (byte == END_OF_INPUT) {
            return fail_at(csv, err, line, column, "a quote that is never closed",
                           "close the field with a quote");
        }
        if (byte == '"') {
            take(csv);
            if (peek(csv) != '"') {
                break;
            }
        }
        const enum assay_status status = put(csv, byte, err);
        if (status != ASSAY_OK) {
            return status;
        }
    }
    if (!ends_field(peek(csv))) {
        return fail_here(csv, err, "text after a closing quote",
                         "double the quotes that belong to the field");
    }
    return ASSAY_OK;
}

static enum assay_status add_field(struct assay_csv *csv, struct assay_err *err)
{
    if (csv->field_count == ASSAY_CSV_FIELDS_MAX) {
        (void)fail_here(csv, err, "the record has too many fields", "split the file by columns");
        assay_err_allowed(err, "at most %d", ASSAY_CSV_FIELDS_MAX);
        return err == NULL ? ASSAY_E_FULL : (err->status = ASSAY_E_FULL);
    }
    if (csv->field_count == csv->field_room) {
        const size_t room = (size_t)csv->field_room * 2;
        struct assay_csv_field *fields = assay_arena_array(csv->arena, room, sizeof *csv->fields);
        if (fields == NULL) {
            csv->failed = true;
            return assay_err_set(err, ASSAY_E_NO_MEMORY, csv->where, "no memory for the fields");
        }
        memcpy(fields, csv->fields, csv->field_count * sizeof *fields);
        csv->fields = fields;
        csv->field_room = (uint32_t)room;
    }
    struct assay_csv_field *field = &csv->fields[csv->field_count++];
    const size_t begin = csv->text_used;
    *field = (struct assay_csv_field){.line = csv->line,
                                      .column = csv->column > UINT32_MAX ? UINT32_MAX
                                                                         : (uint32_t)csv->column,
                                      .quoted = peek(csv) == '"'};
    const enum assay_status status = field->quoted ? read_quoted(csv, err) : read_plain(csv, err);
    field->text.ptr = csv->text + begin;
    field->text.len = (uint32_t)(csv->text_used - begin);
    return status;
}

static enum assay_status end_line(struct assay_csv *csv, struct assay_err *err)
{
    if (peek(csv) == '\r') {
        const uint64_t column = csv->column;
        take(csv);
        if (peek(csv) != '\n') {
            return fail_at(csv, err, csv->line, column, "a carriage return without a line feed",
                           "end lines with LF or CRLF; quote a field that holds one");
        }
    }
    if (peek(csv) == '\n') {
        take(csv);
    }
    return ASSAY_OK;
}

/* Three bytes that some spreadsheets put before the text. They lie in one block: streams are read
 * in blocks far longer than that. */
static void skip_byte_order_mark(struct assay_csv *csv)
{
    (void)peek(csv);
    if (csv->end - csv->at >= 3 && memcmp(csv->at, "\xEF\xBB\xBF", 3) == 0) {
        csv->at += 3;
    }
}

static enum assay_status check_width(struct assay_csv *csv, uint64_t line, struct assay_err *err)
{
    if (csv->width == 0) {
        csv->width = csv->field_count;
    }
    if (csv->field_count == csv->width) {
        return ASSAY_OK;
    }
    (void)fail_at(csv, err, line, 1, "another number of fields than in the first record",
                  "add or remove fields; quote a field that holds a comma");
    assay_err_value(err, "%u", csv->field_count);
    assay_err_allowed(err, "%u", csv->width);
    return ASSAY_E_FORMAT;
}

static enum assay_status check_stream(struct assay_csv *csv, struct assay_err *err)
{
    if (csv->file != NULL && ferror(csv->file) != 0) {
        csv->failed = true;
        return assay_err_set(err, ASSAY_E_IO, csv->where, "reading failed at line %llu",
                             (unsigned long long)csv->line);
    }
    return ASSAY_OK;
}

enum assay_status assay_csv_next(struct assay_csv *csv, struct assay_csv_record *record,
                                 struct assay_err *err)
{
    ASSAY_ASSERT(csv != NULL && record != NULL);
    ASSAY_ASSERT(!csv->failed);
    if (!csv->started) {
        csv->started = true;
        skip_byte_order_mark(csv);
    }
    const uint64_t line = csv->line;
    csv->text_used = 0;
    csv->field_count = 0;
    enum assay_status status = ASSAY_OK;
    if (peek(csv) == END_OF_INPUT) {
        status = check_stream(csv, err);
        return status == ASSAY_OK ? ASSAY_E_END : status;
    }
    for (bool more = true; more && status == ASSAY_OK;) {
        status = add_field(csv, err);
        more = status == ASSAY_OK && peek(csv) == ',';
        if (more) {
            take(csv);
        }
    }
    if (status == ASSAY_OK) {
        status = check_stream(csv, err);
    }
    if (status == ASSAY_OK) {
        status = end_line(csv, err);
    }
    if (status == ASSAY_OK) {
        status = check_width(csv, line, err);
    }
    if (status == ASSAY_OK) {
        *record = (struct assay_csv_record){
            .fields = csv->fields, .count = csv->field_count, .line = line};
    }
    return status;
}

bool assay_csv_needs_quotes(struct assay_str text)
{
    for (uint32_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (c == ',' || c == '"' || c == '\n' || c == '\r') {
            return true;
        }
    }
    return false;
}

void assay_csv_write(FILE *out, struct assay_str text, bool first)
{
    if (!first) {
        (void)putc(',', out);
    }
    const bool quotes = assay_csv_needs_quotes(text);
    if (!quotes) {
        (void)fwrite(text.ptr == NULL ? "" : text.ptr, 1, text.len, out);
        return;
    }
    (void)putc('"', out);
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') {
            (void)putc('"', out);
        }
        (void)putc(text.ptr[i], out);
    }
    (void)putc('"', out);
}
