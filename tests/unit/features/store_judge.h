/*
 * tests/unit/features/store_judge.h - features recomputed from their definitions: all events in one
 * list, every feature from the whole list, in doubles that are small enough to be exact.
 */
#ifndef ASSAY_TESTS_STORE_JUDGE_H
#define ASSAY_TESTS_STORE_JUDGE_H

#include "engine/base/number.h"
#include "store_kit.h"

enum { FACTS_MAX = 1 << 17, SPECS_MAX = 96, USERS = 3, TEXT_BYTES = 240, MEMORY = 1 << 26 };

/* One event, readable without the store's types. */
struct fact {
    int type;
    int64_t time_ms;
    const char *id; /* NULL: none */
    int keys[2];    /* users; -1: null (or a shop) */
    bool has[KIT_FIELDS];
    int64_t amount, n, ok;
    double real;
    const char *channel;
    const char *tag;
    bool gone[USERS]; /* refused for this user, or forgotten with it */
};

/* Which definitions a world may have: what decides whether events are kept, folded or dropped. */
enum flavour { ANYTHING, FOLDING, WINDOWS };

enum where { WHERE_NONE, WHERE_NOT_OK, WHERE_LARGE, WHERE_CHANNEL, WHERE_END };
static const char *const where_texts[] = {"", "where not ok", "where amount > 3 or ok",
                                          "where channel in ['b', 'c'] and n is not null"};

struct spec {
    enum assay_agg_kind kind;
    int type;
    int role;
    int column; /* -1: none */
    enum where where;
    bool exclude;
    int64_t span_ms, delay_ms;
    int64_t session_ms; /* 0: no session */
    bool since;         /* the last event of this type and role that passes this */
    int since_type, since_role;
    enum where since_where;
    uint32_t last_n;
    uint32_t back; /* of lag */
    char name[24];
    char full_name[32];
    char text[TEXT_BYTES];
};

struct world {
    uint64_t seed;
    int64_t lateness_ms;
    int64_t expire_ms;
    struct spec specs[SPECS_MAX];
    size_t spec_count;
    struct fact *facts; /* applied so far, in order of time and ties */
    size_t fact_count;
    int64_t newest[USERS];
};

static const char *user_name(int user)
{
    static const char *const names[USERS] = {"u0", "user one", "the third user of them all"};
    return names[user];
}

/* ---- the definitions, word by word ---- */

static int order_text(const char *a, const char *b)
{
    if (a == NULL || b == NULL) {
        return (a != NULL) - (b != NULL);
    }
    return strcmp(a, b);
}

static int order_number(bool has_a, double a, bool has_b, double b)
{
    if (!has_a || !has_b) {
        return (has_a ? 1 : 0) - (has_b ? 1 : 0);
    }
    return (a > b) - (a < b);
}

static int order_facts(const struct fact *a, const struct fact *b)
{
    if (a->time_ms != b->time_ms) {
        return a->time_ms < b->time_ms ? -1 : 1;
    }
    int order = order_text(a->id, b->id);
    for (int k = 0; k < 2 && order == 0; k++) {
        order = order_text(a->has[k] ? user_name(a->keys[k]) : NULL,
                           b->has[k] ? user_name(b->keys[k]) : NULL);
    }
    const double left[] = {(double)a->amount, (double)a->n, a->real, (double)a->ok};
    const double right[] = {(double)b->amount, (double)b->n, b->real, (double)b->ok};
    for (int f = 0; f < 4 && order == 0; f++) {
        order = order_number(a->has[KIT_AMOUNT + f], left[f], b->has[KIT_AMOUNT + f], right[f]);
    }
    if (order == 0) {
        order = order_text(a->has[KIT_CHANNEL] ? a->channel : NULL,
                           b->has[KIT_CHANNEL] ? b->channel : NULL);
    }
    return order != 0
               ? order
               : order_text(a->has[KIT_TAG] ? a->tag : NULL, b->has[KIT_TAG] ? b->tag : NULL);
}

static bool names(const struct fact *fact, int user)
{
    return !fact->gone[user] &&
           (fact->keys[0] == user || (fact->has[KIT_OTHER] && fact->keys[1] == user));
}

