#include "features/plan_pvt.h"

#include "engine/base/hash.h"
#include "engine/base/suggest.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * Sources become drafts (one per span of a listed definition), drafts become features in the order
 * of their dependencies, entity by entity. The first pass over a definition with a mistake reports
 * it; features that rest on a bad one stay silent.
 */

/* Could this be one name of a list whose definition could not be read? */
static bool of_unread_list(const struct draft *draft, struct assay_str name)
{
    const struct assay_str stem = draft->name;
    return draft->expr == NULL && name.len > stem.len && name.ptr[stem.len] == '_' &&
           memcmp(name.ptr, stem.ptr, stem.len) == 0;
}

static void unknown_name(struct planner *planner, struct assay_str name, struct assay_span span)
{
    struct assay_suggest suggest = {.word = name};
    for (size_t i = 0; i < planner->draft_count; i++) {
        const struct draft *draft = &planner->drafts[i];
        if (draft->source->entity != planner->entity) {
            continue;
        }
        if (of_unread_list(draft, name)) {
            return;
        }
        assay_suggest_offer(&suggest, draft->name);
    }
    const struct assay_str entity = planner->schema->entities[planner->entity].name;
    assay_diag_add(planner->diags, ASSAY_DIAG_UNKNOWN_NAME, span,
                   "unknown feature \"%.*s\" of entity \"%.*s\"", (int)name.len, name.ptr,
                   (int)entity.len, entity.ptr);
    if (suggest.best.ptr != NULL) {
        assay_diag_hint(planner->diags, "did you mean \"%.*s\"?", (int)suggest.best.len,
                        suggest.best.ptr);
    }
}

/* Add to what the draft at hand rests on. */
static void rest_on(struct planner *planner, const char *text, size_t bytes)
{
    struct assay_hash128 *rests_on = &planner->draft->rests_on;
    const struct assay_hash128 link[2] = {*rests_on, assay_hash128(text, bytes, 0)};
    *rests_on = assay_hash128(link, sizeof link, 0);
}

void assay_plan_rest_on_field(struct planner *planner, const struct assay_event_def *event,
                              const struct assay_field_def *field)
{
    char text[256];
    const int length =
        snprintf(text, sizeof text, "%.*s.%.*s %s %u %u %u", (int)event->name.len, event->name.ptr,
                 (int)field->name.len, field->name.ptr, assay_type_name(field->type), field->scale,
                 field->dims, field->optional ? 1U : 0U);
    rest_on(planner, text, (size_t)length < sizeof text ? (size_t)length : sizeof text);
}

static bool compile_draft(struct planner *planner, struct draft *draft);

/* A list is no feature of its own: other features read its values by index. */
static bool is_list(const struct draft *draft)
{
    return draft->expr != NULL && draft->expr->kind == EXPR_AGG &&
           assay_aggregate_is_list(draft->expr->agg->name);
}

/* A feature of the same entity: compile it first if need be. */
static bool resolve_feature(struct planner *planner, struct assay_str name, struct assay_span span,
                            struct assay_symbol *out)
{
    for (size_t i = 0; i < planner->draft_count; i++) {
        struct draft *other = &planner->drafts[i];
        if (other->source->entity != planner->entity || !assay_str_equal(other->name, name)) {
            continue;
        }
        if (is_list(other)) {
            assay_diag_add(planner->diags, ASSAY_DIAG_TYPE, span,
                           "\"%.*s\" is a list: read one of its values, %.*s[1]", (int)name.len,
                           name.ptr, (int)name.len, name.ptr);
            return false;
        }
        if (other->state == DRAFT_OPEN) {
            assay_diag_add(planner->diags, ASSAY_DIAG_CYCLE, span, "\"%.*s\" depends on itself",
                           (int)name.len, name.ptr);
            return false;
        }
        struct draft *mine = planner->draft;
        const bool good = other->state == DRAFT_DONE || compile_draft(planner, other);
        planner->draft = mine;
        if (good) {
            const uint64_t *hash = planner->features[other->index].hash;
            char text[40];
            (void)snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, hash[1], hash[0]);
            rest_on(planner, text, 32);
            *out = (struct assay_symbol){.where = ASSAY_SYMBOL_SLOT,
                                         .index = other->index - planner->feature_first,
                                         .kind = planner->features[other->index].kind};
        }
        return good;
    }
    unknown_name(planner, name, span);
    return false;
}

