#include "engine/base/suggest.h"
#include "engine/config/reader_pvt.h"

/*
 * features.yaml to a schema and feature sources. A definition with a mistake stays in the schema,
 * marked broken, so that what rests on it is not reported a second time.
 */

enum { KEY_LATENESS, KEY_AHEAD, KEY_EVENTS, KEY_ENTITIES, KEY_FEATURES, KEYS };

static const struct key_row file_rows[KEYS] = {
    [KEY_LATENESS] = {.name = "lateness", .type = "duration", .fallback = "1h"},
    [KEY_AHEAD] = {.name = "ahead", .type = "duration", .fallback = "5m"},
    [KEY_EVENTS] = {.name = "events", .type = "a map of events", .required = true},
    [KEY_ENTITIES] = {.name = "entities", .type = "a map of entities"},
    [KEY_FEATURES] = {.name = "features", .type = "a map of entities to their features"},
};
static const struct key_table file_table = {.rows = file_rows, .count = KEYS};

static const struct key_row event_rows[] = {
    {.name = "fields", .type = "a map of names to types", .required = true}};
static const struct key_table event_table = {.rows = event_rows, .count = 1};

enum { FIELD_TYPE, FIELD_ENTITY, FIELD_OPTIONAL, FIELD_PII, FIELD_KEYS };

static const struct key_row field_rows[FIELD_KEYS] = {
    [FIELD_TYPE] = {.name = "type", .type = "a type", .required = true},
    [FIELD_ENTITY] = {.name = "entity", .type = "the entity a key names"},
    [FIELD_OPTIONAL] = {.name = "optional", .type = "true or false"},
    [FIELD_PII] = {.name = "pii", .type = "true or false"},
};
static const struct key_table field_table = {.rows = field_rows, .count = FIELD_KEYS};

enum { ENTITY_EXPIRE, ENTITY_CAPACITY, ENTITY_AT_CAPACITY, ENTITY_KEYS };

static const struct key_row entity_rows[ENTITY_KEYS] = {
    [ENTITY_EXPIRE] = {.name = "expire", .type = "duration"},
    [ENTITY_CAPACITY] = {.name = "capacity", .type = "a count of keys"},
    [ENTITY_AT_CAPACITY] = {.name = "at_capacity", .type = "refuse or evict"},
};
static const struct key_table entity_table = {.rows = entity_rows, .count = ENTITY_KEYS};

static const int64_t day_ms = 86400000;

static void name_what(size_t size, char out[], const char *noun, const struct yaml_node *key)
{
    (void)snprintf(out, size, "%s \"%.*s\"", noun, (int)(key->text.len < 64 ? key->text.len : 64),
                   key->text.ptr);
}

/* --- types ------------------------------------------------------------------------------------ */

static bool unknown_type(struct reader *reader, const struct yaml_node *node, struct assay_str name)
{
    struct assay_suggest suggest = {.word = name};
    for (int type = 0; type < ASSAY_TYPE_END; type++) {
        assay_suggest_offer(&suggest, assay_str_of(assay_type_name((enum assay_type)type)));
    }
    assay_diag_add(reader->diags, ASSAY_DIAG_VALUE, node->span, "unknown type \"%.*s\"",
                   (int)(name.len < 64 ? name.len : 64), name.ptr);
    if (suggest.best.ptr != NULL) {
        assay_diag_hint(reader->diags, "did you mean \"%.*s\"?", (int)suggest.best.len,
                        suggest.best.ptr);
    } else {
        assay_diag_hint(reader->diags, "types: int, decimal(n), real, bool, category, key, text, "
                                       "vector(n), time");
    }
    return false;
}