static bool holds(enum where where, const struct fact *fact)
{
    switch ((int)where) {
    case WHERE_NOT_OK:
        return fact->has[KIT_OK] && fact->ok == 0;
    case WHERE_LARGE:
        return (fact->has[KIT_AMOUNT] && fact->amount > 300) ||
               (fact->has[KIT_OK] && fact->ok == 1);
    case WHERE_CHANNEL:
        return fact->has[KIT_CHANNEL] && fact->has[KIT_N] &&
               (strcmp(fact->channel, "b") == 0 || strcmp(fact->channel, "c") == 0);
    default:
        return true;
    }
}

/* Time of the touch that begins what the key remembers; false: nothing is remembered. */
static bool remembers(const struct world *world, int user, int64_t t, int64_t *since)
{
    int64_t later = t;
    bool any = false;
    for (size_t i = world->fact_count; i > 0; i--) {
        const struct fact *fact = &world->facts[i - 1];
        if (fact->time_ms > t || !names(fact, user)) {
            continue;
        }
        if (world->expire_ms != 0 && later - fact->time_ms > world->expire_ms) {
            break;
        }
        later = fact->time_ms;
        any = true;
    }
    *since = later;
    return any;
}

static double number_of(const struct fact *fact, int column)
{
    switch (column) {
    case KIT_AMOUNT:
        return (double)fact->amount / 100;
    case KIT_N:
        return (double)fact->n;
    case KIT_REAL:
        return fact->real == 0 ? 0 : fact->real;
    default:
        return (double)fact->ok;
    }
}

static bool same_value(const struct fact *a, const struct fact *b, int column)
{
    if (column == KIT_CHANNEL || column == KIT_TAG) {
        return strcmp(column == KIT_TAG ? a->tag : a->channel,
                      column == KIT_TAG ? b->tag : b->channel) == 0;
    }
    return number_of(a, column) == number_of(b, column);
}

static bool is_in_role(const struct fact *fact, int type, int role, int user)
{
    return fact->type == type && fact->has[role] && fact->keys[role] == user && !fact->gone[user];
}

/* Does @p fact come after @p mark? Events of two types are ordered by type before fields. */
static bool is_after(const struct fact *fact, const struct fact *mark)
{
    if (fact->type == mark->type) {
        return order_facts(fact, mark) > 0;
    }
    if (fact->time_ms != mark->time_ms) {
        return fact->time_ms > mark->time_ms;
    }
    const int order = order_text(fact->id, mark->id);
    return order != 0 ? order > 0 : fact->type > mark->type;
}

struct answer {
    double number;
    const char *text;
};

/* Spread of integers so small that all of this is exact but the last division and the root. */
static double spread(enum assay_agg_kind kind, int column, const struct fact *const values[],
                     size_t count)
{
    const double scale = column == KIT_AMOUNT ? 100 : 1;
    const double n = (double)count;
    double sum = 0, squares = 0, least = 0, greatest = 0;
    for (size_t i = 0; i < count; i++) {
        const double x = (double)(column == KIT_AMOUNT ? values[i]->amount : values[i]->n);
        sum += x;
        squares += x * x;
        least = i == 0 || x < least ? x : least;
        greatest = i == 0 || x > greatest ? x : greatest;
    }
    const bool sample = kind == ASSAY_AGG_VAR_SAMP || kind == ASSAY_AGG_STDDEV_SAMP;
    if (count == 0 || (sample && count == 1)) {
        return (double)NAN;
    }
    if (kind == ASSAY_AGG_RANGE) {
        return (greatest - least) / scale;
    }
    const double variance = (n * squares - sum * sum) / (n * (sample ? n - 1 : n) * scale * scale);
    if (kind == ASSAY_AGG_VAR_POP || kind == ASSAY_AGG_VAR_SAMP) {
        return variance;
    }
    if (kind == ASSAY_AGG_CV) {
        return sum == 0 ? (double)NAN : sqrt(variance) / (sum / (n * scale));
    }
    return sqrt(variance);
}

