#include "features/decode_pvt.h"

#include "engine/base/number.h"

enum { SCRATCH_BYTES_MAX = 1 << 30 }; /* 1,024 messages of 1 MiB, every byte escaped text */

struct assay_decoder {
    const struct assay_schema *schema;
    struct assay_arena *scratch; /* unescaped text and vectors; emptied by reset */
    uint64_t *field_tags;        /* json_tag of every field's name, ASSAY_FIELDS_MAX an event */
    uint64_t seen; /* a bit per hash of the tags so far: a clear one means a new name */
    uint32_t member_count;
    struct json_member members[ASSAY_DECODE_MEMBERS_MAX];
};

/* What one message is read with. */
struct reader {
    struct assay_decoder *decoder;
    struct assay_str message;
    struct assay_event *event;
    struct assay_decode_report *report;
};

struct assay_decoder *assay_decoder_create_json(struct assay_arena *arena,
                                                const struct assay_schema *schema)
{
    struct assay_decoder *decoder = assay_arena_alloc(arena, sizeof *decoder);
    if (decoder == NULL) {
        return NULL;
    }
    decoder->schema = schema;
    decoder->field_tags =
        assay_arena_array(arena, schema->event_count * ASSAY_FIELDS_MAX, sizeof(uint64_t));
    if (decoder->field_tags == NULL) {
        return NULL;
    }
    for (uint32_t e = 0; e < schema->event_count; e++) {
        for (uint32_t f = 0; f < schema->events[e].field_count; f++) {
            decoder->field_tags[e * ASSAY_FIELDS_MAX + f] =
                json_tag(schema->events[e].fields[f].name);
        }
    }
    decoder->scratch = assay_arena_create(SCRATCH_BYTES_MAX);
    return decoder->scratch == NULL ? NULL : decoder;
}

void assay_decoder_destroy(struct assay_decoder *decoder)
{
    if (decoder != NULL) {
        assay_arena_destroy(decoder->scratch);
        decoder->scratch = NULL;
    }
}

void assay_decoder_reset(struct assay_decoder *decoder)
{
    assay_arena_rewind(decoder->scratch, (struct assay_arena_mark){0});
}

static bool refuse(struct reader *reader, enum assay_dead dead, struct assay_str field,
                   const char *at)
{
    reader->report->dead = dead;
    reader->report->field = field;
    reader->report->offset = (uint32_t)(at - reader->message.ptr);
    return false;
}

/* Text with escapes, undone in the scratch. */
static bool read_escaped(struct reader *reader, const struct json_value *value,
                         struct assay_str field, struct assay_str *out)
{
    char *text = assay_arena_alloc(reader->decoder->scratch, (size_t)value->raw.len + 1);
    if (text == NULL) {
        return refuse(reader, ASSAY_DEAD_CAPACITY, field, value->raw.ptr);
    }
    bool nul = false;
    const size_t length = assay_json_unescape(value->raw, text, &nul);
    if (nul) {
        return refuse(reader, ASSAY_DEAD_NUL, field, value->raw.ptr);
    }
    *out = (struct assay_str){.ptr = text, .len = (uint32_t)length};
    return true;
}

/* Text of a scanned string. */
static inline bool read_text(struct reader *reader, const struct json_value *value,
                             struct assay_str field, struct assay_str *out)
{
    if (value->escaped) {
        return read_escaped(reader, value, field, out);
    }
    /* One by one as they were written: a copy of the whole waits until both stores are out. */
    out->ptr = value->raw.ptr;
    out->len = value->raw.len;
    return true;
}

