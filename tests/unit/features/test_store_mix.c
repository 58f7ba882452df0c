#include "features/inspect.h"
#include "features/reader.h"
#include "features/record_pvt.h"
#include "store_random.h"
#include "tests/support/spill_disk.h"

#include <pthread.h>
#include <stdatomic.h>

/*
 * Everything that a store does beside answering, at once, against the definitions: old chunks on
 * disk, keys that die or are evicted, memory that is refused anywhere in an update, readers, large
 * numbers, nulls that begin late, years between events, more windows than fit packed. What is
 * refused has not happened; what is answered is right; memory is accounted for to the byte.
 */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { INSTRUMENTED = 1 };
#else
enum { INSTRUMENTED = 0 };
#endif

/* What a world has. */
struct mix {
    enum flavour flavour;
    bool many_windows; /* counts and sums without delay, as packed windows take them */
    bool is_large;     /* numbers about powers of two */
    bool is_slow;      /* days where others have milliseconds */
    bool spills;
    bool expires;
    bool evicts;
    bool refuses;
    bool reads; /* beside the owner */
    size_t events;
    uint64_t look_every;
};

/* ---- memory that is refused ---- */

static uint64_t refuse_seed;
static uint64_t refuse_one_in; /* 0: nothing is refused */
static uint64_t refused_pieces;

void *__real_assay_slab_alloc(struct assay_slab *slab, size_t bytes);
void *__wrap_assay_slab_alloc(struct assay_slab *slab, size_t bytes);

void *__wrap_assay_slab_alloc(struct assay_slab *slab, size_t bytes)
{
    if (refuse_one_in != 0 && test_random(&refuse_seed) % refuse_one_in == 0) {
        refused_pieces++;
        return NULL;
    }
    return __real_assay_slab_alloc(slab, bytes);
}

/* ---- worlds ---- */

enum { SLOWNESS = 50000000, MIX_LATE_MAX = 400 };

struct mixed {
    struct world world;
    struct mix mix;
    struct kit kit;
    struct spill_disk disk;
    struct assay_reader *reader;
    struct assay_reader *other; /* of a thread of its own */
    pthread_t thread;
    atomic_bool ends;
    atomic_int_fast64_t about_ms;
    uint32_t features[SPECS_MAX];
    int64_t pace; /* of time */
    int64_t clock;
    int64_t safe_ms;
    uint64_t evicted;
};

/* Of all worlds: that they do what they are for. */
struct seen {
    uint64_t answered; /* by readers */
    uint64_t busy;
    uint64_t refused;
    uint64_t evicted;
    uint64_t expired;
    uint64_t moved;
    uint64_t returned;
    uint64_t packed; /* kept windows after a slice */
    uint64_t wide;
};

static struct seen seen;

static struct mixed mixed;

static void many_windows_spec(struct world *world, struct spec *spec, size_t index)
{
    static const enum assay_agg_kind kinds[] = {ASSAY_AGG_COUNT, ASSAY_AGG_SUM, ASSAY_AGG_AVG,
                                                ASSAY_AGG_COUNT, ASSAY_AGG_SUM, ASSAY_AGG_MAX};
    static const char *const sources[][2] = {{"pay", "pay"}, {"transfer@payer", "transfer@payee"}};
    static const char *const columns[] = {"", "", ".amount", ".n", ".r", ".ok", ".channel", ".tag"};
    const bool is_rare = roll(world, 60) == 0;
    memset(spec, 0, sizeof *spec);
    spec->kind = kinds[roll(world, is_rare ? 6 : 5)];
    spec->type = roll(world, 4) == 0 ? KIT_TRANSFER : KIT_PAY;
    spec->role = 0;
    spec->column = spec->kind == ASSAY_AGG_COUNT && roll(world, 3) != 0 ? -1
                   : world->seed % 3 == 0                               ? KIT_AMOUNT
                                                                        : KIT_N;
    spec->where = roll(world, 2) == 0 ? WHERE_NONE : (enum where)roll(world, WHERE_END);
    spec->exclude = roll(world, 6) == 0;
    spec->span_ms = roll(world, 12) == 0
                        ? 0
                        : 1 + (int64_t)roll(world, roll(world, 2) == 0 ? 40 : mixed.mix.events);
    spec->delay_ms = is_rare ? 1 + (int64_t)roll(world, 50) : 0;
    spec->span_ms *= mixed.pace;
    spec->delay_ms *= mixed.pace;
    char over[48] = "";
    char delay[48] = "";
    if (spec->span_ms != 0) {
        (void)snprintf(over, sizeof over, "over %lldms", (long long)spec->span_ms);
    }
    if (spec->delay_ms != 0) {
        (void)snprintf(delay, sizeof delay, "delay %lldms", (long long)spec->delay_ms);
    }
    (void)snprintf(spec->name, sizeof spec->name, "f%zu", index);
    (void)snprintf(spec->full_name, sizeof spec->full_name, "user.f%zu", index);
    (void)snprintf(spec->text, sizeof spec->text, "%s(%s%s) %s %s %s %s",
                   assay_agg_name(spec->kind), sources[spec->type][spec->role],
                   spec->column < 0 ? "" : columns[spec->column], where_texts[spec->where],
                   spec->exclude ? "exclude current" : "", over, delay);
}