/* "(12)" to 12. @return false: not a whole number in brackets. */
static bool take_parameter(struct assay_str text, uint32_t *out)
{
    if (text.len < 3 || text.len > 6 || text.ptr[0] != '(' || text.ptr[text.len - 1] != ')') {
        return false;
    }
    *out = 0;
    for (uint32_t i = 1; i + 1 < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        *out = *out * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    return true;
}

static bool check_parameter(struct reader *reader, const struct yaml_node *node,
                            struct assay_str rest, struct assay_field_def *field)
{
    const bool decimal = field->type == ASSAY_TYPE_DECIMAL;
    const bool vector = field->type == ASSAY_TYPE_VECTOR;
    const uint32_t min = decimal ? 0 : 1;
    const uint32_t max = decimal ? ASSAY_DECIMAL_SCALE_MAX : ASSAY_VECTOR_DIMS_MAX;
    uint32_t value = 0;
    if (!decimal && !vector) {
        if (rest.len == 0) {
            return true;
        }
        assay_diag_add(reader->diags, ASSAY_DIAG_VALUE, node->span, "type %s takes no parameter",
                       assay_type_name(field->type));
        return false;
    }
    if (!take_parameter(rest, &value) || value < min || value > max) {
        assay_diag_add(reader->diags, ASSAY_DIAG_VALUE, node->span,
                       "%s is written %s(n) with n from %u to %u", assay_type_name(field->type),
                       assay_type_name(field->type), min, max);
        return false;
    }
    *(decimal ? &field->scale : &field->dims) = value;
    return true;
}

static bool read_type(struct reader *reader, const struct yaml_node *node,
                      struct assay_field_def *field)
{
    if (node->kind != YAML_SCALAR) {
        return config_shape(reader, node, "the type", "the name of a type");
    }
    struct assay_str name = node->text;
    const char *open = memchr(name.ptr, '(', name.len);
    name.len = open == NULL ? name.len : (uint32_t)(open - name.ptr);
    const struct assay_str rest = {.ptr = node->text.ptr + name.len,
                                   .len = node->text.len - name.len};
    for (int type = 0; type < ASSAY_TYPE_END; type++) {
        if (assay_str_equal(name, assay_str_of(assay_type_name((enum assay_type)type)))) {
            field->type = (enum assay_type)type;
            return check_parameter(reader, node, rest, field);
        }
    }
    return unknown_type(reader, node, name);
}

/* --- fields and events ------------------------------------------------------------------------ */

static bool unknown_entity(struct reader *reader, const struct assay_schema *schema,
                           const struct yaml_node *node)
{
    struct assay_suggest suggest = {.word = node->text};
    for (uint32_t i = 0; i < schema->entity_count; i++) {
        assay_suggest_offer(&suggest, schema->entities[i].name);
    }
    assay_diag_add(reader->diags, ASSAY_DIAG_UNKNOWN_ENTITY, node->span, "unknown entity \"%.*s\"",
                   (int)(node->text.len < 64 ? node->text.len : 64), node->text.ptr);
    if (suggest.best.ptr != NULL) {
        assay_diag_hint(reader->diags, "did you mean \"%.*s\"?", (int)suggest.best.len,
                        suggest.best.ptr);
    } else {
        assay_diag_hint(reader->diags, "declare it under \"entities\"");
    }
    return false;
}

static bool read_key_entity(struct reader *reader, const struct assay_schema *schema,
                            const char *what, struct assay_span place,
                            const struct yaml_node *entity, struct assay_field_def *field)
{
    if (entity == NULL) {
        assay_diag_add(reader->diags, ASSAY_DIAG_MISSING, place, "%s lacks \"entity\"", what);
        assay_diag_hint(reader->diags, "write {type: key, entity: NAME}");
        return false;
    }
    if (entity->kind != YAML_SCALAR) {
        return config_shape(reader, entity, "\"entity\"", "the name of an entity");
    }
    field->entity = assay_schema_entity(schema, entity->text);
    return field->entity != ASSAY_NONE || unknown_entity(reader, schema, entity);
}

/* `optional` is for keys, `pii` for text: anywhere else they would promise something untrue. */
static bool read_flag(struct reader *reader, const struct yaml_node *node, const char *name,
                      const struct assay_field_def *field, enum assay_type wanted, bool *out)
{
    if (node == NULL) {
        return true;
    }
    if (field->type != wanted) {
        assay_diag_add(reader->diags, ASSAY_DIAG_VALUE, node->span,
                       "\"%s\" is for fields of type %s", name, assay_type_name(wanted));
        if (wanted == ASSAY_TYPE_KEY) {
            assay_diag_hint(reader->diags, "every field that is not a key may be null anyway");
        }
        return false;
    }
    char what[32];
    (void)snprintf(what, sizeof what, "\"%s\"", name);
    return config_bool(reader, node, what, out);
}

static bool read_field_map(struct reader *reader, const struct assay_schema *schema,
                           const struct yaml_node *node, const char *what, struct assay_span place,
                           struct assay_field_def *field)
{
    const struct yaml_node *found[FIELD_KEYS];
    const size_t before = assay_diags_count(reader->diags);
    if (!config_map(reader, node, what, place, &field_table, found) || found[FIELD_TYPE] == NULL ||
        !read_type(reader, found[FIELD_TYPE], field)) {
        return false;
    }
    const struct yaml_node *entity = found[FIELD_ENTITY];
    if (field->type == ASSAY_TYPE_KEY) {
        (void)read_key_entity(reader, schema, what, place, entity, field);
    } else if (entity != NULL) {
        assay_diag_add(reader->diags, ASSAY_DIAG_VALUE, entity->span,
                       "\"entity\" is for fields of type key");
    }
    (void)read_flag(reader, found[FIELD_OPTIONAL], "optional", field, ASSAY_TYPE_KEY,
                    &field->optional);
    (void)read_flag(reader, found[FIELD_PII], "pii", field, ASSAY_TYPE_TEXT, &field->pii);
    return assay_diags_count(reader->diags) == before;
}

static void read_field(struct reader *reader, const struct assay_schema *schema,
                       const struct yaml_node *key, const char *event,
                       struct assay_field_def *field)
{
    static const char *const fixed[] = {"type", "time", "id"};
    char what[CONFIG_OF_BYTES];
    char noun[CONFIG_OF_BYTES];
    (void)snprintf(noun, sizeof noun, "a field of %s", event);
    *field = (struct assay_field_def){.name = key->text, .entity = ASSAY_NONE, .span = key->span};
    bool good = true;
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        if (assay_str_equal(key->text, assay_str_of(fixed[i]))) {
            assay_diag_add(reader->diags, ASSAY_DIAG_NAME, key->span,
                           "every event has \"%s\": it cannot be the name of %s", fixed[i], noun);
            good = false;
        }
    }
    struct assay_str name = key->text;
    good = good && config_name(reader, key, noun, &name);
    (void)snprintf(what, sizeof what, "field \"%.*s\" of %s",
                   (int)(key->text.len < 64 ? key->text.len : 64), key->text.ptr, event);
    const struct yaml_node *value = key->next;
    bool typed = false;
    if (value->kind == YAML_SCALAR) {
        typed = read_type(reader, value, field);
        if (typed && field->type == ASSAY_TYPE_KEY) {
            typed = read_key_entity(reader, schema, what, value->span, NULL, field);
        }
    } else if (value->kind == YAML_MAP) {
        typed = read_field_map(reader, schema, value, what, key->span, field);
    } else {
        (void)config_shape(reader, value, what, "a type or a map with \"type\"");
    }
    field->broken = !good || !typed;
}