/* Has a member before the next one its name? Mostly answered by the bits of `seen` alone. */
static bool is_duplicate(struct assay_decoder *decoder, const struct json_member *next)
{
    const uint64_t bit = UINT64_C(1)
                         << ((next->tag ^ next->name.len) * UINT64_C(0x9E3779B97F4A7C15) >> 58);
    const bool fresh = (decoder->seen & bit) == 0;
    decoder->seen |= bit;
    for (uint32_t i = 0; !fresh && i < decoder->member_count; i++) {
        const struct json_member *member = &decoder->members[i];
        if (json_name_equal(member->name, member->tag, next->name, next->tag)) {
            return true;
        }
    }
    return false;
}

/* One "name": value of the event's object. */
static bool scan_member(struct reader *reader, struct json_scanner *scanner)
{
    struct assay_decoder *decoder = reader->decoder;
    struct json_value name;
    const struct assay_str none = {0};
    assay_json_blanks(scanner);
    const char *at = scanner->at;
    if (at == scanner->end || *at != '"') {
        return refuse(reader, ASSAY_DEAD_SYNTAX, none, at);
    }
    if (!assay_json_string(scanner, &name)) {
        return refuse(reader, scanner->dead, none, scanner->at);
    }
    if (decoder->member_count == ASSAY_DECODE_MEMBERS_MAX) {
        return refuse(reader, ASSAY_DEAD_MEMBERS, none, at);
    }
    struct json_member *member = &decoder->members[decoder->member_count];
    if (!read_text(reader, &name, none, &member->name)) {
        return false;
    }
    member->tag = json_tag(member->name);
    if (is_duplicate(decoder, member)) {
        return refuse(reader, ASSAY_DEAD_DUPLICATE_KEY, member->name, at);
    }
    assay_json_blanks(scanner);
    if (scanner->at == scanner->end || *scanner->at != ':') {
        return refuse(reader, ASSAY_DEAD_SYNTAX, none, scanner->at);
    }
    scanner->at++;
    if (!assay_json_value(scanner, 1, &member->value)) {
        return refuse(reader, scanner->dead, none, scanner->at);
    }
    decoder->member_count++;
    return true;
}

static bool scan_message(struct reader *reader)
{
    struct json_scanner scanner = {.at = reader->message.ptr,
                                   .end = reader->message.ptr + reader->message.len};
    const struct assay_str none = {0};
    reader->decoder->member_count = 0;
    reader->decoder->seen = 0;
    assay_json_blanks(&scanner);
    if (scanner.at == scanner.end) {
        return refuse(reader, ASSAY_DEAD_EMPTY, none, scanner.at);
    }
    if (*scanner.at != '{') {
        struct json_value value;
        const bool json = assay_json_value(&scanner, 0, &value);
        return refuse(reader, json ? ASSAY_DEAD_NOT_OBJECT : scanner.dead, none, scanner.at);
    }
    scanner.at++;
    assay_json_blanks(&scanner);
    bool open = scanner.at == scanner.end || *scanner.at != '}';
    while (open) {
        if (!scan_member(reader, &scanner)) {
            return false;
        }
        assay_json_blanks(&scanner);
        open = scanner.at < scanner.end && *scanner.at == ',';
        scanner.at += open ? 1 : 0;
    }
    if (scanner.at == scanner.end || *scanner.at != '}') {
        return refuse(reader, ASSAY_DEAD_SYNTAX, none, scanner.at);
    }
    scanner.at++;
    assay_json_blanks(&scanner);
    if (scanner.at != scanner.end) {
        return refuse(reader, ASSAY_DEAD_SYNTAX, none, scanner.at);
    }
    return true;
}

static struct json_member *find_member(struct assay_decoder *decoder, const char *name)
{
    const struct assay_str wanted = assay_str_of(name);
    const uint64_t tag = json_tag(wanted);
    for (uint32_t i = 0; i < decoder->member_count; i++) {
        if (json_name_equal(decoder->members[i].name, decoder->members[i].tag, wanted, tag)) {
            return &decoder->members[i];
        }
    }
    return NULL;
}

/*
 * Text that state, rows and decisions hold: what one message may put there is bounded well below a
 * message, so that no message makes an epoch or a decision too large to be finished.
 */
