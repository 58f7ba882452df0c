#include "features/reader_pvt.h"
#include "store_random.h"

/*
 * Readers without threads: what a reader answers is what the owner answers, bit for bit; a copy
 * keeps giving the answers of its moment whatever the owner does afterwards. tests/race has the
 * threads.
 */

/* ---- answers ---- */

static bool is_same(const struct assay_value *a, const struct assay_value *b)
{
    if (a->kind != b->kind || a->state != b->state) {
        return false;
    }
    if (a->kind != ASSAY_KIND_TEXT) {
        return memcmp(&a->cell.number, &b->cell.number, sizeof(double)) == 0;
    }
    return (a->cell.text.ptr == NULL) == (b->cell.text.ptr == NULL) &&
           (a->cell.text.ptr == NULL || assay_str_equal(a->cell.text, b->cell.text));
}

/* Features [0, count) of the list, which is of the world's. */
struct asked {
    uint32_t features[SPECS_MAX];
    size_t specs[SPECS_MAX];
    size_t count;
};

static void assert_same(const struct world *world, const struct asked *asked,
                        const struct assay_value got[], const struct assay_value expected[],
                        int64_t at_ms)
{
    for (size_t i = 0; i < asked->count; i++) {
        if (!is_same(&got[i], &expected[i])) {
            fail_msg("%s at %lld after %zu events: %.17g (state %d), the owner says %.17g (%d)",
                     world->specs[asked->specs[i]].text, (long long)at_ms, world->fact_count,
                     got[i].cell.number, got[i].state, expected[i].cell.number, expected[i].state);
        }
    }
}

static void ask_all(const struct kit *kit, const struct world *world, struct asked *all)
{
    all->count = world->spec_count;
    for (size_t i = 0; i < world->spec_count; i++) {
        all->features[i] = kit_index(kit, world->specs[i].full_name);
        all->specs[i] = i;
    }
}

/* All of them, about half, or one. */
static void ask_some(struct world *world, const struct asked *all, struct asked *some)
{
    const uint64_t way = roll(world, 3);
    const size_t one = roll(world, all->count);
    some->count = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (way == 0 || (way == 1 && roll(world, 2) == 0) || i == one) {
            some->features[some->count] = all->features[i];
            some->specs[some->count++] = i;
        }
    }
}

static struct assay_reader *reader_of(struct assay_store *store)
{
    struct assay_store *const stores[1] = {store};
    struct assay_reader *reader = NULL;
    assert_int_equal(assay_reader_create(&reader, stores, 1, NULL), ASSAY_OK);
    return reader;
}

/* Some time around the newest event of the user, the far past now and then. */
static int64_t pick_time(struct world *world, int user)
{
    const int64_t newest = world->newest[user] == INT64_MIN ? 0 : world->newest[user];
    const int64_t back = (int64_t)roll(world, roll(world, 5) == 0 ? 8000 : 120);
    return newest + 60 - back;
}

static void apply_next(struct world *world, struct kit *kit, int64_t *clock,
                       const struct asked *all, bool slices)
{
    const struct fact fact = make_fact(world, next_time(world, clock));
    const struct assay_event event = event_of(&fact);
    world->fact_count++;
    for (int user = 0; user < USERS; user++) {
        if (!names(&fact, user)) {
            continue;
        }
        world->newest[user] =
            fact.time_ms > world->newest[user] ? fact.time_ms : world->newest[user];
        kit_apply(kit, &event, user_name(user));
        if (slices) {
            struct assay_value values[SPECS_MAX];
            assay_store_slice(kit->store, &kit->touch, all->features, all->count, kit->scratch,
                              values);
        }
    }
}

