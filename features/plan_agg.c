#include "features/plan_pvt.h"

#include "engine/base/suggest.h"

/* From an aggregate call to (stream, filter, column, window): everything two aggregates can share
 * is found here, so that a log is kept once and a slot is computed once. */

static bool unknown_event(struct planner *planner, const struct assay_agg_ast *agg)
{
    struct assay_suggest suggest = {.word = agg->event};
    for (uint32_t i = 0; i < planner->schema->event_count; i++) {
        assay_suggest_offer(&suggest, planner->schema->events[i].name);
    }
    assay_diag_add(planner->diags, ASSAY_DIAG_UNKNOWN_EVENT, agg->event_span,
                   "unknown event \"%.*s\"", (int)agg->event.len, agg->event.ptr);
    if (suggest.best.ptr != NULL) {
        assay_diag_hint(planner->diags, "did you mean \"%.*s\"?", (int)suggest.best.len,
                        suggest.best.ptr);
    }
    return false;
}

bool assay_plan_unknown_field(struct planner *planner, const struct assay_event_def *event,
                              struct assay_str name, struct assay_span span)
{
    if (event->broken) {
        return false;
    }
    struct assay_suggest suggest = {.word = name};
    for (uint32_t i = 0; i < event->field_count; i++) {
        assay_suggest_offer(&suggest, event->fields[i].name);
    }
    assay_diag_add(planner->diags, ASSAY_DIAG_UNKNOWN_FIELD, span,
                   "unknown field \"%.*s\" of event \"%.*s\"", (int)name.len, name.ptr,
                   (int)event->name.len, event->name.ptr);
    if (suggest.best.ptr != NULL) {
        assay_diag_hint(planner->diags, "did you mean \"%.*s\"?", (int)suggest.best.len,
                        suggest.best.ptr);
    }
    return false;
}

/* Key fields of the event that name the planner's entity, as "a, b". */
static uint32_t roles_of(const struct planner *planner, const struct assay_event_def *event,
                         uint32_t *first, size_t size, char list[])
{
    uint32_t count = 0;
    size_t used = 0;
    list[0] = '\0';
    for (uint32_t f = 0; f < event->field_count; f++) {
        const struct assay_field_def *field = &event->fields[f];
        if (field->type != ASSAY_TYPE_KEY || field->entity != planner->entity) {
            continue;
        }
        *first = count == 0 ? f : *first;
        count++;
        if (used < size) {
            used += (size_t)snprintf(list + used, size - used, "%s%.*s", used == 0 ? "" : ", ",
                                     (int)field->name.len, field->name.ptr);
        }
    }
    return count;
}

/* Was the event, or one of its fields, refused? Its roles are then not known. */
static bool rests_on_broken(const struct assay_event_def *event)
{
    bool broken = event->broken;
    for (uint32_t f = 0; f < event->field_count; f++) {
        broken = broken || event->fields[f].broken;
    }
    return broken;
}

static bool find_role(struct planner *planner, const struct assay_agg_ast *agg,
                      const struct assay_event_def *event, uint32_t *role)
{
    char list[256];
    const struct assay_str entity = planner->schema->entities[planner->entity].name;
    const uint32_t count = roles_of(planner, event, role, sizeof list, list);
    if (count == 0 && rests_on_broken(event)) {
        return false; /* what is missing here may be what was refused there */
    }
    if (count == 0) {
        assay_diag_add(planner->diags, ASSAY_DIAG_ROLE, agg->event_span,
                       "event \"%.*s\" does not name a %.*s", (int)event->name.len, event->name.ptr,
                       (int)entity.len, entity.ptr);
        return false;
    }
    if (agg->role.ptr == NULL) {
        if (count > 1) {
            assay_diag_add(planner->diags, ASSAY_DIAG_ROLE, agg->event_span,
                           "event \"%.*s\" names a %.*s in several roles: say which",
                           (int)event->name.len, event->name.ptr, (int)entity.len, entity.ptr);
            assay_diag_hint(planner->diags, "write %.*s@ROLE with one of %s", (int)event->name.len,
                            event->name.ptr, list);
        }
        return count == 1;
    }
    *role = assay_event_field(event, agg->role);
    if (*role == ASSAY_NONE || event->fields[*role].type != ASSAY_TYPE_KEY ||
        event->fields[*role].entity != planner->entity) {
        if (rests_on_broken(event)) {
            return false;
        }
        assay_diag_add(planner->diags, ASSAY_DIAG_ROLE, agg->role_span,
                       "\"%.*s\" is not a key of event \"%.*s\" that names a %.*s",
                       (int)agg->role.len, agg->role.ptr, (int)event->name.len, event->name.ptr,
                       (int)entity.len, entity.ptr);
        assay_diag_hint(planner->diags, "one of %s", list);
        return false;
    }
    return true;
}