static bool resolve_event_field(struct planner *planner, uint32_t event, struct assay_str name,
                                struct assay_span span, struct assay_symbol *out)
{
    const struct assay_event_def *def = &planner->schema->events[event];
    const uint32_t field = assay_event_field(def, name);
    if (field == ASSAY_NONE) {
        return assay_plan_unknown_field(planner, def, name, span);
    }
    if (def->fields[field].broken) {
        return false;
    }
    const enum assay_type type = def->fields[field].type;
    if (type == ASSAY_TYPE_VECTOR) {
        assay_diag_add(planner->diags, ASSAY_DIAG_TYPE, span, "a vector cannot stand alone");
        return false;
    }
    assay_plan_rest_on_field(planner, def, &def->fields[field]);
    *out = (struct assay_symbol){
        .where = ASSAY_SYMBOL_FIELD,
        .event = event,
        .index = field,
        .kind = assay_type_is_text(type)  ? ASSAY_KIND_TEXT
                : type == ASSAY_TYPE_BOOL ? ASSAY_KIND_BOOL
                                          : ASSAY_KIND_NUMBER,
    };
    return true;
}

static bool unknown_head(struct planner *planner, struct assay_str name, struct assay_span span)
{
    struct assay_suggest suggest = {.word = name};
    for (uint32_t i = 0; i < planner->schema->event_count; i++) {
        assay_suggest_offer(&suggest, planner->schema->events[i].name);
    }
    for (uint32_t i = 0; i < planner->schema->entity_count; i++) {
        assay_suggest_offer(&suggest, planner->schema->entities[i].name);
    }
    assay_diag_add(planner->diags, ASSAY_DIAG_UNKNOWN_NAME, span,
                   "\"%.*s\" is neither an event nor an entity", (int)name.len, name.ptr);
    if (suggest.best.ptr != NULL) {
        assay_diag_hint(planner->diags, "did you mean \"%.*s\"?", (int)suggest.best.len,
                        suggest.best.ptr);
    }
    return false;
}

static bool resolve(void *context, const struct assay_str names[], size_t count,
                    struct assay_span span, struct assay_diags *diags, struct assay_symbol *out)
{
    struct planner *planner = context;
    if (count == 1) {
        return resolve_feature(planner, names[0], span, out);
    }
    if (count > 2) {
        assay_diag_add(diags, ASSAY_DIAG_UNKNOWN_NAME, span,
                       "a name here is FEATURE, %.*s.FEATURE or EVENT.FIELD",
                       (int)planner->schema->entities[planner->entity].name.len,
                       planner->schema->entities[planner->entity].name.ptr);
        return false;
    }
    const uint32_t event = assay_schema_event(planner->schema, names[0]);
    const uint32_t entity = assay_schema_entity(planner->schema, names[0]);
    const bool own = entity == planner->entity;
    /* Where an event and an entity share a name, a declared field is meant before a feature. */
    if (event != ASSAY_NONE &&
        (!own || assay_event_field(&planner->schema->events[event], names[1]) != ASSAY_NONE)) {
        return resolve_event_field(planner, event, names[1], span, out);
    }
    if (own) {
        return resolve_feature(planner, names[1], span, out);
    }
    if (entity != ASSAY_NONE) {
        assay_diag_add(diags, ASSAY_DIAG_OTHER_ENTITY, span,
                       "a feature reads its own entity's features only");
        assay_diag_hint(diags, "combine entities in a rule of decisions.yaml");
        return false;
    }
    return unknown_head(planner, names[0], span);
}