static bool needs_small(const struct spec *spec)
{
    switch ((int)spec->kind) {
    case ASSAY_AGG_RANGE:
    case ASSAY_AGG_VAR_POP:
    case ASSAY_AGG_VAR_SAMP:
    case ASSAY_AGG_STDDEV_POP:
    case ASSAY_AGG_STDDEV_SAMP:
    case ASSAY_AGG_CV:
        return true;
    default:
        return false;
    }
}

/* Reads all the time; whether that is right shows elsewhere, a race shows here. */
static void *keep_reading(void *context)
{
    (void)context;
    uint64_t random = 7;
    struct assay_value values[2][SPECS_MAX];
    struct assay_arena *texts = assay_arena_create((size_t)1 << 24);
    const struct assay_arena_mark mark = assay_arena_mark(texts);
    while (!atomic_load(&mixed.ends)) {
        struct assay_read reads[2];
        for (size_t i = 0; i < 2; i++) {
            const int64_t by_ms = 80 - (int64_t)(test_random(&random) % 160);
            reads[i] = (struct assay_read){
                .entity = KIT_USER,
                .key = assay_str_of(user_name((int)(test_random(&random) % USERS))),
                .at_ms = atomic_load(&mixed.about_ms) + by_ms * mixed.pace,
                .features = mixed.features,
                .count = 1 + test_random(&random) % mixed.world.spec_count,
                .out = values[i]};
        }
        (void)assay_reader_rows(mixed.other, reads, 2, texts);
        assay_arena_rewind(texts, mark);
    }
    assay_arena_destroy(texts);
    return NULL;
}

static void mix_open(uint64_t seed, const struct mix *mix)
{
    static const int64_t latenesses[] = {0, 5, 30, 120};
    static const int space_logs[] = {26, 34, 36,
                                     INSTRUMENTED ? 36 : 43}; /* few places have names */
    memset(&mixed, 0, sizeof mixed);
    struct world *world = &mixed.world;
    mixed.mix = *mix;
    mixed.pace = mix->is_slow ? SLOWNESS : 1;
    mixed.safe_ms = INT64_MIN;
    world->seed = seed;
    refuse_seed = seed;
    refuse_one_in = 0;
    world->facts = calloc(FACTS_MAX, sizeof *world->facts);
    assert_non_null(world->facts);
    world->lateness_ms = latenesses[roll(world, 4)] * mixed.pace;
    world->expire_ms = mix->expires ? (20 + (int64_t)roll(world, 100)) * mixed.pace : 0;
    world->spec_count = mix->events > 10000 ? 4 + roll(world, 12)
                        : mix->many_windows ? 4 + roll(world, SPECS_MAX - 4)
                                            : 8 + roll(world, 40);
    kit_init(&mixed.kit, world->lateness_ms, world->expire_ms);
    for (size_t i = 0; i < world->spec_count; i++) {
        struct spec *spec = &world->specs[i];
        do {
            if (mix->many_windows) {
                many_windows_spec(world, spec, i);
            } else {
                make_spec(world, spec, i, mix->flavour);
            }
        } while (mix->is_large && needs_small(spec));
        kit_feature(&mixed.kit, KIT_USER, spec->name, spec->text);
    }
    for (int user = 0; user < USERS; user++) {
        world->newest[user] = INT64_MIN;
    }
    if (mix->spills) {
        disk_open(&mixed.disk, (size_t)1 << space_logs[seed / 2 % 4], seed % 3 * 4000);
        mixed.disk.lag = seed % 5;
        mixed.disk.options.extent_bytes = (size_t)1 << (12 + (seed / 8) % 4);
        mixed.kit.spill = &mixed.disk.options;
    }
    if (mix->evicts) {
        mixed.kit.entities[KIT_USER].capacity = 2;
        mixed.kit.entities[KIT_USER].evicts = true;
    }
    mixed.kit.vectors = (enum assay_vectors)(seed % 4);
    /* so much that its pieces have few names */
    const size_t large = INSTRUMENTED ? MEMORY : (size_t)1 << 37;
    kit_open(&mixed.kit, seed % 8 == 1 ? large : MEMORY);
    for (size_t i = 0; i < world->spec_count; i++) {
        mixed.features[i] = kit_index(&mixed.kit, world->specs[i].full_name);
    }
    if (mix->reads) {
        assert_int_equal(assay_reader_create(&mixed.reader, &mixed.kit.store, 1, NULL), ASSAY_OK);
        assert_int_equal(assay_reader_create(&mixed.other, &mixed.kit.store, 1, NULL), ASSAY_OK);
        assert_int_equal(pthread_create(&mixed.thread, NULL, keep_reading, NULL), 0);
    }
}

