#include "features/expr_pvt.h"

#include "engine/base/suggest.h"
#include "features/plan.h"

#include <stdlib.h>

/* Typing and code generation in one walk: postfix order, so the operands' kinds are known when
 * their operator is reached. */

enum { INSTRUCTIONS_MAX = 4096 };

struct compiler {
    struct assay_arena *arena;
    const struct assay_schema *schema;
    const struct assay_scope *scope;
    struct assay_diags *diags;
    struct instruction *code;
    size_t count;
    size_t stack;
    size_t stack_max;
};

static const char *const kind_names[] = {[ASSAY_KIND_NUMBER] = "a number",
                                         [ASSAY_KIND_BOOL] = "true or false",
                                         [ASSAY_KIND_TEXT] = "text"};

static bool emit(struct compiler *compiler, struct instruction instruction, size_t pops,
                 struct assay_span span)
{
    ASSAY_ASSERT(compiler->stack >= pops);
    compiler->stack += 1;
    compiler->stack -= pops;
    if (compiler->stack > compiler->stack_max) {
        compiler->stack_max = compiler->stack;
    }
    if (compiler->count == INSTRUCTIONS_MAX || compiler->stack_max > ASSAY_EXPR_STACK_MAX) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_TOO_DEEP, span,
                       "the expression is too large (%d steps, %d values at once)",
                       INSTRUCTIONS_MAX, ASSAY_EXPR_STACK_MAX);
        return false;
    }
    compiler->code[compiler->count++] = instruction;
    return true;
}

static bool compile(struct compiler *compiler, const struct assay_expr *expr,
                    enum assay_kind *kind);

static bool wrong_kind(struct compiler *compiler, const struct assay_expr *at,
                       enum assay_kind found, const char *operation, const char *wanted)
{
    assay_diag_add(compiler->diags, ASSAY_DIAG_TYPE, at->span, "%s needs %s, this is %s", operation,
                   wanted, kind_names[found]);
    return false;
}

static bool compile_index(struct compiler *compiler, const struct assay_expr *expr,
                          enum assay_kind *kind)
{
    struct assay_symbol symbol = {0};
    const struct assay_scope *scope = compiler->scope;
    if (scope->resolve_index == NULL) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_TYPE, expr->span, "%s has no list to read",
                       scope->what);
        if (scope->aggregate == NULL && !scope->without_at) {
            assay_diag_hint(compiler->diags,
                            "make the value a feature in features.yaml and use its name");
        }
        return false;
    }
    if (!scope->resolve_index(scope->context, expr->names, expr->name_count, expr->index,
                              expr->span, compiler->diags, &symbol)) {
        return false;
    }
    ASSAY_ASSERT(symbol.where == ASSAY_SYMBOL_SLOT);
    *kind = symbol.kind;
    return emit(compiler,
                (struct instruction){.op = I_SLOT, .kind = (uint8_t)symbol.kind, .a = symbol.index},
                0, expr->span);
}

static bool compile_path(struct compiler *compiler, const struct assay_expr *expr,
                         enum assay_kind *kind)
{
    struct assay_symbol symbol = {0};
    struct instruction load = {0};
    if (expr->index != 0) {
        return compile_index(compiler, expr, kind);
    }
    if (expr->name_count == 1 && (assay_str_equal(expr->names[0], assay_str_of("time")) ||
                                  assay_str_equal(expr->names[0], assay_str_of("at")))) {
        *kind = ASSAY_KIND_NUMBER;
        load.op = expr->names[0].len == 4 ? I_TIME : I_AT;
        if (load.op == I_AT && compiler->scope->without_at) {
            assay_diag_add(compiler->diags, ASSAY_DIAG_UNKNOWN_NAME, expr->span,
                           "\"at\" means nothing in %s", compiler->scope->what);
            assay_diag_hint(compiler->diags, "\"time\" is the time of the event");
            return false;
        }
        return emit(compiler, load, 0, expr->span);
    }
    if (!compiler->scope->resolve(compiler->scope->context, expr->names, expr->name_count,
                                  expr->span, compiler->diags, &symbol)) {
        return false;
    }
    *kind = symbol.kind;
    load.kind = (uint8_t)symbol.kind;
    if (symbol.where == ASSAY_SYMBOL_SLOT) {
        load.op = I_SLOT;
        load.a = symbol.index;
    } else {
        load.op = symbol.kind == ASSAY_KIND_TEXT ? I_FIELD_TEXT : I_FIELD_NUMBER;
        load.a = symbol.event;
        load.b = symbol.index;
    }
    return emit(compiler, load, 0, expr->span);
}

