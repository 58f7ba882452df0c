#include "ingest/generate_pvt.h"

#include <stdio.h>
#include <stdlib.h>

/* Arrival order: buckets by day of arrival, each sorted when its day has been simulated. */

static bool grow(struct assay_generator *generator, struct gen_bucket *bucket)
{
    enum { FIRST_ROOM = 1024 };
    const size_t room = bucket->room == 0 ? FIRST_ROOM : bucket->room * 2;
    struct gen_item *items = assay_arena_array(generator->arena, room, sizeof *items);
    if (items == NULL) {
        generator->status = ASSAY_E_NO_MEMORY;
        return false;
    }
    if (bucket->count > 0) {
        memcpy(items, bucket->items, bucket->count * sizeof *items);
    }
    bucket->items = items;
    bucket->room = room;
    return true;
}

static void insert(struct assay_generator *generator, const struct gen_item *item)
{
    const int64_t ahead = (item->arrival_ms - generator->day_ms) / GEN_DAY_MS;
    ASSAY_ASSERT(ahead >= 0 && ahead < GEN_BUCKETS);
    struct gen_bucket *bucket =
        &generator->buckets[((size_t)generator->day + (size_t)ahead) % GEN_BUCKETS];
    if (bucket->count == bucket->room && !grow(generator, bucket)) {
        return;
    }
    bucket->items[bucket->count++] = *item;
}

/* Offline buffering: mostly minutes, sometimes hours, rarely days. */
static int64_t late_by(uint64_t *noise)
{
    const double u = gen_uniform(noise);
    const double most = u < 0.7    ? 45.0 * GEN_MINUTE_MS
                        : u < 0.97 ? 6.0 * GEN_HOUR_MS
                                   : 2.0 * GEN_DAY_MS;
    return GEN_MINUTE_MS + (int64_t)(gen_uniform(noise) * most);
}

/* A clock that is hours behind or days ahead. */
static int32_t skew_by(uint64_t *noise)
{
    return gen_chance(noise, 0.5) ? -(int32_t)(7200 + gen_below(noise, 20 * 3600))
                                  : (int32_t)(86400 + gen_below(noise, 9 * 86400));
}

uint32_t gen_push(struct assay_generator *generator, struct gen_person *person, enum gen_type type,
                  int64_t time_ms, const uint32_t args[GEN_ARGS])
{
    const struct assay_generate_options *options = &generator->options;
    struct gen_item item = {.arrival_ms = time_ms,
                            .time_ms = time_ms,
                            .user = person->index,
                            .number = person->numbers++,
                            .type = (uint8_t)type};
    memcpy(item.args, args, sizeof item.args);
    /* A stream of its own: what goes wrong on the way must not change what people do. */
    uint64_t noise = gen_mix(options->seed ^ UINT64_C(0x6e6f697365)) ^
                     gen_mix(((uint64_t)item.user << 32) + item.number);
    if (gen_chance(&noise, options->late_share)) {
        item.arrival_ms += late_by(&noise);
    }
    if (gen_chance(&noise, options->skewed_share)) {
        item.skew_s = skew_by(&noise);
    }
    insert(generator, &item);
    if (gen_chance(&noise, options->duplicate_share)) {
        struct gen_item again = item;
        again.copy = 1;
        again.arrival_ms += 1 + gen_below(&noise, 20 * GEN_MINUTE_MS);
        insert(generator, &again);
    }
    if (gen_chance(&noise, options->malformed_share)) {
        item.copy = 2;
        item.bad = (uint8_t)(1 + gen_below(&noise, GEN_BAD_END - 1));
        insert(generator, &item);
    }
    return item.number;
}

void gen_note(struct assay_generator *generator, const struct gen_person *person, uint32_t number,
              int64_t event_ms, enum gen_label name, double truth, bool value,
              uint32_t known_after_days)
{
    struct gen_label_chunk *chunk = generator->last_chunk;
    if (chunk == NULL || chunk->count == GEN_LABEL_CHUNK) {
        struct gen_label_chunk *more = assay_arena_alloc(generator->arena, sizeof *more);
        if (more == NULL) {
            generator->status = ASSAY_E_NO_MEMORY;
            return;
        }
        if (chunk == NULL) {
            generator->first_chunk = more;
        } else {
            chunk->next = more;
        }
        generator->last_chunk = more;
        chunk = more;
    }
    chunk->records[chunk->count++] =
        (struct gen_label_record){.event_ms = event_ms,
                                  .user = person->index,
                                  .number = number,
                                  .known_after_s = known_after_days * 86400,
                                  .truth_ppb = (uint32_t)(truth * 1e9),
                                  .name = (uint8_t)name,
                                  .value = value ? 1 : 0};
}