static bool no_list(struct planner *planner, const struct draft *draft, uint32_t index,
                    struct assay_span span)
{
    if (draft == NULL || !is_list(draft)) {
        assay_diag_add(planner->diags, ASSAY_DIAG_TYPE, span, "only a list is read by index");
        assay_diag_hint(planner->diags, "first_k and last_k give lists");
        return false;
    }
    assay_diag_add(planner->diags, ASSAY_DIAG_BOUND, span, "\"%.*s\" has %u values, not %u",
                   (int)draft->name.len, draft->name.ptr, draft->expr->agg->argument, index);
    return false;
}

static bool resolve_index(void *context, const struct assay_str names[], size_t count,
                          uint32_t index, struct assay_span span, struct assay_diags *diags,
                          struct assay_symbol *out)
{
    (void)diags; /* the planner's own */
    struct planner *planner = context;
    const struct assay_str entity = planner->schema->entities[planner->entity].name;
    if (count > 2 || (count == 2 && !assay_str_equal(names[0], entity))) {
        return no_list(planner, NULL, index, span);
    }
    for (size_t i = 0; i < planner->draft_count; i++) {
        struct draft *list = &planner->drafts[i];
        if (list->source->entity != planner->entity ||
            !assay_str_equal(list->name, names[count - 1])) {
            continue;
        }
        struct draft *mine = planner->draft;
        const bool good =
            list->state != DRAFT_BAD && (!is_list(list) || compile_draft(planner, list));
        planner->draft = mine;
        if (!good) {
            return false;
        }
        if (!is_list(list) || index > list->expr->agg->argument) {
            return no_list(planner, list, index, span);
        }
        const struct assay_str text = assay_expr_canonical(planner->arena, list->expr);
        rest_on(planner, text.ptr, text.len);
        return text.ptr != NULL && assay_plan_place_aggregate(planner, list->expr->agg, index, out);
    }
    unknown_name(planner, names[count - 1], span);
    return false;
}

static bool aggregate(void *context, const struct assay_agg_ast *agg, struct assay_diags *diags,
                      struct assay_symbol *out)
{
    (void)diags; /* the planner's own */
    return assay_plan_place_aggregate(context, agg, 0, out);
}

static struct assay_str join(struct assay_arena *arena, struct assay_str a, const char *between,
                             struct assay_str b)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%.*s%s%.*s", (int)a.len, a.ptr, between, (int)b.len, b.ptr);
    return assay_arena_copy(arena, assay_str_of(text));
}

/* The feature's identity: its text, its entity, and all it rests on. */
static void hash_feature(struct planner *planner, const struct draft *draft,
                         struct assay_feature *feature)
{
    const struct assay_entity_def *entity = &planner->schema->entities[feature->entity];
    char text[160];
    (void)snprintf(text, sizeof text, "%.*s expire %" PRId64, (int)entity->name.len,
                   entity->name.ptr, entity->expire_ms);
    const struct assay_hash128 parts[3] = {
        assay_hash128(feature->definition.ptr, feature->definition.len, 0),
        assay_hash128(text, strlen(text), 0),
        draft->rests_on,
    };
    const struct assay_hash128 whole = assay_hash128(parts, sizeof parts, 0);
    feature->hash[0] = whole.low;
    feature->hash[1] = whole.high;
}

static bool out_of_memory(struct planner *planner, struct assay_span span)
{
    assay_diag_add(planner->diags, ASSAY_DIAG_LIMIT, span, "out of memory");
    return false;
}

static bool finish_draft(struct planner *planner, struct draft *draft,
                         const struct assay_program *program, enum assay_kind kind)
{
    const struct assay_str entity = planner->schema->entities[draft->source->entity].name;
    const struct assay_feature feature = {
        .name = draft->name,
        .full_name = join(planner->arena, entity, ".", draft->name),
        .entity = draft->source->entity,
        .kind = kind,
        .program = program,
        .span = draft->source->name_span,
        .definition = assay_expr_canonical(planner->arena, draft->expr),
    };
    if (feature.full_name.ptr == NULL || feature.definition.ptr == NULL) {
        return out_of_memory(planner, draft->source->name_span);
    }
    draft->index = planner->feature_count++;
    planner->features[draft->index] = feature;
    hash_feature(planner, draft, &planner->features[draft->index]);
    return true;
}

