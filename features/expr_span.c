#include "features/expr_parse_pvt.h"

/* span = DUR ["last" INT] | "last" INT | "lifetime" | "session" DUR
 *      | "since" "last" event ["where" expr]
 *      | ("tumbling" | "cumulate" | "previous" INT) unit "in" STRING;  with the suffix that a list
 * of spans gives to the names of its features. */

static bool take_count(struct parser *parser, uint32_t *count)
{
    if (parser->token.kind != TOKEN_NUMBER || !parser->token.whole || parser->token.number < 1 ||
        parser->token.number > AGG_COUNT_MAX) {
        assay_parse_fail(parser, "a count from 1 to 1,000,000");
        return false;
    }
    *count = (uint32_t)parser->token.number;
    assay_parse_advance(parser);
    return true;
}

static bool set_suffix(struct parser *parser, struct agg_span *out, const char *text)
{
    out->suffix = assay_arena_copy(parser->arena, assay_str_of(text));
    if (out->suffix.ptr == NULL) {
        assay_parse_fail(parser, "less to remember (out of memory)");
    }
    return !parser->failed;
}

static bool take_duration(struct parser *parser, int64_t *ms, struct assay_str *text)
{
    if (parser->token.kind != TOKEN_DURATION) {
        assay_parse_fail(parser, "a duration");
        return false;
    }
    *text = parser->token.text;
    *ms = (int64_t)parser->token.number;
    assay_parse_advance(parser);
    return true;
}

static bool session(struct parser *parser, struct agg_span *out)
{
    char suffix[96];
    struct assay_str text = {0};
    out->kind = ASSAY_SPAN_SESSION;
    if (!take_duration(parser, &out->span_ms, &text)) {
        return false;
    }
    (void)snprintf(suffix, sizeof suffix, "_session_%.*s", (int)text.len, text.ptr);
    return set_suffix(parser, out, suffix);
}

static bool since(struct parser *parser, struct agg_span *out)
{
    char suffix[96];
    out->kind = ASSAY_SPAN_SINCE;
    if (!assay_parse_expect(parser, "last") ||
        !assay_parse_name(parser, &out->event, &out->event_span, "an event") ||
        (assay_parse_accept(parser, "@") &&
         !assay_parse_name(parser, &out->role, &out->role_span, "a key role of the event"))) {
        return false;
    }
    if (assay_parse_accept(parser, "where")) {
        out->where = assay_parse_expression(parser);
        if (out->where == NULL) {
            return false;
        }
    }
    (void)snprintf(suffix, sizeof suffix, "_since_%.*s", (int)out->event.len, out->event.ptr);
    return set_suffix(parser, out, suffix);
}

static bool calendar(struct parser *parser, struct agg_span *out, const char *word)
{
    static const char *const units[] = {[ASSAY_UNIT_HOUR] = "hour",
                                        [ASSAY_UNIT_DAY] = "day",
                                        [ASSAY_UNIT_WEEK] = "week",
                                        [ASSAY_UNIT_MONTH] = "month"};
    char suffix[96];
    char count[16] = "";
    uint32_t unit = 0;
    out->kind = ASSAY_SPAN_CALENDAR;
    out->back = word[0] == 'c' ? 0 : 1;
    if (word[0] == 'p') {
        if (!assay_parse_whole(parser, "the number of buckets back", 1, AGG_BACK_MAX, &out->back)) {
            return false;
        }
        (void)snprintf(count, sizeof count, "%u", out->back);
    }
    while (unit < 4 && !assay_parse_accept(parser, units[unit])) {
        unit++;
    }
    if (unit == 4) {
        assay_parse_fail(parser, "hour, day, week or month");
        return false;
    }
    out->unit = (enum assay_unit)unit;
    if (!assay_parse_expect(parser, "in")) {
        return false;
    }
    if (parser->token.kind != TOKEN_STRING) {
        assay_parse_fail(parser, "a time zone in quotes, e.g. \"UTC\"");
        return false;
    }
    out->zone = parser->token.text;
    out->zone_span = parser->token.span;
    assay_parse_advance(parser);
    (void)snprintf(suffix, sizeof suffix, "_%s%s_%s", word, count, units[unit]);
    return set_suffix(parser, out, suffix);
}

/* DUR ["last" INT] | "last" INT | "lifetime" */
static bool sliding(struct parser *parser, struct agg_span *out)
{
    char suffix[96] = "";
    size_t used = 0;
    struct assay_str duration = {0};
    if (assay_parse_accept(parser, "lifetime")) {
        return set_suffix(parser, out, "_lifetime");
    }
    if (parser->token.kind == TOKEN_DURATION) {
        if (!take_duration(parser, &out->span_ms, &duration)) {
            return false;
        }
        used = (size_t)snprintf(suffix, sizeof suffix, "_%.*s", (int)duration.len, duration.ptr);
    } else if (!assay_parse_at(parser, "last")) {
        assay_parse_fail(parser, "a span (1h, last 10, 7d last 10, lifetime)");
        return false;
    }
    if (assay_parse_accept(parser, "last")) {
        if (!take_count(parser, &out->last_n)) {
            return false;
        }
        if (used < sizeof suffix) {
            (void)snprintf(suffix + used, sizeof suffix - used, "_last%u", out->last_n);
        }
    }
    return set_suffix(parser, out, suffix);
}

bool assay_parse_span(struct parser *parser, struct agg_span *out)
{
    static const char *const calendars[] = {"cumulate", "tumbling", "previous"};
    *out = (struct agg_span){0};
    for (size_t i = 0; i < 3; i++) {
        if (assay_parse_accept(parser, calendars[i])) {
            return calendar(parser, out, calendars[i]);
        }
    }
    if (assay_parse_accept(parser, "session")) {
        return session(parser, out);
    }
    if (assay_parse_accept(parser, "since")) {
        return since(parser, out);
    }
    if (assay_parse_at(parser, "request")) {
        assay_parse_not_built(parser, parser->token.span, "the span \"request\"");
        return false;
    }
    return sliding(parser, out);
}
