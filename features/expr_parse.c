#include "features/expr_parse_pvt.h"

/*
 * Recursive descent, one function a rule of the grammar in docs/definitions.md, depth bounded. The
 * first error of an expression is reported and ends it; other expressions of the file go on.
 */

void assay_parse_advance(struct parser *parser)
{
    parser->token = parser->after;
    if (parser->after.kind != TOKEN_END && parser->after.kind != TOKEN_BAD) {
        parser->after = assay_lex(&parser->lexer);
    }
    if (parser->token.kind == TOKEN_BAD) {
        parser->failed = true;
    }
}

bool assay_parse_at(const struct parser *parser, const char *text)
{
    return (parser->token.kind == TOKEN_SYMBOL || parser->token.kind == TOKEN_NAME) &&
           assay_str_equal(parser->token.text, assay_str_of(text));
}

bool assay_parse_accept(struct parser *parser, const char *text)
{
    if (!assay_parse_at(parser, text)) {
        return false;
    }
    assay_parse_advance(parser);
    return true;
}

void assay_parse_fail(struct parser *parser, const char *expected)
{
    if (parser->failed) {
        return;
    }
    parser->failed = true;
    if (parser->token.kind == TOKEN_END) {
        assay_diag_add(parser->diags, ASSAY_DIAG_SYNTAX, parser->token.span,
                       "the expression ends where %s is expected", expected);
        return;
    }
    assay_diag_add(parser->diags, ASSAY_DIAG_SYNTAX, parser->token.span,
                   "\"%.*s\" stands where %s is expected", (int)parser->token.text.len,
                   parser->token.text.ptr, expected);
}

bool assay_parse_expect(struct parser *parser, const char *text)
{
    if (assay_parse_accept(parser, text)) {
        return true;
    }
    char quoted[16];
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", text);
    assay_parse_fail(parser, quoted);
    return false;
}

void assay_parse_not_built(struct parser *parser, struct assay_span span, const char *what)
{
    if (!parser->failed) {
        parser->failed = true;
        assay_diag_add(parser->diags, ASSAY_DIAG_NOT_BUILT, span, "%s is not built yet", what);
    }
}

bool assay_parse_whole(struct parser *parser, const char *what, uint32_t min, uint32_t max,
                       uint32_t *out)
{
    const struct token *token = &parser->token;
    if (token->kind != TOKEN_NUMBER || !token->whole || token->number < min ||
        token->number > max) {
        if (!parser->failed && token->kind != TOKEN_BAD) {
            assay_diag_add(parser->diags, ASSAY_DIAG_BOUND, token->span,
                           "%s must be a whole number from %u to %u", what, min, max);
        }
        parser->failed = true;
        return false;
    }
    *out = (uint32_t)token->number;
    assay_parse_advance(parser);
    return true;
}

bool assay_parse_name(struct parser *parser, struct assay_str *name, struct assay_span *span,
                      const char *what)
{
    if (parser->token.kind != TOKEN_NAME) {
        assay_parse_fail(parser, what);
        return false;
    }
    *name = parser->token.text;
    *span = parser->token.span;
    assay_parse_advance(parser);
    return true;
}

static struct assay_expr *new_expr(struct parser *parser, enum expr_kind kind,
                                   struct assay_span span)
{
    struct assay_expr *expr = assay_arena_alloc(parser->arena, sizeof *expr);
    if (expr == NULL) {
        assay_parse_fail(parser, "less to remember (out of memory)");
        return NULL;
    }
    expr->kind = kind;
    expr->span = span;
    return expr;
}

static struct assay_span join(struct assay_span a, struct assay_span b)
{
    return (struct assay_span){.text = a.text, .begin = a.begin, .end = b.end};
}

static const struct assay_expr *with_items(struct parser *parser, struct assay_expr *expr,
                                           const struct assay_expr *const items[], size_t count)
{
    if (expr == NULL) {
        return NULL;
    }
    expr->items = assay_arena_array(parser->arena, count + 1, sizeof(const struct assay_expr *));
    if (expr->items == NULL) {
        assay_parse_fail(parser, "less to remember (out of memory)");
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        expr->items[i] = items[i];
    }
    expr->item_count = count;
    return expr;
}