static bool compile_unary(struct compiler *compiler, const struct assay_expr *expr,
                          enum assay_kind *kind)
{
    enum assay_kind operand = ASSAY_KIND_NUMBER;
    if (!compile(compiler, expr->items[0], &operand)) {
        return false;
    }
    if (expr->op == OP_NOT && operand != ASSAY_KIND_BOOL) {
        return wrong_kind(compiler, expr->items[0], operand, "\"not\"", "true or false");
    }
    if (expr->op == OP_NEGATE && operand != ASSAY_KIND_NUMBER) {
        return wrong_kind(compiler, expr->items[0], operand, "\"-\"", "a number");
    }
    *kind = expr->op == OP_NEGATE ? ASSAY_KIND_NUMBER : ASSAY_KIND_BOOL;
    return emit(compiler,
                (struct instruction){.op = I_UNARY, .a = expr->op, .b = (uint32_t)operand}, 1,
                expr->span);
}

static bool check_operands(struct compiler *compiler, const struct assay_expr *expr,
                           enum assay_kind left, enum assay_kind right)
{
    char operation[16];
    (void)snprintf(operation, sizeof operation, "\"%s\"", assay_op_name(expr->op));
    if (expr->op == OP_AND || expr->op == OP_OR || expr->op <= OP_MOD) {
        const enum assay_kind wanted = expr->op <= OP_MOD ? ASSAY_KIND_NUMBER : ASSAY_KIND_BOOL;
        if (left != wanted) {
            return wrong_kind(compiler, expr->items[0], left, operation, kind_names[wanted]);
        }
        if (right != wanted) {
            return wrong_kind(compiler, expr->items[1], right, operation, kind_names[wanted]);
        }
        return true;
    }
    if (left != right) {
        return wrong_kind(compiler, expr->items[1], right, operation, kind_names[left]);
    }
    if (left == ASSAY_KIND_BOOL && expr->op != OP_EQ && expr->op != OP_NE) {
        return wrong_kind(compiler, expr->items[0], left, operation, "numbers or texts");
    }
    return true;
}

static bool compile_binary(struct compiler *compiler, const struct assay_expr *expr,
                           enum assay_kind *kind)
{
    enum assay_kind left = ASSAY_KIND_NUMBER;
    enum assay_kind right = ASSAY_KIND_NUMBER;
    if (!compile(compiler, expr->items[0], &left) || !compile(compiler, expr->items[1], &right) ||
        !check_operands(compiler, expr, left, right)) {
        return false;
    }
    *kind = expr->op <= OP_MOD ? ASSAY_KIND_NUMBER : ASSAY_KIND_BOOL;
    return emit(compiler, (struct instruction){.op = I_BINARY, .a = expr->op, .b = (uint32_t)left},
                2, expr->span);
}

