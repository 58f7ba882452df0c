/*
 * tests/unit/features/store_kit.h - a small world to test the store in: two events, two entities,
 * features from text.
 */
#ifndef ASSAY_TESTS_STORE_KIT_H
#define ASSAY_TESTS_STORE_KIT_H

#include "engine/base/diag.h"
#include "features/store.h"
#include "tests/support/cmocka_all.h"

#include <stdio.h>
#include <string.h>

enum { KIT_PAY, KIT_TRANSFER };
enum { KIT_USER, KIT_SHOP };

/* Fields after the two keys are the same in both events. */
enum {
    KIT_KEY,   /* pay: user; transfer: payer */
    KIT_OTHER, /* pay: shop (optional); transfer: payee */
    KIT_AMOUNT,
    KIT_N,
    KIT_REAL,
    KIT_OK,
    KIT_CHANNEL,
    KIT_TAG,
    KIT_FIELDS
};

struct kit {
    struct assay_arena *arena;
    struct assay_arena *scratch;
    struct assay_schema schema;
    struct assay_entity_def entities[2];
    struct assay_event_def events[2];
    struct assay_field_def fields[2][KIT_FIELDS];
    struct assay_text texts[512];
    struct assay_feature_source sources[512];
    size_t source_count;
    const struct assay_plan *plan;
    struct assay_store *store;
    struct assay_touch touch;
    struct assay_update update;
    struct assay_event event; /* the one last applied */
    uint32_t shards;          /* that share a capacity; 0: this store has all of it */
    const struct assay_spill_options *spill; /* of the store that is opened with it */
    enum assay_vectors vectors;
};

static inline struct assay_field_def kit_field(const char *name, enum assay_type type,
                                               uint32_t scale, uint32_t entity)
{
    return (struct assay_field_def){
        .name = assay_str_of(name), .type = type, .scale = scale, .entity = entity};
}

static inline void kit_init(struct kit *kit, int64_t lateness_ms, int64_t expire_ms)
{
    memset(kit, 0, sizeof *kit);
    kit->arena = assay_arena_create((size_t)1 << 28);
    kit->scratch = assay_arena_create((size_t)1 << 24);
    assert_non_null(kit->arena);
    assert_non_null(kit->scratch);
    for (int e = 0; e < 2; e++) {
        struct assay_field_def *f = kit->fields[e];
        f[KIT_KEY] = kit_field(e == KIT_PAY ? "user" : "payer", ASSAY_TYPE_KEY, 0, KIT_USER);
        f[KIT_OTHER] = kit_field(e == KIT_PAY ? "shop" : "payee", ASSAY_TYPE_KEY, 0,
                                 e == KIT_PAY ? KIT_SHOP : KIT_USER);
        f[KIT_OTHER].optional = true;
        f[KIT_AMOUNT] = kit_field("amount", ASSAY_TYPE_DECIMAL, 2, ASSAY_NONE);
        f[KIT_N] = kit_field("n", ASSAY_TYPE_INT, 0, ASSAY_NONE);
        f[KIT_REAL] = kit_field("r", ASSAY_TYPE_REAL, 0, ASSAY_NONE);
        f[KIT_OK] = kit_field("ok", ASSAY_TYPE_BOOL, 0, ASSAY_NONE);
        f[KIT_CHANNEL] = kit_field("channel", ASSAY_TYPE_CATEGORY, 0, ASSAY_NONE);
        f[KIT_TAG] = kit_field("tag", ASSAY_TYPE_TEXT, 0, ASSAY_NONE);
        kit->events[e] =
            (struct assay_event_def){.name = assay_str_of(e == KIT_PAY ? "pay" : "transfer"),
                                     .field_count = KIT_FIELDS,
                                     .fields = f};
    }
    kit->entities[KIT_USER] =
        (struct assay_entity_def){.name = assay_str_of("user"), .expire_ms = expire_ms};
    kit->entities[KIT_SHOP] = (struct assay_entity_def){.name = assay_str_of("shop")};
    kit->schema = (struct assay_schema){.lateness_ms = lateness_ms,
                                        .event_count = 2,
                                        .entity_count = 2,
                                        .events = kit->events,
                                        .entities = kit->entities};
}

/** Add a feature line; names and texts must outlive the kit. */
static inline void kit_feature(struct kit *kit, uint32_t entity, const char *name,
                               const char *definition)
{
    struct assay_text *text = &kit->texts[kit->source_count];
    *text = (struct assay_text){.path = "test", .data = definition, .len = strlen(definition)};
    const struct assay_span span = {.text = text, .begin = 0, .end = text->len};
    kit->sources[kit->source_count++] = (struct assay_feature_source){
        .entity = entity, .name = assay_str_of(name), .name_span = span, .expression = span};
}

static inline struct assay_store *kit_store_on(const struct kit *kit, size_t memory, uint64_t seed,
                                               const struct assay_spill_options *spill)
{
    const struct assay_store_options options = {.memory_bytes_max = memory,
                                                .index_seed = seed,
                                                .shards = kit->shards,
                                                .vectors = kit->vectors,
                                                .spill = spill};
    struct assay_store *store = NULL;
    assert_int_equal(assay_store_create(&store, kit->plan, &options, NULL), ASSAY_OK);
    return store;
}

