#include "features/expr_pvt.h"

#include "engine/base/number.h"

#include <inttypes.h>
#include <stdlib.h>

/* Canonical text: fully parenthesised, spaces and file positions gone, so that equal definitions
 * hash equally however they are written down. */

static void print(FILE *out, const struct assay_expr *expr);

/* A text holds no quote of the kind it was written with, so one of the two always fits. */
static void print_text(FILE *out, struct assay_str text)
{
    const char quote = memchr(text.ptr, '"', text.len) == NULL ? '"' : '\'';
    (void)fprintf(out, "%c%.*s%c", quote, (int)text.len, text.ptr, quote);
}

/* In the largest unit that divides it: 60m and 1h are one text. */
static void print_duration(FILE *out, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t unit = 0;
    while (ms % units[unit].ms != 0) {
        unit++;
    }
    (void)fprintf(out, "%" PRId64 "%s", ms / units[unit].ms, units[unit].name);
}

static void print_name(FILE *out, const char *before, struct assay_str name)
{
    if (name.ptr != NULL) {
        (void)fprintf(out, "%s%.*s", before, (int)name.len, name.ptr);
    }
}

static void print_since(FILE *out, const struct agg_span *span)
{
    print_name(out, "since last ", span->event);
    print_name(out, "@", span->role);
    if (span->where != NULL) {
        (void)fputs(" where ", out);
        print(out, span->where);
    }
}

static void print_calendar(FILE *out, const struct agg_span *span)
{
    static const char *const units[] = {[ASSAY_UNIT_HOUR] = "hour",
                                        [ASSAY_UNIT_DAY] = "day",
                                        [ASSAY_UNIT_WEEK] = "week",
                                        [ASSAY_UNIT_MONTH] = "month"};
    if (span->back == 0) {
        (void)fputs("cumulate", out);
    } else { /* tumbling is previous 1 */
        (void)fprintf(out, "previous %u", span->back);
    }
    (void)fprintf(out, " %s in ", units[span->unit]);
    print_text(out, span->zone);
}

static void print_span(FILE *out, const struct agg_span *span)
{
    if (span->kind == ASSAY_SPAN_SINCE) {
        print_since(out, span);
        return;
    }
    if (span->kind == ASSAY_SPAN_CALENDAR) {
        print_calendar(out, span);
        return;
    }
    if (span->kind == ASSAY_SPAN_SESSION) {
        (void)fputs("session ", out);
    }
    if (span->span_ms != 0) {
        print_duration(out, span->span_ms);
    }
    if (span->last_n != 0) {
        (void)fprintf(out, "%slast %u", span->span_ms != 0 ? " " : "", span->last_n);
    }
    if (span->span_ms == 0 && span->last_n == 0) {
        (void)fputs("lifetime", out);
    }
}

static void print_items(FILE *out, const struct assay_expr *expr, size_t from)
{
    for (size_t i = from; i < expr->item_count; i++) {
        if (i > from) {
            (void)fputs(", ", out);
        }
        print(out, expr->items[i]);
    }
}

/* What is computed of which events. */
static void print_source(FILE *out, const struct assay_agg_ast *agg)
{
    print_name(out, "", agg->name);
    print_name(out, "(", agg->event);
    print_name(out, "@", agg->role);
    print_name(out, ".", agg->column);
    if (agg->has_argument) {
        (void)fprintf(out, ", %u", agg->argument);
    }
    if (agg->argument_text.ptr != NULL) {
        (void)fputs(", ", out);
        print_text(out, agg->argument_text);
    }
    (void)fputc(')', out);
    if (agg->where != NULL) {
        (void)fputs(" where ", out);
        print(out, agg->where);
    }
}

/* The spans, and how far back they lie. */
static void print_window(FILE *out, const struct assay_agg_ast *agg)
{
    (void)fputs(agg->listed ? "[" : "", out);
    for (size_t i = 0; i < agg->span_count; i++) {
        (void)fputs(i > 0 ? ", " : "", out);
        print_span(out, &agg->spans[i]);
    }
    (void)fputs(agg->listed ? "]" : "", out);
    if (agg->delay_ms != 0) {
        (void)fputs(" delay ", out);
        print_duration(out, agg->delay_ms);
    }
}

static void print_agg(FILE *out, const struct assay_agg_ast *agg)
{
    print_source(out, agg);
    (void)fputs(agg->exclude_current ? " exclude current over " : " over ", out);
    print_window(out, agg);
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
        if (expr->index != 0) {
            (void)fprintf(out, "[%u]", expr->index);
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
        (void)fputc('(', out); /* clauses bind greedily */
        print_agg(out, expr->agg);
        (void)fputc(')', out);
        return;
    }
    print_items(out, expr, 0);
    (void)fputc(')', out);
}

static struct assay_str take_text(struct assay_arena *arena, FILE *out, char **text, size_t *size)
{
    const bool good = fclose(out) == 0 && *text != NULL;
    const struct assay_str copy =
        good ? assay_arena_copy(arena, (struct assay_str){.ptr = *text, .len = (uint32_t)*size})
             : (struct assay_str){0};
    free(*text);
    return copy;
}

struct assay_str assay_expr_canonical(struct assay_arena *arena, const struct assay_expr *expr)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return (struct assay_str){0};
    }
    if (expr->kind == EXPR_AGG) {
        print_agg(out, expr->agg); /* alone, nothing follows that its clauses could swallow */
    } else {
        print(out, expr);
    }
    return take_text(arena, out, &text, &size);
}

struct assay_str assay_agg_text(struct assay_arena *arena, const struct assay_agg_ast *agg,
                                bool window)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return (struct assay_str){0};
    }
    if (window) {
        print_window(out, agg);
    } else {
        print_source(out, agg);
    }
    return take_text(arena, out, &text, &size);
}
