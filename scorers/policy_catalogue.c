#include "scorers/policy_pvt.h"

#include "engine/base/csv.h"

#include <stdlib.h>

/*
 * The reason catalogue, and the groups it makes of a model's columns: columns of one code are one
 * reason to the person who reads it. A code means one thing, so its family and its texts must be
 * the same on all its lines.
 */

enum { LINES_MAX = 8192, RECORD_BYTES_MAX = 1 << 16 };

enum catalogue_column { COLUMN_FEATURE, COLUMN_FAMILY, COLUMN_CODE, COLUMN_EN, COLUMN_ZH, COLUMNS };
static const char *const column_names[COLUMNS] = {"feature", "family", "code", "en", "zh"};

struct catalogue_reader {
    struct policy_compiler *compiler;
    const struct assay_text *text; /* the CSV file, so that diagnostics point into it */
    uint32_t columns[COLUMNS];     /* where each column stands in a record */
    struct policy_reason *items;
    uint32_t count;
    bool usable; /* the header was good: codes and features stand where it says */
};

const struct policy_reason *assay_policy_reason_of(const struct policy_catalogue *catalogue,
                                                   struct assay_str code)
{
    for (uint32_t i = 0; i < catalogue->count; i++) {
        if (assay_str_equal(catalogue->items[i].code, code)) {
            return &catalogue->items[i];
        }
    }
    return NULL;
}

/* --- reading --- */

/* The place of a field: its line is found from the start, as errors are few. */
static struct assay_span place_of(const struct catalogue_reader *reader,
                                  const struct assay_csv_field *field)
{
    const struct assay_text *text = reader->text;
    size_t begin = 0;
    for (uint64_t line = 1; line < field->line && begin < text->len; line++) {
        const char *end = memchr(text->data + begin, '\n', text->len - begin);
        begin = end == NULL ? text->len : (size_t)(end - text->data) + 1;
    }
    begin += field->column - 1U;
    begin = begin < text->len ? begin : text->len;
    const size_t end = begin + field->text.len;
    return (struct assay_span){
        .text = text, .begin = begin, .end = end < text->len ? end : text->len};
}

static bool read_header(struct catalogue_reader *reader, const struct assay_csv_record *record)
{
    struct assay_diags *diags = reader->compiler->diags;
    bool good = true;
    for (int c = 0; c < COLUMNS; c++) {
        reader->columns[c] = ASSAY_NONE;
    }
    for (uint32_t i = 0; i < record->count; i++) {
        struct assay_suggest suggest = {.word = record->fields[i].text};
        int c = 0;
        while (c < COLUMNS &&
               !assay_str_equal(record->fields[i].text, assay_str_of(column_names[c]))) {
            assay_suggest_offer(&suggest, assay_str_of(column_names[c++]));
        }
        if (c < COLUMNS && reader->columns[c] == ASSAY_NONE) {
            reader->columns[c] = i;
            continue;
        }
        good = false;
        assay_diag_add(diags, ASSAY_DIAG_CATALOGUE, place_of(reader, &record->fields[i]),
                       "%s column \"%.*s\"", c < COLUMNS ? "duplicate" : "unknown",
                       (int)record->fields[i].text.len, record->fields[i].text.ptr);
        assay_policy_hint(diags, &suggest);
    }
    for (int c = 0; c < COLUMNS && good; c++) {
        if (reader->columns[c] == ASSAY_NONE) {
            good = false;
            assay_diag_add(diags, ASSAY_DIAG_CATALOGUE, place_of(reader, &record->fields[0]),
                           "column \"%s\" is missing", column_names[c]);
        }
    }
    return good;
}

static bool copy_cells(struct catalogue_reader *reader, const struct assay_csv_record *record,
                       struct policy_reason *out)
{
    struct assay_str *cells[COLUMNS] = {&out->feature, &out->family, &out->code, &out->en,
                                        &out->zh};
    for (int c = 0; c < COLUMNS; c++) {
        *cells[c] =
            assay_arena_copy(reader->compiler->arena, record->fields[reader->columns[c]].text);
        if (cells[c]->ptr == NULL) {
            return false;
        }
    }
    out->line = record->line;
    return true;
}