/* A row of all users, read by the reader and by the owner, who comes last or first. */
static void read_row(struct world *world, struct kit *kit, struct assay_reader *reader,
                     const struct asked *all)
{
    struct asked asked[USERS + 1];
    struct assay_value got[USERS + 1][SPECS_MAX];
    struct assay_value expected[SPECS_MAX];
    struct assay_read reads[USERS + 1];
    for (int user = 0; user <= USERS; user++) {
        const bool is_known = user < USERS;
        ask_some(world, all, &asked[user]);
        reads[user] = (struct assay_read){
            .entity = KIT_USER,
            .key = assay_str_of(is_known ? user_name(user) : "nobody knows this one"),
            .at_ms = pick_time(world, is_known ? user : 0),
            .features = asked[user].features,
            .count = asked[user].count,
            .out = got[user],
        };
    }
    assert_int_equal(assay_reader_rows(reader, reads, USERS + 1, kit->scratch), USERS + 1);
    for (int user = 0; user <= USERS; user++) {
        assert_int_equal(reads[user].status, ASSAY_OK);
        assay_store_read(kit->store, KIT_USER, reads[user].key, reads[user].at_ms,
                         asked[user].features, asked[user].count, kit->scratch, expected);
        assert_same(world, &asked[user], got[user], expected, reads[user].at_ms);
    }
}

static void compare_world(uint64_t seed, size_t events, enum flavour flavour, uint64_t look_every)
{
    static struct world world;
    struct kit kit;
    struct asked all;
    open_world(&world, &kit, seed, flavour, NULL);
    ask_all(&kit, &world, &all);
    struct assay_reader *reader = reader_of(kit.store);
    const struct assay_arena_mark mark = assay_arena_mark(kit.scratch);
    const uint64_t slices_every = 1 + seed % 3; /* kept windows: always, often, now and then */
    const bool expires = seed % 2 == 0;
    int64_t clock = 0;
    for (size_t i = 0; i < events; i++) {
        clock += expires && roll(&world, 100) == 0 ? 1500 : 0;
        apply_next(&world, &kit, &clock, &all, roll(&world, slices_every) == 0);
        if (expires && roll(&world, 40) == 0) { /* nothing that is older comes any more */
            assay_store_advance(kit.store, clock - 3100);
        }
        if (roll(&world, look_every) == 0) {
            read_row(&world, &kit, reader, &all);
        }
        assay_arena_rewind(kit.scratch, mark);
    }
    assay_reader_destroy(reader);
    kit_close(&kit);
    free(world.facts);
}

static void a_reader_answers_with_the_owners_bits(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        compare_world(seed * 7919, 400, ANYTHING, 3);
        compare_world(seed * 1299709, 1000, FOLDING, 12);
        compare_world(seed * 15485863, 1000, WINDOWS, 12);
    }
    compare_world(32452843, 5000, ANYTHING, 60);
}

/* ---- copies ---- */

/* A reader in slow motion: it has taken a copy, and computes on it later. */
struct slow {
    struct kit *kit;
    struct assay_arena *arena;
    struct slicer slicer;
    struct copy_room room;
    uint32_t place;
    struct assay_value *expected;
    size_t count;
    const uint32_t *features;
    struct record_copy copying;
    bool has_copy;
    enum copied copied;
};

static void slow_open(struct slow *slow, struct kit *kit, const uint32_t features[], size_t count)
{
    *slow = (struct slow){.kit = kit, .features = features, .count = count};
    const struct slicer_source source = {.plan = kit->plan,
                                         .layouts = kit->store->layouts,
                                         .entries_max = kit->store->entries_max,
                                         .seed = kit->store->options.index_seed};
    slow->arena = assay_arena_create((size_t)1 << 28);
    assert_true(assay_slicer_init(&slow->slicer, slow->arena, &source));
    slow->room.max = 2 * assay_copy_bytes_max(kit->store);
    slow->room.bytes = aligned_alloc(64, (slow->room.max + 63) / 64 * 64);
    slow->expected = test_calloc(count, sizeof *slow->expected);
    assert_int_equal(assay_readers_add(kit->store, &slow->place), ASSAY_OK);
}

static void slow_close(struct slow *slow)
{
    assay_readers_remove(slow->kit->store, slow->place);
    assay_slicer_fini(&slow->slicer);
    assay_arena_destroy(slow->arena);
    free(slow->room.bytes);
    test_free(slow->expected);
}