static struct stream_draft *find_stream(struct planner *planner, uint32_t event, uint32_t role,
                                        struct assay_span span)
{
    for (uint32_t i = 0; i < planner->stream_count; i++) {
        const struct assay_stream *stream = &planner->streams[i].stream;
        if (stream->entity == planner->entity && stream->event == event &&
            stream->key_field == role) {
            return &planner->streams[i];
        }
    }
    if (planner->stream_count == PLAN_STREAMS_MAX) {
        assay_diag_add(planner->diags, ASSAY_DIAG_LIMIT, span, "more than %d streams",
                       PLAN_STREAMS_MAX);
        return NULL;
    }
    struct stream_draft *draft = &planner->streams[planner->stream_count++];
    *draft = (struct stream_draft){
        .stream = {.entity = planner->entity, .event = event, .key_field = role}};
    return draft;
}

/* What each aggregate may read. */
static bool column_fits(enum assay_agg_kind kind, enum assay_type type)
{
    switch (kind) {
    case ASSAY_AGG_COUNT:
        return true;
    case ASSAY_AGG_SUM:
    case ASSAY_AGG_AVG:
    case ASSAY_AGG_VAR_POP:
    case ASSAY_AGG_VAR_SAMP:
    case ASSAY_AGG_STDDEV_POP:
    case ASSAY_AGG_STDDEV_SAMP:
    case ASSAY_AGG_CV:
        return type == ASSAY_TYPE_INT || type == ASSAY_TYPE_DECIMAL;
    case ASSAY_AGG_RANGE:
        return type == ASSAY_TYPE_INT || type == ASSAY_TYPE_DECIMAL || type == ASSAY_TYPE_TIME;
    case ASSAY_AGG_MIN:
    case ASSAY_AGG_MAX:
        return type == ASSAY_TYPE_INT || type == ASSAY_TYPE_DECIMAL || type == ASSAY_TYPE_REAL ||
               type == ASSAY_TYPE_TIME;
    case ASSAY_AGG_FIRST:
    case ASSAY_AGG_LAST:
    case ASSAY_AGG_COUNT_DISTINCT:
    case ASSAY_AGG_IS_NEW:
    case ASSAY_AGG_FIRST_K:
    case ASSAY_AGG_LAST_K:
    case ASSAY_AGG_LAG:
        return type != ASSAY_TYPE_VECTOR;
    case ASSAY_AGG_TIME_SINCE_FIRST:
    case ASSAY_AGG_TIME_SINCE_LAST:
    case ASSAY_AGG_INTERARRIVAL_MEAN:
    case ASSAY_AGG_INTERARRIVAL_STD:
    case ASSAY_AGG_LONGEST_GAP:
    case ASSAY_AGG_ACTIVE_DAYS:
    case ASSAY_AGG_END:
        return false;
    }
    return false;
}

/* About events: their number, times and gaps. */
static bool reads_events_only(enum assay_agg_kind kind)
{
    return kind == ASSAY_AGG_TIME_SINCE_FIRST || kind == ASSAY_AGG_TIME_SINCE_LAST ||
           kind == ASSAY_AGG_INTERARRIVAL_MEAN || kind == ASSAY_AGG_INTERARRIVAL_STD ||
           kind == ASSAY_AGG_LONGEST_GAP || kind == ASSAY_AGG_ACTIVE_DAYS;
}

