#include "engine/cli/inspect_pvt.h"
#include "engine/cli/show.h"

#include "engine/base/writer.h"

#include <inttypes.h>

/* One key as a table: a line a feature, the features of one event together. */

enum {
    COLUMN_NAME,
    COLUMN_VALUE,
    COLUMN_STATE,
    COLUMN_WINDOW,
    COLUMN_EVENTS,
    COLUMN_NEWEST,
    COLUMN_AGE,
    COLUMN_END,
    CELL_BYTES = 256,
    TEXT_CELLS_MAX = 24, /* of a value that is text */
    PARTS_MAX = 4,       /* of a feature's windows and counts in its own line */
};

static const char *const titles[COLUMN_END] = {
    [COLUMN_NAME] = "",         [COLUMN_VALUE] = "value",   [COLUMN_STATE] = "state",
    [COLUMN_WINDOW] = "window", [COLUMN_EVENTS] = "events", [COLUMN_NEWEST] = "newest event",
    [COLUMN_AGE] = "its age",
};

struct cell {
    char text[CELL_BYTES];
};
struct row {
    struct cell cells[COLUMN_END];
};

static FILE *open_cell(struct row *row, int column)
{
    return assay_show_open(row->cells[column].text, CELL_BYTES);
}

static void close_cell(FILE *out)
{
    (void)fclose(out);
}

static int cells_of(const struct cell *cell)
{
    int cells = 0;
    for (const char *at = cell->text; *at != '\0'; at++) {
        cells += ((unsigned char)*at & 0xC0) == 0x80 ? 0 : 1;
    }
    return cells;
}

/* --- what a feature rests on ------------------------------------------------------------------ */

static const struct assay_agg *agg_of(const struct inspect_key_report *report, uint32_t agg)
{
    return &report->plan->entities[report->entity].aggs[agg];
}

static uint32_t event_of(const struct inspect_key_report *report, uint32_t agg)
{
    return report->plan->streams[agg_of(report, agg)->stream].event;
}

static const struct assay_feature_view *view_of(const struct inspect_key_report *report, uint32_t j)
{
    return &report->views->features[report->plan->entities[report->entity].feature_first + j];
}

static const struct assay_feature *feature_of(const struct inspect_key_report *report, uint32_t j)
{
    return &report->plan->features[report->plan->entities[report->entity].feature_first + j];
}

/* Groups: an event's index, then those of several events, then those of none. */
static uint32_t group_of(const struct inspect_key_report *report, uint32_t j)
{
    const uint32_t events = report->plan->schema->event_count;
    const struct assay_feature_view *view = view_of(report, j);
    uint32_t group = events + 1;
    for (uint32_t a = 0; a < view->agg_count; a++) {
        const uint32_t event = event_of(report, view->aggs[a]);
        group = group == events + 1 || group == event ? event : events;
    }
    return group;
}