static void mix_close(void)
{
    struct assay_store_stats stats;
    assay_store_stats(mixed.kit.store, &stats);
    seen.refused += stats.refused;
    seen.evicted += stats.evicted;
    seen.expired += stats.expired;
    seen.moved += stats.spill.moved;
    seen.returned += stats.spill.returned;
    if (mixed.mix.reads) {
        atomic_store(&mixed.ends, true);
        assert_int_equal(pthread_join(mixed.thread, NULL), 0);
    }
    assay_reader_destroy(mixed.reader);
    assay_reader_destroy(mixed.other);
    kit_close(&mixed.kit);
    if (mixed.mix.spills) {
        disk_close(&mixed.disk);
    }
    free(mixed.world.facts);
}

/* Some of the features, or all of them. */
static size_t choose(size_t specs[], uint32_t features[])
{
    struct world *world = &mixed.world;
    const uint64_t one_in = roll(world, 3) == 0 ? 1 : 1 + roll(world, 12);
    const uint64_t salt = roll(world, 8);
    size_t count = 0;
    for (size_t i = 0; i < world->spec_count; i++) {
        if ((i + salt) * (salt + 1) % one_in == 0) {
            specs[count] = i;
            features[count++] = mixed.features[i];
        }
    }
    return count;
}

/* ---- side by side ---- */

static bool same_values(const struct assay_value *a, const struct assay_value *b)
{
    if (a->kind != b->kind || a->state != b->state) {
        return false;
    }
    return a->kind == ASSAY_KIND_TEXT ? (a->cell.text.ptr == NULL) == (b->cell.text.ptr == NULL) &&
                                            assay_str_equal(a->cell.text, b->cell.text)
                                      : memcmp(&a->cell.number, &b->cell.number, 8) == 0;
}