static bool known_feature(const struct policy_compiler *compiler, struct assay_str name)
{
    if (assay_plan_feature(compiler->plan, name) != ASSAY_NONE) {
        return true;
    }
    const struct assay_policy *policy = compiler->policy;
    for (uint32_t c = 0; policy->model != NULL && c < policy->column_count; c++) {
        if (assay_str_equal(assay_model_feature_name(policy->model, c), name)) {
            return true;
        }
    }
    return false;
}

static void check_feature(struct catalogue_reader *reader, const struct assay_csv_record *record,
                          const struct policy_reason *item)
{
    struct policy_compiler *compiler = reader->compiler;
    const struct assay_span span =
        place_of(reader, &record->fields[reader->columns[COLUMN_FEATURE]]);
    for (uint32_t i = 0; i < reader->count; i++) {
        if (assay_str_equal(reader->items[i].feature, item->feature)) {
            assay_diag_add(compiler->diags, ASSAY_DIAG_DUPLICATE, span,
                           "feature \"%.*s\" has two lines, first line %llu",
                           (int)item->feature.len, item->feature.ptr,
                           (unsigned long long)reader->items[i].line);
            return;
        }
    }
    if (known_feature(compiler, item->feature)) {
        return;
    }
    struct assay_suggest suggest = {.word = item->feature};
    for (uint32_t i = 0; i < compiler->plan->feature_count; i++) {
        assay_suggest_offer(&suggest, compiler->plan->features[i].full_name);
    }
    assay_diag_add(compiler->diags, ASSAY_DIAG_CATALOGUE, span, "unknown feature \"%.*s\"",
                   (int)item->feature.len, item->feature.ptr);
    assay_policy_hint(compiler->diags, &suggest);
}

static void check_code(struct catalogue_reader *reader, const struct assay_csv_record *record,
                       const struct policy_reason *item)
{
    struct assay_diags *diags = reader->compiler->diags;
    const struct assay_span span = place_of(reader, &record->fields[reader->columns[COLUMN_CODE]]);
    if (item->code.len == 0 || item->code.len > ASSAY_REASON_CODE_BYTES_MAX) {
        assay_diag_add(diags, ASSAY_DIAG_REASON, span, "a reason code has 1 to %d bytes",
                       ASSAY_REASON_CODE_BYTES_MAX);
        return;
    }
    for (uint32_t i = 0; i < reader->count; i++) {
        const struct policy_reason *other = &reader->items[i];
        if (!assay_str_equal(other->code, item->code) ||
            (assay_str_equal(other->family, item->family) && assay_str_equal(other->en, item->en) &&
             assay_str_equal(other->zh, item->zh))) {
            continue;
        }
        assay_diag_add(diags, ASSAY_DIAG_CATALOGUE, span,
                       "code \"%.*s\" has another family or text than on line %llu",
                       (int)item->code.len, item->code.ptr, (unsigned long long)other->line);
        assay_diag_hint(diags, "a code means one thing: give it the same texts on all its lines");
        return;
    }
}

static enum assay_status read_lines(struct catalogue_reader *reader, struct assay_csv *csv,
                                    struct assay_err *err)
{
    struct assay_csv_record record;
    enum assay_status status = assay_csv_next(csv, &record, err);
    if (status == ASSAY_E_END) {
        return assay_err_set(err, ASSAY_E_FORMAT, reader->text->path, "the catalogue is empty");
    }
    if (status != ASSAY_OK || !read_header(reader, &record)) {
        return status; /* a bad header is reported; its lines would say the same again */
    }
    reader->usable = true;
    while ((status = assay_csv_next(csv, &record, err)) == ASSAY_OK) {
        if (reader->count == LINES_MAX) {
            return assay_err_set(err, ASSAY_E_FULL, reader->text->path, "more than %d lines",
                                 LINES_MAX);
        }
        struct policy_reason item = {0};
        if (!copy_cells(reader, &record, &item)) {
            return assay_err_set(err, ASSAY_E_NO_MEMORY, reader->text->path, "out of memory");
        }
        if (item.feature.len > 0) {
            check_feature(reader, &record, &item);
        }
        check_code(reader, &record, &item);
        reader->items[reader->count++] = item;
    }
    return status == ASSAY_E_END ? ASSAY_OK : status;
}