static bool compile_in(struct compiler *compiler, const struct assay_expr *expr,
                       enum assay_kind *kind)
{
    enum assay_kind value = ASSAY_KIND_NUMBER;
    if (!compile(compiler, expr->items[0], &value)) {
        return false;
    }
    for (size_t i = 1; i < expr->item_count; i++) {
        const struct assay_expr *item = expr->items[i];
        const enum assay_kind member = item->kind == EXPR_TEXT   ? ASSAY_KIND_TEXT
                                       : item->kind == EXPR_BOOL ? ASSAY_KIND_BOOL
                                                                 : ASSAY_KIND_NUMBER;
        if (member != value) {
            return wrong_kind(compiler, item, member, "the set", kind_names[value]);
        }
        struct instruction constant = {.op = member == ASSAY_KIND_TEXT ? I_TEXT : I_NUMBER};
        if (member == ASSAY_KIND_TEXT) {
            constant.constant.text = item->text;
        } else {
            constant.constant.number = item->number;
        }
        if (!emit(compiler, constant, 0, item->span)) {
            return false;
        }
    }
    *kind = ASSAY_KIND_BOOL;
    return emit(compiler,
                (struct instruction){
                    .op = I_IN, .a = (uint32_t)(expr->item_count - 1), .b = (uint32_t)value},
                expr->item_count, expr->span);
}

static int function_of(struct assay_str name)
{
    for (int id = 0; id < FUNCTION_END; id++) {
        if (assay_str_equal(name, assay_str_of(assay_function_table[id].name))) {
            return id;
        }
    }
    return FUNCTION_END;
}

static bool unknown_function(struct compiler *compiler, const struct assay_expr *expr)
{
    struct assay_suggest suggest = {.word = expr->text};
    for (int id = 0; id < FUNCTION_END; id++) {
        assay_suggest_offer(&suggest, assay_str_of(assay_function_table[id].name));
    }
    for (int kind = 0; kind < ASSAY_AGG_END; kind++) {
        assay_suggest_offer(&suggest, assay_str_of(assay_agg_name((enum assay_agg_kind)kind)));
    }
    assay_diag_add(compiler->diags, ASSAY_DIAG_UNKNOWN_FUNCTION, expr->span,
                   "unknown function \"%.*s\"", (int)expr->text.len, expr->text.ptr);
    if (suggest.best.ptr != NULL) {
        assay_diag_hint(compiler->diags, "did you mean \"%.*s\"?", (int)suggest.best.len,
                        suggest.best.ptr);
    }
    return false;
}

/* if and coalesce take any kind, the same in all branches; the rest are of numbers. */
static bool check_argument(struct compiler *compiler, const struct assay_expr *expr, int id,
                           size_t index, enum assay_kind found, enum assay_kind *result)
{
    const struct assay_expr *at = expr->items[index];
    const char *name = assay_function_table[id].name;
    if (id == FUNCTION_IF && index == 0) {
        return found == ASSAY_KIND_BOOL ||
               wrong_kind(compiler, at, found, "the condition of if", "true or false");
    }
    if (id == FUNCTION_IF || id == FUNCTION_COALESCE) {
        const bool first = index == (id == FUNCTION_IF ? 1U : 0U);
        if (first) {
            *result = found;
        }
        return found == *result || wrong_kind(compiler, at, found, name, kind_names[*result]);
    }
    *result = ASSAY_KIND_NUMBER;
    return found == ASSAY_KIND_NUMBER || wrong_kind(compiler, at, found, name, "a number");
}

static bool compile_call(struct compiler *compiler, const struct assay_expr *expr,
                         enum assay_kind *kind)
{
    const int id = function_of(expr->text);
    if (id == FUNCTION_END) {
        return unknown_function(compiler, expr);
    }
    const struct function_row *row = &assay_function_table[id];
    if (expr->item_count < row->arguments_min || expr->item_count > row->arguments_max) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_ARGUMENTS, expr->span,
                       "%s takes %s%u argument%s, not %zu", row->name,
                       row->arguments_max > row->arguments_min ? "at least " : "",
                       row->arguments_min, row->arguments_min == 1 ? "" : "s", expr->item_count);
        return false;
    }
    *kind = ASSAY_KIND_NUMBER;
    for (size_t i = 0; i < expr->item_count; i++) {
        enum assay_kind found = ASSAY_KIND_NUMBER;
        if (!compile(compiler, expr->items[i], &found) ||
            !check_argument(compiler, expr, id, i, found, kind)) {
            return false;
        }
    }
    return emit(compiler,
                (struct instruction){.op = I_CALL,
                                     .kind = (uint8_t)*kind,
                                     .function = (uint16_t)id,
                                     .a = (uint32_t)expr->item_count},
                expr->item_count, expr->span);
}

