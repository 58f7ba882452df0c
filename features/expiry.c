#include "features/record_pvt.h"

/*
 * Keys that have been silent for too long give their memory back, and their place.
 *
 * A key is dead once its newest time plus `expire` lies before the safe time: every event to come
 * is later than that, so it starts the key anew and sees nothing of what was. What is forgotten
 * then can be seen by no event, whenever it happens; as-of reads and the state hash leave it out
 * from the moment of death, so they do not tell either. Only places do: a dead key has its own
 * until it is looked at. Keys are looked at in calls of advance, and for a new key that finds the
 * entity at capacity, in an order and a number that follow from the events alone, never from a
 * clock or another thread.
 *
 * The lists are coarse: a key dies at the end of its list's time at the latest, which is 1/128 of
 * `expire` and lateness together. That leaves half of the slots for events that are ahead of the
 * safe time by more; what is still further ahead is looked at more often. A look is paid for by a
 * creation or by a touch since the last one, so two looks an update are enough to catch up.
 */

enum {
    SLOTS_MASK = EXPIRY_SLOTS - 1,
    LOOKS_MIN = 64, /* of one call of advance */
    LOOKS_PER_UPDATE = 2,
    LOOKS_FOR_ROOM = 64, /* for one new key */
};

static int64_t floor_div(int64_t number, int64_t by)
{
    return number / by - (number % by < 0 ? 1 : 0);
}

/* The first safe time at which a record is dead. */
static int64_t death_of(const struct expiry *expiry, const struct assay_record *record)
{
    return record->newest_ms + expiry->expire_ms + 1;
}

bool assay_expiry_init(struct assay_store *store, uint32_t entity)
{
    const struct assay_schema *schema = store->plan->schema;
    struct expiry *expiry = assay_arena_alloc(store->arena, sizeof *expiry);
    if (expiry == NULL) {
        return false;
    }
    *expiry = (struct expiry){.expire_ms = schema->entities[entity].expire_ms, .hand = INT64_MIN};
    expiry->width_ms = (expiry->expire_ms + schema->lateness_ms) / (EXPIRY_SLOTS / 2) + 1;
    for (size_t i = 0; i < EXPIRY_SLOTS; i++) {
        expiry->slots[i] = ASSAY_NONE;
    }
    store->keys[entity].expiry = expiry;
    return true;
}

void assay_expiry_add(struct assay_store *store, struct assay_record *record)
{
    struct expiry *expiry = store->keys[record->entity].expiry;
    int64_t list = 0;
    if (expiry->hand != INT64_MIN) {
        const int64_t last = expiry->hand + EXPIRY_SLOTS - 1;
        list = floor_div(death_of(expiry, record), expiry->width_ms);
        list = list < expiry->hand ? expiry->hand : list;
        list = list > last ? last : list;
    }
    uint32_t *head = &expiry->slots[(uint64_t)list & SLOTS_MASK];
    record->earlier = ASSAY_NONE;
    record->later = *head;
    *head = assay_slab_ref(&store->slab, record);
    if (record->later != ASSAY_NONE) {
        struct assay_record *later = assay_slab_at(&store->slab, record->later);
        later->earlier = *head;
    }
}

/* The list that a record is the first of: few are, so looking for it is cheaper than knowing. */
static uint32_t *list_of(struct expiry *expiry, uint32_t first)
{
    for (uint32_t i = expiry->due_at; i < expiry->due_count; i++) {
        if (expiry->due[i] == first) {
            return &expiry->due[i];
        }
    }
    uint32_t slot = 0;
    while (slot + 1 < EXPIRY_SLOTS && expiry->slots[slot] != first) {
        slot++;
    }
    ASSAY_ASSERT(expiry->slots[slot] == first);
    return &expiry->slots[slot];
}

void assay_expiry_remove(struct assay_store *store, struct assay_record *record)
{
    if (record->earlier != ASSAY_NONE) {
        struct assay_record *earlier = assay_slab_at(&store->slab, record->earlier);
        earlier->later = record->later;
    } else {
        *list_of(store->keys[record->entity].expiry, assay_slab_ref(&store->slab, record)) =
            record->later;
    }
    if (record->later != ASSAY_NONE) {
        struct assay_record *later = assay_slab_at(&store->slab, record->later);
        later->earlier = record->earlier;
    }
}

/* All lists are done with whose time had come: take those whose time has come since. */
static void ripen(const struct assay_store *store, struct expiry *expiry)
{
    const int64_t hand = floor_div(store_safe_ms(store) + 1, expiry->width_ms);
    const int64_t passed = expiry->hand == INT64_MIN ? EXPIRY_SLOTS : hand - expiry->hand;
    const uint64_t from = expiry->hand == INT64_MIN ? 0 : (uint64_t)expiry->hand;
    expiry->due_at = 0;
    expiry->due_count = 0;
    for (int64_t i = 0; i < passed && i < EXPIRY_SLOTS; i++) {
        uint32_t *head = &expiry->slots[(from + (uint64_t)i) & SLOTS_MASK];
        if (*head != ASSAY_NONE) {
            expiry->due[expiry->due_count++] = *head;
            *head = ASSAY_NONE;
        }
    }
    expiry->hand = hand;
}

