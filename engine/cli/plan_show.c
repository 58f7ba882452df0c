#include "engine/cli/plan_show.h"

#include "engine/base/hash.h"
#include "engine/cli/show.h"

#include <inttypes.h>
#include <stdlib.h>

enum { COLUMNS = 100, NAMES_AT = 38, DEAREST = 10 };

static void print_name(struct assay_str text, FILE *out)
{
    (void)assay_show_text(text, out);
}

/* A count and what it counts: 1 view, 2 views. */
static void print_some(uint64_t count, const char *what, FILE *out)
{
    (void)assay_show_count(count, out);
    (void)fprintf(out, " %s%s", what, count == 1 ? "" : "s");
}

static void print_ns(double ns, FILE *out)
{
    (void)fprintf(out, ns < 10000 ? "%.0f ns" : "%.1f us", ns < 10000 ? ns : ns / 1000);
}

/* The stream as definitions write it. */
static void print_stream_name(const struct assay_plan_report *report,
                              const struct assay_stream *stream, FILE *out)
{
    const struct assay_event_def *event = &report->plan->schema->events[stream->event];
    print_name(event->name, out);
    (void)fputc('@', out);
    print_name(event->fields[stream->key_field].name, out);
}

/* --- which features read what ----------------------------------------------------------------- */

static bool reads(const struct assay_feature_view *feature, const struct assay_plan_view *view)
{
    for (uint32_t o = 0; o < feature->own_count; o++) {
        for (uint32_t a = 0; a < view->agg_count; a++) {
            if (view->aggs[a] == feature->own[o]) {
                return true;
            }
        }
    }
    return false;
}

static uint32_t readers_of_stream(const struct assay_plan_report *report,
                                  const struct assay_plan_entity *entity, uint32_t position)
{
    uint32_t count = 0;
    for (uint32_t j = 0; j < entity->feature_count; j++) {
        const struct assay_feature_view *feature =
            &report->views->features[entity->feature_first + j];
        bool rests = false;
        for (uint32_t a = 0; a < feature->agg_count; a++) {
            rests = rests || entity->aggs[feature->aggs[a]].stream == entity->streams[position];
        }
        count += rests ? 1 : 0;
    }
    return count;
}

/* The first feature whose definition holds the aggregate. */
static void print_first_reader(const struct assay_plan_report *report,
                               const struct assay_plan_entity *entity, uint32_t agg, FILE *out)
{
    for (uint32_t j = 0; j < entity->feature_count; j++) {
        const struct assay_feature_view *feature =
            &report->views->features[entity->feature_first + j];
        for (uint32_t o = 0; o < feature->own_count; o++) {
            if (feature->own[o] == agg) {
                print_name(report->plan->features[entity->feature_first + j].name, out);
                return;
            }
        }
    }
}

/* --- one log ---------------------------------------------------------------------------------- */

static void print_reach(const struct assay_plan_report *report,
                        const struct assay_plan_entity *entity,
                        const struct assay_stream_view *view, FILE *out)
{
    const int64_t lateness_ms = report->plan->schema->lateness_ms;
    (void)fputs("    keeps ", out);
    if (view->keeps_all != ASSAY_NONE) {
        (void)fputs("every event, for ", out);
        print_first_reader(report, entity, view->keeps_all, out);
        (void)fputs(", which no totals can answer: ", out);
        print_name(entity->aggs[view->keeps_all].text, out);
        (void)fputs(" over ", out);
        print_name(entity->aggs[view->keeps_all].window_text, out);
        (void)fputc('\n', out);
        return;
    }
    assay_show_age(view->stream->retained_ms, out);
    (void)fputs(" of events: ", out);
    if (view->farthest != ASSAY_NONE) {
        print_first_reader(report, entity, view->farthest, out);
        (void)fputs(" looks back ", out);
        print_name(entity->aggs[view->farthest].window_text, out);
        (void)fputs(", and ", out);
    }
    assay_show_age(lateness_ms, out);
    (void)fputs(" lateness", out);
    if (view->folds_for != ASSAY_NONE) {
        (void)fputs("\n    older ones become totals, for ", out);
        print_first_reader(report, entity, view->folds_for, out);
    }
    (void)fputc('\n', out);
}

static void print_bytes(const struct assay_plan_report *report,
                        const struct assay_stream_view *view, uint32_t stream, FILE *out)
{
    (void)fprintf(out, "    an event takes %zu bytes", view->row_bytes);
    (void)fputs(view->has_texts ? ", its texts" : "", out);
    (void)fputs(view->stream->ordered ? ", its id and fields to order equal times" : "", out);
    (void)fprintf(out,
                  ";\n    the first one %zu, with room for more; every %u sealed take %zu more",
                  view->first_bytes, view->chunk_events, view->summary_bytes);
    (void)fputs(view->distinct_count > 0 ? " and distinct values\n" : "\n", out);
    if (view->window_bytes > 0) {
        (void)fprintf(out, "    once it is read, windows that are kept up with take %zu\n",
                      view->window_bytes);
    }
    if (report->costs != NULL) {
        (void)fputs("    applied to a key in ", out);
        print_ns(report->costs->stream_ns[stream], out);
        (void)fputc('\n', out);
    }
}