static bool compile_aggregate(struct compiler *compiler, const struct assay_expr *expr,
                              enum assay_kind *kind)
{
    struct assay_symbol symbol = {0};
    if (compiler->scope->aggregate == NULL) {
        assay_diag_add(compiler->diags, ASSAY_DIAG_NO_AGGREGATE, expr->span,
                       "%s cannot compute an aggregate", compiler->scope->what);
        assay_diag_hint(compiler->diags, "make it a feature in features.yaml and use its name");
        return false;
    }
    if (!compiler->scope->aggregate(compiler->scope->context, expr->agg, compiler->diags,
                                    &symbol)) {
        return false;
    }
    ASSAY_ASSERT(symbol.where == ASSAY_SYMBOL_SLOT);
    *kind = symbol.kind;
    return emit(compiler,
                (struct instruction){.op = I_SLOT, .kind = (uint8_t)symbol.kind, .a = symbol.index},
                0, expr->span);
}

static bool compile(struct compiler *compiler, const struct assay_expr *expr, enum assay_kind *kind)
{
    switch (expr->kind) {
    case EXPR_NUMBER:
    case EXPR_BOOL:
        *kind = expr->kind == EXPR_BOOL ? ASSAY_KIND_BOOL : ASSAY_KIND_NUMBER;
        return emit(compiler,
                    (struct instruction){.op = I_NUMBER, .constant = {.number = expr->number}}, 0,
                    expr->span);
    case EXPR_TEXT:
        *kind = ASSAY_KIND_TEXT;
        return emit(compiler, (struct instruction){.op = I_TEXT, .constant = {.text = expr->text}},
                    0, expr->span);
    case EXPR_PATH:
        return compile_path(compiler, expr, kind);
    case EXPR_UNARY:
        return compile_unary(compiler, expr, kind);
    case EXPR_BINARY:
        return compile_binary(compiler, expr, kind);
    case EXPR_IN:
        return compile_in(compiler, expr, kind);
    case EXPR_CALL:
        return compile_call(compiler, expr, kind);
    case EXPR_AGG:
        return compile_aggregate(compiler, expr, kind);
    }
    ASSAY_ASSERT(false);
    return false;
}

const struct assay_program *assay_expr_compile(struct assay_arena *arena,
                                               const struct assay_schema *schema,
                                               const struct assay_expr *expr,
                                               const struct assay_scope *scope,
                                               struct assay_diags *diags, enum assay_kind *kind)
{
    ASSAY_ASSERT(expr != NULL && scope != NULL);
    struct instruction *code = calloc(INSTRUCTIONS_MAX, sizeof *code);
    struct assay_program *program = assay_arena_alloc(arena, sizeof *program);
    struct compiler compiler = {
        .arena = arena, .schema = schema, .scope = scope, .diags = diags, .code = code};
    const bool room = code != NULL && program != NULL;
    if (!room) {
        assay_diag_add(diags, ASSAY_DIAG_LIMIT, expr->span, "out of memory");
    }
    const bool good = room && compile(&compiler, expr, kind);
    if (good) {
        struct instruction *copy = assay_arena_array(arena, compiler.count, sizeof *copy);
        if (copy == NULL) {
            assay_diag_add(diags, ASSAY_DIAG_LIMIT, expr->span, "out of memory");
            free(code);
            return NULL;
        }
        memcpy(copy, code, compiler.count * sizeof *copy);
        program->count = compiler.count;
        program->instructions = copy;
        program->kind = *kind;
    }
    free(code);
    return good ? program : NULL;
}
