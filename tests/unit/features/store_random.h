/*
 * tests/unit/features/store_random.h - random definitions and streams of random events: nearly in
 * order, with ties, twins, late and very late events, nulls, two roles and silence.
 */
#ifndef ASSAY_TESTS_STORE_RANDOM_H
#define ASSAY_TESTS_STORE_RANDOM_H

#include "store_judge.h"

#include <stdlib.h>

static uint64_t roll(struct world *world, uint64_t sides)
{
    return test_random(&world->seed) % sides;
}

/* ---- random definitions ---- */

static int pick_column(struct world *world, enum assay_agg_kind kind)
{
    static const int sums[] = {KIT_AMOUNT, KIT_N};
    static const int extremes[] = {KIT_AMOUNT, KIT_N, KIT_REAL};
    static const int any[] = {KIT_AMOUNT, KIT_N, KIT_REAL, KIT_OK, KIT_CHANNEL, KIT_TAG};
    switch ((int)kind) {
    case ASSAY_AGG_COUNT:
        return roll(world, 2) == 0 ? -1 : any[roll(world, 6)];
    case ASSAY_AGG_SUM:
    case ASSAY_AGG_AVG:
    case ASSAY_AGG_RANGE:
    case ASSAY_AGG_VAR_POP:
    case ASSAY_AGG_VAR_SAMP:
    case ASSAY_AGG_STDDEV_POP:
    case ASSAY_AGG_STDDEV_SAMP:
    case ASSAY_AGG_CV:
        return sums[roll(world, 2)];
    case ASSAY_AGG_MIN:
    case ASSAY_AGG_MAX:
        return extremes[roll(world, 3)];
    case ASSAY_AGG_TIME_SINCE_FIRST:
    case ASSAY_AGG_TIME_SINCE_LAST:
    case ASSAY_AGG_INTERARRIVAL_MEAN:
    case ASSAY_AGG_INTERARRIVAL_STD:
    case ASSAY_AGG_LONGEST_GAP:
        return -1;
    default:
        return any[roll(world, 6)];
    }
}

static enum assay_agg_kind pick_kind(struct world *world)
{
    const enum assay_agg_kind last = ASSAY_AGG_LONGEST_GAP;
    const enum assay_agg_kind kind = (enum assay_agg_kind)roll(world, (uint64_t)last + 2);
    return kind > last ? ASSAY_AGG_LAG : kind;
}

/* What must keep its events where it has no span. */
static bool keeps_events(enum assay_agg_kind kind)
{
    return kind == ASSAY_AGG_COUNT_DISTINCT || kind == ASSAY_AGG_IS_NEW ||
           kind == ASSAY_AGG_INTERARRIVAL_STD || kind == ASSAY_AGG_LONGEST_GAP ||
           kind == ASSAY_AGG_LAG;
}

/* A window that an event cuts, as text. */
static void cut_spec(struct world *world, struct spec *spec, char over[], size_t size)
{
    static const char *const marks[][2] = {{"pay", "pay"}, {"transfer@payer", "transfer@payee"}};
    spec->span_ms = 0;
    spec->last_n = 0;
    if (roll(world, 2) == 0) {
        spec->session_ms = 1 + (int64_t)roll(world, 30);
        (void)snprintf(over, size, "over session %lldms", (long long)spec->session_ms);
        return;
    }
    spec->since = true;
    spec->since_type = (int)roll(world, 2);
    spec->since_role = spec->since_type == KIT_PAY ? 0 : (int)roll(world, 2);
    spec->since_where = (enum where)roll(world, WHERE_END);
    (void)snprintf(over, size, "over since last %s %s", marks[spec->since_type][spec->since_role],
                   where_texts[spec->since_where]);
}