static bool read_short_text(struct reader *reader, const struct json_value *value,
                            struct assay_str field, uint32_t bytes_max, struct assay_str *out)
{
    if (!read_text(reader, value, field, out)) {
        return false;
    }
    return out->len <= bytes_max || refuse(reader, ASSAY_DEAD_LONG_TEXT, field, value->raw.ptr);
}

static bool read_time(struct reader *reader, const struct json_value *value, struct assay_str field,
                      int64_t *out)
{
    if (value->kind == JSON_NUMBER) {
        return assay_json_scaled(value->raw, 0, out) == ASSAY_DEAD_NONE ||
               refuse(reader, ASSAY_DEAD_BAD_TIME, field, value->raw.ptr);
    }
    struct assay_str text;
    if (value->kind != JSON_STRING) {
        return refuse(reader, ASSAY_DEAD_BAD_TIME, field, value->raw.ptr);
    }
    if (!read_text(reader, value, field, &text)) {
        return false;
    }
    return assay_json_rfc3339(text, out) ||
           refuse(reader, ASSAY_DEAD_BAD_TIME, field, value->raw.ptr);
}

/* `type`, `time` and `id`: what every event has. */
static bool read_envelope(struct reader *reader)
{
    struct assay_decoder *decoder = reader->decoder;
    const struct json_member *type = find_member(decoder, "type");
    const struct json_member *time = find_member(decoder, "time");
    const struct json_member *id = find_member(decoder, "id");
    struct assay_str name;

    if (type == NULL || type->value.kind == JSON_NULL) {
        return refuse(reader, ASSAY_DEAD_NO_TYPE, assay_str_of("type"), reader->message.ptr);
    }
    if (type->value.kind != JSON_STRING) {
        return refuse(reader, ASSAY_DEAD_WRONG_TYPE, type->name, type->value.raw.ptr);
    }
    if (!read_text(reader, &type->value, type->name, &name)) {
        return false;
    }
    reader->event->type = assay_schema_event(decoder->schema, name);
    if (reader->event->type == ASSAY_NONE) {
        return refuse(reader, ASSAY_DEAD_UNKNOWN_EVENT, assay_str_of("type"), type->value.raw.ptr);
    }
    if (time == NULL || time->value.kind == JSON_NULL) {
        return refuse(reader, ASSAY_DEAD_NO_TIME, assay_str_of("time"), reader->message.ptr);
    }
    if (!read_time(reader, &time->value, assay_str_of("time"), &reader->event->time_ms)) {
        return false;
    }
    reader->event->id = (struct assay_str){0};
    if (id == NULL || id->value.kind == JSON_NULL) {
        return true;
    }
    if (id->value.kind != JSON_STRING) {
        return refuse(reader, ASSAY_DEAD_WRONG_TYPE, assay_str_of("id"), id->value.raw.ptr);
    }
    return read_short_text(reader, &id->value, assay_str_of("id"), ASSAY_KEY_BYTES_MAX,
                           &reader->event->id);
}

static bool read_scaled(struct reader *reader, const struct assay_field_def *def,
                        const struct json_value *value, union assay_field *out)
{
    if (value->kind != JSON_NUMBER) {
        return refuse(reader, ASSAY_DEAD_WRONG_TYPE, def->name, value->raw.ptr);
    }
    enum assay_dead dead = assay_json_scaled(value->raw, def->scale, &out->integer);
    if (dead == ASSAY_DEAD_PRECISION && def->type == ASSAY_TYPE_INT) {
        dead = ASSAY_DEAD_WRONG_TYPE; /* 5.5 is no integer */
    }
    return dead == ASSAY_DEAD_NONE || refuse(reader, dead, def->name, value->raw.ptr);
}

static bool read_real(struct reader *reader, struct assay_str field, struct assay_str number,
                      double *out)
{
    if (!assay_number_parse(number, out) || !isfinite(*out)) {
        return refuse(reader, ASSAY_DEAD_RANGE, field, number.ptr);
    }
    return true;
}

