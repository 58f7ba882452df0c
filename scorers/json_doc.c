#include "scorers/json_doc_pvt.h"

#include "engine/base/number.h"
#include "engine/base/suggest.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const kind_names[] = {
    [JSON_NULL] = "null",     [JSON_TRUE] = "true",   [JSON_FALSE] = "false",
    [JSON_NUMBER] = "number", [JSON_STRING] = "text", [JSON_ARRAY] = "array",
    [JSON_OBJECT] = "object",
};

enum assay_status assay_json_doc_fail(const struct json_doc *doc, const char *at,
                                      const char *format, ...)
{
    uint32_t line = 1;
    const char *start = doc->text.ptr;
    for (const char *c = doc->text.ptr; c < at; c++) {
        if (*c == '\n') {
            line++;
            start = c + 1;
        }
    }
    char place[sizeof((struct assay_err *)0)->where];
    char what[sizeof((struct assay_err *)0)->what];
    (void)snprintf(place, sizeof place, "%s:%u:%u", doc->where, line, (unsigned)(at - start) + 1);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    (void)assay_err_set(doc->err, ASSAY_E_MODEL, place, "%s", what);
    assay_err_remedy(doc->err, "mend the %s; its shape is in docs/models.md", doc->what);
    return ASSAY_E_MODEL;
}

enum assay_status assay_json_doc_full(const struct json_doc *doc)
{
    (void)assay_err_set(doc->err, ASSAY_E_NO_MEMORY, doc->where, "no memory for the %s", doc->what);
    return ASSAY_E_NO_MEMORY;
}

enum assay_status assay_json_doc_open(const struct json_doc *doc, struct json_value *root)
{
    struct json_scanner scanner = {.at = doc->text.ptr, .end = doc->text.ptr + doc->text.len};
    assay_json_blanks(&scanner);
    const char *start = scanner.at;
    if (start == scanner.end || *start != '{') {
        (void)assay_json_doc_fail(doc, start, "the %s does not begin with \"{\"", doc->what);
        assay_err_remedy(doc->err, "%ss are written as JSON, a subset of YAML; see docs/models.md",
                         doc->what);
        return ASSAY_E_MODEL;
    }
    if (!assay_json_value(&scanner, 0, root)) {
        (void)assay_json_doc_fail(doc, scanner.at, "not JSON: %s", assay_dead_text(scanner.dead));
        assay_err_remedy(doc->err, "%ss are written as JSON, a subset of YAML; see docs/models.md",
                         doc->what);
        return ASSAY_E_MODEL;
    }
    assay_json_blanks(&scanner);
    if (scanner.at != scanner.end) {
        return assay_json_doc_fail(doc, scanner.at, "text after the end of the document");
    }
    return ASSAY_OK;
}

/* Step over one expected character; the document was checked as a whole. */
static void pass(struct json_scanner *scanner, char c)
{
    assay_json_blanks(scanner);
    ASSAY_ASSERT(scanner->at < scanner->end && *scanner->at == c);
    scanner->at++;
}

static void scan(struct json_scanner *scanner, struct json_value *value)
{
    const bool good = assay_json_value(scanner, 0, value);
    ASSAY_ASSERT(good);
}

/* A scanner past the opening bracket of an array or object. */
static struct json_scanner inside(struct json_value value)
{
    return (struct json_scanner){.at = value.raw.ptr + 1, .end = value.raw.ptr + value.raw.len};
}

/* At the next item or member, past its comma; false at the closing bracket. */
static bool at_next(struct json_scanner *scanner, bool first, char closing)
{
    assay_json_blanks(scanner);
    if (*scanner->at == closing) {
        return false;
    }
    if (!first) {
        pass(scanner, ',');
        assay_json_blanks(scanner);
    }
    return true;
}

static enum assay_status unknown_member(const struct json_doc *doc, struct json_value name,
                                        const char *owner, const struct json_field fields[],
                                        size_t count)
{
    struct assay_suggest suggest = {.word = name.raw};
    for (size_t i = 0; i < count; i++) {
        assay_suggest_offer(&suggest, assay_str_of(fields[i].name));
    }
    (void)assay_json_doc_fail(doc, name.raw.ptr, "unknown member \"%.*s\" of %s",
                              (int)(name.raw.len < 64 ? name.raw.len : 64), name.raw.ptr, owner);
    if (suggest.best.ptr != NULL) {
        assay_err_remedy(doc->err, "did you mean \"%.*s\"?", (int)suggest.best.len,
                         suggest.best.ptr);
    }
    return ASSAY_E_MODEL;
}