static bool check_column(struct planner *planner, const struct assay_agg_ast *agg,
                         enum assay_agg_kind kind, const struct assay_event_def *event,
                         uint32_t *field)
{
    const bool events_only = reads_events_only(kind);
    *field = ASSAY_NONE;
    if (agg->column.ptr == NULL) {
        if (events_only || kind == ASSAY_AGG_COUNT) {
            return true;
        }
        assay_diag_add(planner->diags, ASSAY_DIAG_COLUMN, agg->event_span,
                       "%.*s reads a field: write %.*s.FIELD", (int)agg->name.len, agg->name.ptr,
                       (int)agg->event.len, agg->event.ptr);
        return false;
    }
    *field = assay_event_field(event, agg->column);
    if (*field == ASSAY_NONE) {
        return assay_plan_unknown_field(planner, event, agg->column, agg->column_span);
    }
    if (event->fields[*field].broken) {
        return false;
    }
    const enum assay_type type = event->fields[*field].type;
    if (!column_fits(kind, type)) {
        assay_diag_add(planner->diags, ASSAY_DIAG_COLUMN, agg->column_span,
                       events_only ? "%.*s is about events and reads no field"
                                   : "%.*s cannot read a field of type %s",
                       (int)agg->name.len, agg->name.ptr, assay_type_name(type));
        if (type == ASSAY_TYPE_REAL && !events_only) {
            assay_diag_hint(planner->diags,
                            "sums are exact: declare the field decimal(n) instead of real");
        }
        return false;
    }
    return true;
}

static uint32_t share_column(struct planner *planner, struct assay_stream *stream, uint32_t field,
                             struct assay_span span)
{
    for (uint32_t c = 0; c < stream->column_count; c++) {
        if (stream->columns[c] == field) {
            return c;
        }
    }
    if (stream->column_count == ASSAY_STREAM_COLUMNS_MAX) {
        assay_diag_add(planner->diags, ASSAY_DIAG_LIMIT, span,
                       "more than %d fields of one event are aggregated", ASSAY_STREAM_COLUMNS_MAX);
        return ASSAY_NONE;
    }
    stream->columns[stream->column_count] = field;
    return stream->column_count++;
}

struct filter_scope {
    struct planner *planner;
    uint32_t event;
};

static bool resolve_in_filter(void *context, const struct assay_str names[], size_t count,
                              struct assay_span span, struct assay_diags *diags,
                              struct assay_symbol *out)
{
    const struct filter_scope *scope = context;
    const struct assay_event_def *event = &scope->planner->schema->events[scope->event];
    if (count > 2 || (count == 2 && !assay_str_equal(names[0], event->name))) {
        assay_diag_add(diags, ASSAY_DIAG_UNKNOWN_NAME, span,
                       "a where clause sees the fields of event \"%.*s\" only",
                       (int)event->name.len, event->name.ptr);
        return false;
    }
    const uint32_t field = assay_event_field(event, names[count - 1]);
    if (field == ASSAY_NONE) {
        return assay_plan_unknown_field(scope->planner, event, names[count - 1], span);
    }
    if (event->fields[field].broken) {
        return false;
    }
    const enum assay_type type = event->fields[field].type;
    if (type == ASSAY_TYPE_VECTOR) {
        assay_diag_add(diags, ASSAY_DIAG_TYPE, span, "a vector cannot be compared");
        return false;
    }
    *out = (struct assay_symbol){
        .where = ASSAY_SYMBOL_FIELD,
        .event = scope->event,
        .index = field,
        .kind = assay_type_is_text(type)  ? ASSAY_KIND_TEXT
                : type == ASSAY_TYPE_BOOL ? ASSAY_KIND_BOOL
                                          : ASSAY_KIND_NUMBER,
    };
    return true;
}