/* What the owner says now is what the copy must say for ever. */
static void slow_copy(struct slow *slow, const char *user, int64_t at_ms)
{
    struct assay_store *store = slow->kit->store;
    assay_store_read(store, KIT_USER, assay_str_of(user), at_ms, slow->features, slow->count,
                     slow->arena, slow->expected);
    assay_qsbr_online(&store->readers->qsbr, slow->place);
    slow->room.used = 0;
    slow->copying = (struct record_copy){
        .record = assay_store_find(store, KIT_USER, assay_str_of(user)),
        .layout = &store->layouts[KIT_USER],
        .selection = assay_select(&slow->slicer, KIT_USER, slow->features, slow->count),
        .at_ms = at_ms,
        .expire_ms = slow->kit->schema.entities[KIT_USER].expire_ms,
    };
    slow->has_copy = slow->copying.record != NULL;
    slow->copied = COPIED;
    if (slow->has_copy) {
        assert_int_equal(assay_copy_head(&slow->copying, &slow->room, (uint32_t)strlen(user)),
                         COPIED);
        slow->copied = assay_copy_rest(&slow->copying, &slow->room);
        assert_int_not_equal(slow->copied, CHANGED);
    }
}

static void slow_compute(struct slow *slow, struct assay_value out[])
{
    struct view view = {.record = slow->has_copy ? slow->copying.copy : NULL,
                        .entity = KIT_USER,
                        .at_ms = slow->copying.at_ms};
    const struct selection *selection =
        assay_select(&slow->slicer, KIT_USER, slow->features, slow->count);
    assay_slice_compute(&slow->slicer, &view, selection);
    assay_slice_take(&slow->slicer, selection, slow->arena, out);
    assay_qsbr_offline(&slow->kit->store->readers->qsbr, slow->place);
}

static void outlive_world(uint64_t seed, size_t rounds, enum flavour flavour)
{
    static struct world world;
    struct kit kit;
    struct slow slow;
    struct asked all;
    struct asked some;
    struct assay_value got[SPECS_MAX];
    open_world(&world, &kit, seed, flavour, NULL);
    ask_all(&kit, &world, &all);
    slow_open(&slow, &kit, some.features, all.count);
    const struct assay_arena_mark mark = assay_arena_mark(kit.scratch);
    const struct assay_arena_mark slow_mark = assay_arena_mark(slow.arena);
    size_t copies = 0;
    int64_t clock = 0;
    for (size_t round = 0; round < rounds; round++) {
        const int user = (int)roll(&world, USERS);
        ask_some(&world, &all, &some);
        slow.count = some.count;
        slow_copy(&slow, user_name(user), pick_time(&world, user));
        const uint64_t events = roll(&world, roll(&world, 4) == 0 ? 300 : 20);
        for (uint64_t i = 0; i < events; i++) {
            apply_next(&world, &kit, &clock, &all, roll(&world, 2) == 0);
            assay_arena_rewind(kit.scratch, mark);
        }
        if (slow.copied == COPIED) {
            slow_compute(&slow, got);
            assert_same(&world, &some, got, slow.expected, slow.copying.at_ms);
            copies++;
        } else {
            assay_qsbr_offline(&kit.store->readers->qsbr, slow.place);
        }
        assay_arena_rewind(slow.arena, slow_mark);
    }
    assert_true(copies > rounds * 9 / 10);
    slow_close(&slow);
    kit_close(&kit);
    free(world.facts);
}

static void a_copy_keeps_its_state_whatever_the_owner_does(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        outlive_world(seed * 7919, 200, ANYTHING);
        outlive_world(seed * 1299709, 60, FOLDING);
        outlive_world(seed * 15485863, 60, WINDOWS);
    }
}

enum { NAMES = 200, NAME_BYTES = 16 };

static const char *name_of(char out[NAME_BYTES], uint32_t name)
{
    (void)snprintf(out, NAME_BYTES, "k%05u", name);
    return out;
}

static void pay(struct kit *kit, uint32_t name, int64_t time_ms)
{
    char key[NAME_BYTES];
    char tag[40];
    struct assay_event event = kit_event(KIT_PAY, time_ms, name_of(key, name), NULL);
    (void)snprintf(tag, sizeof tag, "a tag of its own, %lld", (long long)time_ms);
    kit_set_text(&event, KIT_TAG, tag);
    kit_set_integer(&event, KIT_N, time_ms * 7919 % 100003);
    kit_apply(kit, &event, key);
}

