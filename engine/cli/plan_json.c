#include "engine/cli/plan_show.h"

#include "engine/base/hash.h"
#include "engine/base/writer.h"

#include <inttypes.h>
#include <math.h>

/* The plan for programs: everything that the tree tells, and the cost of every feature. */

static void print_text(const char *name, struct assay_str text, FILE *out)
{
    (void)fprintf(out, "\"%s\":", name);
    assay_print_json_text(text, out);
}

static void print_cost(const char *name, const double *ns, FILE *out)
{
    if (ns != NULL && !isnan(*ns)) {
        (void)fprintf(out, ",\"%s\":%.1f", name, *ns);
    }
}

static void print_agg(const char *name, const struct assay_plan_entity *entity, uint32_t agg,
                      FILE *out)
{
    (void)fprintf(out, ",\"%s\":", name);
    if (agg == ASSAY_NONE) {
        (void)fputs("null", out);
        return;
    }
    (void)fputc('{', out);
    print_text("text", entity->aggs[agg].text, out);
    (void)fputc(',', out);
    print_text("window", entity->aggs[agg].window_text, out);
    (void)fputc('}', out);
}

static bool owns(const struct assay_feature_view *feature, const struct assay_plan_view *view)
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

static void print_view(const struct assay_plan_report *report, uint32_t e,
                       const struct assay_plan_view *view, FILE *out)
{
    const struct assay_plan_entity *entity = &report->plan->entities[e];
    const struct assay_entity_view *of = &report->views->entities[e];
    const struct assay_stream *stream = of->streams[view->stream].stream;
    const struct assay_event_def *event = &report->plan->schema->events[stream->event];
    (void)fputc('{', out);
    print_text("window", view->text, out);
    (void)fputc(',', out);
    print_text("where",
               view->filter == ASSAY_NONE ? (struct assay_str){0}
                                          : stream->filter_texts[view->filter],
               out);
    (void)fputc(',', out);
    print_text("column",
               view->column == ASSAY_NONE ? (struct assay_str){0}
                                          : event->fields[stream->columns[view->column]].name,
               out);
    (void)fprintf(out, ",\"last_n\":%" PRIu32 ",\"exclude_current\":%s,\"aggregates\":[",
                  view->last_n, view->exclude_current ? "true" : "false");
    for (uint32_t a = 0; a < view->agg_count; a++) {
        (void)fprintf(out, "%s\"%s\"", a == 0 ? "" : ",",
                      assay_agg_name(entity->aggs[view->aggs[a]].kind));
    }
    (void)fputs("],\"features\":[", out);
    const char *comma = "";
    for (uint32_t j = 0; j < entity->feature_count; j++) {
        if (owns(&report->views->features[entity->feature_first + j], view)) {
            (void)fputs(comma, out);
            assay_print_json_text(report->plan->features[entity->feature_first + j].name, out);
            comma = ",";
        }
    }
    (void)fputs("]}", out);
}

static void print_stream(const struct assay_plan_report *report, uint32_t e, uint32_t position,
                         FILE *out)
{
    const struct assay_plan_entity *entity = &report->plan->entities[e];
    const struct assay_entity_view *of = &report->views->entities[e];
    const struct assay_stream_view *view = &of->streams[position];
    const struct assay_event_def *event = &report->plan->schema->events[view->stream->event];
    (void)fputc('{', out);
    print_text("event", event->name, out);
    (void)fputc(',', out);
    print_text("role", event->fields[view->stream->key_field].name, out);
    (void)fprintf(
        out,
        ",\"retained_ms\":%" PRId64 ",\"lifetime\":%s,\"ordered\":%s,"
        "\"pairs\":%" PRIu32 ",\"key_bytes\":%zu,\"first_bytes\":%zu,"
        "\"event_bytes\":%zu,\"event_has_texts\":%s,\"window_bytes\":%zu,\"summary_bytes\":%zu,"
        "\"chunk_events\":%" PRIu32,
        view->stream->retained_ms, view->stream->lifetime ? "true" : "false",
        view->stream->ordered ? "true" : "false", view->pair_count, view->key_bytes,
        view->first_bytes, view->row_bytes, view->has_texts ? "true" : "false", view->window_bytes,
        view->summary_bytes, view->chunk_events);
    print_agg("farthest", entity, view->farthest, out);
    print_agg("keeps_all_for", entity, view->keeps_all, out);
    print_agg("folds_for", entity, view->folds_for, out);
    print_cost("apply_ns",
               report->costs == NULL ? NULL : &report->costs->stream_ns[entity->streams[position]],
               out);
    (void)fputs(",\"views\":[", out);
    const char *comma = "\n   ";
    for (uint32_t v = 0; v < of->view_count; v++) {
        if (of->views[v].stream == position) {
            (void)fputs(comma, out);
            print_view(report, e, &of->views[v], out);
            comma = ",\n   ";
        }
    }
    (void)fputs("]}", out);
}