static bool compile_draft(struct planner *planner, struct draft *draft)
{
    if (draft->state != DRAFT_NEW) {
        return draft->state == DRAFT_DONE;
    }
    if (planner->chain == PLAN_CHAIN_MAX) {
        draft->state = DRAFT_BAD;
        assay_diag_add(planner->diags, ASSAY_DIAG_LIMIT, draft->source->name_span,
                       "a chain of more than %d features that rest on one another", PLAN_CHAIN_MAX);
        assay_diag_hint(planner->diags, "write first what the others rest on");
        return false;
    }
    const struct assay_scope scope = {.context = planner,
                                      .resolve = resolve,
                                      .aggregate = aggregate,
                                      .resolve_index = resolve_index,
                                      .what = "a feature"};
    draft->state = DRAFT_OPEN;
    planner->draft = draft;
    if (is_list(draft)) {
        struct assay_symbol first = {0};
        const bool placed = assay_plan_place_aggregate(planner, draft->expr->agg, 1, &first);
        draft->state = placed ? DRAFT_DONE : DRAFT_BAD;
        return placed;
    }
    planner->chain++;
    enum assay_kind kind = ASSAY_KIND_NUMBER;
    const struct assay_program *program = assay_expr_compile(
        planner->arena, planner->schema, draft->expr, &scope, planner->diags, &kind);
    planner->chain--;
    const bool good = program != NULL && finish_draft(planner, draft, program, kind);
    draft->state = good ? DRAFT_DONE : DRAFT_BAD;
    return good;
}

static void add_draft(struct planner *planner, const struct assay_feature_source *source,
                      const struct assay_expr *expr, struct assay_str name)
{
    if (name.ptr == NULL) {
        (void)out_of_memory(planner, source->name_span);
        return;
    }
    for (size_t i = 0; i < planner->draft_count; i++) {
        const struct draft *other = &planner->drafts[i];
        if (other->source->entity == source->entity && assay_str_equal(other->name, name)) {
            size_t line = 0;
            size_t column = 0;
            assay_text_place(other->source->name_span.text, other->source->name_span.begin, &line,
                             &column);
            assay_diag_add(planner->diags, ASSAY_DIAG_DUPLICATE, source->name_span,
                           "feature \"%.*s\" is defined twice, first at line %zu", (int)name.len,
                           name.ptr, line);
            return;
        }
    }
    if (planner->draft_count == PLAN_FEATURES_MAX) {
        assay_diag_add(planner->diags, ASSAY_DIAG_LIMIT, source->name_span, "more than %d features",
                       PLAN_FEATURES_MAX);
        return;
    }
    planner->drafts[planner->draft_count++] =
        (struct draft){.source = source,
                       .expr = expr,
                       .name = name,
                       .state = expr == NULL ? DRAFT_BAD : DRAFT_NEW};
}

/* A copy of a listed definition with the span of one feature: it compiles, prints and hashes as if
 * it had been written alone, so adding a span to a list leaves the other features as they were. */
static const struct assay_expr *with_one_span(struct planner *planner,
                                              const struct assay_expr *listed, size_t index)
{
    struct assay_expr *expr = assay_arena_alloc(planner->arena, sizeof *expr);
    struct assay_agg_ast *agg = assay_arena_alloc(planner->arena, sizeof *agg);
    if (expr == NULL || agg == NULL) {
        return NULL;
    }
    *expr = *listed;
    *agg = *listed->agg;
    agg->listed = false;
    agg->spans[0] = listed->agg->spans[index];
    agg->span_count = 1;
    expr->agg = agg;
    return expr;
}