static void a_copy_outlives_the_keys_eviction_and_the_reuse_of_its_memory(void **state)
{
    (void)state;
    struct kit kit;
    struct slow slow;
    struct assay_value got[3];
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "c", "count(pay) over 1h");
    kit_feature(&kit, KIT_USER, "d", "count_distinct(pay.tag) over 1h");
    kit_feature(&kit, KIT_USER, "t", "last(pay.tag) over 1h");
    kit.entities[KIT_USER].capacity = 50;
    kit.entities[KIT_USER].evicts = true;
    kit_open(&kit, MEMORY);
    const uint32_t features[3] = {kit_index(&kit, "user.c"), kit_index(&kit, "user.d"),
                                  kit_index(&kit, "user.t")};
    slow_open(&slow, &kit, features, 3);
    int64_t clock = 0;
    uint64_t random = 7;
    for (int round = 0; round < 60; round++) {
        const uint32_t victim = NAMES + (uint32_t)round;
        char key[NAME_BYTES];
        for (int i = 0; i < 150; i++) {
            pay(&kit, victim, ++clock);
        }
        slow_copy(&slow, name_of(key, victim), clock);
        for (int i = 0; i < 1000; i++) {
            pay(&kit, (uint32_t)(test_random(&random) % NAMES), ++clock);
        }
        assert_null(assay_store_find(kit.store, KIT_USER, assay_str_of(key)));
        slow_compute(&slow, got);
        assert_number(got[0], 150);
        assert_number(got[1], 150);
        assert_true(is_same(&got[2], &slow.expected[2]));
    }
    assert_true(assay_slab_waiting(&kit.store->slab) < (size_t)1 << 20); /* it comes back */
    slow_close(&slow);
    assert_int_equal(assay_slab_waiting(&kit.store->slab), 0);
    kit_close(&kit);
}

static void a_copy_keeps_its_chunks_while_the_log_slides(void **state)
{
    (void)state;
    struct kit kit;
    struct slow slow;
    struct assay_value got[3];
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "m", "max(pay.n) over 2s");
    kit_feature(&kit, KIT_USER, "d", "count_distinct(pay.tag) over 1900ms");
    kit_feature(&kit, KIT_USER, "s", "stddev_pop(pay.n) over 1700ms");
    kit_open(&kit, MEMORY);
    const uint32_t features[3] = {kit_index(&kit, "user.m"), kit_index(&kit, "user.d"),
                                  kit_index(&kit, "user.s")};
    slow_open(&slow, &kit, features, 3);
    int64_t clock = 0;
    for (int round = 0; round < 100; round++) {
        slow_copy(&slow, "k00001", clock);
        for (int i = 0; i < 70 * (1 + round % 20); i++) {
            pay(&kit, 1, ++clock);
        }
        slow_compute(&slow, got);
        for (int f = 0; f < 3; f++) {
            assert_true(is_same(&got[f], &slow.expected[f]));
        }
    }
    slow_close(&slow);
    kit_close(&kit);
}

/* ---- busy ---- */

static void copy_head_of(struct slow *slow, const char *user, enum copied expected)
{
    slow->room.used = 0;
    assert_int_equal(assay_copy_head(&slow->copying, &slow->room, (uint32_t)strlen(user)),
                     expected);
}

static void a_copy_of_two_states_does_not_count(void **state)
{
    (void)state;
    struct kit kit;
    struct slow slow;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "c", "count(pay) over 1h");
    kit.entities[KIT_USER].capacity = 1;
    kit.entities[KIT_USER].evicts = true;
    kit_open(&kit, MEMORY);
    const uint32_t features[1] = {kit_index(&kit, "user.c")};
    slow_open(&slow, &kit, features, 1);
    pay(&kit, 1, 10);
    slow_copy(&slow, "k00001", 10);
    assert_int_equal(slow.copied, COPIED);
    copy_head_of(&slow, "k00001", COPIED);
    pay(&kit, 1, 11); /* between the two steps */
    assert_int_equal(assay_copy_rest(&slow.copying, &slow.room), CHANGED);
    copy_head_of(&slow, "k00001", COPIED);
    (void)kit_slice(&kit, "user.c"); /* its kept windows are made */
    assert_int_equal(assay_copy_rest(&slow.copying, &slow.room), CHANGED);
    pay(&kit, 1, 12);
    copy_head_of(&slow, "k00001", COPIED);
    (void)kit_slice(&kit, "user.c"); /* they take a step */
    assert_int_equal(assay_copy_rest(&slow.copying, &slow.room), CHANGED);
    copy_head_of(&slow, "k00001", COPIED);
    assert_int_equal(assay_copy_rest(&slow.copying, &slow.room), COPIED);
    pay(&kit, 2, 13); /* evicts it */
    copy_head_of(&slow, "k00001", CHANGED);
    assay_qsbr_offline(&kit.store->readers->qsbr, slow.place);
    slow_close(&slow);
    kit_close(&kit);
}

