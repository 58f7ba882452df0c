#include "features/expr_pvt.h"

#include "engine/base/number.h"

#include <inttypes.h>
#include <stdlib.h>

/* Canonical text: fully parenthesised, spaces and file positions gone, so that equal definitions
 * hash equally however they are written down. */

static void print(FILE *out, const struct assay_expr *expr);

static void print_text(FILE *out, struct assay_str text)
{
    (void)fprintf(out, "\"%.*s\"", (int)text.len, text.ptr);
}

static void print_items(FILE *out, const struct assay_expr *expr, size_t from)
{
    for (size_t i = from; i < expr->item_count; i++) {
        if (i > from) {
            (void)fputc(',', out);
        }
        print(out, expr->items[i]);
    }
}

static void print_agg(FILE *out, const struct assay_agg_ast *agg)
{
    (void)fprintf(out, "%.*s(%.*s@%.*s.%.*s", (int)agg->name.len, agg->name.ptr,
                  (int)agg->event.len, agg->event.ptr, (int)agg->role.len, agg->role.ptr,
                  (int)agg->column.len, agg->column.ptr);
    if (agg->where != NULL) {
        (void)fputs(" where ", out);
        print(out, agg->where);
    }
    if (agg->exclude_current) {
        (void)fputs(" exclude current", out);
    }
    for (size_t i = 0; i < agg->span_count; i++) {
        (void)fprintf(out, " over %" PRId64 " last %u", agg->spans[i].span_ms,
                      agg->spans[i].last_n);
    }
    (void)fprintf(out, " delay %" PRId64 ")", agg->delay_ms);
}

static void print(FILE *out, const struct assay_expr *expr)
{
    char number[ASSAY_NUMBER_TEXT_BYTES];
    switch (expr->kind) {
    case EXPR_NUMBER:
        (void)assay_number_print(expr->number, number);
        (void)fputs(number, out);
        return;
    case EXPR_BOOL:
        (void)fputs(expr->number == 1 ? "true" : "false", out);
        return;
    case EXPR_TEXT:
        print_text(out, expr->text);
        return;
    case EXPR_PATH:
        for (size_t i = 0; i < expr->name_count; i++) {
            (void)fprintf(out, "%s%.*s", i == 0 ? "" : ".", (int)expr->names[i].len,
                          expr->names[i].ptr);
        }
        return;
    case EXPR_UNARY:
        (void)fprintf(out, "(%s ", assay_op_name(expr->op));
        break;
    case EXPR_BINARY:
        (void)fputc('(', out);
        print(out, expr->items[0]);
        (void)fprintf(out, " %s ", assay_op_name(expr->op));
        print(out, expr->items[1]);
        (void)fputc(')', out);
        return;
    case EXPR_IN:
        (void)fputc('(', out);
        print(out, expr->items[0]);
        (void)fputs(" in [", out);
        print_items(out, expr, 1);
        (void)fputs("])", out);
        return;
    case EXPR_CALL:
        (void)fprintf(out, "%.*s(", (int)expr->text.len, expr->text.ptr);
        break;
    case EXPR_AGG:
        print_agg(out, expr->agg);
        return;
    }
    print_items(out, expr, 0);
    (void)fputc(')', out);
}

struct assay_str assay_expr_canonical(struct assay_arena *arena, const struct assay_expr *expr)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return (struct assay_str){0};
    }
    print(out, expr);
    const bool good = fclose(out) == 0 && text != NULL;
    const struct assay_str copy =
        good ? assay_arena_copy(arena, (struct assay_str){.ptr = text, .len = (uint32_t)size})
             : (struct assay_str){0};
    free(text);
    return copy;
}