static double rhythm(enum assay_agg_kind kind, const struct fact *const values[], size_t count)
{
    double sum = 0, squares = 0, longest = 0;
    for (size_t i = 1; i < count; i++) {
        const double gap = (double)(values[i]->time_ms - values[i - 1]->time_ms);
        sum += gap;
        squares += gap * gap;
        longest = gap > longest ? gap : longest;
    }
    const double gaps = (double)count - 1;
    if (count < 2 || (count == 2 && kind == ASSAY_AGG_INTERARRIVAL_STD)) {
        return (double)NAN;
    }
    return kind == ASSAY_AGG_LONGEST_GAP ? longest
           : kind == ASSAY_AGG_INTERARRIVAL_MEAN
               ? sum / gaps
               : sqrt((gaps * squares - sum * sum) / (gaps * (gaps - 1)));
}

/* @p current is of the aggregate's events, or NULL. */
static double novelty(const struct spec *spec, const struct fact *const values[], size_t count,
                      const struct fact *current)
{
    if (current == NULL || !current->has[spec->column]) {
        return (double)NAN;
    }
    for (size_t i = 0; i < count; i++) {
        if (values[i] != current && same_value(values[i], current, spec->column)) {
            return 0;
        }
    }
    return 1;
}

static const struct fact *edge_of(const struct spec *spec, const struct fact *const values[],
                                  size_t count)
{
    const bool first = spec->kind == ASSAY_AGG_FIRST || spec->kind == ASSAY_AGG_TIME_SINCE_FIRST;
    const size_t back = spec->kind == ASSAY_AGG_LAG ? spec->back : 0;
    if (count <= back) {
        return NULL;
    }
    return values[first ? 0 : count - 1 - back];
}

/* Values in order, nulls gone, to the result. */
static struct answer conclude(const struct spec *spec, const struct fact *const values[],
                              size_t count, int64_t t, const struct fact *current)
{
    struct answer answer = {.number = (double)NAN};
    assay_int128 sum = 0; /* and quotients in more bits than a double has: it is rounded once */
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++) {
        sum += spec->column == KIT_AMOUNT ? values[i]->amount : values[i]->n;
        size_t j = 0;
        while (spec->kind == ASSAY_AGG_COUNT_DISTINCT && j < i &&
               !same_value(values[i], values[j], spec->column)) {
            j++;
        }
        distinct += j == i ? 1 : 0;
    }
    const double scale = spec->column == KIT_AMOUNT ? 100 : 1;
    const struct fact *edge = edge_of(spec, values, count);
    switch ((int)spec->kind) {
    case ASSAY_AGG_RANGE:
    case ASSAY_AGG_VAR_POP:
    case ASSAY_AGG_VAR_SAMP:
    case ASSAY_AGG_STDDEV_POP:
    case ASSAY_AGG_STDDEV_SAMP:
    case ASSAY_AGG_CV:
        answer.number = spread(spec->kind, spec->column, values, count);
        break;
    case ASSAY_AGG_INTERARRIVAL_MEAN:
    case ASSAY_AGG_INTERARRIVAL_STD:
    case ASSAY_AGG_LONGEST_GAP:
        answer.number = rhythm(spec->kind, values, count);
        break;
    case ASSAY_AGG_IS_NEW:
        answer.number = novelty(spec, values, count, current);
        break;
    case ASSAY_AGG_COUNT:
        answer.number = (double)count;
        break;
    case ASSAY_AGG_SUM:
        answer.number = (double)((__float128)sum / scale);
        break;
    case ASSAY_AGG_AVG:
        answer.number = count == 0
                            ? (double)NAN
                            : (double)((__float128)sum / (__float128)(scale * (double)count));
        break;
    case ASSAY_AGG_MIN:
    case ASSAY_AGG_MAX:
        for (size_t i = 0; i < count; i++) {
            const double x = number_of(values[i], spec->column);
            const bool better = spec->kind == ASSAY_AGG_MIN ? x < answer.number : x > answer.number;
            answer.number = i == 0 || better ? x : answer.number;
        }
        break;
    case ASSAY_AGG_COUNT_DISTINCT:
        answer.number = (double)distinct;
        break;
    case ASSAY_AGG_FIRST:
    case ASSAY_AGG_LAST:
    case ASSAY_AGG_LAG:
        if (edge != NULL && (spec->column == KIT_CHANNEL || spec->column == KIT_TAG)) {
            answer.text = spec->column == KIT_TAG ? edge->tag : edge->channel;
        } else if (edge != NULL) {
            answer.number = number_of(edge, spec->column);
        }
        break;
    default:
        answer.number = edge == NULL ? (double)NAN : (double)(t - edge->time_ms);
        break;
    }
    return answer;
}