/* A reader has the owner's bits, at any time, or is busy. */
static void mix_read(void)
{
    struct assay_value values[SPECS_MAX];
    struct assay_value others[SPECS_MAX];
    struct world *world = &mixed.world;
    const int user = (int)roll(world, USERS);
    const int64_t newest = world->newest[user] == INT64_MIN ? mixed.clock : world->newest[user];
    const struct spec *spec = &world->specs[roll(world, world->spec_count)];
    int64_t t = newest + (60 - (int64_t)roll(world, roll(world, 3) == 0 ? 400 : 70)) * mixed.pace;
    if (roll(world, 2) == 0 && world->newest[user] != INT64_MIN) {
        t = horizon_of(world, spec->type, spec->role, user) + spec->span_ms + spec->delay_ms;
    }
    const struct assay_str key = assay_str_of(user_name(user));
    const bool first = roll(world, 2) == 0;
    size_t specs[SPECS_MAX];
    uint32_t features[SPECS_MAX];
    const size_t count = choose(specs, features);
    struct assay_read read = {.entity = KIT_USER,
                              .key = key,
                              .at_ms = t,
                              .features = features,
                              .count = count,
                              .out = others};
    for (int i = 0; i < 2; i++) {
        if ((i == 0) == first) {
            assay_store_read(mixed.kit.store, KIT_USER, key, t, features, count, mixed.kit.scratch,
                             values);
        } else if (mixed.reader != NULL) {
            (void)assay_reader_rows(mixed.reader, &read, 1, mixed.kit.scratch);
        }
    }
    for (size_t i = 0; (world->expire_ms == 0 || t >= mixed.safe_ms) && i < count; i++) {
        compare(&mixed.world, &world->specs[specs[i]], &values[i], user, t, NULL);
    }
    struct assay_inspection inspection;
    assert_true(
        assay_store_inspect(mixed.kit.store, KIT_USER, key, t, mixed.kit.scratch, &inspection));
    for (size_t i = 0; i < count; i++) {
        const struct spec *asked = &world->specs[specs[i]];
        const struct assay_value *value = &inspection.values[specs[i]];
        if (!same_values(&values[i], value)) {
            fail_msg("inspected: %s at %lld of %s: %.17g, not %.17g", asked->text, (long long)t,
                     user_name(user), value->cell.number, values[i].cell.number);
        }
    }
    if (mixed.reader == NULL || read.status != ASSAY_OK) {
        seen.busy++;
        return;
    }
    seen.answered++;
    for (size_t i = 0; i < count; i++) {
        if (!same_values(&values[i], &others[i])) {
            fail_msg("a reader: %s at %lld of %s after %zu: %.17g state %d, the owner %.17g %d",
                     world->specs[specs[i]].text, (long long)t, user_name(user), world->fact_count,
                     others[i].cell.number, others[i].state, values[i].cell.number,
                     values[i].state);
        }
    }
}

static void check_memory(void)
{
    struct assay_entity_facts facts[2] = {{0}};
    struct assay_memory_facts memory = {0};
    assay_store_entity_facts(mixed.kit.store, facts);
    assay_store_memory_facts(mixed.kit.store, &memory);
    uint64_t sum = memory.index + memory.texts;
    for (int e = 0; e < 2; e++) {
        const struct assay_state_bytes *bytes = &facts[e].bytes;
        sum += bytes->records + bytes->chunks + bytes->summaries + bytes->lanes + bytes->bases;
    }
    assert_int_equal(sum, memory.live);
}

/* ---- events ---- */

static struct fact mix_fact(void)
{
    static const int64_t large[] = {INT64_C(1) << 29, INT64_C(1) << 30, INT64_C(1) << 31,
                                    INT64_C(1) << 32, INT64_C(1) << 53};
    struct world *world = &mixed.world;
    int64_t *clock = &mixed.clock;
    *clock += (roll(world, 3) == 0 ? (int64_t)roll(world, 5) : 0) * mixed.pace;
    *clock += (roll(world, 150) == 0 ? (int64_t)roll(world, 250) : 0) * mixed.pace;
    *clock += (roll(world, 700) == 0 ? (int64_t)roll(world, 2500) : 0) * mixed.pace;
    atomic_store(&mixed.about_ms, *clock);
    int64_t time_ms = *clock;
    const uint64_t lateness = roll(world, 40);
    time_ms -= (lateness < 8 ? (int64_t)roll(world, 60) : 0) * mixed.pace;
    time_ms -= (lateness == 8 ? (int64_t)roll(world, MIX_LATE_MAX - 60) : 0) * mixed.pace;
    struct fact fact = make_fact(world, time_ms);
    if (mixed.mix.events > 10000 && roll(world, 20) != 0) {
        fact.type = KIT_PAY;
        fact.keys[0] = 0;
    }
    if (mixed.mix.many_windows) {
        const bool has_nulls = world->fact_count > mixed.mix.events / 3 && roll(world, 3) == 0;
        for (int f = KIT_AMOUNT; f < KIT_FIELDS; f++) {
            fact.has[f] = !has_nulls || roll(world, 3) != 0;
        }
    }
    if (mixed.mix.is_large && roll(world, 3) == 0) {
        int64_t *values[] = {&fact.amount, &fact.n};
        for (int i = 0; i < 2; i++) {
            const int64_t power = large[roll(world, roll(world, 3) == 0 ? 5 : 2)];
            const int64_t value =
                power - (power > (INT64_C(1) << 50) ? 0 : (int64_t)roll(world, 3) - 1);
            *values[i] = roll(world, 2) == 0 ? value : -value;
        }
    }
    if (world->fact_count > 0 && roll(world, 10) == 0) { /* a twin */
        const struct fact twin = world->facts[roll(world, world->fact_count)];
        fact = twin.time_ms >= mixed.clock - MIX_LATE_MAX * mixed.pace ? twin : fact;
        memset(fact.gone, 0, sizeof fact.gone);
    }
    return fact;
}

