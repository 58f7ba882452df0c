#include "engine/cli/explain_pvt.h"
#include "engine/cli/show.h"

#include "engine/base/number.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum { BAR_CELLS = 24, NAME_CELLS_MAX = 40, VALUE_CELLS = 18 };

/* ---- pieces ---- */

static void print_label(const char *label, FILE *out)
{
    (void)fprintf(out, "  %-12s ", label);
}

static void print_labelled(const char *label, struct assay_str text, FILE *out)
{
    print_label(label, out);
    (void)assay_show_text(text, out);
    (void)fputc('\n', out);
}

static int print_value(const struct assay_value *value, FILE *out)
{
    static const char *const states[] = {[ASSAY_STATE_OK] = "",
                                         [ASSAY_STATE_WARMING] = " (warming)",
                                         [ASSAY_STATE_EXPIRED] = " (expired)"};
    return assay_show_value(value, out) + fprintf(out, "%s", states[value->state]);
}

/* ---- sections ---- */

static void print_numbers(const struct assay_audit_view *view, FILE *out)
{
    if (!isnan(view->score)) {
        print_label("score", out);
        (void)assay_show_number(view->score, false, out);
        (void)fputc('\n', out);
    }
    if (!isnan(view->probability)) {
        print_label("probability", out);
        (void)assay_show_number(view->probability, false, out);
        if (view->predicted.ptr != NULL) {
            (void)fputs(" of ", out);
            (void)assay_show_text(view->predicted, out);
        }
        (void)fputc('\n', out);
    }
    if (!isnan(view->raw)) {
        print_label("raw", out);
        (void)assay_show_number(view->raw, false, out);
        (void)fputc('\n', out);
    }
}

static void print_head(const struct assay_audit_view *view, FILE *out)
{
    (void)fputs("Decision ", out);
    (void)assay_show_text(view->decision_id, out);
    (void)fputc('\n', out);
    print_label("policy", out);
    (void)assay_show_text(view->policy, out);
    (void)fputs(", on event ", out);
    (void)assay_show_text(view->event, out);
    (void)fputc('\n', out);
    print_labelled("outcome", view->outcome, out);
    print_label("time", out);
    assay_show_time(view->time_ms, out);
    (void)fputc('\n', out);
    for (uint32_t i = 0; i < view->key_count; i++) {
        print_label(i == 0 ? "keys" : "", out);
        (void)assay_show_text(view->key_entities[i], out);
        (void)fputc(' ', out);
        (void)assay_show_text(view->key_values[i].ptr == NULL ? assay_str_of("(not given)")
                                                              : view->key_values[i],
                              out);
        (void)fputc('\n', out);
    }
    print_numbers(view, out);
    print_label("decided by", out);
    if (view->rule == ASSAY_NONE) {
        (void)fputs("else: no rule held\n", out);
    } else {
        (void)fprintf(out, "rule %" PRIu32 ": ", view->rule + 1);
        (void)assay_show_text(view->rule_when, out);
        (void)fputc('\n', out);
    }
}

/* The value as the row has it: a reason holds numbers only. */
static const struct assay_value *row_value(const struct assay_audit_view *view,
                                           struct assay_str name)
{
    for (uint32_t i = 0; i < view->value_count; i++) {
        if (assay_str_equal(view->value_names[i], name)) {
            return &view->values[i];
        }
    }
    return NULL;
}

static void print_reason(const struct assay_audit_view *view, uint32_t index, bool chinese,
                         FILE *out)
{
    const struct assay_reason *reason = &view->reasons[index];
    const struct assay_reason_text *texts = &view->reason_texts[index];
    const struct assay_str asked = chinese ? texts->zh : texts->en;
    const struct assay_str other = chinese ? texts->en : texts->zh;
    (void)fprintf(out, "  %" PRIu32 ". ", index + 1);
    if (reason->code.len > 0) {
        (void)assay_show_text(reason->code, out);
        (void)fputc(' ', out);
    }
    (void)assay_show_text(asked.len > 0 ? asked : other, out);
    if (reason->feature.ptr != NULL) {
        const struct assay_value *value = row_value(view, reason->feature);
        (void)fputs(asked.len > 0 || other.len > 0 ? " (" : "(", out);
        (void)assay_show_text(reason->feature, out);
        (void)fputs(" = ", out);
        (void)(value != NULL ? print_value(value, out)
                             : assay_show_number(reason->value, true, out));
        (void)fputc(')', out);
    }
    if (!isnan(reason->points)) {
        (void)fputs(": ", out);
        (void)assay_show_number(reason->points, true, out);
        (void)fputs(isnan(view->score) ? " of raw" : " points", out);
    }
    (void)fputc('\n', out);
}

static void print_reasons(const struct assay_audit_view *view, bool chinese, FILE *out)
{
    if (view->reason_count > 0 || view->unexplained) {
        (void)fputs("\nReasons\n", out);
    }
    for (uint32_t i = 0; i < view->reason_count; i++) {
        print_reason(view, i, chinese, out);
    }
    if (view->unexplained) {
        (void)fputs("  (contributions were not computed: memory was short when it decided)\n", out);
    }
}

/* ---- the table ---- */