static void open_counting(struct kit *kit, uint32_t features[1])
{
    kit_init(kit, 0, 0);
    kit_feature(kit, KIT_USER, "c", "count(pay) over 1h");
    kit_open(kit, MEMORY);
    features[0] = kit_index(kit, "user.c");
}

static void a_key_that_is_being_written_is_busy_and_its_owner_answers(void **state)
{
    (void)state;
    struct kit kit;
    uint32_t features[1];
    struct assay_value out;
    open_counting(&kit, features);
    pay(&kit, 1, 10);
    struct assay_reader *reader = reader_of(kit.store);
    struct assay_read read = {.entity = KIT_USER,
                              .key = assay_str_of("k00001"),
                              .at_ms = 10,
                              .features = features,
                              .count = 1,
                              .out = &out};
    struct assay_record *record = assay_store_find(kit.store, KIT_USER, read.key);
    assay_seqlock_open(&record->lock);
    assert_int_equal(assay_reader_rows(reader, &read, 1, kit.scratch), 0);
    assert_int_equal(read.status, ASSAY_E_BUSY);
    assay_seqlock_close(&record->lock);
    assay_reader_hand_over(reader, &read, kit.scratch);
    assert_false(assay_reader_is_served(reader));
    pay(&kit, 1, 11);
    read.at_ms = 11;
    assay_store_mark(kit.store, 42);
    assert_int_equal(assay_store_serve(kit.store), 1);
    assert_int_equal(assay_store_serve(kit.store), 0);
    assert_true(assay_reader_is_served(reader));
    assert_int_equal(read.status, ASSAY_OK);
    assert_int_equal(read.mark, 42);
    assert_number(out, 2);
    assert_int_equal(assay_reader_rows(reader, &read, 1, kit.scratch), 1);
    assert_number(out, 2);
    assert_int_equal(read.mark, 42);
    struct assay_reader_stats stats;
    assay_reader_stats(reader, &stats);
    assert_int_equal(stats.reads, 1);
    assert_int_equal(stats.busy, 1);
    assert_true(stats.retries > 10);
    assay_reader_destroy(reader);
    kit_close(&kit);
}

static void a_key_is_looked_for_again_while_homes_move(void **state)
{
    (void)state;
    struct kit kit;
    uint32_t features[1];
    struct assay_value out;
    open_counting(&kit, features);
    struct assay_reader *reader = reader_of(kit.store);
    struct assay_read read = {.entity = KIT_USER,
                              .key = assay_str_of("k00001"),
                              .features = features,
                              .count = 1,
                              .out = &out};
    assay_seqlock_open(&kit.store->index.moves);
    assert_int_equal(assay_reader_rows(reader, &read, 1, kit.scratch), 0);
    assert_int_equal(read.status, ASSAY_E_BUSY);
    assay_seqlock_close(&kit.store->index.moves);
    assert_int_equal(assay_reader_rows(reader, &read, 1, kit.scratch), 1);
    assert_number(out, 0);
    assay_reader_destroy(reader);
    kit_close(&kit);
}