/* The next record whose time may have come, out of its list; NULL: none. */
static struct assay_record *next_due(const struct assay_store *store, struct expiry *expiry)
{
    while (expiry->due_at < expiry->due_count && expiry->due[expiry->due_at] == ASSAY_NONE) {
        expiry->due_at++;
    }
    if (expiry->due_at == expiry->due_count) {
        ripen(store, expiry);
    }
    if (expiry->due_at == expiry->due_count) {
        return NULL;
    }
    uint32_t *head = &expiry->due[expiry->due_at];
    struct assay_record *record = assay_slab_at(&store->slab, *head);
    *head = record->later;
    if (*head != ASSAY_NONE) {
        struct assay_record *first = assay_slab_at(&store->slab, *head);
        first->earlier = ASSAY_NONE;
    }
    return record;
}

/* A dead record that is in no list any more. */
static void expire(struct assay_store *store, struct keys *keys, struct assay_record *record)
{
    const size_t live = store->slab.live;
    assay_keys_forget(store, record);
    keys->expired++;
    store->stats.expired_bytes += live - store->slab.live;
}

/* Look at one more key of an entity. @return false: there is none to look at. */
static bool look(struct assay_store *store, struct keys *keys)
{
    struct assay_record *record = next_due(store, keys->expiry);
    if (record == NULL) {
        return false;
    }
    if (death_of(keys->expiry, record) > store_safe_ms(store)) {
        assay_expiry_add(store, record);
    } else {
        expire(store, keys, record);
    }
    return true;
}

/* Of all entities together. */
static void look_at(struct assay_store *store, uint64_t looks)
{
    for (uint32_t e = 0; e < store->plan->schema->entity_count; e++) {
        struct keys *keys = &store->keys[e];
        while (keys->expiry != NULL && looks > 0 && look(store, keys)) {
            looks--;
        }
    }
}

void assay_store_advance(struct assay_store *store, int64_t safe_ms)
{
    ASSAY_ASSERT(store != NULL);
    const uint64_t updates = store->stats.events + store->stats.refused;
    const uint64_t looks = LOOKS_MIN + LOOKS_PER_UPDATE * (updates - store->swept);
    store->swept = updates;
    if (safe_ms > store_safe_ms(store)) {
        atomic_store_explicit(&store->safe_ms, safe_ms, memory_order_relaxed);
    }
    if (store_safe_ms(store) != INT64_MIN) {
        store->touched_entity = ASSAY_NONE; /* the record touched last may go */
        look_at(store, looks);
    }
}

/* The list whose time is not over yet has dead keys too: all that other lists do not have. */
static void expire_first_slot(struct assay_store *store, struct keys *keys)
{
    struct expiry *expiry = keys->expiry;
    uint32_t name =
        expiry == NULL ? ASSAY_NONE : expiry->slots[(uint64_t)expiry->hand & SLOTS_MASK];
    while (name != ASSAY_NONE) {
        struct assay_record *record = assay_slab_at(&store->slab, name);
        name = record->later;
        if (death_of(expiry, record) <= store_safe_ms(store)) {
            assay_expiry_remove(store, record);
            expire(store, keys, record);
        }
    }
}

void assay_store_settle(struct assay_store *store)
{
    ASSAY_ASSERT(store != NULL);
    if (store_safe_ms(store) != INT64_MIN) {
        store->touched_entity = ASSAY_NONE;
        look_at(store, UINT64_MAX);
        for (uint32_t e = 0; e < store->plan->schema->entity_count; e++) {
            expire_first_slot(store, &store->keys[e]);
        }
    }
}

bool assay_expiry_make_room(struct assay_store *store, uint32_t entity)
{
    struct keys *keys = &store->keys[entity];
    const uint64_t expired = keys->expired;
    const bool may_be = keys->expiry != NULL && store_safe_ms(store) != INT64_MIN;
    for (int looks = 0; may_be && looks < LOOKS_FOR_ROOM && keys->expired == expired; looks++) {
        if (!look(store, keys)) {
            break;
        }
    }
    return keys->expired != expired;
}

int64_t assay_expiry_living(const struct assay_store *store, const struct assay_record *record,
                            int64_t safe_ms)
{
    const int64_t expire_ms = store->plan->schema->entities[record->entity].expire_ms;
    if (expire_ms == 0 || safe_ms == INT64_MIN) {
        return INT64_MIN;
    }
    uint32_t at = record->segment_count;
    while (at > 0 && record->segments[at - 1].end_ms + expire_ms >= safe_ms) {
        at--;
    }
    return at == record->segment_count ? INT64_MAX : record->segments[at].start_ms;
}

int64_t assay_expiry_reach(const struct assay_store *store, uint32_t entity,
                           const struct assay_record *record)
{
    /* readers ask as well: so of the plan, which nobody changes, whether keys expire */
    if (store->plan->schema->entities[entity].expire_ms == 0 || store_safe_ms(store) == INT64_MIN) {
        return INT64_MIN;
    }
    const int64_t living_ms =
        record == NULL ? INT64_MAX : assay_expiry_living(store, record, store_safe_ms(store));
    return living_ms < store_safe_ms(store) ? living_ms : store_safe_ms(store);
}