/* What is summed up: filter and column. */
static void print_pair(const struct assay_plan_report *report, const struct assay_stream *stream,
                       const struct assay_plan_view *view, FILE *out)
{
    const struct assay_event_def *event = &report->plan->schema->events[stream->event];
    (void)fputs("    ", out);
    print_name(view->column == ASSAY_NONE ? assay_str_of("events")
                                          : event->fields[stream->columns[view->column]].name,
               out);
    if (view->filter != ASSAY_NONE) {
        (void)fputs(" where ", out);
        print_name(stream->filter_texts[view->filter], out);
    }
    (void)fputc('\n', out);
}

/* Feature names, wrapped under the first. */
static void print_readers(const struct assay_plan_report *report,
                          const struct assay_plan_entity *entity,
                          const struct assay_plan_view *view, FILE *out)
{
    int column = NAMES_AT;
    const char *between = "";
    for (uint32_t j = 0; j < entity->feature_count; j++) {
        const uint32_t index = entity->feature_first + j;
        if (!reads(&report->views->features[index], view)) {
            continue;
        }
        const struct assay_str name = report->plan->features[index].name;
        if (column > NAMES_AT && column + (int)name.len + 2 > COLUMNS) {
            (void)fprintf(out, ",\n%*s", NAMES_AT, "");
            column = NAMES_AT;
            between = "";
        }
        (void)fputs(between, out);
        print_name(name, out);
        column += (int)name.len + (int)strlen(between);
        between = ", ";
    }
    (void)fputc('\n', out);
}

static void print_view(const struct assay_plan_report *report,
                       const struct assay_plan_entity *entity, const struct assay_plan_view *view,
                       FILE *out)
{
    char text[160] = "";
    FILE *cell = assay_show_open(text, sizeof text);
    print_name(view->text, cell);
    (void)fputs(view->exclude_current ? " exclude current" : "", cell);
    (void)fputc(':', cell);
    for (int kind = 0; kind < ASSAY_AGG_END; kind++) {
        bool wanted = false;
        for (uint32_t a = 0; a < view->agg_count; a++) {
            wanted = wanted || entity->aggs[view->aggs[a]].kind == (enum assay_agg_kind)kind;
        }
        if (wanted) {
            (void)fprintf(cell, " %s", assay_agg_name((enum assay_agg_kind)kind));
        }
    }
    (void)fclose(cell);
    const int cells = (int)strlen(text);
    (void)fprintf(out, "      %s", text);
    if (6 + cells >= NAMES_AT) {
        (void)fprintf(out, "\n%*s", NAMES_AT, "");
    } else {
        assay_show_pad(6 + cells, NAMES_AT, out);
    }
    print_readers(report, entity, view, out);
}

static bool same_pair(const struct assay_plan_view *a, const struct assay_plan_view *b)
{
    return a->stream == b->stream && a->filter == b->filter && a->column == b->column;
}

static void print_views(const struct assay_plan_report *report,
                        const struct assay_plan_entity *entity, const struct assay_entity_view *of,
                        uint32_t position, FILE *out)
{
    for (uint32_t v = 0; v < of->view_count; v++) {
        const struct assay_plan_view *view = &of->views[v];
        bool first = view->stream == position;
        for (uint32_t u = 0; first && u < v; u++) {
            first = !same_pair(&of->views[u], view);
        }
        if (!first) {
            continue;
        }
        print_pair(report, of->streams[position].stream, view, out);
        for (uint32_t u = v; u < of->view_count; u++) {
            if (same_pair(&of->views[u], view)) {
                print_view(report, entity, &of->views[u], out);
            }
        }
    }
}

static void print_stream(const struct assay_plan_report *report, uint32_t e, uint32_t position,
                         FILE *out)
{
    const struct assay_plan_entity *entity = &report->plan->entities[e];
    const struct assay_entity_view *of = &report->views->entities[e];
    const struct assay_stream_view *view = &of->streams[position];
    uint32_t views = 0;
    uint32_t ranges = 0;
    for (uint32_t v = 0; v < of->view_count; v++) {
        views += of->views[v].stream == position ? 1 : 0;
    }
    for (uint32_t r = 0; r < of->range_count; r++) {
        ranges += of->ranges[r].stream == position ? 1 : 0;
    }
    (void)fputs("\n  ", out);
    print_stream_name(report, view->stream, out);
    (void)fputs(": ", out);
    print_some(readers_of_stream(report, entity, position), "feature", out);
    (void)fputs(" through ", out);
    print_some(views, "view", out);
    (void)fputs(" of ", out);
    print_some(ranges, "window", out);
    (void)fputs(" and ", out);
    print_some(view->pair_count, "pair", out);
    (void)fputc('\n', out);
    print_reach(report, entity, view, out);
    print_bytes(report, view, entity->streams[position], out);
    print_views(report, entity, of, position, out);
}