static const struct assay_expr *binary(struct parser *parser, enum expr_op op,
                                       const struct assay_expr *left,
                                       const struct assay_expr *right)
{
    if (left == NULL || right == NULL) {
        return NULL;
    }
    struct assay_expr *expr = new_expr(parser, EXPR_BINARY, join(left->span, right->span));
    if (expr != NULL) {
        expr->op = op;
    }
    const struct assay_expr *const items[] = {left, right};
    return with_items(parser, expr, items, 2);
}

static const struct assay_expr *unary(struct parser *parser, enum expr_op op,
                                      struct assay_span from, const struct assay_expr *operand)
{
    if (operand == NULL) {
        return NULL;
    }
    struct assay_expr *expr = new_expr(parser, EXPR_UNARY, join(from, operand->span));
    if (expr != NULL) {
        expr->op = op;
    }
    return with_items(parser, expr, &operand, 1);
}

/* literal; NULL without a diagnostic when the token is none. */
static struct assay_expr *literal(struct parser *parser)
{
    const struct token token = parser->token;
    struct assay_expr *expr = NULL;
    if (token.kind == TOKEN_NUMBER || token.kind == TOKEN_DURATION) {
        expr = new_expr(parser, EXPR_NUMBER, token.span);
        if (expr != NULL) {
            expr->number = token.number;
        }
    } else if (token.kind == TOKEN_STRING) {
        expr = new_expr(parser, EXPR_TEXT, token.span);
        if (expr != NULL) {
            expr->text = token.text;
        }
    } else if (assay_parse_at(parser, "true") || assay_parse_at(parser, "false")) {
        expr = new_expr(parser, EXPR_BOOL, token.span);
        if (expr != NULL) {
            expr->number = token.text.len == 4 ? 1 : 0;
        }
    }
    if (expr != NULL) {
        assay_parse_advance(parser);
    }
    return expr;
}

/* `time` and `at` are values, `top` may become one; every other word of the language is none. */
static bool is_reserved(struct assay_str name)
{
    static const char *const values[] = {"time", "at", "top"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (assay_str_equal(name, assay_str_of(values[i]))) {
            return false;
        }
    }
    return assay_expr_is_reserved(name);
}

/* "[" INT "]" behind a path */
static const struct assay_expr *indexed(struct parser *parser, struct assay_expr *expr)
{
    if (parser->after.kind == TOKEN_STRING) {
        assay_parse_not_built(parser, parser->token.span, "an index into a map");
        return NULL;
    }
    assay_parse_advance(parser);
    if (!assay_parse_whole(parser, "an index", 1, AGG_COUNT_MAX, &expr->index)) {
        return NULL;
    }
    expr->span = join(expr->span, parser->token.span);
    return assay_parse_expect(parser, "]") ? expr : NULL;
}

static const struct assay_expr *path(struct parser *parser)
{
    struct assay_expr *expr = new_expr(parser, EXPR_PATH, parser->token.span);
    if (expr == NULL) {
        return NULL;
    }
    do {
        if (parser->token.kind != TOKEN_NAME || is_reserved(parser->token.text)) {
            assay_parse_fail(parser, expr->name_count == 0 ? "a value" : "a name");
            return NULL;
        }
        if (expr->name_count == PATH_NAMES_MAX) {
            assay_parse_fail(parser, "a shorter path");
            return NULL;
        }
        expr->names[expr->name_count++] = parser->token.text;
        expr->span = join(expr->span, parser->token.span);
        assay_parse_advance(parser);
    } while (assay_parse_accept(parser, "."));
    return assay_parse_at(parser, "[") ? indexed(parser, expr) : expr;
}

static const struct assay_expr *call(struct parser *parser, struct token name)
{
    struct assay_expr *expr = new_expr(parser, EXPR_CALL, name.span);
    const struct assay_expr *items[FUNCTION_ARGUMENTS_MAX];
    size_t count = 0;
    if (expr == NULL || !assay_parse_expect(parser, "(")) {
        return NULL;
    }
    expr->text = name.text;
    bool more = !assay_parse_at(parser, ")");
    while (more) {
        if (count == FUNCTION_ARGUMENTS_MAX) {
            assay_parse_fail(parser, "fewer arguments");
            return NULL;
        }
        items[count] = assay_parse_expression(parser);
        if (items[count++] == NULL) {
            return NULL;
        }
        more = assay_parse_accept(parser, ",");
    }
    expr->span = join(expr->span, parser->token.span);
    return assay_parse_expect(parser, ")") ? with_items(parser, expr, items, count) : NULL;
}

