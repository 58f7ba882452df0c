#include "engine/base/number.h"
#include "engine/config/reader_pvt.h"

/* Scalars of the three files. A quoted number is a number: the key says what it must be. */

static bool scalar(struct reader *reader, const struct yaml_node *node, const char *what,
                   const char *wanted)
{
    return node->kind == YAML_SCALAR || config_shape(reader, node, what, wanted);
}

static bool bad_value(struct reader *reader, const struct yaml_node *node, const char *what,
                      const char *wanted)
{
    assay_diag_add(reader->diags, ASSAY_DIAG_VALUE, node->span, "%s must be %s, not \"%.*s\"", what,
                   wanted, (int)(node->text.len < 64 ? node->text.len : 64), node->text.ptr);
    return false;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool config_name(struct reader *reader, const struct yaml_node *node, const char *what,
                 struct assay_str *out)
{
    *out = node->text;
    if (!scalar(reader, node, what, "a name")) {
        return false;
    }
    const struct assay_str text = node->text;
    bool good = text.len > 0 && is_letter(text.ptr[0]);
    for (uint32_t i = 0; good && i < text.len; i++) {
        good = is_letter(text.ptr[i]) || is_digit(text.ptr[i]) || text.ptr[i] == '_';
    }
    const int shown = (int)(text.len < 64 ? text.len : 64);
    if (!good) {
        assay_diag_add(reader->diags, ASSAY_DIAG_NAME, node->span,
                       "\"%.*s\" cannot be the name of %s", shown, text.ptr, what);
        assay_diag_hint(reader->diags, "a letter, then letters, digits and _");
        return false;
    }
    if (text.len > CONFIG_NAME_BYTES_MAX) {
        assay_diag_add(reader->diags, ASSAY_DIAG_NAME, node->span,
                       "the name of %s is longer than %d characters", what, CONFIG_NAME_BYTES_MAX);
        return false;
    }
    if (assay_expr_is_reserved(text)) {
        assay_diag_add(reader->diags, ASSAY_DIAG_NAME, node->span,
                       "\"%.*s\" is a word of the language and cannot be the name of %s", shown,
                       text.ptr, what);
        return false;
    }
    return true;
}

bool config_text(struct reader *reader, const struct yaml_node *node, const char *what,
                 struct assay_str *out)
{
    if (!scalar(reader, node, what, "a text")) {
        return false;
    }
    if (node->text.len == 0 || memchr(node->text.ptr, '\0', node->text.len) != NULL) {
        assay_diag_add(reader->diags, ASSAY_DIAG_VALUE, node->span, "%s must not be empty", what);
        return false;
    }
    *out = node->text;
    return true;
}

/* Digits with _ between them, up to the first other character. @return characters read; 0: none,
 * or more than fits 63 bits. */
static uint32_t take_digits(struct assay_str text, uint64_t *out)
{
    uint32_t at = 0;
    *out = 0;
    while (at < text.len) {
        const char c = text.ptr[at];
        const bool group = c == '_' && at > 0 && text.ptr[at - 1] != '_' && at + 1 < text.len &&
                           is_digit(text.ptr[at + 1]);
        if (!is_digit(c) && !group) {
            break;
        }
        if (is_digit(c)) {
            if (*out > (uint64_t)INT64_MAX / 10 - 1) {
                return 0;
            }
            *out = *out * 10 + (uint64_t)(c - '0');
        }
        at++;
    }
    return at;
}

bool config_count(struct reader *reader, const struct yaml_node *node, const char *what,
                  uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    char wanted[96];
    (void)snprintf(wanted, sizeof wanted, "a whole number from %llu to %llu",
                   (unsigned long long)min, (unsigned long long)max);
    if (!scalar(reader, node, what, wanted)) {
        return false;
    }
    const uint32_t read = take_digits(node->text, &value);
    if (read == 0 || read != node->text.len || value < min || value > max) {
        return bad_value(reader, node, what, wanted);
    }
    *out = value;
    return true;
}

bool config_real(struct reader *reader, const struct yaml_node *node, const char *what, double *out)
{
    if (!scalar(reader, node, what, "a number")) {
        return false;
    }
    double value = 0;
    if (!assay_number_parse(node->text, &value) || !isfinite(value)) {
        return bad_value(reader, node, what, "a number");
    }
    *out = value;
    return true;
}

bool config_bool(struct reader *reader, const struct yaml_node *node, const char *what, bool *out)
{
    if (!scalar(reader, node, what, "true or false")) {
        return false;
    }
    const bool yes = assay_str_equal(node->text, assay_str_of("true"));
    if (!yes && !assay_str_equal(node->text, assay_str_of("false"))) {
        return bad_value(reader, node, what, "true or false");
    }
    *out = yes;
    return true;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* A whole number and a unit. @return false: malformed or too large. */
static bool take_measure(struct assay_str text, const struct unit units[], size_t count,
                         uint64_t *out)
{
    uint64_t value = 0;
    const uint32_t read = take_digits(text, &value);
    if (read == 0) {
        return false;
    }
    struct assay_str rest = {.ptr = text.ptr + read, .len = text.len - read};
    if (rest.len > 0 && rest.ptr[0] == ' ') {
        rest.ptr++;
        rest.len--;
    }
    if (value == 0 && rest.len == 0) {
        *out = 0;
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (assay_str_equal(rest, assay_str_of(units[i].name))) {
            *out = value * units[i].factor;
            return value <= (uint64_t)INT64_MAX / units[i].factor;
        }
    }
    return false;
}

bool config_duration(struct reader *reader, const struct yaml_node *node, const char *what,
                     int64_t min_ms, int64_t max_ms, int64_t *out_ms)
{
    static const struct unit units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    static const char form[] = "a duration (250ms, 5m, 1h, 400d, 2w)";
    uint64_t value = 0;
    if (!scalar(reader, node, what, form)) {
        return false;
    }
    if (!take_measure(node->text, units, sizeof units / sizeof units[0], &value)) {
        return bad_value(reader, node, what, form);
    }
    if ((int64_t)value < min_ms || (int64_t)value > max_ms) {
        char wanted[96];
        size_t unit = sizeof units / sizeof units[0] - 2; /* days */
        while (unit > 0 && max_ms % (int64_t)units[unit].factor != 0) {
            unit--;
        }
        (void)snprintf(wanted, sizeof wanted, "a duration from %lldms to %lld%s", (long long)min_ms,
                       (long long)max_ms / (long long)units[unit].factor, units[unit].name);
        return bad_value(reader, node, what, wanted);
    }
    *out_ms = (int64_t)value;
    return true;
}

bool config_size(struct reader *reader, const struct yaml_node *node, const char *what,
                 uint64_t min_bytes, uint64_t max_bytes, uint64_t *out_bytes)
{
    static const struct unit units[] = {{"", 1},
                                        {"B", 1},
                                        {"KiB", UINT64_C(1) << 10},
                                        {"MiB", UINT64_C(1) << 20},
                                        {"GiB", UINT64_C(1) << 30},
                                        {"TiB", UINT64_C(1) << 40}};
    static const char form[] = "a number of bytes (512MiB, 4GiB)";
    uint64_t value = 0;
    if (!scalar(reader, node, what, form)) {
        return false;
    }
    if (!take_measure(node->text, units, sizeof units / sizeof units[0], &value)) {
        return bad_value(reader, node, what, form);
    }
    if (value < min_bytes || value > max_bytes) {
        char wanted[96];
        (void)snprintf(wanted, sizeof wanted, "from %llu MiB to %llu MiB",
                       (unsigned long long)(min_bytes >> 20),
                       (unsigned long long)(max_bytes >> 20));
        return bad_value(reader, node, what, wanted);
    }
    *out_bytes = value;
    return true;
}

bool config_word(struct reader *reader, const struct yaml_node *node, const char *what,
                 const char *const words[], size_t built, size_t count, size_t *out)
{
    char wanted[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < built && used < sizeof wanted; i++) {
        used += (size_t)snprintf(wanted + used, sizeof wanted - used, "%s%s",
                                 i == 0           ? ""
                                 : i + 1 == built ? " or "
                                                  : ", ",
                                 words[i]);
    }
    if (!scalar(reader, node, what, wanted)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!assay_str_equal(node->text, assay_str_of(words[i]))) {
            continue;
        }
        if (i >= built) {
            assay_diag_add(reader->diags, ASSAY_DIAG_NOT_BUILT, node->span,
                           "\"%s\" for %s is not built yet", words[i], what);
            assay_diag_hint(reader->diags, "use %s", wanted);
            return false;
        }
        *out = i;
        return true;
    }
    (void)bad_value(reader, node, what, wanted);
    (void)config_suggest(reader, node->text, words, built);
    return false;
}

/* Where a comment begins right behind the bytes of a plain scalar; 0: nowhere. */
static size_t comment_after(const struct assay_span *span)
{
    size_t at = span->end;
    while (at < span->text->len && (span->text->data[at] == ' ' || span->text->data[at] == '\t')) {
        at++;
    }
    return at < span->text->len && span->text->data[at] == '#' ? at : 0;
}

/* Does the expression fail because it stops too early? Then the comment cut it off. */
static bool is_cut(struct reader *reader, struct assay_span span)
{
    const struct assay_arena_mark mark = assay_arena_mark(reader->arena);
    struct assay_diags *trial = assay_diags_create(reader->arena, 1);
    bool cut = false;
    if (trial != NULL && assay_expr_parse(reader->arena, span, trial) == NULL &&
        assay_diags_kept(trial) > 0) {
        const struct assay_diag *diag = assay_diags_at(trial, 0);
        cut = diag->code == ASSAY_DIAG_SYNTAX && diag->span.end >= span.end;
    }
    assay_arena_rewind(reader->arena, mark);
    return cut;
}

bool config_expression(struct reader *reader, const struct yaml_node *node, const char *what,
                       struct assay_span *out)
{
    if (!scalar(reader, node, what, "an expression")) {
        return false;
    }
    const struct assay_span span = node->span;
    const char *data = span.text->data;
    for (size_t i = span.begin; i < span.end; i++) {
        const bool escape = node->style == YAML_DOUBLE_QUOTED && data[i] == '\\';
        const bool doubled = node->style == YAML_SINGLE_QUOTED && data[i] == '\'';
        if (escape || doubled) {
            const struct assay_span at = {.text = span.text, .begin = i, .end = i + 2};
            assay_diag_add(reader->diags, ASSAY_DIAG_YAML_FEATURE, at,
                           "an escape inside a quoted expression");
            assay_diag_hint(reader->diags,
                            "quote the expression with ' and its texts with \", or the reverse");
            return false;
        }
    }
    const size_t comment = node->style == YAML_PLAIN ? comment_after(&span) : 0;
    if (comment != 0 && is_cut(reader, span)) {
        const struct assay_span at = {.text = span.text, .begin = comment, .end = comment + 1};
        assay_diag_add(reader->diags, ASSAY_DIAG_CUT, at,
                       "this # begins a comment and cuts the expression off");
        assay_diag_hint(reader->diags, "put the whole expression in quotes");
        return false;
    }
    *out = span;
    return true;
}