static bool needs_event(const struct inspect_key_report *report, uint32_t j)
{
    const struct assay_feature_view *view = view_of(report, j);
    bool needs = view->reads_event;
    for (uint32_t a = 0; a < view->agg_count; a++) {
        needs = needs || agg_of(report, view->aggs[a])->exclude_current;
    }
    return needs;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* As many characters as a column has room for. */
static void show_value(const struct assay_value *value, FILE *out)
{
    struct assay_value cut = *value;
    uint32_t chars = 0;
    if (value->kind != ASSAY_KIND_TEXT || value->cell.text.ptr == NULL) {
        (void)assay_show_value(value, out);
        return;
    }
    for (uint32_t i = 0; i < value->cell.text.len; i++) {
        chars += ((unsigned char)value->cell.text.ptr[i] & 0xC0) == 0x80 ? 0 : 1;
        if (chars > TEXT_CELLS_MAX) {
            cut.cell.text.len = i;
            break;
        }
    }
    (void)assay_show_value(&cut, out);
    (void)fputs(cut.cell.text.len < value->cell.text.len ? "..." : "", out);
}

static void show_window(const struct assay_agg *agg, FILE *out)
{
    (void)assay_show_text(agg->window_text, out);
    (void)fputs(agg->exclude_current ? " exclude current" : "", out);
}

/* Windows of all aggregates, each once. */
static void fill_windows(const struct inspect_key_report *report,
                         const struct assay_feature_view *view, FILE *out)
{
    uint32_t shown = 0;
    for (uint32_t a = 0; a < view->agg_count && shown <= PARTS_MAX; a++) {
        const struct assay_agg *agg = agg_of(report, view->aggs[a]);
        bool seen = false;
        for (uint32_t b = 0; b < a; b++) {
            const struct assay_agg *other = agg_of(report, view->aggs[b]);
            seen = seen || (assay_str_equal(other->window_text, agg->window_text) &&
                            other->exclude_current == agg->exclude_current);
        }
        if (seen) {
            continue;
        }
        (void)fputs(shown == 0 ? "" : ", ", out);
        if (shown++ == PARTS_MAX) {
            (void)fputs("...", out);
            return;
        }
        show_window(agg, out);
    }
}

static void show_newest(const struct inspect_key_report *report, int64_t last_ms, int64_t before_ms,
                        struct row *row)
{
    FILE *newest = open_cell(row, COLUMN_NEWEST);
    FILE *age = open_cell(row, COLUMN_AGE);
    if (before_ms != ASSAY_NO_TIME && before_ms >= last_ms) {
        (void)fputs("before ", newest);
        assay_show_time(before_ms, newest);
        (void)fputs("> ", age);
        assay_show_age(report->seen.at_ms - before_ms, age);
    } else if (last_ms != ASSAY_NO_TIME) {
        assay_show_time(last_ms, newest);
        assay_show_age(report->seen.at_ms - last_ms, age);
    }
    close_cell(newest);
    close_cell(age);
}

/* Asked for a time that far back: what could be asked instead. */
static void show_expired(int64_t answerable_ms, struct row *row)
{
    FILE *out = open_cell(row, COLUMN_NEWEST);
    (void)fputs("answered from ", out);
    assay_show_time(answerable_ms, out);
    close_cell(out);
}

static void fill_counts(const struct inspect_key_report *report,
                        const struct assay_feature_view *view, struct row *row)
{
    FILE *out = open_cell(row, COLUMN_EVENTS);
    for (uint32_t a = 0; a < view->agg_count && a <= PARTS_MAX; a++) {
        (void)fputs(a == 0 ? "" : ", ", out);
        if (a == PARTS_MAX) {
            (void)fputs("...", out);
        } else {
            (void)assay_show_count(report->seen.aggregates[view->aggs[a]].events, out);
        }
    }
    close_cell(out);
}

static void fill_events(const struct inspect_key_report *report,
                        const struct assay_feature_view *view, bool expired, struct row *row)
{
    int64_t last_ms = ASSAY_NO_TIME;
    int64_t before_ms = ASSAY_NO_TIME;
    int64_t answerable_ms = ASSAY_NO_TIME;
    for (uint32_t a = 0; a < view->agg_count; a++) {
        const struct assay_aggregate_facts *facts = &report->seen.aggregates[view->aggs[a]];
        last_ms = facts->last_ms > last_ms ? facts->last_ms : last_ms;
        before_ms = facts->last_before_ms > before_ms ? facts->last_before_ms : before_ms;
        answerable_ms = facts->answerable_ms > answerable_ms ? facts->answerable_ms : answerable_ms;
    }
    if (expired) {
        show_expired(answerable_ms, row);
        return;
    }
    fill_counts(report, view, row);
    show_newest(report, last_ms, before_ms, row);
}

static void fill_feature(const struct inspect_key_report *report, uint32_t j, struct row *row)
{
    const struct assay_value *value = &report->seen.values[j];
    memset(row, 0, sizeof *row);
    FILE *out = open_cell(row, COLUMN_NAME);
    (void)fputs("  ", out);
    (void)assay_show_text(feature_of(report, j)->name, out);
    (void)fputs(needs_event(report, j) ? " *" : "", out);
    close_cell(out);
    out = open_cell(row, COLUMN_VALUE);
    show_value(value, out);
    close_cell(out);
    out = open_cell(row, COLUMN_STATE);
    (void)fputs(assay_state_name((enum assay_state)value->state), out);
    close_cell(out);
    out = open_cell(row, COLUMN_WINDOW);
    fill_windows(report, view_of(report, j), out);
    close_cell(out);
    fill_events(report, view_of(report, j), value->state == ASSAY_STATE_EXPIRED, row);
}

/* An aggregate below its feature. */
static void fill_aggregate(const struct inspect_key_report *report, uint32_t agg, struct row *row)
{
    const struct assay_aggregate_facts *facts = &report->seen.aggregates[agg];
    memset(row, 0, sizeof *row);
    FILE *out = open_cell(row, COLUMN_VALUE);
    show_value(&facts->value, out);
    close_cell(out);
    out = open_cell(row, COLUMN_STATE);
    (void)fputs(assay_state_name((enum assay_state)facts->value.state), out);
    close_cell(out);
    out = open_cell(row, COLUMN_WINDOW);
    show_window(agg_of(report, agg), out);
    close_cell(out);
    if (facts->value.state == ASSAY_STATE_EXPIRED) {
        show_expired(facts->answerable_ms, row);
        return;
    }
    out = open_cell(row, COLUMN_EVENTS);
    (void)assay_show_count(facts->events, out);
    close_cell(out);
    show_newest(report, facts->last_ms, facts->last_before_ms, row);
}

static void print_row(const struct row *row, const int widths[COLUMN_END], FILE *out)
{
    int last = COLUMN_END;
    while (last > 1 && row->cells[last - 1].text[0] == '\0') {
        last--;
    }
    for (int c = 0; c < last; c++) {
        const int cells = cells_of(&row->cells[c]);
        const bool right = c == COLUMN_VALUE || c == COLUMN_EVENTS;
        assay_show_pad(right ? cells : widths[c], widths[c], out);
        (void)fputs(row->cells[c].text, out);
        if (c + 1 < last) {
            assay_show_pad(right ? widths[c] : cells, widths[c] + 2, out);
        }
    }
}

static void print_definition(const struct inspect_key_report *report, uint32_t j,
                             const int widths[COLUMN_END], FILE *out)
{
    const struct assay_feature_view *view = view_of(report, j);
    struct row row;
    (void)fputs("      = ", out);
    (void)assay_show_text(feature_of(report, j)->definition, out);
    (void)fputc('\n', out);
    for (uint32_t a = 0; view->agg_count > 1 && a < view->agg_count; a++) {
        fill_aggregate(report, view->aggs[a], &row);
        print_row(&row, widths, out);
        (void)fputs("  ", out);
        (void)assay_show_text(agg_of(report, view->aggs[a])->text, out);
        (void)fputc('\n', out);
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static void print_head(const struct inspect_key_report *report, FILE *out)
{
    const struct assay_key_facts *facts = &report->facts;
    const struct assay_state_bytes *bytes = &facts->bytes;
    (void)assay_show_text(report->plan->schema->entities[report->entity].name, out);
    (void)fputc(' ', out);
    (void)assay_show_text(report->key, out);
    (void)fputs("\n  as of         ", out);
    assay_show_time(report->seen.at_ms, out);
    if (report->at_newest) {
        (void)fputs(", its newest applied time (--at asks for another)", out);
    } else {
        (void)fputs("; its newest applied time is ", out);
        assay_show_time(facts->newest_ms, out);
    }
    (void)fputs("\n  active since  ", out);
    if (report->seen.since_ms == ASSAY_NO_TIME) {
        (void)fputs("nothing is remembered as of then", out);
    } else {
        assay_show_time(report->seen.since_ms, out);
    }
    (void)fputs("\n  in memory     ", out);
    (void)assay_show_count(facts->logged, out);
    (void)fputs(facts->logged == 1 ? " event, " : " events, ", out);
    assay_show_bytes(
        bytes->records + bytes->chunks + bytes->summaries + bytes->lanes + bytes->bases, out);
    if (bytes->spilled != 0) {
        (void)fputs("; on disk ", out);
        assay_show_bytes(bytes->spilled, out);
    }
    (void)fprintf(out, ", shard %" PRIu32 "\n", report->shard);
}

static void print_group_name(const struct inspect_key_report *report, uint32_t group, FILE *out)
{
    const struct assay_schema *schema = report->plan->schema;
    if (group < schema->event_count) {
        (void)assay_show_text(schema->events[group].name, out);
    } else {
        (void)fputs(group == schema->event_count ? "several events" : "no logged event", out);
    }
}

static void measure(const struct inspect_key_report *report, int widths[COLUMN_END])
{
    struct row row;
    for (int c = 0; c < COLUMN_END; c++) {
        widths[c] = (int)strlen(titles[c]);
    }
    for (uint32_t j = 0; j < report->plan->entities[report->entity].feature_count; j++) {
        FILE *name = open_cell(&row, COLUMN_NAME);
        print_group_name(report, group_of(report, j), name);
        close_cell(name);
        const int cells = cells_of(&row.cells[COLUMN_NAME]);
        widths[COLUMN_NAME] = cells > widths[COLUMN_NAME] ? cells : widths[COLUMN_NAME];
    }
    for (uint32_t j = 0; j < report->plan->entities[report->entity].feature_count; j++) {
        fill_feature(report, j, &row);
        for (int c = 0; c < COLUMN_END; c++) {
            const int cells = cells_of(&row.cells[c]);
            widths[c] = cells > widths[c] ? cells : widths[c];
        }
    }
}

static void print_group(const struct inspect_key_report *report, uint32_t group,
                        const int widths[COLUMN_END], FILE *out)
{
    struct row row;
    bool first = true;
    for (uint32_t j = 0; j < report->plan->entities[report->entity].feature_count; j++) {
        if (group_of(report, j) != group) {
            continue;
        }
        if (first) {
            (void)fputc('\n', out);
            memset(&row, 0, sizeof row);
            for (int c = 1; c < COLUMN_END; c++) {
                (void)snprintf(row.cells[c].text, CELL_BYTES, "%s", titles[c]);
            }
            FILE *name = open_cell(&row, COLUMN_NAME);
            print_group_name(report, group, name);
            close_cell(name);
            print_row(&row, widths, out);
            (void)fputc('\n', out);
            first = false;
        }
        fill_feature(report, j, &row);
        print_row(&row, widths, out);
        (void)fputc('\n', out);
        if (report->definitions) {
            print_definition(report, j, widths, out);
        }
    }
}

void assay_inspect_print_key(const struct inspect_key_report *report, FILE *out)
{
    int widths[COLUMN_END];
    bool starred = false;
    print_head(report, out);
    measure(report, widths);
    for (uint32_t group = 0; group <= report->plan->schema->event_count + 1; group++) {
        print_group(report, group, widths, out);
    }
    for (uint32_t j = 0; j < report->plan->entities[report->entity].feature_count; j++) {
        starred = starred || needs_event(report, j);
    }
    if (starred) {
        (void)fputs("\n* In a row of events this depends on the event at hand. Here there is none: "
                    "its fields are\n  null, and `exclude current` leaves nothing out.\n",
                    out);
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void print_json_time(const char *name, int64_t time_ms, FILE *out)
{
    if (time_ms == ASSAY_NO_TIME) {
        (void)fprintf(out, ",\"%s\":null", name);
    } else {
        (void)fprintf(out, ",\"%s\":%" PRId64, name, time_ms);
    }
}

static void print_json_value(const struct assay_value *value, FILE *out)
{
    char text[64];
    struct assay_writer writer = {.out = text, .size = sizeof text};
    (void)fputs(",\"value\":", out);
    if (value->kind == ASSAY_KIND_TEXT) {
        assay_print_json_text(value->cell.text, out);
    } else if (value->kind == ASSAY_KIND_BOOL && !isnan(value->cell.number)) {
        (void)fputs(value->cell.number == 0 ? "false" : "true", out);
    } else {
        assay_write_json_number(&writer, value->cell.number);
        (void)fwrite(text, 1, writer.used, out);
    }
    (void)fprintf(out, ",\"state\":\"%s\"", assay_state_name((enum assay_state)value->state));
}

static void print_json_aggregate(const struct inspect_key_report *report, uint32_t index, FILE *out)
{
    const struct assay_agg *agg = agg_of(report, index);
    const struct assay_stream *stream = &report->plan->streams[agg->stream];
    const struct assay_event_def *event = &report->plan->schema->events[stream->event];
    const struct assay_aggregate_facts *facts = &report->seen.aggregates[index];
    (void)fputs("{\"text\":", out);
    assay_print_json_text(agg->text, out);
    (void)fputs(",\"event\":", out);
    assay_print_json_text(event->name, out);
    (void)fputs(",\"role\":", out);
    assay_print_json_text(event->fields[stream->key_field].name, out);
    (void)fputs(",\"window\":", out);
    assay_print_json_text(agg->window_text, out);
    (void)fprintf(out, ",\"span_ms\":%" PRId64 ",\"delay_ms\":%" PRId64 ",\"last_n\":%" PRIu32,
                  agg->window.span_ms, agg->window.delay_ms, agg->window.last_n);
    (void)fprintf(out, ",\"exclude_current\":%s", agg->exclude_current ? "true" : "false");
    print_json_value(&facts->value, out);
    (void)fprintf(out, ",\"events\":%" PRIu64, facts->events);
    print_json_time("newest_event_ms", facts->last_ms, out);
    print_json_time(
        "age_ms",
        facts->last_ms == ASSAY_NO_TIME ? ASSAY_NO_TIME : report->seen.at_ms - facts->last_ms, out);
    print_json_time("newest_event_before_ms", facts->last_before_ms, out);
    print_json_time("answerable_from_ms", facts->answerable_ms, out);
    (void)fputc('}', out);
}

static void print_json_feature(const struct inspect_key_report *report, uint32_t j, FILE *out)
{
    const struct assay_feature_view *view = view_of(report, j);
    (void)fputs("{\"name\":", out);
    assay_print_json_text(feature_of(report, j)->full_name, out);
    print_json_value(&report->seen.values[j], out);
    (void)fprintf(out, ",\"needs_event\":%s", needs_event(report, j) ? "true" : "false");
    (void)fputs(",\"definition\":", out);
    assay_print_json_text(feature_of(report, j)->definition, out);
    (void)fputs(",\"aggregates\":[", out);
    for (uint32_t a = 0; a < view->agg_count; a++) {
        (void)fputs(a == 0 ? "" : ",", out);
        print_json_aggregate(report, view->aggs[a], out);
    }
    (void)fputs("]}", out);
}

void assay_inspect_print_key_json(const struct inspect_key_report *report, FILE *out)
{
    const struct assay_state_bytes *bytes = &report->facts.bytes;
    (void)fputs("{\"entity\":", out);
    assay_print_json_text(report->plan->schema->entities[report->entity].name, out);
    (void)fputs(",\"key\":", out);
    assay_print_json_text(report->key, out);
    print_json_time("at_ms", report->seen.at_ms, out);
    print_json_time("newest_ms", report->facts.newest_ms, out);
    print_json_time("since_ms", report->seen.since_ms, out);
    (void)fprintf(out, ",\"shard\":%" PRIu32 ",\"logged_events\":%" PRIu64 ",\"segments\":%" PRIu32,
                  report->shard, report->facts.logged, report->facts.segments);
    (void)fprintf(out,
                  ",\"bytes\":{\"record\":%" PRIu64 ",\"chunks\":%" PRIu64 ",\"summaries\":%" PRIu64
                  ",\"windows\":%" PRIu64 ",\"folded\":%" PRIu64 "},\"spilled_bytes\":%" PRIu64
                  ",\n\"features\":[",
                  bytes->records, bytes->chunks, bytes->summaries, bytes->lanes, bytes->bases,
                  bytes->spilled);
    for (uint32_t j = 0; j < report->plan->entities[report->entity].feature_count; j++) {
        (void)fputs(j == 0 ? "\n" : ",\n", out);
        print_json_feature(report, j, out);
    }
    (void)fputs("]}\n", out);
}