static const struct assay_expr *primary(struct parser *parser)
{
    const struct assay_expr *value = literal(parser);
    if (value != NULL) {
        return value;
    }
    const struct token token = parser->token;
    if (assay_parse_accept(parser, "(")) {
        value = assay_parse_expression(parser);
        return value != NULL && assay_parse_expect(parser, ")") ? value : NULL;
    }
    if (token.kind != TOKEN_NAME) {
        assay_parse_fail(parser, "a value");
        return NULL;
    }
    const bool called = parser->after.kind == TOKEN_SYMBOL && parser->after.text.ptr[0] == '(';
    if (!called) {
        return path(parser);
    }
    assay_parse_advance(parser);
    if (!assay_is_aggregate(token.text)) {
        return call(parser, token);
    }
    const struct assay_agg_ast *agg = assay_parse_aggregate(parser, token);
    if (agg == NULL) {
        return NULL;
    }
    struct assay_expr *expr = new_expr(parser, EXPR_AGG, agg->span);
    if (expr != NULL) {
        expr->agg = agg;
    }
    return expr;
}

static const struct assay_expr *unary_level(struct parser *parser)
{
    const struct assay_span from = parser->token.span;
    if (assay_parse_accept(parser, "-")) {
        return unary(parser, OP_NEGATE, from, primary(parser));
    }
    return primary(parser);
}

/* Which of the operators stands here? @return false: none of them. */
static bool accept_op(struct parser *parser, const enum expr_op ops[], size_t count,
                      enum expr_op *op)
{
    for (size_t i = 0; i < count; i++) {
        if (assay_parse_accept(parser, assay_op_name(ops[i]))) {
            *op = ops[i];
            return true;
        }
    }
    return false;
}

static const struct assay_expr *product(struct parser *parser)
{
    static const enum expr_op ops[] = {OP_MUL, OP_DIV, OP_MOD};
    const struct assay_expr *left = unary_level(parser);
    enum expr_op op = OP_MUL;
    while (left != NULL && accept_op(parser, ops, 3, &op)) {
        left = binary(parser, op, left, unary_level(parser));
    }
    return left;
}

static const struct assay_expr *sum(struct parser *parser)
{
    static const enum expr_op ops[] = {OP_ADD, OP_SUB};
    const struct assay_expr *left = product(parser);
    enum expr_op op = OP_ADD;
    while (left != NULL && accept_op(parser, ops, 2, &op)) {
        left = binary(parser, op, left, product(parser));
    }
    return left;
}

static const struct assay_expr *set_item(struct parser *parser)
{
    const struct assay_span from = parser->token.span;
    const bool negative = assay_parse_accept(parser, "-");
    const bool numeric = parser->token.kind == TOKEN_NUMBER || parser->token.kind == TOKEN_DURATION;
    struct assay_expr *item = negative && !numeric ? NULL : literal(parser);
    if (item == NULL) {
        assay_parse_fail(parser, negative ? "a number" : "a literal");
        return NULL;
    }
    if (negative) {
        item->number = -item->number;
        item->span = join(from, item->span);
    }
    return item;
}

static const struct assay_expr *membership(struct parser *parser, const struct assay_expr *value)
{
    const struct assay_expr *items[ITEMS_MAX];
    size_t count = 0;
    items[count++] = value;
    if (!assay_parse_at(parser, "[")) {
        if (parser->token.kind == TOKEN_NAME) {
            assay_parse_not_built(parser, parser->token.span, "a set named by a path");
        }
        assay_parse_fail(parser, "\"[\" and the members of the set");
        return NULL;
    }
    assay_parse_advance(parser);
    do {
        if (count == ITEMS_MAX) {
            assay_parse_fail(parser, "a smaller set (100 members at most)");
            return NULL;
        }
        items[count] = set_item(parser);
        if (items[count++] == NULL) {
            return NULL;
        }
    } while (assay_parse_accept(parser, ","));
    struct assay_expr *expr = new_expr(parser, EXPR_IN, join(value->span, parser->token.span));
    return assay_parse_expect(parser, "]") ? with_items(parser, expr, items, count) : NULL;
}