/** A store of its own, all in memory. */
static inline struct assay_store *kit_store(const struct kit *kit, size_t memory, uint64_t seed)
{
    return kit_store_on(kit, memory, seed, NULL);
}

static inline void kit_open(struct kit *kit, size_t memory)
{
    struct assay_diags *diags = assay_diags_create(kit->arena, 20);
    kit->plan =
        assay_plan_compile(kit->arena, &kit->schema, kit->sources, kit->source_count, diags);
    if (kit->plan == NULL) {
        assay_diags_print(diags, stderr);
    }
    assert_non_null(kit->plan);
    kit->store = kit_store_on(kit, memory, 1, kit->spill);
}

static inline void kit_close(struct kit *kit)
{
    assay_store_destroy(kit->store);
    assay_arena_destroy(kit->scratch);
    assay_arena_destroy(kit->arena);
}

/** An event of two keys ("" or NULL: null) with all other fields null. */
static inline struct assay_event kit_event(uint32_t type, int64_t time_ms, const char *key,
                                           const char *other)
{
    struct assay_event event = {.type = type, .time_ms = time_ms};
    const char *keys[2] = {key, other};
    for (uint32_t f = 0; f < 2; f++) {
        if (keys[f] != NULL && keys[f][0] != '\0') {
            event.present |= UINT64_C(1) << f;
            event.fields[f].text = assay_str_of(keys[f]);
        }
    }
    return event;
}

static inline void kit_set_integer(struct assay_event *event, uint32_t field, int64_t value)
{
    event->present |= UINT64_C(1) << field;
    event->fields[field].integer = value;
}

static inline void kit_set_real(struct assay_event *event, uint32_t field, double value)
{
    event->present |= UINT64_C(1) << field;
    event->fields[field].real = value;
}

static inline void kit_set_text(struct assay_event *event, uint32_t field, const char *value)
{
    event->present |= UINT64_C(1) << field;
    event->fields[field].text = assay_str_of(value);
}

/** The update of @p event for @p key: all roles of the entity that name it. */
static inline struct assay_update kit_update(const struct assay_event *event, uint32_t entity,
                                             const char *key)
{
    struct assay_update update = {.event = event, .key = assay_str_of(key), .entity = entity};
    for (uint32_t f = 0; f < 2; f++) {
        const bool names_user = event->type == KIT_TRANSFER || f == KIT_KEY;
        if (names_user == (entity == KIT_USER) && assay_event_has(event, f) &&
            assay_str_equal(event->fields[f].text, update.key)) {
            update.roles |= UINT64_C(1) << f;
        }
    }
    return update;
}

/** Apply to a user; the touch is kept for kit_slice(). */
static inline enum assay_status kit_try(struct kit *kit, const struct assay_event *event,
                                        const char *user)
{
    kit->event = *event;
    kit->update = kit_update(&kit->event, KIT_USER, user);
    const struct assay_update *const group[1] = {&kit->update};
    assay_store_prefetch_group(kit->store, group, 1); /* changes nothing */
    return assay_store_apply(kit->store, &kit->update, &kit->touch);
}

static inline void kit_apply(struct kit *kit, const struct assay_event *event, const char *user)
{
    assert_int_equal(kit_try(kit, event, user), ASSAY_OK);
}

static inline uint32_t kit_index(const struct kit *kit, const char *full_name)
{
    const uint32_t index = assay_plan_feature(kit->plan, assay_str_of(full_name));
    assert_int_not_equal(index, ASSAY_NONE);
    return index;
}

/** A feature as the event just applied sees it. */
static inline struct assay_value kit_slice(struct kit *kit, const char *full_name)
{
    const uint32_t feature = kit_index(kit, full_name);
    struct assay_value value;
    assay_store_slice(kit->store, &kit->touch, &feature, 1, kit->scratch, &value);
    return value;
}

/** A user's feature as of a time. */
static inline struct assay_value kit_read(struct kit *kit, const char *user, int64_t at_ms,
                                          const char *full_name)
{
    const uint32_t feature = kit_index(kit, full_name);
    struct assay_value value;
    assay_store_read(kit->store, KIT_USER, assay_str_of(user), at_ms, &feature, 1, kit->scratch,
                     &value);
    return value;
}

/** Assert a number, or null when @p expected is NaN; bits are compared. */
#define assert_number(value, expected)                                                             \
    do {                                                                                           \
        const struct assay_value assert_value = (value);                                           \
        const double assert_expected = (expected);                                                 \
        if (!(isnan(assert_expected) && isnan(assert_value.cell.number)) &&                        \
            memcmp(&assert_expected, &assert_value.cell.number, sizeof(double)) != 0) {            \
            fail_msg("%.17g is not %.17g", assert_value.cell.number, assert_expected);             \
        }                                                                                          \
    } while (0)

#endif