static size_t good_keys(const struct yaml_node *map)
{
    size_t count = 0;
    for (const struct yaml_node *key = map->first; key != NULL; key = key->next->next) {
        count += config_key_good(map, key) ? 1 : 0;
    }
    return count;
}

static bool read_fields(struct reader *reader, const struct assay_schema *schema,
                        const struct yaml_node *map, const char *event, struct assay_event_def *out)
{
    char what[CONFIG_OF_BYTES];
    (void)snprintf(what, sizeof what, "\"fields\" of %s", event);
    const struct yaml_node *key = config_names(reader, map, what);
    if (map->kind != YAML_MAP) {
        return false;
    }
    const size_t count = good_keys(map);
    if (count > ASSAY_FIELDS_MAX) {
        assay_diag_add(reader->diags, ASSAY_DIAG_LIMIT, map->span, "%s has more than %d fields",
                       event, ASSAY_FIELDS_MAX);
        return false;
    }
    struct assay_field_def *fields = config_array(reader, map->span, count, sizeof *fields);
    if (fields == NULL) {
        return false;
    }
    for (; key != NULL; key = key->next->next) {
        if (config_key_good(map, key)) {
            read_field(reader, schema, key, event, &fields[out->field_count++]);
        }
    }
    out->fields = fields;
    return true;
}