/* How many of the events that count lie before the session or the landmark. */
static size_t cut_off(const struct world *world, const struct spec *spec, int user, int64_t since,
                      int64_t t, const struct fact *const chosen[], size_t count)
{
    size_t skip = 0;
    if (spec->session_ms != 0) {
        if (count == 0 || t - chosen[count - 1]->time_ms > spec->session_ms) {
            return count;
        }
        skip = count - 1;
        while (skip > 0 && chosen[skip]->time_ms - chosen[skip - 1]->time_ms <= spec->session_ms) {
            skip--;
        }
    }
    const struct fact *mark = NULL;
    for (size_t i = 0; spec->since && i < world->fact_count; i++) {
        const struct fact *fact = &world->facts[i];
        if (is_in_role(fact, spec->since_type, spec->since_role, user) && fact->time_ms <= t &&
            fact->time_ms >= since && holds(spec->since_where, fact)) {
            mark = fact;
        }
    }
    while (mark != NULL && skip < count && !is_after(chosen[skip], mark)) {
        skip++;
    }
    return skip;
}

static inline struct answer recompute(const struct world *world, const struct spec *spec, int user,
                                      int64_t t, const struct fact *current)
{
    static const struct fact *chosen[FACTS_MAX];
    int64_t since = 0;
    size_t count = 0;
    const bool any = remembers(world, user, t, &since);
    for (size_t i = 0; any && i < world->fact_count; i++) {
        const struct fact *fact = &world->facts[i];
        const bool in_time =
            fact->time_ms <= t - spec->delay_ms && fact->time_ms >= since &&
            (spec->span_ms == 0 || fact->time_ms > t - spec->delay_ms - spec->span_ms);
        if (in_time && is_in_role(fact, spec->type, spec->role, user) && holds(spec->where, fact) &&
            !(spec->exclude && fact == current)) {
            chosen[count++] = fact;
        }
    }
    const size_t skip = spec->last_n != 0
                            ? (count > spec->last_n ? count - spec->last_n : 0)
                            : cut_off(world, spec, user, since, t - spec->delay_ms, chosen, count);
    const bool is_current = current != NULL && is_in_role(current, spec->type, spec->role, user);
    size_t kept = 0;
    for (size_t i = skip; i < count; i++) {
        if (spec->column < 0 || chosen[i]->has[spec->column]) {
            chosen[kept++] = chosen[i];
        }
    }
    return conclude(spec, chosen, kept, t, is_current ? current : NULL);
}

/* Nothing that happened at or before this can be asked for. */
static int64_t horizon_of(const struct world *world, int type, int role, int user)
{
    int64_t retained = 0;
    for (size_t i = 0; i < world->spec_count; i++) {
        const struct spec *other = &world->specs[i];
        if (other->type == type && other->role == role &&
            other->span_ms + other->delay_ms > retained) {
            retained = other->span_ms + other->delay_ms;
        }
        if (other->since && other->since_type == type && other->since_role == role &&
            other->delay_ms > retained) {
            retained = other->delay_ms;
        }
    }
    return world->newest[user] - retained - world->lateness_ms;
}

static inline bool is_answerable(const struct world *world, const struct spec *spec, int user,
                                 int64_t t)
{
    const int64_t from_ms = t - spec->span_ms - spec->delay_ms;
    if (world->newest[user] == INT64_MIN) {
        return true;
    }
    return from_ms >= horizon_of(world, spec->type, spec->role, user) &&
           (!spec->since || from_ms >= horizon_of(world, spec->since_type, spec->since_role, user));
}

#endif