static void draft_source(struct planner *planner, const struct assay_feature_source *source)
{
    const struct assay_expr *expr =
        source->broken ? NULL
                       : assay_expr_parse(planner->arena, source->expression, planner->diags);
    if (expr == NULL) {
        add_draft(planner, source, NULL, source->name);
        return;
    }
    const bool listed = expr->kind == EXPR_AGG && expr->agg->listed;
    if (!listed) {
        add_draft(planner, source, expr, source->name);
        return;
    }
    for (size_t i = 0; i < expr->agg->span_count; i++) {
        const struct assay_expr *one = with_one_span(planner, expr, i);
        if (one == NULL) {
            (void)out_of_memory(planner, source->name_span);
            return;
        }
        add_draft(planner, source, one,
                  join(planner->arena, source->name, "", expr->agg->spans[i].suffix));
    }
}

static bool plan_entity(struct planner *planner, uint32_t entity, struct assay_plan_entity *out)
{
    planner->entity = entity;
    planner->feature_first = planner->feature_count;
    planner->agg_count = 0;
    planner->entity_features = 0;
    for (size_t i = 0; i < planner->draft_count; i++) {
        const struct draft *draft = &planner->drafts[i];
        planner->entity_features += draft->source->entity == entity && !is_list(draft) ? 1 : 0;
    }
    for (size_t i = 0; i < planner->draft_count; i++) {
        if (planner->drafts[i].source->entity == entity) {
            (void)compile_draft(planner, &planner->drafts[i]);
        }
    }
    struct assay_agg *aggs =
        assay_arena_array(planner->arena, planner->agg_count + 1, sizeof *aggs);
    uint32_t *streams =
        assay_arena_array(planner->arena, planner->stream_count + 1, sizeof *streams);
    if (aggs == NULL || streams == NULL) {
        return false;
    }
    memcpy(aggs, planner->aggs, planner->agg_count * sizeof *aggs);
    *out = (struct assay_plan_entity){
        .agg_count = planner->agg_count,
        .feature_count = planner->entity_features,
        .feature_first = planner->feature_first,
        .aggs = aggs,
        .streams = streams,
    };
    for (uint32_t s = 0; s < planner->stream_count; s++) {
        const struct assay_stream *stream = &planner->streams[s].stream;
        if (stream->entity == entity) {
            streams[out->stream_count++] = s;
            out->retained_ms =
                stream->retained_ms > out->retained_ms ? stream->retained_ms : out->retained_ms;
        }
    }
    return true;
}

/* Everything a value rests on, as text: schema, lateness, definitions. */
static void print_schema(FILE *out, const struct assay_schema *schema)
{
    (void)fprintf(out, "lateness %" PRId64 "\n", schema->lateness_ms);
    for (uint32_t i = 0; i < schema->entity_count; i++) {
        (void)fprintf(out, "entity %.*s expire %" PRId64 "\n", (int)schema->entities[i].name.len,
                      schema->entities[i].name.ptr, schema->entities[i].expire_ms);
    }
    for (uint32_t e = 0; e < schema->event_count; e++) {
        const struct assay_event_def *event = &schema->events[e];
        (void)fprintf(out, "event %.*s\n", (int)event->name.len, event->name.ptr);
        for (uint32_t f = 0; f < event->field_count; f++) {
            const struct assay_field_def *field = &event->fields[f];
            (void)fprintf(out, " %.*s %s %u %u %u %d\n", (int)field->name.len, field->name.ptr,
                          assay_type_name(field->type), field->scale, field->dims, field->entity,
                          field->optional ? 1 : 0);
        }
    }
}

static bool hash_plan(struct planner *planner, struct assay_plan *plan)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return false;
    }
    print_schema(out, planner->schema);
    for (uint32_t i = 0; i < planner->feature_count; i++) {
        const struct assay_feature *feature = &planner->features[i];
        (void)fprintf(out, "feature %.*s %016" PRIx64 "%016" PRIx64 "\n",
                      (int)feature->full_name.len, feature->full_name.ptr, feature->hash[1],
                      feature->hash[0]);
    }
    const bool good = fclose(out) == 0 && text != NULL;
    const struct assay_hash128 whole =
        good ? assay_hash128(text, size, 0) : (struct assay_hash128){0};
    plan->hash[0] = whole.low;
    plan->hash[1] = whole.high;
    free(text);
    return good;
}