/* One line: a value, and the column of the model that reads it. */
struct table_line {
    uint32_t value;
    uint32_t column; /* ASSAY_NONE: only rules read it */
    double magnitude;
};

static int order_lines(const void *a, const void *b)
{
    const struct table_line *x = a;
    const struct table_line *y = b;
    if ((x->column == ASSAY_NONE) != (y->column == ASSAY_NONE)) {
        return x->column == ASSAY_NONE ? 1 : -1;
    }
    if (x->magnitude != y->magnitude) {
        return x->magnitude > y->magnitude ? -1 : 1;
    }
    if (x->value != y->value) {
        return x->value < y->value ? -1 : 1;
    }
    return (x->column > y->column) - (x->column < y->column);
}

static uint32_t make_lines(const struct assay_audit_view *view, struct table_line lines[])
{
    uint32_t count = 0;
    for (uint32_t c = 0; c < view->contribution_count; c++) {
        lines[count++] = (struct table_line){.value = view->contribution_values[c],
                                             .column = c,
                                             .magnitude = fabs(view->contributions[c])};
    }
    const uint32_t columns = count;
    for (uint32_t v = 0; v < view->value_count; v++) {
        uint32_t c = 0;
        while (c < columns && lines[c].value != v) {
            c++;
        }
        if (c == columns) {
            lines[count++] = (struct table_line){.value = v, .column = ASSAY_NONE};
        }
    }
    qsort(lines, count, sizeof *lines, order_lines);
    return count;
}

static void print_line(const struct assay_audit_view *view, const struct table_line *line,
                       double greatest, int name_cells, FILE *out)
{
    (void)fputs("  ", out);
    assay_show_pad(assay_show_text(view->value_names[line->value], out), name_cells, out);
    (void)fputs("  ", out);
    const int cells = print_value(&view->values[line->value], out);
    if (line->column != ASSAY_NONE) {
        assay_show_pad(cells, VALUE_CELLS, out);
        (void)fprintf(out, "  %+12.6g%s", view->contributions[line->column] + 0.0,
                      line->magnitude > 0 ? "  " : "");
        const double share = greatest > 0 ? line->magnitude / greatest : 0;
        const int filled = (int)(share * BAR_CELLS + 0.5);
        for (int i = 0; i < filled; i++) {
            (void)fputc(view->contributions[line->column] < 0 ? '-' : '+', out);
        }
    }
    (void)fputc('\n', out);
}

static void print_table(const struct assay_audit_view *view, FILE *out)
{
    struct table_line *lines =
        calloc((size_t)view->contribution_count + view->value_count + 1, sizeof *lines);
    if (lines == NULL) {
        (void)fputs("\n(no memory for the table of features)\n", out);
        return;
    }
    const uint32_t count = make_lines(view, lines);
    int name_cells = (int)sizeof "(baseline)";
    for (uint32_t i = 0; i < view->value_count; i++) {
        const int cells = (int)(view->value_names[i].len < NAME_CELLS_MAX ? view->value_names[i].len
                                                                          : NAME_CELLS_MAX);
        name_cells = cells > name_cells ? cells : name_cells;
    }
    if (count > 0 && view->contribution_count > 0) {
        (void)fprintf(out, "\n%-*s  %-*s  %12s  of raw %.6g\n", name_cells + 2, "Features",
                      VALUE_CELLS, "value", "contribution", view->raw + 0.0);
        (void)fprintf(out, "  %-*s  %*s  %+12.6g\n", name_cells, "(baseline)", VALUE_CELLS, "",
                      view->baseline + 0.0);
    } else if (count > 0) {
        (void)fprintf(out, "\n%-*s  value\n", name_cells + 2, "Features");
    }
    for (uint32_t i = 0; i < count; i++) {
        print_line(view, &lines[i], lines[0].magnitude, name_cells, out);
    }
    free(lines);
}

static void print_versions(const struct assay_audit_view *view, FILE *out)
{
    (void)fputs("\nVersions\n", out);
    print_labelled("plan", view->plan_hash, out);
    print_labelled("features", view->features_hash, out);
    if (view->model.ptr != NULL) {
        print_label("model", out);
        (void)assay_show_text(view->model, out);
        (void)fputc(' ', out);
        (void)assay_show_text(view->model_hash, out);
        (void)fputc('\n', out);
    }
    print_label("epoch", out);
    (void)fprintf(out, "%" PRIu64 "\n", view->epoch);
}

void assay_explain_print(const struct assay_audit_view *view, bool chinese, FILE *out)
{
    print_head(view, out);
    print_reasons(view, chinese, out);
    print_table(view, out);
    print_versions(view, out);
}

void assay_explain_print_line(const struct assay_audit_view *view, FILE *out)
{
    assay_show_pad(assay_show_text(view->decision_id, out), 36, out);
    (void)fputs("  ", out);
    assay_show_time(view->time_ms, out);
    (void)fputs("  ", out);
    assay_show_pad(assay_show_text(view->policy, out), 12, out);
    (void)fputs("  ", out);
    assay_show_pad(assay_show_text(view->outcome, out), 12, out);
    (void)fputs("  ", out);
    if (isnan(view->score)) {
        (void)fputs("-", out);
    } else {
        (void)assay_show_number(view->score, false, out);
    }
    (void)fputc('\n', out);
}