/* --- one entity ------------------------------------------------------------------------------- */

/* Features by what they cost: the indices, the dearest first. */
static size_t dearest(const struct assay_plan_report *report,
                      const struct assay_plan_entity *entity, uint32_t out[DEAREST])
{
    size_t count = 0;
    for (uint32_t j = 0; j < entity->feature_count; j++) {
        const double ns = report->costs->feature_ns[entity->feature_first + j];
        size_t place = count;
        while (place > 0 && ns > report->costs->feature_ns[out[place - 1]]) {
            place--;
        }
        if (isnan(ns) || place == DEAREST) {
            continue;
        }
        count += count < DEAREST ? 1 : 0;
        memmove(&out[place + 1], &out[place], (count - 1 - place) * sizeof out[0]);
        out[place] = entity->feature_first + j;
    }
    return count;
}

static void print_dearest(const struct assay_plan_report *report, uint32_t e, FILE *out)
{
    const struct assay_plan_entity *entity = &report->plan->entities[e];
    uint32_t features[DEAREST];
    const size_t count = dearest(report, entity, features);
    double sum = 0;
    for (uint32_t j = 0; j < entity->feature_count; j++) {
        const double ns = report->costs->feature_ns[entity->feature_first + j];
        sum += isnan(ns) ? 0 : ns;
    }
    (void)fputs("\n  reading all features at once takes ", out);
    print_ns(report->costs->entity_ns[e], out);
    (void)fputs(" an event, one by one ", out);
    print_ns(sum, out);
    (void)fprintf(out,
                  "\n  for a key that began with %" PRIu32 " events of each kind; the dearest:\n",
                  report->costs->depths[e]);
    for (size_t i = 0; i < count; i++) {
        const struct assay_feature *feature = &report->plan->features[features[i]];
        char text[32] = "";
        FILE *cell = assay_show_open(text, sizeof text);
        print_ns(report->costs->feature_ns[features[i]], cell);
        (void)fclose(cell);
        (void)fprintf(out, "    %9s  ", text);
        const int cells = assay_show_text(feature->name, out);
        assay_show_pad(cells, NAMES_AT - 10, out);
        (void)fputs("  ", out);
        print_name(feature->definition, out);
        (void)fputc('\n', out);
    }
}

static void print_entity(const struct assay_plan_report *report, uint32_t e, FILE *out)
{
    const struct assay_plan_entity *entity = &report->plan->entities[e];
    const struct assay_entity_view *view = &report->views->entities[e];
    size_t logs = 0;
    for (uint32_t s = 0; s < view->stream_count; s++) {
        logs += view->streams[s].key_bytes;
    }
    (void)fputc('\n', out);
    print_name(report->plan->schema->entities[e].name, out);
    (void)fputs(": ", out);
    print_some(entity->feature_count, "feature", out);
    (void)fputs(" of ", out);
    print_some(entity->agg_count, "different aggregate", out);
    (void)fputs(", read through ", out);
    print_some(view->view_count, "view", out);
    (void)fputs(" of ", out);
    print_some(view->stream_count, "log", out);
    (void)fprintf(out, "\n  a key takes %zu bytes and its name: a head of %zu, and its logs %zu\n",
                  view->head_bytes + logs, view->head_bytes, logs);
    for (uint32_t s = 0; s < view->stream_count; s++) {
        print_stream(report, e, s, out);
    }
    if (report->costs != NULL && view->stream_count > 0) {
        print_dearest(report, e, out);
    }
}

static void print_method(const struct assay_plan_report *report, FILE *out)
{
    const struct assay_plan_costs *costs = report->costs;
    (void)fprintf(out, "measured on this machine in %.1f s with ", costs->seconds);
    (void)assay_show_count(costs->events, out);
    (void)fprintf(out,
                  " made-up events of %u keys an entity, in cache:\n"
                  "a feature's cost is the median of reading it alone, right after an event that "
                  "it is about\n",
                  costs->keys);
}

void assay_plan_show(const struct assay_plan_report *report, FILE *out)
{
    const struct assay_schema *schema = report->plan->schema;
    char hash[ASSAY_HASH_TEXT_BYTES];
    assay_hash128_print(
        (struct assay_hash128){.low = report->plan->hash[0], .high = report->plan->hash[1]}, hash);
    (void)fprintf(out, "plan %s: ", hash);
    print_some(report->plan->feature_count, "feature", out);
    (void)fprintf(out, " of %" PRIu32 " entit%s\n", schema->entity_count,
                  schema->entity_count == 1 ? "y" : "ies");
    if (report->costs != NULL) {
        print_method(report, out);
    }
    for (uint32_t e = 0; e < schema->entity_count; e++) {
        print_entity(report, e, out);
    }
}
