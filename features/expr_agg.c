#include "features/expr_parse_pvt.h"

/* agg = AGG "(" source {"," arg} ")" clauses: the whole grammar is read; what is not built yet is
 * refused by name at its place. */

/* item = event ["." NAME];  event = NAME ["@" NAME] */
static bool source_item(struct parser *parser, struct assay_agg_ast *agg)
{
    if (!assay_parse_name(parser, &agg->event, &agg->event_span, "an event")) {
        return false;
    }
    if (assay_parse_accept(parser, "@") &&
        !assay_parse_name(parser, &agg->role, &agg->role_span, "a key role of the event")) {
        return false;
    }
    if (assay_parse_accept(parser, ".") &&
        !assay_parse_name(parser, &agg->column, &agg->column_span, "a field of the event")) {
        return false;
    }
    if (assay_parse_at(parser, "|")) {
        assay_parse_not_built(parser, parser->token.span, "a union of events");
    } else if (assay_parse_at(parser, "then") || assay_parse_at(parser, "within") ||
               assay_parse_at(parser, "(")) {
        assay_parse_not_built(parser, parser->token.span, "an event pattern");
    } else if (assay_parse_at(parser, ",") && assay_aggregate_argument(agg->name) == NULL) {
        parser->failed = true;
        assay_diag_add(parser->diags, ASSAY_DIAG_ARGUMENTS, parser->token.span,
                       "%.*s takes one argument: an event or a field of it", (int)agg->name.len,
                       agg->name.ptr);
    }
    return !parser->failed;
}

static bool wrong_argument(struct parser *parser, const struct assay_agg_ast *agg,
                           const struct agg_argument *argument)
{
    if (!parser->failed) {
        parser->failed = true;
        assay_diag_add(parser->diags, ASSAY_DIAG_ARGUMENTS, parser->token.span,
                       argument->text ? "%.*s takes an event and \"%s\", a text"
                                      : "%.*s takes a field and \"%s\", a whole number",
                       (int)agg->name.len, agg->name.ptr, argument->name);
        assay_diag_hint(parser->diags,
                        argument->text ? "write %.*s(EVENT, %s = \"UTC\")"
                                       : "write %.*s(EVENT.FIELD, %s = 1)",
                        (int)agg->name.len, agg->name.ptr, argument->name);
    }
    return false;
}

static bool take_text(struct parser *parser, struct assay_agg_ast *agg,
                      const struct agg_argument *argument)
{
    if (parser->token.kind != TOKEN_STRING) {
        return wrong_argument(parser, agg, argument);
    }
    agg->argument_text = parser->token.text;
    agg->argument_span = parser->token.span;
    assay_parse_advance(parser);
    return true;
}

static bool take_whole(struct parser *parser, struct assay_agg_ast *agg,
                       const struct agg_argument *argument)
{
    char what[64];
    (void)snprintf(what, sizeof what, "\"%s\" of %.*s", argument->name, (int)agg->name.len,
                   agg->name.ptr);
    agg->has_argument =
        assay_parse_whole(parser, what, argument->min, argument->max, &agg->argument);
    return agg->has_argument;
}

/* ["," [NAME "="] literal] */
static bool take_argument(struct parser *parser, struct assay_agg_ast *agg)
{
    const struct agg_argument *argument = assay_aggregate_argument(agg->name);
    if (argument == NULL || (argument->text && !assay_parse_at(parser, ","))) {
        return true;
    }
    if (!assay_parse_accept(parser, ",")) {
        return wrong_argument(parser, agg, argument);
    }
    if (parser->token.kind == TOKEN_NAME) {
        if (!assay_parse_accept(parser, argument->name)) {
            return wrong_argument(parser, agg, argument);
        }
        if (!assay_parse_expect(parser, "=")) {
            return false;
        }
    }
    const bool taken =
        argument->text ? take_text(parser, agg, argument) : take_whole(parser, agg, argument);
    return taken && (!assay_parse_at(parser, ",") || wrong_argument(parser, agg, argument));
}

static bool over_clause(struct parser *parser, struct assay_agg_ast *agg)
{
    agg->span_count = 0;
    if (!assay_parse_accept(parser, "[")) {
        agg->span_count = 1;
        return assay_parse_span(parser, &agg->spans[0]);
    }
    agg->listed = true;
    do {
        if (agg->span_count == AGG_SPANS_MAX) {
            assay_parse_fail(parser, "a shorter list (32 spans at most)");
            return false;
        }
        if (!assay_parse_span(parser, &agg->spans[agg->span_count++])) {
            return false;
        }
    } while (assay_parse_accept(parser, ","));
    return assay_parse_expect(parser, "]");
}

static bool clauses(struct parser *parser, struct assay_agg_ast *agg)
{
    if (assay_parse_accept(parser, "where")) {
        agg->where = assay_parse_expression(parser);
        if (agg->where == NULL) {
            return false;
        }
    }
    if (assay_parse_at(parser, "by")) {
        assay_parse_not_built(parser, parser->token.span, "grouping with \"by\"");
        return false;
    }
    if (assay_parse_accept(parser, "exclude")) {
        if (!assay_parse_expect(parser, "current")) {
            return false;
        }
        agg->exclude_current = true;
    }
    if (assay_parse_at(parser, "decay")) {
        assay_parse_not_built(parser, parser->token.span, "\"decay\"");
        return false;
    }
    if (assay_parse_accept(parser, "over") && !over_clause(parser, agg)) {
        return false;
    }
    if (assay_parse_accept(parser, "delay")) {
        if (parser->token.kind != TOKEN_DURATION) {
            assay_parse_fail(parser, "a duration");
            return false;
        }
        agg->delay_ms = (int64_t)parser->token.number;
        assay_parse_advance(parser);
    }
    return true;
}

const struct assay_agg_ast *assay_parse_aggregate(struct parser *parser, struct token name)
{
    struct assay_agg_ast *agg = assay_arena_alloc(parser->arena, sizeof *agg);
    if (agg == NULL) {
        assay_parse_fail(parser, "less to remember (out of memory)");
        return NULL;
    }
    agg->name = name.text;
    agg->span_count = 1; /* no `over`: lifetime */
    agg->span = name.span;
    if (assay_aggregate_kind(name.text) == assay_aggregate_kind((struct assay_str){"", 0})) {
        char what[64];
        (void)snprintf(what, sizeof what, "the aggregate \"%.*s\"", (int)name.text.len,
                       name.text.ptr);
        assay_parse_not_built(parser, name.span, what);
        return NULL;
    }
    size_t end = 0;
    if (!assay_parse_expect(parser, "(") || !source_item(parser, agg) ||
        !take_argument(parser, agg)) {
        return NULL;
    }
    end = parser->token.span.end;
    if (!assay_parse_expect(parser, ")") || !clauses(parser, agg)) {
        return NULL;
    }
    agg->span.end = end;
    return agg;
}
