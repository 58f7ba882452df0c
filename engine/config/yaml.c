#include "engine/config/yaml_pvt.h"

#include <libfyaml.h>

/*
 * The events come from libfyaml, one at a time and without recursion; a fixed stack of open lists
 * and maps is all that nesting costs us.
 */

struct builder {
    struct assay_arena *arena;
    const struct assay_text *text;
    struct assay_diags *diags;
    struct yaml_node *root;
    struct yaml_node *open[YAML_DEPTH_MAX];
    struct yaml_node *last[YAML_DEPTH_MAX]; /* newest child of each */
    bool awaits_value[YAML_DEPTH_MAX];      /* the newest child is a key */
    size_t depth;
    size_t nodes;
    size_t documents;
    size_t seen; /* end of the newest token */
};

const char *assay_yaml_kind_text(const struct yaml_node *node)
{
    switch (node->kind) {
    case YAML_NULL:
        return "nothing";
    case YAML_SCALAR:
        return "a single value";
    case YAML_LIST:
        return "a list";
    case YAML_MAP:
        return "a map";
    case YAML_BAD:
        break;
    }
    return "a refused value";
}

static struct assay_span span_of(const struct builder *builder, size_t begin, size_t end)
{
    const size_t len = builder->text->len;
    const size_t to = end < len ? end : len;
    return (struct assay_span){.text = builder->text, .begin = begin < to ? begin : to, .end = to};
}

static struct assay_span token_span(const struct builder *builder, struct fy_token *token)
{
    const struct fy_mark *begin = token == NULL ? NULL : fy_token_start_mark(token);
    const struct fy_mark *end = token == NULL ? NULL : fy_token_end_mark(token);
    if (begin == NULL || end == NULL) {
        return span_of(builder, builder->seen, builder->seen);
    }
    return span_of(builder, begin->input_pos, end->input_pos);
}

static bool refuse(struct builder *builder, enum assay_diag_code code, struct assay_span span,
                   const char *what)
{
    assay_diag_add(builder->diags, code, span, "%s", what);
    return false;
}

/* Marks of anchors and aliases begin after their sign. */
static struct assay_span with_sign(struct assay_span span)
{
    const char before = span.begin > 0 ? span.text->data[span.begin - 1] : '\0';
    span.begin -= before == '&' || before == '*' ? 1 : 0;
    return span;
}

static void refuse_marks(struct builder *builder, struct fy_token *anchor, struct fy_token *tag)
{
    if (anchor != NULL) {
        (void)refuse(builder, ASSAY_DIAG_YAML_FEATURE, with_sign(token_span(builder, anchor)),
                     "anchors (&name) are not used here");
    }
    if (tag != NULL) {
        (void)refuse(builder, ASSAY_DIAG_YAML_FEATURE, token_span(builder, tag),
                     "tags (!name) are not used here");
    }
}

/* Hang a node under the innermost open list or map. */
static void attach(struct builder *builder, struct yaml_node *node)
{
    if (builder->depth == 0) {
        ASSAY_ASSERT(builder->root == NULL);
        builder->root = node;
        return;
    }
    const size_t top = builder->depth - 1;
    struct yaml_node *parent = builder->open[top];
    struct yaml_node *before = builder->last[top];
    if (before == NULL) {
        parent->first = node;
    } else {
        before->next = node;
    }
    builder->last[top] = node;
    if (parent->kind == YAML_LIST) {
        parent->count++;
        return;
    }
    builder->awaits_value[top] = !builder->awaits_value[top];
    if (builder->awaits_value[top]) {
        parent->count++;
        return;
    }
    if (node->kind == YAML_NULL && node->span.begin == node->span.end) {
        node->span = before->span; /* an empty value has no place of its own */
    }
}

static struct yaml_node *add_node(struct builder *builder, enum yaml_kind kind,
                                  struct assay_span span)
{
    if (builder->nodes == YAML_NODES_MAX) {
        (void)refuse(builder, ASSAY_DIAG_LIMIT, span, "the file holds too many values");
        return NULL;
    }
    struct yaml_node *node = assay_arena_alloc(builder->arena, sizeof *node);
    if (node == NULL) {
        (void)refuse(builder, ASSAY_DIAG_LIMIT, span, "out of memory");
        return NULL;
    }
    builder->nodes++;
    node->kind = kind;
    node->span = span;
    attach(builder, node);
    return node;
}