int64_t gen_moment(const struct assay_generator *generator, struct gen_person *person, bool late)
{
    /* Cumulated share of activity by the end of each hour, in 1/1000: lunch and evening peaks. */
    static const uint16_t by_hour[24] = {15,  22,  26,  29,  32,  38,  55,  95,
                                         145, 190, 235, 285, 350, 405, 450, 495,
                                         540, 590, 650, 720, 800, 880, 945, 1000};
    const uint32_t at = gen_below(&person->stream, 1000);
    uint32_t hour = 0;
    while (by_hour[hour] <= at) {
        hour++;
    }
    hour = late ? (22 + gen_below(&person->stream, 7)) % 24 : hour;
    return generator->day_ms + (int64_t)hour * GEN_HOUR_MS +
           gen_below(&person->stream, GEN_HOUR_MS);
}

/* Bytes decide among equal times, never memory. */
static int compare_items(const void *a, const void *b)
{
    const struct gen_item *x = ((const struct gen_entry *)a)->item;
    const struct gen_item *y = ((const struct gen_entry *)b)->item;
    if (x->arrival_ms != y->arrival_ms) {
        return x->arrival_ms < y->arrival_ms ? -1 : 1;
    }
    if (x->user != y->user) {
        return x->user < y->user ? -1 : 1;
    }
    if (x->number != y->number) {
        return x->number < y->number ? -1 : 1;
    }
    return (int)x->copy - (int)y->copy;
}

static bool sort_bucket(struct assay_generator *generator, struct gen_bucket *bucket)
{
    if (bucket->count > generator->order_room) {
        const size_t room = bucket->count + bucket->count / 2;
        generator->order = assay_arena_array(generator->arena, room, sizeof *generator->order);
        generator->order_room = generator->order == NULL ? 0 : room;
        if (generator->order == NULL) {
            generator->status = ASSAY_E_NO_MEMORY;
            return false;
        }
    }
    for (size_t i = 0; i < bucket->count; i++) {
        generator->order[i].item = &bucket->items[i];
    }
    generator->order_count = bucket->count;
    generator->order_at = 0;
    if (bucket->count > 1) {
        qsort(generator->order, bucket->count, sizeof generator->order[0], compare_items);
    }
    return true;
}

/* Proleptic Gregorian, in years that begin in March. */
uint32_t gen_month_day(int64_t day)
{
    const int64_t z = day + 719468;
    const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    const int64_t of_era = z - era * 146097;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const int64_t month = (5 * of_year + 2) / 153;
    return (uint32_t)(of_year - (153 * month + 2) / 5 + 1);
}

/* Simulate days until one has events. The bucket of the day before has been handed out. */
static bool next_day(struct assay_generator *generator)
{
    const int32_t days = (int32_t)generator->options.days;
    while (generator->status == ASSAY_OK && generator->day < days + GEN_BUCKETS) {
        generator->day_ms = generator->options.start_ms + (int64_t)generator->day * GEN_DAY_MS;
        const int64_t epoch_day = generator->day_ms / GEN_DAY_MS;
        generator->month_day = gen_month_day(epoch_day);
        generator->weekday = (uint32_t)((epoch_day + 3) % 7);
        if (generator->day < days) {
            for (uint64_t i = 0; i < generator->options.users; i++) {
                gen_person_day(generator, &generator->people[i]);
            }
        }
        struct gen_bucket *bucket = &generator->buckets[(size_t)generator->day % GEN_BUCKETS];
        if (generator->status != ASSAY_OK || !sort_bucket(generator, bucket)) {
            return false;
        }
        bucket->count = 0; /* its items stay readable until the bucket is used again */
        generator->day++;
        if (generator->order_count > 0) {
            return true;
        }
    }
    return false;
}

bool assay_generator_next(struct assay_generator *generator, struct assay_generated *out)
{
    ASSAY_ASSERT(generator != NULL && out != NULL);
    if (generator->order_at == generator->order_count && !next_day(generator)) {
        return false;
    }
    const struct gen_item *item = generator->order[generator->order_at++].item;
    size_t length = gen_write(generator, item, generator->line);
    *out = (struct assay_generated){.time_ms = item->time_ms};
    if (item->bad != GEN_GOOD) {
        length = gen_spoil(item, length, generator->line);
    } else {
        out->key.ptr = generator->key;
        out->key.len = (uint32_t)snprintf(generator->key, sizeof generator->key, "u%u", item->user);
    }
    out->line = (struct assay_str){.ptr = generator->line, .len = (uint32_t)length};
    return true;
}