static void make_spec(struct world *world, struct spec *spec, size_t index, enum flavour flavour)
{
    static const char *const sources[][2] = {{"pay", "pay"}, {"transfer@payer", "transfer@payee"}};
    static const char *const columns[] = {"", "", "amount", "n", "r", "ok", "channel", "tag"};
    static const int64_t spans[] = {0, 1, 7, 40, 200, 1000, 9000};
    memset(spec, 0, sizeof *spec);
    spec->kind = pick_kind(world);
    spec->back = (uint32_t)roll(world, roll(world, 3) == 0 ? 500 : 4);
    spec->type = (int)roll(world, 2);
    spec->role = spec->type == KIT_PAY ? 0 : (int)roll(world, 2);
    spec->column = pick_column(world, spec->kind);
    spec->where = (enum where)roll(world, WHERE_END);
    spec->exclude = roll(world, 3) == 0;
    spec->span_ms = spans[roll(world, flavour == ANYTHING ? 7 : flavour == WINDOWS ? 5 : 6)];
    spec->delay_ms = roll(world, 3) == 0 ? (int64_t)roll(world, 60) + 1 : 0;
    const uint64_t last_max = roll(world, 4) == 0 ? 3000 : 90;
    spec->last_n = roll(world, 3) == 0 ? 1 + (uint32_t)roll(world, last_max) : 0;
    if (flavour == WINDOWS && spec->span_ms == 0) {
        spec->span_ms = 25;
    }
    if (flavour == FOLDING && spec->span_ms == 0) { /* nothing that would keep the events */
        spec->last_n = 0;
        spec->span_ms = keeps_events(spec->kind) ? 40 : 0;
    }
    char over[128] = "";
    if (flavour == ANYTHING && roll(world, 4) == 0) {
        cut_spec(world, spec, over, sizeof over);
    } else if (spec->span_ms != 0 && spec->last_n != 0) {
        (void)snprintf(over, sizeof over, "over %lldms last %u", (long long)spec->span_ms,
                       spec->last_n);
    } else if (spec->span_ms != 0) {
        (void)snprintf(over, sizeof over, "over %lldms", (long long)spec->span_ms);
    } else if (spec->last_n != 0) {
        (void)snprintf(over, sizeof over, "over last %u", spec->last_n);
    }
    char delay[32] = "";
    char argument[16] = "";
    if (spec->kind == ASSAY_AGG_LAG) {
        (void)snprintf(argument, sizeof argument, ", %u", spec->back);
    }
    if (spec->delay_ms != 0) {
        (void)snprintf(delay, sizeof delay, "delay %lldms", (long long)spec->delay_ms);
    }
    (void)snprintf(spec->name, sizeof spec->name, "f%zu", index);
    (void)snprintf(spec->full_name, sizeof spec->full_name, "user.f%zu", index);
    (void)snprintf(spec->text, sizeof spec->text, "%s(%s%s%s%s) %s %s %s %s",
                   assay_agg_name(spec->kind), sources[spec->type][spec->role],
                   spec->column < 0 ? "" : ".", spec->column < 0 ? "" : columns[spec->column],
                   argument, where_texts[spec->where], spec->exclude ? "exclude current" : "", over,
                   delay);
}

/* ---- random events ---- */

static struct fact make_fact(struct world *world, int64_t time_ms)
{
    static const char *const ids[] = {"a", "b", "bb", "e10", "e9"};
    static const char *const channels[] = {"a", "b", "c", "", "dd"};
    static const char *const tags[] = {"x", "a tag that is longer than most, 1",
                                       "a tag that is longer than most, 2", "fifteen bytes.."};
    static const double reals[] = {0.0, -0.0, 1.5, -2.25, 1e300, 3};
    struct fact fact = {.type = (int)roll(world, 2), .time_ms = time_ms, .keys = {-1, -1}};
    fact.id = roll(world, 3) == 0 ? NULL : ids[roll(world, 5)];
    fact.keys[0] = roll(world, 4) != 0 ? 0 : (int)roll(world, USERS);
    fact.has[KIT_KEY] = true;
    if (fact.type == KIT_TRANSFER && roll(world, 6) != 0) {
        fact.keys[1] = (int)roll(world, USERS);
        fact.has[KIT_OTHER] = true;
    }
    for (int f = KIT_AMOUNT; f < KIT_FIELDS; f++) {
        fact.has[f] = roll(world, 4) != 0;
    }
    fact.amount = (int64_t)roll(world, 2000) - 1000;
    fact.n = (int64_t)roll(world, 30) - 10;
    fact.ok = (int64_t)roll(world, 2);
    fact.real = reals[roll(world, 6)];
    fact.channel = channels[roll(world, 5)];
    fact.tag = tags[roll(world, 4)];
    return fact;
}