static enum assay_status take_member(const struct json_doc *doc, struct json_value name,
                                     struct json_value value, const char *owner,
                                     struct json_field fields[], size_t count)
{
    struct json_field *field = NULL;
    for (size_t i = 0; i < count && field == NULL; i++) {
        field = assay_str_equal(name.raw, assay_str_of(fields[i].name)) ? &fields[i] : NULL;
    }
    if (field == NULL) {
        return unknown_member(doc, name, owner, fields, count);
    }
    if (field->value.raw.ptr != NULL) {
        return assay_json_doc_fail(doc, name.raw.ptr, "\"%s\" is given twice in %s", field->name,
                                   owner);
    }
    if (value.kind != field->kind) {
        (void)assay_json_doc_fail(doc, value.raw.ptr, "\"%s\" of %s has the wrong type",
                                  field->name, owner);
        assay_err_value(doc->err, "%s", kind_names[value.kind]);
        assay_err_allowed(doc->err, "%s", kind_names[field->kind]);
        return ASSAY_E_MODEL;
    }
    field->value = value;
    return ASSAY_OK;
}

enum assay_status assay_json_doc_object(const struct json_doc *doc, struct json_value object,
                                        const char *owner, struct json_field fields[], size_t count)
{
    if (object.kind != JSON_OBJECT) {
        return assay_json_doc_fail(doc, object.raw.ptr, "%s must be an object", owner);
    }
    struct json_scanner scanner = inside(object);
    for (bool first = true; at_next(&scanner, first, '}'); first = false) {
        struct json_value name;
        struct json_value value;
        scan(&scanner, &name);
        pass(&scanner, ':');
        scan(&scanner, &value);
        const enum assay_status status = take_member(doc, name, value, owner, fields, count);
        if (status != ASSAY_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (fields[i].required && fields[i].value.raw.ptr == NULL) {
            return assay_json_doc_fail(doc, object.raw.ptr, "%s has no \"%s\"", owner,
                                       fields[i].name);
        }
    }
    return ASSAY_OK;
}

bool assay_json_doc_next(struct json_items *items)
{
    ASSAY_ASSERT(items->array.kind == JSON_ARRAY);
    const bool first = items->scanner.at == NULL;
    if (first) {
        items->scanner = inside(items->array);
    }
    if (!at_next(&items->scanner, first, ']')) {
        return false;
    }
    scan(&items->scanner, &items->item);
    items->count++;
    return true;
}

uint32_t assay_json_doc_count(const struct json_doc *doc, struct json_value array)
{
    struct json_items items = {.doc = doc, .array = array};
    while (assay_json_doc_next(&items)) {
    }
    return items.count;
}

enum assay_status assay_json_doc_real(const struct json_doc *doc, struct json_value value,
                                      double *out)
{
    ASSAY_ASSERT(value.kind == JSON_NUMBER);
    if (!assay_number_parse(value.raw, out) || !isfinite(*out)) {
        return assay_json_doc_fail(doc, value.raw.ptr, "the number does not fit an f64");
    }
    return ASSAY_OK;
}

enum assay_status assay_json_doc_text(const struct json_doc *doc, struct json_value value,
                                      struct assay_str *out)
{
    ASSAY_ASSERT(value.kind == JSON_STRING);
    char *text = assay_arena_alloc(doc->arena, (size_t)value.raw.len + 1);
    if (text == NULL) {
        return assay_json_doc_full(doc);
    }
    bool nul = false;
    out->len = (uint32_t)assay_json_unescape(value.raw, text, &nul);
    out->ptr = text;
    bool control = out->len == 0;
    for (uint32_t i = 0; i < out->len; i++) {
        control = control || (unsigned char)text[i] < 0x20 || text[i] == 0x7F;
    }
    return control ? assay_json_doc_fail(doc, value.raw.ptr,
                                         "the text is empty or has control characters")
                   : ASSAY_OK;
}

enum assay_status assay_json_doc_choice(const struct json_doc *doc, struct json_value value,
                                        const char *first, const char *second, bool *is_second)
{
    ASSAY_ASSERT(value.kind == JSON_STRING);
    const bool is_first = assay_str_equal(value.raw, assay_str_of(first));
    const bool other = second != NULL && assay_str_equal(value.raw, assay_str_of(second));
    if (is_second != NULL) {
        *is_second = other;
    }
    if (is_first || other) {
        return ASSAY_OK;
    }
    (void)assay_json_doc_fail(doc, value.raw.ptr, "unknown word");
    assay_err_value(doc->err, "\"%.*s\"", (int)(value.raw.len < 64 ? value.raw.len : 64),
                    value.raw.ptr);
    if (second == NULL) {
        assay_err_allowed(doc->err, "\"%s\"", first);
    } else {
        assay_err_allowed(doc->err, "\"%s\" or \"%s\"", first, second);
    }
    return ASSAY_E_MODEL;
}

enum assay_status assay_json_doc_unique(const struct json_doc *doc, struct json_value array,
                                        const struct assay_str names[], uint32_t count)
{
    const uint32_t repeated = assay_model_repeated_name(doc->arena, names, count);
    if (repeated == UINT32_MAX) {
        return assay_json_doc_full(doc);
    }
    if (repeated == count) {
        return ASSAY_OK;
    }
    return assay_json_doc_fail(doc, array.raw.ptr, "feature \"%.*s\" is given twice",
                               (int)(names[repeated].len < 64 ? names[repeated].len : 64),
                               names[repeated].ptr);
}