/* The components of an array that the scanner has found well-formed. */
static bool read_vector(struct reader *reader, const struct assay_field_def *def,
                        const struct json_value *value, union assay_field *out)
{
    if (value->kind != JSON_ARRAY) {
        return refuse(reader, ASSAY_DEAD_WRONG_TYPE, def->name, value->raw.ptr);
    }
    double *vector = assay_arena_array(reader->decoder->scratch, def->dims, sizeof *vector);
    if (vector == NULL) {
        return refuse(reader, ASSAY_DEAD_CAPACITY, def->name, value->raw.ptr);
    }
    struct json_scanner scanner = {.at = value->raw.ptr + 1,
                                   .end = value->raw.ptr + value->raw.len - 1};
    uint32_t count = 0;
    assay_json_blanks(&scanner);
    while (scanner.at < scanner.end) {
        struct json_value item;
        if (!assay_json_value(&scanner, 1, &item) || item.kind != JSON_NUMBER) {
            return refuse(reader, ASSAY_DEAD_WRONG_TYPE, def->name, scanner.at);
        }
        if (count == def->dims) {
            return refuse(reader, ASSAY_DEAD_DIMS, def->name, item.raw.ptr);
        }
        if (!read_real(reader, def->name, item.raw, &vector[count++])) {
            return false;
        }
        assay_json_blanks(&scanner);
        scanner.at += scanner.at < scanner.end ? 1 : 0; /* the comma */
    }
    if (count != def->dims) {
        return refuse(reader, ASSAY_DEAD_DIMS, def->name, value->raw.ptr);
    }
    out->vector = vector;
    return true;
}

/* A key is a string, or an integer whose digits are the key. */
static bool read_key(struct reader *reader, const struct assay_field_def *def,
                     const struct json_value *value, struct assay_str *out)
{
    if (value->kind == JSON_STRING) {
        return read_short_text(reader, value, def->name, ASSAY_KEY_BYTES_MAX, out);
    }
    if (value->kind != JSON_NUMBER || value->raw.len > 20) {
        return refuse(reader, ASSAY_DEAD_WRONG_TYPE, def->name, value->raw.ptr);
    }
    for (uint32_t i = value->raw.ptr[0] == '-' ? 1 : 0; i < value->raw.len; i++) {
        if (value->raw.ptr[i] < '0' || value->raw.ptr[i] > '9') {
            return refuse(reader, ASSAY_DEAD_WRONG_TYPE, def->name, value->raw.ptr);
        }
    }
    *out = value->raw;
    if (value->raw.len == 2 && memcmp(value->raw.ptr, "-0", 2) == 0) {
        *out = (struct assay_str){.ptr = value->raw.ptr + 1, .len = 1};
    }
    return true;
}

static bool read_field(struct reader *reader, const struct assay_field_def *def,
                       const struct json_value *value, union assay_field *out)
{
    switch (def->type) {
    case ASSAY_TYPE_INT:
    case ASSAY_TYPE_DECIMAL:
        return read_scaled(reader, def, value, out);
    case ASSAY_TYPE_REAL:
        if (value->kind != JSON_NUMBER) {
            break;
        }
        return read_real(reader, def->name, value->raw, &out->real);
    case ASSAY_TYPE_BOOL:
        if (value->kind != JSON_TRUE && value->kind != JSON_FALSE) {
            break;
        }
        out->integer = value->kind == JSON_TRUE ? 1 : 0;
        return true;
    case ASSAY_TYPE_TIME:
        return read_time(reader, value, def->name, &out->integer);
    case ASSAY_TYPE_KEY:
        return read_key(reader, def, value, &out->text);
    case ASSAY_TYPE_CATEGORY:
    case ASSAY_TYPE_TEXT:
        if (value->kind != JSON_STRING) {
            break;
        }
        return read_short_text(reader, value, def->name, ASSAY_TEXT_BYTES_MAX, &out->text);
    case ASSAY_TYPE_VECTOR:
        return read_vector(reader, def, value, out);
    case ASSAY_TYPE_END:
        ASSAY_ASSERT(false);
    }
    return refuse(reader, ASSAY_DEAD_WRONG_TYPE, def->name, value->raw.ptr);
}