static bool open_node(struct builder *builder, enum yaml_kind kind, struct fy_token *token)
{
    const struct assay_span span = token_span(builder, token);
    if (builder->depth == YAML_DEPTH_MAX) {
        assay_diag_add(builder->diags, ASSAY_DIAG_LIMIT, span, "nested more than %d deep",
                       YAML_DEPTH_MAX);
        return false;
    }
    struct yaml_node *node = add_node(builder, kind, span);
    if (node == NULL) {
        return false;
    }
    builder->open[builder->depth] = node;
    builder->last[builder->depth] = NULL;
    builder->awaits_value[builder->depth] = false;
    builder->depth++;
    return true;
}

static enum yaml_style style_of(struct fy_token *token)
{
    switch ((int)fy_token_scalar_style(token)) {
    case FYSS_SINGLE_QUOTED:
        return YAML_SINGLE_QUOTED;
    case FYSS_DOUBLE_QUOTED:
        return YAML_DOUBLE_QUOTED;
    case FYSS_LITERAL:
    case FYSS_FOLDED:
        return YAML_BLOCK;
    default:
        return YAML_PLAIN;
    }
}

static bool is_null_text(struct assay_str text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (assay_str_equal(text, assay_str_of(words[i]))) {
            return true;
        }
    }
    return false;
}

static bool add_scalar(struct builder *builder, struct fy_token *token)
{
    const struct assay_span span = token_span(builder, token);
    size_t length = 0;
    const char *value = token == NULL ? "" : fy_token_get_text(token, &length);
    if (value == NULL || length > UINT32_MAX) {
        return refuse(builder, ASSAY_DIAG_LIMIT, span, "out of memory");
    }
    const enum yaml_style style = token == NULL ? YAML_PLAIN : style_of(token);
    const struct assay_str text = {.ptr = value, .len = (uint32_t)length};
    const bool null = style == YAML_PLAIN && is_null_text(text);
    struct yaml_node *node = add_node(builder, null ? YAML_NULL : YAML_SCALAR, span);
    if (node == NULL) {
        return false;
    }
    node->style = style;
    node->text = assay_arena_copy(builder->arena, text);
    return node->text.ptr != NULL || refuse(builder, ASSAY_DIAG_LIMIT, span, "out of memory");
}

static bool take_event(struct builder *builder, struct fy_event *event)
{
    switch ((int)event->type) {
    case FYET_DOCUMENT_START:
        if (builder->documents++ > 0) {
            return refuse(builder, ASSAY_DIAG_SHAPE,
                          token_span(builder, event->document_start.document_start),
                          "the file holds more than one YAML document");
        }
        return true;
    case FYET_SCALAR:
        refuse_marks(builder, event->scalar.anchor, event->scalar.tag);
        return add_scalar(builder, event->scalar.value);
    case FYET_ALIAS: {
        const struct assay_span span = with_sign(token_span(builder, event->alias.anchor));
        (void)refuse(builder, ASSAY_DIAG_YAML_FEATURE, span, "aliases (*name) are not used here");
        return add_node(builder, YAML_BAD, span) != NULL;
    }
    case FYET_SEQUENCE_START:
        refuse_marks(builder, event->sequence_start.anchor, event->sequence_start.tag);
        return open_node(builder, YAML_LIST, event->sequence_start.sequence_start);
    case FYET_MAPPING_START:
        refuse_marks(builder, event->mapping_start.anchor, event->mapping_start.tag);
        return open_node(builder, YAML_MAP, event->mapping_start.mapping_start);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        ASSAY_ASSERT(builder->depth > 0);
        builder->depth--;
        return true;
    default:
        return true;
    }
}

/* Offset of a 1-based line. */
static size_t line_begin(const struct assay_text *text, size_t line)
{
    size_t at = 0;
    for (size_t i = 1; i < line; i++) {
        const char *feed = memchr(text->data + at, '\n', text->len - at);
        if (feed == NULL) {
            return at;
        }
        at = (size_t)(feed - text->data) + 1;
    }
    return at;
}

/* Is this line, or the one after it, indented with a tab? */
static bool tab_near(const struct assay_text *text, size_t line)
{
    for (size_t i = line; i < line + 2; i++) {
        for (size_t at = line_begin(text, i); at < text->len; at++) {
            if (text->data[at] == '\t') {
                return true;
            }
            if (text->data[at] != ' ') {
                break;
            }
        }
    }
    return false;
}