/* Filters are shared, so what one rests on is noted from its tree and not while it is compiled. */
static void rest_on_filter(struct planner *planner, const struct assay_event_def *event,
                           const struct assay_expr *expr)
{
    if (expr->kind == EXPR_PATH) {
        const uint32_t field = assay_event_field(event, expr->names[expr->name_count - 1]);
        if (field != ASSAY_NONE) {
            assay_plan_rest_on_field(planner, event, &event->fields[field]);
        }
    }
    for (size_t i = 0; i < expr->item_count; i++) {
        rest_on_filter(planner, event, expr->items[i]);
    }
}

static bool share_filter(struct planner *planner, struct stream_draft *draft,
                         const struct assay_agg_ast *agg, uint32_t *out)
{
    *out = ASSAY_NONE;
    if (agg->where == NULL) {
        return true;
    }
    const struct assay_str text = assay_expr_canonical(planner->arena, agg->where);
    struct assay_stream *stream = &draft->stream;
    if (text.ptr == NULL) {
        assay_diag_add(planner->diags, ASSAY_DIAG_LIMIT, agg->where->span, "out of memory");
        return false;
    }
    for (uint32_t f = 0; f < stream->filter_count; f++) {
        if (assay_str_equal(stream->filter_texts[f], text)) {
            *out = f;
            return true;
        }
    }
    struct filter_scope context = {.planner = planner, .event = stream->event};
    const struct assay_scope scope = {.context = &context,
                                      .resolve = resolve_in_filter,
                                      .what = "a where clause",
                                      .without_at = true};
    enum assay_kind kind = ASSAY_KIND_BOOL;
    const struct assay_program *program = assay_expr_compile(
        planner->arena, planner->schema, agg->where, &scope, planner->diags, &kind);
    if (program == NULL) {
        return false;
    }
    if (kind != ASSAY_KIND_BOOL) {
        assay_diag_add(planner->diags, ASSAY_DIAG_TYPE, agg->where->span,
                       "a where clause must be true or false");
        return false;
    }
    if (stream->filter_count == ASSAY_STREAM_FILTERS_MAX) {
        assay_diag_add(planner->diags, ASSAY_DIAG_LIMIT, agg->where->span,
                       "more than %d different where clauses on one event",
                       ASSAY_STREAM_FILTERS_MAX);
        return false;
    }
    stream->filter_texts[stream->filter_count] = text;
    stream->filters[stream->filter_count] = program;
    *out = stream->filter_count++;
    return true;
}

static enum assay_kind result_kind(const struct planner *planner, const struct assay_stream *stream,
                                   const struct assay_agg *agg)
{
    if (agg->kind != ASSAY_AGG_FIRST && agg->kind != ASSAY_AGG_LAST && agg->nth == 0) {
        return ASSAY_KIND_NUMBER;
    }
    const uint32_t field = stream->columns[agg->column];
    const enum assay_type type = planner->schema->events[stream->event].fields[field].type;
    return assay_type_is_text(type)  ? ASSAY_KIND_TEXT
           : type == ASSAY_TYPE_BOOL ? ASSAY_KIND_BOOL
                                     : ASSAY_KIND_NUMBER;
}

static bool same_agg(const struct assay_agg *a, const struct assay_agg *b)
{
    return a->kind == b->kind && a->stream == b->stream && a->filter == b->filter &&
           a->column == b->column && assay_window_equal(&a->window, &b->window) &&
           a->exclude_current == b->exclude_current && a->nth == b->nth && a->zone == b->zone;
}

static bool share_slot(struct planner *planner, const struct assay_agg *agg, struct assay_span span,
                       struct assay_symbol *out)
{
    uint32_t slot = 0;
    while (slot < planner->agg_count && !same_agg(&planner->aggs[slot], agg)) {
        slot++;
    }
    if (slot == planner->agg_count) {
        if (slot == PLAN_AGGS_MAX) {
            assay_diag_add(planner->diags, ASSAY_DIAG_LIMIT, span, "more than %d aggregates",
                           PLAN_AGGS_MAX);
            return false;
        }
        planner->aggs[planner->agg_count++] = *agg;
    }
    *out = (struct assay_symbol){
        .where = ASSAY_SYMBOL_SLOT, .index = planner->entity_features + slot, .kind = agg->result};
    return true;
}

