#include "engine/runtime/rows.h"

#include "engine/base/csv.h"
#include "engine/base/number.h"
#include "engine/base/suggest.h"

#include <inttypes.h>
#include <stdio.h>

static bool is_first_of_entity(const struct assay_plan *plan, uint32_t position)
{
    return position == 0 || plan->features[plan->file_order[position - 1]].entity !=
                                plan->features[plan->file_order[position]].entity;
}

/* The roles that name an entity, in definition order; the columns go entity by entity. */
static bool add_roles(const struct assay_plan *plan, const struct assay_event_def *def,
                      uint32_t entity, uint32_t *all, struct assay_row_layout *layout)
{
    const struct assay_plan_entity *part = &plan->entities[entity];
    for (uint32_t f = 0; f < def->field_count; f++) {
        if (def->fields[f].type != ASSAY_TYPE_KEY || def->fields[f].entity != entity) {
            continue;
        }
        if (layout->role_count == ASSAY_POLICY_KEYS_MAX) {
            return false;
        }
        layout->roles[layout->role_count].field = f;
        layout->roles[layout->role_count].feature_count = part->feature_count;
        layout->roles[layout->role_count].features = &all[part->feature_first];
        layout->role_count++;
    }
    return true;
}

static enum assay_status refuse_event(const struct assay_plan *plan, struct assay_str on,
                                      struct assay_err *err)
{
    (void)assay_err_set(err, ASSAY_E_UNKNOWN, "--on", "no event of this name is defined");
    assay_err_value(err, "%.*s", (int)on.len, on.ptr);
    struct assay_suggest suggest = {.word = on};
    char names[192] = "";
    size_t used = 0;
    for (uint32_t e = 0; e < plan->schema->event_count && used < sizeof names; e++) {
        const struct assay_str name = plan->schema->events[e].name;
        assay_suggest_offer(&suggest, name);
        const int wrote = snprintf(names + used, sizeof names - used, "%s%.*s", e == 0 ? "" : ", ",
                                   (int)name.len, name.ptr);
        used += wrote < 0 ? 0 : (size_t)wrote;
    }
    assay_err_allowed(err, "%s", names);
    if (suggest.best.ptr != NULL) {
        assay_err_remedy(err, "did you mean \"%.*s\"?", (int)suggest.best.len, suggest.best.ptr);
    }
    return ASSAY_E_UNKNOWN;
}

enum assay_status assay_rows_lay_out(const struct assay_row_layout **out, struct assay_arena *arena,
                                     const struct assay_plan *plan, struct assay_str on,
                                     struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && plan != NULL && on.ptr != NULL);
    *out = NULL;
    const uint32_t event = assay_schema_event(plan->schema, on);
    if (event == ASSAY_NONE) {
        return refuse_event(plan, on, err);
    }
    struct assay_row_layout *layout = assay_arena_alloc(arena, sizeof *layout);
    uint32_t *all = assay_arena_array(arena, (size_t)plan->feature_count + 1, sizeof *all);
    if (layout == NULL || all == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "--rows", "no memory for the columns");
    }
    for (uint32_t f = 0; f < plan->feature_count; f++) {
        all[f] = f;
    }
    layout->event = event;
    for (uint32_t i = 0; i < plan->feature_count; i++) {
        const uint32_t entity = plan->features[plan->file_order[i]].entity;
        if (is_first_of_entity(plan, i) &&
            !add_roles(plan, &plan->schema->events[event], entity, all, layout)) {
            (void)assay_err_set(err, ASSAY_E_UNSUPPORTED, "--on",
                                "the event names more keys than a row has room for");
            assay_err_value(err, "%.*s", (int)on.len, on.ptr);
            assay_err_allowed(err, "%d keys", ASSAY_POLICY_KEYS_MAX);
            return ASSAY_E_UNSUPPORTED;
        }
    }
    *out = layout;
    return ASSAY_OK;
}

static void add_text(struct assay_lines *lines, const char *text)
{
    assay_lines_add(lines, assay_str_of(text));
}

static bool is_only_role(const struct assay_plan *plan, const struct assay_row_layout *layout,
                         uint32_t role)
{
    const struct assay_field_def *fields = plan->schema->events[layout->event].fields;
    for (uint32_t r = 0; r < layout->role_count; r++) {
        if (r != role &&
            fields[layout->roles[r].field].entity == fields[layout->roles[role].field].entity) {
            return false;
        }
    }
    return true;
}

void assay_rows_write_header(struct assay_lines *lines, const struct assay_plan *plan,
                             const struct assay_row_layout *layout)
{
    const struct assay_field_def *fields = plan->schema->events[layout->event].fields;
    add_text(lines, "event_id,time");
    for (uint32_t r = 0; r < layout->role_count; r++) {
        const bool alone = is_only_role(plan, layout, r);
        for (uint32_t f = 0; f < layout->roles[r].feature_count; f++) {
            const struct assay_feature *feature = &plan->features[layout->roles[r].features[f]];
            add_text(lines, ",");
            if (alone) {
                assay_lines_add(lines, feature->full_name);
                continue;
            }
            assay_lines_add(lines, fields[layout->roles[r].field].name);
            add_text(lines, ".");
            assay_lines_add(lines, feature->name);
        }
    }
    add_text(lines, "\n");
}

static void write_text(struct assay_lines *lines, struct assay_str text)
{
    if (!assay_csv_needs_quotes(text)) {
        assay_lines_add(lines, text);
        return;
    }
    add_text(lines, "\"");
    uint32_t begin = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') {
            const struct assay_str piece = {.ptr = text.ptr + begin, .len = i + 1 - begin};
            assay_lines_add(lines, piece);
            begin = i; /* the quote goes out again with the next piece */
        }
    }
    assay_lines_add(lines, (struct assay_str){.ptr = text.ptr + begin, .len = text.len - begin});
    add_text(lines, "\"");
}

static void write_value(struct assay_lines *lines, const struct assay_value *value)
{
    if (assay_value_is_null(value)) {
        return;
    }
    if (value->kind == ASSAY_KIND_TEXT) {
        write_text(lines, value->cell.text);
        return;
    }
    char *room = assay_lines_reserve(lines, ASSAY_NUMBER_TEXT_BYTES);
    assay_lines_advance(lines, assay_number_print(value->cell.number, room));
}

void assay_rows_write(struct assay_lines *lines, const struct assay_row_layout *layout,
                      const struct assay_row *row)
{
    if (row->event->id.ptr != NULL) {
        write_text(lines, row->event->id);
    }
    char time[32];
    (void)snprintf(time, sizeof time, ",%" PRId64, row->event->time_ms);
    add_text(lines, time);
    for (uint32_t r = 0; r < layout->role_count; r++) {
        for (uint32_t f = 0; f < layout->roles[r].feature_count; f++) {
            add_text(lines, ",");
            if (row->slices[r] != NULL) {
                write_value(lines, &row->slices[r][f]);
            }
        }
    }
    add_text(lines, "\n");
}