static struct assay_event event_of(const struct fact *fact)
{
    struct assay_event event =
        kit_event((uint32_t)fact->type, fact->time_ms, user_name(fact->keys[0]),
                  fact->has[KIT_OTHER] ? user_name(fact->keys[1]) : NULL);
    if (fact->id != NULL) {
        event.id = assay_str_of(fact->id);
    }
    const int64_t integers[KIT_FIELDS] = {
        [KIT_AMOUNT] = fact->amount, [KIT_N] = fact->n, [KIT_OK] = fact->ok};
    for (uint32_t f = KIT_AMOUNT; f < KIT_FIELDS; f++) {
        if (!fact->has[f]) {
            continue;
        }
        if (f == KIT_REAL) {
            kit_set_real(&event, f, fact->real);
        } else if (f == KIT_CHANNEL || f == KIT_TAG) {
            kit_set_text(&event, f, f == KIT_TAG ? fact->tag : fact->channel);
        } else {
            kit_set_integer(&event, f, integers[f]);
        }
    }
    return event;
}

/* Time of the next event, late now and then. */
static inline int64_t next_time(struct world *world, int64_t *clock)
{
    *clock += roll(world, 3) == 0 ? (int64_t)roll(world, 5) : 0;
    *clock += roll(world, 150) == 0 ? (int64_t)roll(world, 250) : 0;
    int64_t time_ms = *clock;
    time_ms -= roll(world, 4) == 0 ? (int64_t)roll(world, 60) : 0;
    time_ms -= roll(world, 40) == 0 ? (int64_t)roll(world, 3000) : 0;
    return time_ms;
}

/** @param spill NULL: nothing goes to disk. */
static inline void open_world(struct world *world, struct kit *kit, uint64_t seed,
                              enum flavour flavour, const struct assay_spill_options *spill)
{
    static const int64_t latenesses[] = {0, 5, 30, 120};
    memset(world, 0, sizeof *world);
    world->seed = seed;
    world->facts = calloc(FACTS_MAX, sizeof *world->facts);
    assert_non_null(world->facts);
    world->lateness_ms = latenesses[roll(world, 4)];
    world->expire_ms = roll(world, 2) == 0 ? 0 : 20 + (int64_t)roll(world, 100);
    world->spec_count = 8 + roll(world, 40);
    kit_init(kit, world->lateness_ms, world->expire_ms);
    for (size_t i = 0; i < world->spec_count; i++) {
        make_spec(world, &world->specs[i], i, flavour);
        kit_feature(kit, KIT_USER, world->specs[i].name, world->specs[i].text);
    }
    for (int user = 0; user < USERS; user++) {
        world->newest[user] = INT64_MIN;
    }
    kit->spill = spill;
    kit->vectors = (enum assay_vectors)(seed % 4); /* answers are the definition's in every form */
    kit_open(kit, MEMORY);
}

/** The value must be the recomputation's, to the bit. */
static inline void compare(const struct world *world, const struct spec *spec,
                           const struct assay_value *value, int user, int64_t t,
                           const struct fact *current)
{
    const bool is_text = value->kind == ASSAY_KIND_TEXT;
    struct answer expected = {.number = (double)NAN};
    const bool answerable = is_answerable(world, spec, user, t);
    if (answerable) {
        expected = recompute(world, spec, user, t, current);
    }
    const char *got = is_text && value->cell.text.ptr != NULL ? value->cell.text.ptr : "(null)";
    bool same = value->state == (answerable ? ASSAY_STATE_OK : ASSAY_STATE_EXPIRED);
    if (is_text) {
        same = same && strcmp(got, expected.text == NULL ? "(null)" : expected.text) == 0;
    } else {
        same = same &&
               (isnan(expected.number) ? isnan(value->cell.number)
                                       : memcmp(&expected.number, &value->cell.number, 8) == 0);
    }
    if (!same) {
        fail_msg("%s at %lld of %s after %zu events: %.17g %s state %d, expected %.17g %s",
                 spec->text, (long long)t, user_name(user), world->fact_count,
                 is_text ? (double)NAN : value->cell.number, is_text ? got : "", value->state,
                 expected.number, expected.text == NULL ? "" : expected.text);
    }
}

#endif