/* What the stream must keep for this aggregate. */
static void note_demands(const struct planner *planner, struct assay_stream *stream,
                         const struct assay_agg *agg)
{
    const int64_t reach = agg->window.span_ms + agg->window.delay_ms + planner->schema->lateness_ms;
    stream->ordered = stream->ordered || agg->kind == ASSAY_AGG_FIRST ||
                      agg->kind == ASSAY_AGG_LAST || agg->window.last_n != 0 || agg->nth != 0 ||
                      agg->window.kind == ASSAY_SPAN_SINCE;
    stream->lifetime = stream->lifetime || agg->window.span_ms == 0;
    stream->retained_ms = reach > stream->retained_ms ? reach : stream->retained_ms;
}

static void rest_on_aggregate(struct planner *planner, const struct assay_agg_ast *ast,
                              const struct assay_event_def *def, uint32_t role, uint32_t field)
{
    assay_plan_rest_on_field(planner, def, &def->fields[role]);
    if (field != ASSAY_NONE) {
        assay_plan_rest_on_field(planner, def, &def->fields[field]);
    }
    if (ast->where != NULL) {
        rest_on_filter(planner, def, ast->where);
    }
}

static bool refuse_whole_list(struct planner *planner, const struct assay_agg_ast *ast)
{
    assay_diag_add(planner->diags, ASSAY_DIAG_TYPE, ast->span, "%.*s gives a list",
                   (int)ast->name.len, ast->name.ptr);
    assay_diag_hint(planner->diags,
                    "make it a feature of its own and read one value by its name, NAME[1]");
    return false;
}

/* Which value of the column: a lag counts back from the newest, which is lag 0. */
static uint32_t nth_of(const struct assay_agg_ast *ast, enum assay_agg_kind kind, uint32_t index)
{
    return kind == ASSAY_AGG_LAG ? ast->argument + 1 : index;
}

/* The stream of an aggregate's event and role, with its filter; NULL: reported. */
static struct stream_draft *place_stream(struct planner *planner, const struct assay_agg_ast *ast,
                                         uint32_t event, uint32_t role, uint32_t *filter)
{
    struct stream_draft *draft = find_stream(planner, event, role, ast->span);
    return draft != NULL && share_filter(planner, draft, ast, filter) ? draft : NULL;
}

/* `since last X`: the newest X is looked for in its own stream. */
static bool place_landmark(struct planner *planner, const struct assay_agg_ast *ast,
                           struct assay_window *window)
{
    const struct agg_span *span = &ast->spans[0];
    const struct assay_agg_ast landmark = {.span = ast->span,
                                           .name = ast->name,
                                           .event = span->event,
                                           .role = span->role,
                                           .event_span = span->event_span,
                                           .role_span = span->role_span,
                                           .where = span->where};
    const uint32_t event = assay_schema_event(planner->schema, landmark.event);
    if (event == ASSAY_NONE) {
        return unknown_event(planner, &landmark);
    }
    const struct assay_event_def *def = &planner->schema->events[event];
    uint32_t role = 0;
    if (!find_role(planner, &landmark, def, &role)) {
        return false;
    }
    struct stream_draft *draft =
        place_stream(planner, &landmark, event, role, &window->since_filter);
    if (draft == NULL) {
        return false;
    }
    rest_on_aggregate(planner, &landmark, def, role, ASSAY_NONE);
    window->since_stream = (uint32_t)(draft - planner->streams);
    const struct assay_agg last = {.kind = ASSAY_AGG_LAST,
                                   .window = {.delay_ms = window->delay_ms}};
    note_demands(planner, &draft->stream, &last);
    return true;
}