static void read_events(struct reader *reader, struct assay_schema *schema,
                        const struct yaml_node *map)
{
    const struct yaml_node *key = config_names(reader, map, "\"events\"");
    const size_t count = map->kind == YAML_MAP ? good_keys(map) : 0;
    if (count > ASSAY_EVENTS_MAX) {
        assay_diag_add(reader->diags, ASSAY_DIAG_LIMIT, map->span, "more than %d events",
                       ASSAY_EVENTS_MAX);
        return;
    }
    struct assay_event_def *events = config_array(reader, map->span, count, sizeof *events);
    if (events == NULL) {
        return;
    }
    for (; key != NULL; key = key->next->next) {
        const struct yaml_node *found[1];
        char what[CONFIG_WHAT_BYTES];
        struct assay_str name;
        if (!config_key_good(map, key)) {
            continue;
        }
        struct assay_event_def *event = &events[schema->event_count++];
        *event = (struct assay_event_def){.name = key->text, .span = key->span};
        name_what(sizeof what, what, "event", key);
        const bool named = config_name(reader, key, "an event", &name);
        const bool shaped = config_map(reader, key->next, what, key->span, &event_table, found) &&
                            found[0] != NULL && read_fields(reader, schema, found[0], what, event);
        event->broken = !named || !shaped;
    }
    schema->events = events;
}

/* --- entities --------------------------------------------------------------------------------- */

static void read_at_capacity(struct reader *reader, const struct yaml_node *node, const char *what,
                             bool has_capacity, struct assay_entity_def *entity)
{
    static const char *const words[] = {"refuse", "evict"};
    char of[CONFIG_OF_BYTES];
    size_t word = 0;
    (void)snprintf(of, sizeof of, "\"at_capacity\" of %s", what);
    if (!config_word(reader, node, of, words, sizeof words / sizeof words[0],
                     sizeof words / sizeof words[0], &word)) {
        return;
    }
    if (!has_capacity) {
        assay_diag_add(reader->diags, ASSAY_DIAG_MISSING, node->span,
                       "%s has \"at_capacity\" but no \"capacity\"", what);
        assay_diag_hint(reader->diags, "add capacity: N, the most keys it may have; without it "
                                       "memory is the only limit, and full memory refuses");
        return;
    }
    entity->evicts = word == 1;
}

static void read_entity(struct reader *reader, const struct yaml_node *key,
                        struct assay_entity_def *entity)
{
    const struct yaml_node *found[ENTITY_KEYS];
    char what[CONFIG_WHAT_BYTES];
    char of[CONFIG_OF_BYTES];
    struct assay_str name;
    *entity = (struct assay_entity_def){.name = key->text, .span = key->span};
    name_what(sizeof what, what, "entity", key);
    (void)config_name(reader, key, "an entity", &name);
    if (key->next->kind == YAML_NULL ||
        !config_map(reader, key->next, what, key->span, &entity_table, found)) {
        return;
    }
    if (found[ENTITY_EXPIRE] != NULL) {
        (void)snprintf(of, sizeof of, "\"expire\" of %s", what);
        (void)config_duration(reader, found[ENTITY_EXPIRE], of, 1, 36500 * day_ms,
                              &entity->expire_ms);
    }
    if (found[ENTITY_CAPACITY] != NULL) {
        (void)snprintf(of, sizeof of, "\"capacity\" of %s", what);
        (void)config_count(reader, found[ENTITY_CAPACITY], of, 1, UINT64_C(1000000000000),
                           &entity->capacity);
    }
    if (found[ENTITY_AT_CAPACITY] != NULL) {
        read_at_capacity(reader, found[ENTITY_AT_CAPACITY], what, found[ENTITY_CAPACITY] != NULL,
                         entity);
    }
}