static const struct assay_expr *null_test(struct parser *parser, const struct assay_expr *value)
{
    const bool negated = assay_parse_accept(parser, "not");
    const struct assay_span end = parser->token.span;
    if (!assay_parse_expect(parser, "null")) {
        return NULL;
    }
    struct assay_expr *expr = new_expr(parser, EXPR_UNARY, join(value->span, end));
    if (expr != NULL) {
        expr->op = OP_IS_NULL;
    }
    const struct assay_expr *test = with_items(parser, expr, &value, 1);
    return negated ? unary(parser, OP_NOT, value->span, test) : test;
}

static const struct assay_expr *comparison(struct parser *parser)
{
    static const enum expr_op ops[] = {OP_EQ, OP_NE, OP_LE, OP_LT, OP_GE, OP_GT};
    const struct assay_expr *left = sum(parser);
    enum expr_op op = OP_EQ;
    if (left == NULL) {
        return NULL;
    }
    if (accept_op(parser, ops, sizeof ops / sizeof ops[0], &op)) {
        return binary(parser, op, left, sum(parser));
    }
    if (assay_parse_accept(parser, "is")) {
        return null_test(parser, left);
    }
    if (assay_parse_accept(parser, "in")) {
        return membership(parser, left);
    }
    if (assay_parse_at(parser, "not")) {
        assay_parse_advance(parser);
        if (!assay_parse_expect(parser, "in")) {
            return NULL;
        }
        return unary(parser, OP_NOT, left->span, membership(parser, left));
    }
    return left;
}

static const struct assay_expr *negation(struct parser *parser)
{
    const struct assay_span from = parser->token.span;
    if (assay_parse_accept(parser, "not")) {
        return unary(parser, OP_NOT, from, comparison(parser));
    }
    return comparison(parser);
}

static const struct assay_expr *conjunction(struct parser *parser)
{
    const struct assay_expr *left = negation(parser);
    while (left != NULL && assay_parse_accept(parser, "and")) {
        left = binary(parser, OP_AND, left, negation(parser));
    }
    return left;
}

const struct assay_expr *assay_parse_expression(struct parser *parser)
{
    if (parser->depth == ASSAY_EXPR_DEPTH_MAX) {
        if (!parser->failed) {
            parser->failed = true;
            assay_diag_add(parser->diags, ASSAY_DIAG_TOO_DEEP, parser->token.span,
                           "the expression is nested more than %d deep", ASSAY_EXPR_DEPTH_MAX);
        }
        return NULL;
    }
    parser->depth++;
    const struct assay_expr *left = conjunction(parser);
    while (left != NULL && assay_parse_accept(parser, "or")) {
        left = binary(parser, OP_OR, left, conjunction(parser));
    }
    parser->depth--;
    return parser->failed ? NULL : left;
}

static bool is_clause_word(const struct parser *parser)
{
    return assay_parse_at(parser, "where") || assay_parse_at(parser, "by") ||
           assay_parse_at(parser, "exclude") || assay_parse_at(parser, "decay") ||
           assay_parse_at(parser, "over") || assay_parse_at(parser, "delay");
}

struct assay_expr *assay_expr_parse(struct assay_arena *arena, struct assay_span span,
                                    struct assay_diags *diags)
{
    ASSAY_ASSERT(span.text != NULL);
    ASSAY_ASSERT(span.begin <= span.end && span.end <= span.text->len);
    const size_t before = assay_diags_count(diags);
    struct parser parser = {
        .arena = arena,
        .diags = diags,
        .lexer = {.span = span, .at = span.begin, .diags = diags},
    };
    parser.after = assay_lex(&parser.lexer);
    assay_parse_advance(&parser);
    const struct assay_expr *expr = parser.failed ? NULL : assay_parse_expression(&parser);
    if (expr != NULL && parser.token.kind != TOKEN_END) {
        const bool clause = is_clause_word(&parser);
        assay_parse_fail(&parser, "an operator or the end");
        if (clause) {
            assay_diag_hint(diags, "the clauses of an aggregate are, in this order: where, by, "
                                   "exclude current, decay, over, delay");
        }
    }
    ASSAY_ASSERT((parser.failed || expr == NULL) == (assay_diags_count(diags) > before));
    return parser.failed ? NULL : (struct assay_expr *)(uintptr_t)expr;
}
