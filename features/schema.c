#include "features/schema.h"

#include "features/decode.h"

static const char *const type_names[] = {
    [ASSAY_TYPE_INT] = "int",   [ASSAY_TYPE_DECIMAL] = "decimal",   [ASSAY_TYPE_REAL] = "real",
    [ASSAY_TYPE_BOOL] = "bool", [ASSAY_TYPE_CATEGORY] = "category", [ASSAY_TYPE_KEY] = "key",
    [ASSAY_TYPE_TEXT] = "text", [ASSAY_TYPE_VECTOR] = "vector",     [ASSAY_TYPE_TIME] = "time",
};
static_assert(sizeof type_names / sizeof type_names[0] == ASSAY_TYPE_END, "table and enum differ");

const char *assay_type_name(enum assay_type type)
{
    ASSAY_ASSERT(type < ASSAY_TYPE_END);
    return type_names[type];
}

uint32_t assay_schema_event(const struct assay_schema *schema, struct assay_str name)
{
    for (uint32_t i = 0; i < schema->event_count; i++) {
        if (assay_str_equal(schema->events[i].name, name)) {
            return i;
        }
    }
    return ASSAY_NONE;
}

uint32_t assay_schema_entity(const struct assay_schema *schema, struct assay_str name)
{
    for (uint32_t i = 0; i < schema->entity_count; i++) {
        if (assay_str_equal(schema->entities[i].name, name)) {
            return i;
        }
    }
    return ASSAY_NONE;
}

uint32_t assay_event_field(const struct assay_event_def *event, struct assay_str name)
{
    for (uint32_t i = 0; i < event->field_count; i++) {
        if (assay_str_equal(event->fields[i].name, name)) {
            return i;
        }
    }
    return ASSAY_NONE;
}

struct dead_row {
    const char *name;
    const char *text;
};

static const struct dead_row dead_table[] = {
#define X(id, name, text) [ASSAY_DEAD_##id] = {name, text},
    ASSAY_DEAD_TABLE(X)
#undef X
};

const char *assay_dead_name(enum assay_dead dead)
{
    ASSAY_ASSERT(dead < ASSAY_DEAD_END);
    return dead_table[dead].name;
}

const char *assay_dead_text(enum assay_dead dead)
{
    ASSAY_ASSERT(dead < ASSAY_DEAD_END);
    return dead_table[dead].text;
}