static void report_syntax(struct builder *builder, struct fy_diag *diag)
{
    void *iterator = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iterator);
    if (error == NULL) {
        (void)refuse(builder, ASSAY_DIAG_YAML_SYNTAX,
                     span_of(builder, builder->seen, builder->seen), "the file is not valid YAML");
        return;
    }
    struct assay_span span = token_span(builder, error->fyt);
    const size_t line = error->line > 0 ? (size_t)error->line : 1;
    if (error->fyt == NULL) {
        span.begin = line_begin(builder->text, line);
        span.end = span.begin;
    }
    assay_diag_add(builder->diags, ASSAY_DIAG_YAML_SYNTAX, span, "%s", error->msg);
    if (tab_near(builder->text, line)) {
        assay_diag_hint(builder->diags, "a tab cannot indent in YAML: use spaces");
    }
}

static bool build(struct builder *builder, struct fy_parser *parser, struct fy_diag *diag)
{
    bool good = true;
    bool ended = false;
    while (good && !ended) {
        struct fy_event *event = fy_parser_parse(parser);
        if (event == NULL) {
            report_syntax(builder, diag);
            return false;
        }
        ended = event->type == FYET_STREAM_END;
        good = take_event(builder, event);
        const struct fy_mark *end = fy_event_end_mark(event);
        builder->seen =
            end != NULL && end->input_pos > builder->seen ? end->input_pos : builder->seen;
        fy_parser_event_free(parser, event);
    }
    return good;
}

/* Bytes that no definition may hold: reported here because the library skips over them. */
static bool check_bytes(struct builder *builder)
{
    const struct assay_text *text = builder->text;
    size_t i = 0;
    while (i < text->len) {
        const unsigned char c = (unsigned char)text->data[i];
        if (c < 0x20 && c != '\n' && c != '\r' && c != '\t') {
            return refuse(builder, ASSAY_DIAG_YAML_SYNTAX, span_of(builder, i, i + 1),
                          "a control character");
        }
        const size_t length = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
        bool good = c < 0x80 || (c >= 0xC2 && c <= 0xF4 && i + length <= text->len);
        for (size_t k = 1; good && k < length; k++) {
            good = ((unsigned char)text->data[i + k] & 0xC0U) == 0x80U;
        }
        const unsigned char second = length > 1 && good ? (unsigned char)text->data[i + 1] : 0x80;
        good = good && !(c == 0xE0 && second < 0xA0) && !(c == 0xED && second > 0x9F) &&
               !(c == 0xF0 && second < 0x90) && !(c == 0xF4 && second > 0x8F);
        if (!good) {
            return refuse(builder, ASSAY_DIAG_YAML_SYNTAX, span_of(builder, i, i + 1),
                          "the text is not valid UTF-8");
        }
        i += length;
    }
    return true;
}

const struct yaml_node *assay_yaml_read(struct assay_arena *arena, const struct assay_text *text,
                                        struct assay_diags *diags)
{
    ASSAY_ASSERT(text != NULL && text->len <= YAML_BYTES_MAX);
    struct builder builder = {.arena = arena, .text = text, .diags = diags};
    if (!check_bytes(&builder)) {
        return NULL;
    }
    struct fy_diag_cfg quiet;
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&quiet);
    const struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_DISABLE_MMAP_OPT, .diag = diag};
    struct fy_parser *parser = diag == NULL ? NULL : fy_parser_create(&cfg);
    bool good = parser != NULL;
    if (good) {
        fy_diag_set_collect_errors(diag, true);
        good = fy_parser_set_string(parser, text->data, text->len) == 0;
    }
    if (!good) {
        (void)refuse(&builder, ASSAY_DIAG_LIMIT, span_of(&builder, 0, 0), "out of memory");
    }
    good = good && build(&builder, parser, diag);
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    if (!good) {
        return NULL;
    }
    if (builder.root == NULL) {
        builder.root = assay_arena_alloc(arena, sizeof *builder.root);
        if (builder.root == NULL) {
            (void)refuse(&builder, ASSAY_DIAG_LIMIT, span_of(&builder, 0, 0), "out of memory");
            return NULL;
        }
        builder.root->span = span_of(&builder, 0, 0);
    }
    return builder.root;
}