bool assay_generator_next_label(struct assay_generator *generator, struct assay_label *out)
{
    static const char *const names[] = {
        [GEN_DPD30] = "dpd30",   [GEN_DPD60] = "dpd60",     [GEN_DPD90] = "dpd90",
        [GEN_REPAID] = "repaid", [GEN_CHURNED] = "churned", [GEN_RESPONDED] = "responded"};
    ASSAY_ASSERT(generator != NULL && out != NULL);
    if (generator->read_chunk == NULL) {
        generator->read_chunk = generator->first_chunk;
    } else if (generator->read_at == GEN_LABEL_CHUNK && generator->read_chunk->next != NULL) {
        generator->read_chunk = generator->read_chunk->next;
        generator->read_at = 0;
    }
    if (generator->read_chunk == NULL || generator->read_at == generator->read_chunk->count) {
        return false;
    }
    const struct gen_label_record *record = &generator->read_chunk->records[generator->read_at++];
    const int user =
        snprintf(generator->label_user, sizeof generator->label_user, "u%u", record->user);
    const int id = snprintf(generator->label_id, sizeof generator->label_id, "u%u-%u", record->user,
                            record->number);
    *out = (struct assay_label){
        .user = {.ptr = generator->label_user, .len = (uint32_t)user},
        .event_id = {.ptr = generator->label_id, .len = (uint32_t)id},
        .name = names[record->name],
        .event_ms = record->event_ms,
        .known_ms = record->event_ms + (int64_t)record->known_after_s * 1000,
        .value = record->value != 0,
        .truth = (double)record->truth_ppb / 1e9,
    };
    return true;
}

enum assay_status assay_generator_status(const struct assay_generator *generator)
{
    return generator->status;
}

void assay_generator_progress(const struct assay_generator *generator, uint32_t *day)
{
    const uint32_t now = (uint32_t)generator->day;
    *day = now > generator->options.days ? generator->options.days : now;
}

static enum assay_status out_of_range(struct assay_err *err, const char *option,
                                      const char *allowed)
{
    (void)assay_err_set(err, ASSAY_E_RANGE, option, "out of range");
    assay_err_allowed(err, "%s", allowed);
    return ASSAY_E_RANGE;
}

static bool is_share(double share)
{
    return share >= 0 && share <= 1; /* false for NaN */
}

static enum assay_status check_options(const struct assay_generate_options *options,
                                       struct assay_err *err)
{
    if (options->users == 0 || options->users > 10000000) {
        return out_of_range(err, "users", "1 to 10,000,000");
    }
    if (options->days == 0 || options->days > 3650) {
        return out_of_range(err, "days", "1 to 3,650");
    }
    if (options->start_ms < 0 || options->start_ms > INT64_C(4102444800000) ||
        options->start_ms % GEN_DAY_MS != 0) {
        return out_of_range(err, "start", "a date from 1970-01-01 to 2100-01-01");
    }
    if (!is_share(options->late_share)) {
        return out_of_range(err, "late", "0 to 1");
    }
    if (!is_share(options->duplicate_share)) {
        return out_of_range(err, "duplicate", "0 to 1");
    }
    if (!is_share(options->skewed_share)) {
        return out_of_range(err, "skewed", "0 to 1");
    }
    return is_share(options->malformed_share) ? ASSAY_OK : out_of_range(err, "malformed", "0 to 1");
}

enum assay_status assay_generator_create(struct assay_generator **out, struct assay_arena *arena,
                                         const struct assay_generate_options *options,
                                         struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && arena != NULL && options != NULL);
    *out = NULL;
    const enum assay_status status = check_options(options, err);
    if (status != ASSAY_OK) {
        return status;
    }
    struct assay_generator *generator = assay_arena_alloc(arena, sizeof *generator);
    struct gen_person *people = assay_arena_array(arena, (size_t)options->users, sizeof *people);
    if (generator == NULL || people == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "users", "no memory for so many people");
    }
    const uint32_t users = (uint32_t)options->users;
    generator->arena = arena;
    generator->options = *options;
    generator->people = people;
    generator->farms = 1 + users / 1000;
    generator->employers = 1 + users / 40;
    generator->merchants = 40 + users / 60; /* of one trade */
    generator->nats = 2 + users / 300;      /* of one carrier */
    for (uint32_t i = 0; i < users; i++) {
        gen_person_init(generator, &people[i], i);
    }
    *out = generator;
    return ASSAY_OK;
}