static void more_segments_than_a_copy_takes_are_the_owners(void **state)
{
    (void)state;
    struct kit kit;
    uint32_t features[1];
    struct assay_value got;
    struct assay_value expected;
    kit_init(&kit, 0, 5);
    kit_feature(&kit, KIT_USER, "c", "count(pay)");
    kit_open(&kit, MEMORY);
    features[0] = kit_index(&kit, "user.c");
    for (int64_t i = 0; i < 300; i++) {
        pay(&kit, 1, 10 * i);
    }
    struct assay_reader *reader = reader_of(kit.store);
    struct assay_read read = {.entity = KIT_USER,
                              .key = assay_str_of("k00001"),
                              .features = features,
                              .count = 1,
                              .out = &got};
    int busy = 0;
    for (read.at_ms = -3; read.at_ms < 3010; read.at_ms++) {
        const bool is_answered = assay_reader_rows(reader, &read, 1, kit.scratch) == 1;
        busy += is_answered ? 0 : 1;
        assay_store_read(kit.store, KIT_USER, read.key, read.at_ms, features, 1, kit.scratch,
                         &expected);
        assert_true(!is_answered || is_same(&got, &expected));
        assert_true(is_answered || read.at_ms < 2900);
    }
    assert_true(busy > 0);
    assay_reader_destroy(reader);
    kit_close(&kit);
}

static void a_row_may_come_from_several_stores(void **state)
{
    (void)state;
    enum { READS = 50 };
    struct kit kit;
    uint32_t features[1];
    char keys[READS][NAME_BYTES];
    struct assay_value out[READS];
    struct assay_read reads[READS];
    open_counting(&kit, features);
    struct assay_store *first = kit.store;
    struct assay_store *stores[2] = {first, kit_store(&kit, MEMORY, 99)};
    struct assay_reader *reader = NULL;
    for (uint32_t i = 0; i < READS; i++) {
        for (uint32_t n = 0; n <= i; n++) {
            kit.store = stores[i % 2];
            pay(&kit, i, n);
        }
        reads[i] = (struct assay_read){.store = i % 2,
                                       .entity = KIT_USER,
                                       .key = assay_str_of(name_of(keys[i], i)),
                                       .at_ms = READS,
                                       .features = features,
                                       .count = 1,
                                       .out = &out[i]};
    }
    assert_int_equal(assay_reader_create(&reader, stores, 2, NULL), ASSAY_OK);
    assert_int_equal(assay_reader_rows(reader, reads, READS, kit.scratch), READS);
    for (uint32_t i = 0; i < READS; i++) {
        assert_number(out[i], i + 1.0);
    }
    assay_reader_destroy(reader);
    assay_store_destroy(stores[1]);
    kit.store = first;
    kit_close(&kit);
}

static void readers_beyond_the_most_are_refused(void **state)
{
    (void)state;
    struct kit kit;
    uint32_t features[1];
    struct assay_reader *readers[ASSAY_QSBR_READERS_MAX];
    struct assay_reader *more = NULL;
    struct assay_err err = {0};
    open_counting(&kit, features);
    for (int i = 0; i < ASSAY_QSBR_READERS_MAX; i++) {
        readers[i] = reader_of(kit.store);
    }
    struct assay_store *const stores[1] = {kit.store};
    assert_int_equal(assay_reader_create(&more, stores, 1, &err), ASSAY_E_FULL);
    assert_null(more);
    assert_string_not_equal(err.what, "");
    for (int i = 0; i < ASSAY_QSBR_READERS_MAX; i++) {
        assay_reader_destroy(readers[i]);
    }
    more = reader_of(kit.store);
    assay_reader_destroy(more);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_answers_with_the_owners_bits),
        cmocka_unit_test(a_copy_keeps_its_state_whatever_the_owner_does),
        cmocka_unit_test(a_copy_outlives_the_keys_eviction_and_the_reuse_of_its_memory),
        cmocka_unit_test(a_copy_keeps_its_chunks_while_the_log_slides),
        cmocka_unit_test(a_copy_of_two_states_does_not_count),
        cmocka_unit_test(a_key_that_is_being_written_is_busy_and_its_owner_answers),
        cmocka_unit_test(a_key_is_looked_for_again_while_homes_move),
        cmocka_unit_test(more_segments_than_a_copy_takes_are_the_owners),
        cmocka_unit_test(a_row_may_come_from_several_stores),
        cmocka_unit_test(readers_beyond_the_most_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