static size_t mix_note(const struct fact *fact)
{
    struct world *world = &mixed.world;
    size_t at = world->fact_count;
    while (at > 0 && order_facts(&world->facts[at - 1], fact) > 0) {
        world->facts[at] = world->facts[at - 1];
        at--;
    }
    world->facts[at] = *fact;
    world->fact_count++;
    return at;
}

/* Keys that made room for others are gone, with what was known of them. */
static void note_evicted(void)
{
    struct world *world = &mixed.world;
    struct assay_store_stats stats;
    assay_store_stats(mixed.kit.store, &stats);
    if (stats.evicted == mixed.evicted) {
        return;
    }
    mixed.evicted = stats.evicted;
    for (int user = 0; user < USERS; user++) {
        const struct assay_str key = assay_str_of(user_name(user));
        if (assay_keys_find(mixed.kit.store, store_hash_key(mixed.kit.store, KIT_USER, key),
                            KIT_USER, key) == NULL) {
            world->newest[user] = INT64_MIN;
            for (size_t i = 0; i < world->fact_count; i++) {
                world->facts[i].gone[user] = true;
            }
        }
    }
}

static void note_lanes(void)
{
    const struct assay_record *record = mixed.kit.touch.record;
    for (uint32_t s = 0; s < mixed.kit.store->layouts[KIT_USER].stream_count; s++) {
        const struct lanes *lanes = record->logs[s].lanes;
        if (lanes != NULL && lanes->state == LANES_KEPT) {
            seen.packed += lanes->is_packed ? 1 : 0;
            seen.wide += lanes->is_packed ? 0 : 1;
        }
    }
}

static void mix_apply(const struct fact *given, bool look)
{
    struct world *world = &mixed.world;
    struct fact fact = *given;
    const struct assay_event event = event_of(&fact);
    memset(fact.gone, true, sizeof fact.gone); /* until it is applied */
    const size_t place = mix_note(&fact);
    const struct fact *noted = &world->facts[place];
    for (int user = 0; user < USERS; user++) {
        if (!names(given, user)) {
            continue;
        }
        refuse_one_in = mixed.mix.refuses && roll(world, 3) == 0 ? 1 + roll(world, 6) : 0;
        const enum assay_status status = kit_try(&mixed.kit, &event, user_name(user));
        refuse_one_in = refuse_one_in != 0 && roll(world, 2) == 0 ? refuse_one_in : 0;
        if (status != ASSAY_OK) {
            assert_true(mixed.mix.refuses);
            refuse_one_in = 0;
            note_evicted();
            continue;
        }
        note_evicted();
        world->facts[place].gone[user] = false;
        if (fact.time_ms > world->newest[user]) {
            world->newest[user] = fact.time_ms;
        }
        if (roll(world, 2) == 0) { /* else its windows are left behind */
            struct assay_value values[SPECS_MAX];
            size_t specs[SPECS_MAX];
            uint32_t features[SPECS_MAX];
            const size_t count = choose(specs, features);
            assay_store_slice(mixed.kit.store, &mixed.kit.touch, features, count, mixed.kit.scratch,
                              values);
            refuse_one_in = 0;
            note_lanes();
            for (size_t i = 0; look && i < count; i++) {
                compare(&mixed.world, &world->specs[specs[i]], &values[i], user, fact.time_ms,
                        noted);
            }
        }
        refuse_one_in = 0;
    }
}

static void mix_advance(void)
{
    const int64_t safe_ms = mixed.clock - MIX_LATE_MAX * mixed.pace;
    mixed.safe_ms = safe_ms > mixed.safe_ms ? safe_ms : mixed.safe_ms;
    assay_store_advance(mixed.kit.store, mixed.safe_ms);
    if (roll(&mixed.world, 4) == 0) {
        assay_store_settle(mixed.kit.store);
    }
}