/* Producers write members in the declared order, so the next field is the first guess. */
static uint32_t field_of(const struct assay_event_def *def, const uint64_t tags[],
                         const struct json_member *member, uint32_t guess)
{
    for (uint32_t i = 0; i < def->field_count; i++) {
        const uint32_t field =
            guess + i < def->field_count ? guess + i : guess + i - def->field_count;
        if (json_name_equal(def->fields[field].name, tags[field], member->name, member->tag)) {
            return field;
        }
    }
    return ASSAY_NONE;
}

static bool is_envelope(struct assay_str name)
{
    return (name.len == 4 &&
            (memcmp(name.ptr, "type", 4) == 0 || memcmp(name.ptr, "time", 4) == 0)) ||
           (name.len == 2 && memcmp(name.ptr, "id", 2) == 0);
}

static bool read_fields(struct reader *reader)
{
    const struct assay_decoder *decoder = reader->decoder;
    struct assay_event *event = reader->event;
    const struct assay_event_def *def = &decoder->schema->events[event->type];
    const uint64_t *tags = &decoder->field_tags[event->type * ASSAY_FIELDS_MAX];
    uint32_t guess = 0;
    event->present = 0;
    for (uint32_t m = 0; m < decoder->member_count; m++) {
        const struct json_member *member = &decoder->members[m];
        const uint32_t field = field_of(def, tags, member, guess);
        if (field == ASSAY_NONE) {
            reader->report->unknown_count += is_envelope(member->name) ? 0 : 1;
            continue;
        }
        guess = field + 1 < def->field_count ? field + 1 : 0;
        if (member->value.kind == JSON_NULL) {
            continue;
        }
        if (!read_field(reader, &def->fields[field], &member->value, &event->fields[field])) {
            return false;
        }
        event->present |= UINT64_C(1) << field;
    }
    return true;
}

/* Every key that is not optional must be there; an empty key names nobody. */
static bool check_keys(struct reader *reader)
{
    struct assay_event *event = reader->event;
    const struct assay_event_def *def = &reader->decoder->schema->events[event->type];
    for (uint32_t f = 0; f < def->field_count; f++) {
        if (def->fields[f].type != ASSAY_TYPE_KEY) {
            continue;
        }
        if (assay_event_has(event, f) && event->fields[f].text.len == 0) {
            event->present &= ~(UINT64_C(1) << f);
        }
        if (!assay_event_has(event, f) && !def->fields[f].optional) {
            return refuse(reader, ASSAY_DEAD_MISSING_KEY, def->fields[f].name, reader->message.ptr);
        }
    }
    return true;
}

void assay_decode_json(struct assay_decoder *decoder, struct assay_str message,
                       struct assay_event *event, struct assay_decode_report *report)
{
    ASSAY_ASSERT(decoder != NULL);
    ASSAY_ASSERT(event != NULL && report != NULL);
    struct reader reader = {
        .decoder = decoder, .message = message, .event = event, .report = report};
    *report = (struct assay_decode_report){.dead = ASSAY_DEAD_NONE};
    event->bytes = message.len;
    if (message.len == 0) {
        report->dead = ASSAY_DEAD_EMPTY;
        return;
    }
    if (message.len > ASSAY_DECODE_BYTES_MAX) {
        report->dead = ASSAY_DEAD_TOO_LONG;
        return;
    }
    (void)(scan_message(&reader) && read_envelope(&reader) && read_fields(&reader) &&
           check_keys(&reader));
}