static void print_feature(const struct assay_plan_report *report, uint32_t e, uint32_t j, FILE *out)
{
    const struct assay_plan_entity *entity = &report->plan->entities[e];
    const uint32_t index = entity->feature_first + j;
    const struct assay_feature_view *view = &report->views->features[index];
    (void)fputc('{', out);
    print_text("name", report->plan->features[index].full_name, out);
    (void)fputc(',', out);
    print_text("definition", report->plan->features[index].definition, out);
    (void)fprintf(out, ",\"aggregates\":%" PRIu32 ",\"needs\":[", view->agg_count);
    for (uint32_t d = 0; d < view->depend_count; d++) {
        (void)fputs(d == 0 ? "" : ",", out);
        assay_print_json_text(report->plan->features[view->depends[d]].name, out);
    }
    (void)fputc(']', out);
    print_cost("read_ns", report->costs == NULL ? NULL : &report->costs->feature_ns[index], out);
    (void)fputc('}', out);
}

static void print_entity(const struct assay_plan_report *report, uint32_t e, FILE *out)
{
    const struct assay_plan_entity *entity = &report->plan->entities[e];
    const struct assay_entity_view *view = &report->views->entities[e];
    (void)fputc('{', out);
    print_text("name", report->plan->schema->entities[e].name, out);
    (void)fprintf(out, ",\"head_bytes\":%zu,\"aggregates\":%" PRIu32, view->head_bytes,
                  entity->agg_count);
    print_cost("read_all_ns", report->costs == NULL ? NULL : &report->costs->entity_ns[e], out);
    if (report->costs != NULL) {
        (void)fprintf(out, ",\"filled_events\":%" PRIu32, report->costs->depths[e]);
    }
    (void)fputs(",\"logs\":[", out);
    for (uint32_t s = 0; s < view->stream_count; s++) {
        (void)fputs(s == 0 ? "\n  " : ",\n  ", out);
        print_stream(report, e, s, out);
    }
    (void)fputs("],\"features\":[", out);
    for (uint32_t j = 0; j < entity->feature_count; j++) {
        (void)fputs(j == 0 ? "\n  " : ",\n  ", out);
        print_feature(report, e, j, out);
    }
    (void)fputs("]}", out);
}

void assay_plan_show_json(const struct assay_plan_report *report, FILE *out)
{
    char hash[ASSAY_HASH_TEXT_BYTES];
    assay_hash128_print(
        (struct assay_hash128){.low = report->plan->hash[0], .high = report->plan->hash[1]}, hash);
    (void)fprintf(out, "{\"plan\":\"%s\"", hash);
    if (report->costs != NULL) {
        (void)fprintf(
            out, ",\"measured\":{\"seconds\":%.3f,\"events\":%" PRIu64 ",\"keys\":%" PRIu32 "}",
            report->costs->seconds, report->costs->events, report->costs->keys);
    }
    (void)fputs(",\"entities\":[", out);
    for (uint32_t e = 0; e < report->plan->schema->entity_count; e++) {
        (void)fputs(e == 0 ? "\n" : ",\n", out);
        print_entity(report, e, out);
    }
    (void)fputs("]}\n", out);
}