static void read_entities(struct reader *reader, struct assay_schema *schema,
                          const struct yaml_node *map)
{
    const struct yaml_node *key = config_names(reader, map, "\"entities\"");
    const size_t count = map->kind == YAML_MAP ? good_keys(map) : 0;
    if (count > ASSAY_ENTITIES_MAX) {
        assay_diag_add(reader->diags, ASSAY_DIAG_LIMIT, map->span, "more than %d entities",
                       ASSAY_ENTITIES_MAX);
        return;
    }
    struct assay_entity_def *entities = config_array(reader, map->span, count, sizeof *entities);
    if (entities == NULL) {
        return;
    }
    for (; key != NULL; key = key->next->next) {
        if (config_key_good(map, key)) {
            read_entity(reader, key, &entities[schema->entity_count++]);
        }
    }
    schema->entities = entities;
}

/* --- features --------------------------------------------------------------------------------- */

static void read_feature(struct reader *reader, const struct yaml_node *key, uint32_t entity,
                         struct assay_feature_source *source)
{
    char what[CONFIG_WHAT_BYTES];
    struct assay_str name;
    name_what(sizeof what, what, "feature", key);
    *source =
        (struct assay_feature_source){.entity = entity, .name = key->text, .name_span = key->span};
    const bool named = config_name(reader, key, "a feature", &name);
    const bool written = config_expression(reader, key->next, what, &source->expression);
    source->broken = !named || !written;
}

/* The features of an entity that no one knows are still read for mistakes of their own. */
static void read_entity_features(struct reader *reader, const struct assay_schema *schema,
                                 const struct yaml_node *entity, struct config_features *out)
{
    char what[CONFIG_WHAT_BYTES];
    name_what(sizeof what, what, "the features of", entity);
    const uint32_t index = assay_schema_entity(schema, entity->text);
    if (index == ASSAY_NONE) {
        (void)unknown_entity(reader, schema, entity);
    }
    if (entity->next->kind == YAML_NULL) {
        return;
    }
    const struct yaml_node *key = config_names(reader, entity->next, what);
    for (; key != NULL; key = key->next->next) {
        struct assay_feature_source source;
        if (config_key_good(entity->next, key)) {
            read_feature(reader, key, index, &source);
            if (index != ASSAY_NONE) {
                out->sources[out->source_count++] = source;
            } else if (!source.broken) {
                (void)assay_expr_parse(reader->arena, source.expression, reader->diags);
            }
        }
    }
}

static void read_features(struct reader *reader, const struct assay_schema *schema,
                          const struct yaml_node *map, struct config_features *out)
{
    const struct yaml_node *entity = config_names(reader, map, "\"features\"");
    size_t count = 0;
    for (const struct yaml_node *key = entity; key != NULL; key = key->next->next) {
        count += key->next->kind == YAML_MAP ? key->next->count : 0;
    }
    out->sources = config_array(reader, map->span, count, sizeof *out->sources);
    for (; out->sources != NULL && entity != NULL; entity = entity->next->next) {
        if (config_key_good(map, entity)) {
            read_entity_features(reader, schema, entity, out);
        }
    }
}

bool config_read_features(struct reader *reader, const struct yaml_node *root,
                          struct config_features *out)
{
    const struct yaml_node *found[KEYS];
    *out = (struct config_features){0};
    struct assay_schema *schema = config_array(reader, root->span, 1, sizeof *schema);
    if (schema == NULL ||
        !config_map(reader, root, "features.yaml", root->span, &file_table, found)) {
        return false;
    }
    out->schema = schema;
    schema->lateness_ms = 3600000;
    schema->ahead_ms = 300000;
    if (found[KEY_LATENESS] != NULL) {
        (void)config_duration(reader, found[KEY_LATENESS], "\"lateness\"", 0, 36500 * day_ms,
                              &schema->lateness_ms);
    }
    if (found[KEY_AHEAD] != NULL) {
        (void)config_duration(reader, found[KEY_AHEAD], "\"ahead\"", 0, 36500 * day_ms,
                              &schema->ahead_ms);
    }
    if (found[KEY_ENTITIES] != NULL) {
        read_entities(reader, schema, found[KEY_ENTITIES]);
    }
    if (found[KEY_EVENTS] != NULL) {
        read_events(reader, schema, found[KEY_EVENTS]);
    }
    if (found[KEY_FEATURES] != NULL) {
        read_features(reader, schema, found[KEY_FEATURES], out);
    }
    return out->sources != NULL || found[KEY_FEATURES] == NULL;
}