static bool place_window(struct planner *planner, const struct assay_agg_ast *ast,
                         struct assay_window *window)
{
    const struct agg_span *span = &ast->spans[0];
    *window = (struct assay_window){.kind = span->kind, .delay_ms = ast->delay_ms};
    switch (span->kind) {
    case ASSAY_SPAN_SLIDING:
        window->span_ms = span->span_ms;
        window->last_n = span->last_n;
        return true;
    case ASSAY_SPAN_SESSION:
        window->gap_ms = span->span_ms;
        return true;
    case ASSAY_SPAN_SINCE:
        return place_landmark(planner, ast, window);
    case ASSAY_SPAN_CALENDAR:
        window->unit = span->unit;
        window->back = span->back;
        window->zone = assay_plan_zone(planner, span->zone, span->zone_span);
        window->span_ms = window->zone == NULL
                              ? 0
                              : assay_zone_reach_ms(window->zone, window->unit, window->back);
        return window->zone != NULL;
    }
    ASSAY_ASSERT(false);
    return false;
}

/* What stands behind the event or field. */
static bool place_argument(struct planner *planner, const struct assay_agg_ast *ast, uint32_t index,
                           struct assay_agg *agg)
{
    agg->nth = nth_of(ast, agg->kind, index);
    if (agg->kind == ASSAY_AGG_LAG) {
        agg->kind = ASSAY_AGG_LAST_K;
    }
    if (agg->kind == ASSAY_AGG_ACTIVE_DAYS) {
        const bool named = ast->argument_text.ptr != NULL;
        agg->zone = assay_plan_zone(planner, named ? ast->argument_text : assay_str_of("UTC"),
                                    named ? ast->argument_span : ast->span);
    }
    return agg->kind != ASSAY_AGG_ACTIVE_DAYS || agg->zone != NULL;
}

bool assay_plan_place_aggregate(struct planner *planner, const struct assay_agg_ast *ast,
                                uint32_t index, struct assay_symbol *out)
{
    if (index == 0 && assay_aggregate_is_list(ast->name)) {
        return refuse_whole_list(planner, ast);
    }
    const uint32_t event = assay_schema_event(planner->schema, ast->event);
    if (event == ASSAY_NONE) {
        return unknown_event(planner, ast);
    }
    if (ast->listed) {
        assay_diag_add(planner->diags, ASSAY_DIAG_LIST, ast->span,
                       "a list of spans must be the whole definition of a feature");
        return false;
    }
    const struct assay_event_def *def = &planner->schema->events[event];
    struct assay_agg agg = {
        .kind = (enum assay_agg_kind)assay_aggregate_kind(ast->name),
        .exclude_current = ast->exclude_current,
        .column = ASSAY_NONE,
        .text = assay_agg_text(planner->arena, ast, false),
        .window_text = assay_agg_text(planner->arena, ast, true),
    };
    if (agg.text.ptr == NULL || agg.window_text.ptr == NULL) {
        assay_diag_add(planner->diags, ASSAY_DIAG_LIMIT, ast->span, "out of memory");
        return false;
    }
    uint32_t role = 0;
    uint32_t field = ASSAY_NONE;
    if (!find_role(planner, ast, def, &role) ||
        !check_column(planner, ast, agg.kind, def, &field) ||
        !place_argument(planner, ast, index, &agg)) {
        return false;
    }
    struct stream_draft *draft = place_stream(planner, ast, event, role, &agg.filter);
    if (draft == NULL || !place_window(planner, ast, &agg.window)) {
        return false;
    }
    if (field != ASSAY_NONE) {
        agg.column = share_column(planner, &draft->stream, field, ast->column_span);
        if (agg.column == ASSAY_NONE) {
            return false;
        }
    }
    rest_on_aggregate(planner, ast, def, role, field);
    agg.stream = (uint32_t)(draft - planner->streams);
    agg.result = result_kind(planner, &draft->stream, &agg);
    note_demands(planner, &draft->stream, &agg);
    return share_slot(planner, &agg, ast->span, out);
}