/* Streams and features are known once all entities are planned: copied to their final size. */
static bool settle(struct planner *planner, struct assay_plan *plan)
{
    struct assay_stream *streams =
        assay_arena_array(planner->arena, planner->stream_count + 1, sizeof *streams);
    struct assay_feature *features =
        assay_arena_array(planner->arena, planner->feature_count + 1, sizeof *features);
    uint32_t *order = assay_arena_array(planner->arena, planner->draft_count + 1, sizeof *order);
    if (streams == NULL || features == NULL || order == NULL) {
        return false;
    }
    for (uint32_t s = 0; s < planner->stream_count; s++) {
        streams[s] = planner->streams[s].stream;
    }
    size_t ordered = 0;
    for (size_t i = 0; i < planner->draft_count; i++) {
        if (!is_list(&planner->drafts[i])) {
            order[ordered++] = planner->drafts[i].index;
        }
    }
    memcpy(features, planner->features, planner->feature_count * sizeof *features);
    plan->stream_count = planner->stream_count;
    plan->feature_count = planner->feature_count;
    plan->streams = streams;
    plan->features = features;
    plan->file_order = order;
    return true;
}

static const struct assay_plan *finish(struct planner *planner)
{
    struct assay_plan *plan = assay_arena_alloc(planner->arena, sizeof *plan);
    struct assay_plan_entity *entities =
        assay_arena_array(planner->arena, planner->schema->entity_count + 1, sizeof *entities);
    if (plan == NULL || entities == NULL) {
        return NULL;
    }
    for (uint32_t e = 0; e < planner->schema->entity_count; e++) {
        if (!plan_entity(planner, e, &entities[e])) {
            return NULL;
        }
    }
    if (assay_diags_count(planner->diags) > 0 || !settle(planner, plan)) {
        return NULL;
    }
    plan->schema = planner->schema;
    plan->entities = entities;
    return hash_plan(planner, plan) ? plan : NULL;
}

const struct assay_plan *assay_plan_compile(struct assay_arena *arena,
                                            const struct assay_schema *schema,
                                            const struct assay_feature_source sources[],
                                            size_t source_count, struct assay_diags *diags)
{
    ASSAY_ASSERT(schema != NULL && diags != NULL);
    struct planner planner = {
        .arena = arena,
        .schema = schema,
        .diags = diags,
        .drafts = calloc(PLAN_FEATURES_MAX, sizeof *planner.drafts),
        .streams = calloc(PLAN_STREAMS_MAX, sizeof *planner.streams),
        .aggs = calloc(PLAN_AGGS_MAX, sizeof *planner.aggs),
        .features = calloc(PLAN_FEATURES_MAX, sizeof *planner.features),
    };
    const struct assay_plan *plan = NULL;
    if (planner.drafts != NULL && planner.streams != NULL && planner.aggs != NULL &&
        planner.features != NULL) {
        for (size_t i = 0; i < source_count; i++) {
            draft_source(&planner, &sources[i]);
        }
        plan = finish(&planner);
    }
    if (plan == NULL && assay_diags_count(diags) == 0) {
        assay_diag_add(diags, ASSAY_DIAG_LIMIT, (struct assay_span){0}, "out of memory");
    }
    free(planner.drafts);
    free(planner.streams);
    free(planner.aggs);
    free(planner.features);
    return plan;
}

uint32_t assay_plan_feature(const struct assay_plan *plan, struct assay_str full_name)
{
    for (uint32_t i = 0; i < plan->feature_count; i++) {
        if (assay_str_equal(plan->features[i].full_name, full_name)) {
            return i;
        }
    }
    return ASSAY_NONE;
}