/* Diagnostics need the file as a text of its own. */
static const struct assay_text *as_text(struct policy_compiler *compiler)
{
    const struct assay_policy_source *source = compiler->source;
    struct assay_text *text = assay_arena_alloc(compiler->arena, sizeof *text);
    const struct assay_str copy = assay_arena_copy(compiler->arena, source->catalogue);
    if (text == NULL || copy.ptr == NULL) {
        return NULL;
    }
    *text = (struct assay_text){.path = source->catalogue_path != NULL ? source->catalogue_path
                                                                       : "reason catalogue",
                                .data = copy.ptr,
                                .len = copy.len};
    return text;
}

void assay_policy_read_catalogue(struct policy_compiler *compiler)
{
    const struct assay_policy_source *source = compiler->source;
    if (source->catalogue.ptr == NULL) {
        return;
    }
    const struct assay_span span = assay_policy_place(compiler, source->catalogue_span);
    struct catalogue_reader reader = {.compiler = compiler, .text = as_text(compiler)};
    reader.items = assay_arena_array(compiler->arena, LINES_MAX, sizeof *reader.items);
    struct assay_csv *csv = reader.text == NULL
                                ? NULL
                                : assay_csv_create(compiler->arena, reader.text->path,
                                                   source->catalogue, RECORD_BYTES_MAX);
    if (reader.items == NULL || csv == NULL) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_LIMIT, span, "out of memory");
        return;
    }
    struct assay_err err = {0};
    const enum assay_status status = read_lines(&reader, csv, &err);
    if (status != ASSAY_OK) {
        char text[480];
        assay_err_format(&err, sizeof text, text);
        assay_diag_add(compiler->diags, ASSAY_DIAG_CATALOGUE, span, "%s", text);
    }
    if (reader.usable && status == ASSAY_OK) { /* else it is not known which codes there are */
        compiler->policy->catalogue =
            (struct policy_catalogue){.count = reader.count, .items = reader.items};
    }
}

/* --- groups --- */

/* The code of a column: by the name the model uses, else by the feature's full name. */
static struct assay_str code_of(const struct policy_compiler *compiler, uint32_t column)
{
    const struct assay_policy *policy = compiler->policy;
    const struct assay_str names[2] = {
        compiler->columns[column].name,
        compiler->plan->features[compiler->columns[column].need.feature].full_name,
    };
    for (int n = 0; n < 2; n++) {
        for (uint32_t i = 0; i < policy->catalogue.count; i++) {
            if (assay_str_equal(policy->catalogue.items[i].feature, names[n])) {
                return policy->catalogue.items[i].code;
            }
        }
    }
    return assay_str_of("");
}

static uint32_t group_named(const struct assay_str codes[], uint32_t count, struct assay_str code)
{
    uint32_t g = 0;
    while (g < count && !assay_str_equal(codes[g], code)) {
        g++;
    }
    return g;
}

bool assay_policy_group_columns(struct policy_compiler *compiler)
{
    struct assay_policy *policy = compiler->policy;
    uint32_t *groups =
        assay_arena_array(compiler->arena, policy->column_count + 1U, sizeof *groups);
    struct assay_str *codes =
        assay_arena_array(compiler->arena, policy->column_count + 1U, sizeof *codes);
    struct policy_rule *rules =
        assay_arena_array(compiler->arena, policy->rule_count + 1U, sizeof *rules);
    if (groups == NULL || codes == NULL || rules == NULL) {
        return false;
    }
    for (uint32_t c = 0; c < policy->column_count; c++) {
        const struct assay_str code = code_of(compiler, c);
        /* Without a code a column stands alone. */
        const uint32_t group =
            code.len == 0 ? policy->group_count : group_named(codes, policy->group_count, code);
        groups[c] = group;
        if (group == policy->group_count) {
            codes[policy->group_count++] = code;
        }
    }
    for (uint32_t r = 0; r < policy->rule_count; r++) {
        rules[r] = policy->rules[r];
        const uint32_t group = rules[r].reason.ptr == NULL
                                   ? policy->group_count
                                   : group_named(codes, policy->group_count, rules[r].reason);
        rules[r].group = group == policy->group_count ? ASSAY_NONE : group;
    }
    policy->rules = rules;
    policy->column_groups = groups;
    policy->group_codes = codes;
    return true;
}