/* What was applied, in another order, to a plain store. */
static void mix_check_hash(void)
{
    struct world *world = &mixed.world;
    const int64_t safe_ms = mixed.safe_ms;
    uint64_t expected[2] = {0};
    assay_store_hash_living(mixed.kit.store, safe_ms, expected);
    mixed.kit.entities[KIT_USER].capacity = 0;
    mixed.kit.vectors = (enum assay_vectors)((mixed.kit.vectors + 1) % 4);
    for (size_t i = world->fact_count; i > 1; i--) {
        const size_t j = roll(world, i);
        const struct fact held = world->facts[i - 1];
        world->facts[i - 1] = world->facts[j];
        world->facts[j] = held;
    }
    const int counts[] = {1, 2, 4};
    for (int c = 0; c < 3; c++) {
        uint64_t hash[2] = {0};
        struct assay_store *shards[4];
        for (int s = 0; s < counts[c]; s++) {
            shards[s] = kit_store(&mixed.kit, MEMORY, (uint64_t)s + 5);
        }
        for (size_t i = 0; i < world->fact_count; i++) {
            const struct assay_event event = event_of(&world->facts[i]);
            for (int user = 0; user < USERS; user++) {
                if (names(&world->facts[i], user)) {
                    const struct assay_update update =
                        kit_update(&event, KIT_USER, user_name(user));
                    struct assay_touch touch;
                    assert_int_equal(assay_store_apply(shards[user % counts[c]], &update, &touch),
                                     ASSAY_OK);
                }
            }
        }
        for (int s = 0; s < counts[c]; s++) {
            assay_store_hash_living(shards[s], safe_ms, hash);
            assay_store_destroy(shards[s]);
        }
        assert_memory_equal(hash, expected, sizeof hash);
    }
}

static void run_mix(uint64_t seed, const struct mix *mix)
{
    mix_open(seed, mix);
    struct world *world = &mixed.world;
    const struct assay_arena_mark mark = assay_arena_mark(mixed.kit.scratch);
    for (size_t i = 0; i < mix->events; i++) {
        const struct fact fact = mix_fact();
        mix_apply(&fact, roll(world, mix->look_every) == 0);
        if (roll(world, 2 * mix->look_every) == 0) {
            mix_read();
        }
        if (roll(world, 20) == 0) {
            mix_advance();
        }
        if (roll(world, 200) == 0) {
            check_memory();
        }
        assay_arena_rewind(mixed.kit.scratch, mark);
    }
    check_memory();
    mix_check_hash();
    mix_close();
}

static struct mix mix_of(uint64_t seed)
{
    const uint64_t bits = seed * UINT64_C(0x9E3779B97F4A7C15) >> 20;
    const bool is_long = bits % 5 == 0;
    return (struct mix){
        .flavour = (enum flavour)(bits / 8 % 3),
        .many_windows = (bits >> 5 & 1) != 0,
        .is_large = (bits >> 6 & 1) != 0,
        .is_slow = (bits >> 5 & 1) != 0 && (bits >> 7 & 1) != 0,
        .spills = (bits >> 9 & 1) != 0,
        .expires = (bits >> 10 & 1) != 0,
        .evicts = (bits >> 11 & 3) == 0,
        .refuses = (bits >> 13 & 1) != 0,
        .reads = (bits >> 14 & 1) != 0,
        .events = is_long ? 4000 : 600,
        .look_every = is_long ? 40 : 4,
    };
}

/* From the environment, to go on for as long as one likes. */
static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void what_is_answered_is_right_whatever_else_happens(void **state)
{
    (void)state;
    const uint64_t first = setting("ASSAY_MIX_SEED", 1);
    const uint64_t end = first + setting("ASSAY_MIX_CASES", INSTRUMENTED ? 20 : 60);
    memset(&seen, 0, sizeof seen);
    for (uint64_t seed = first; seed < end; seed++) {
        const struct mix mix = mix_of(seed);
        print_message("  seed %llu\n", (unsigned long long)seed);
        run_mix(seed, &mix);
    }
    if (first == 1) { /* they do what they are for */
        assert_true(seen.answered > 100 && seen.refused > 500 && seen.evicted > 500);
        assert_true(seen.expired > 0 && seen.moved > 50 && seen.returned > 10);
        assert_true(seen.packed > 1000 && seen.wide > 1000);
    }
}

/* More chunks, and more of one key, than packed windows have places and numbers for. */
static void it_is_in_logs_that_outgrow_packed_windows(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    const struct mix mix = {
        .many_windows = true, .events = INSTRUMENTED ? 20000 : 72000, .look_every = 2000};
    run_mix(5, &mix);
    assert_true(seen.packed > 1000 && seen.wide > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_answered_is_right_whatever_else_happens),
        cmocka_unit_test(it_is_in_logs_that_outgrow_packed_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
