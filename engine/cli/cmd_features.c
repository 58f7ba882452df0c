#include "engine/cli/command.h"
#include "engine/cli/inspect_pvt.h"
#include "engine/cli/progress.h"
#include "engine/cli/show.h"

#include "engine/base/suggest.h"
#include "engine/runtime/replay.h"

#include <inttypes.h>

/*
 * assay features: replay, and then look inside before the state is let go. The replay is that of
 * `assay replay`, without policies, which change no feature.
 */

enum {
    HOT_COUNTERS = 1024, /* an entity and shard: no count is off by more than 1/1024 of all */
    NEAR_MAX = 3,        /* names shown for one that is unknown */
    KEYS_COMPARED_MAX = 4000000,
};

struct features_options {
    const char *folder;
    struct assay_words inputs;
    const char *recorded;
    const char *entity;
    const char *at;
    bool definitions;
    uint64_t hot;
    uint64_t shards;
    bool json;
};

struct asked {
    const struct features_options *given;
    const struct assay_config *config;
    const struct assay_plan_views *views;
    struct assay_arena *arena;
    struct assay_str key; /* ptr NULL: the store as a whole */
    uint32_t entity;      /* ASSAY_NONE: the one that has the key */
    int64_t at_ms;
};

static enum assay_status no_memory(struct assay_err *err)
{
    return assay_err_set(err, ASSAY_E_NO_MEMORY, "features", "out of memory");
}

/* --- what is asked ---------------------------------------------------------------------------- */

static enum assay_status read_entity(struct asked *asked, struct assay_err *err)
{
    const struct assay_schema *schema = asked->config->schema;
    asked->entity = ASSAY_NONE;
    if (asked->given->entity == NULL) {
        return ASSAY_OK;
    }
    const struct assay_str name = assay_str_of(asked->given->entity);
    asked->entity = assay_schema_entity(schema, name);
    if (asked->entity != ASSAY_NONE) {
        return ASSAY_OK;
    }
    struct assay_suggest suggest = {.word = name};
    char names[192] = "";
    size_t used = 0;
    for (uint32_t e = 0; e < schema->entity_count && used < sizeof names; e++) {
        const struct assay_str entity = schema->entities[e].name;
        assay_suggest_offer(&suggest, entity);
        const int wrote = snprintf(names + used, sizeof names - used, "%s%.*s", e == 0 ? "" : ", ",
                                   (int)entity.len, entity.ptr);
        used += wrote < 0 ? 0 : (size_t)wrote;
    }
    (void)assay_err_set(err, ASSAY_E_USAGE, "--entity", "no entity of this name is defined");
    assay_err_value(err, "%s", asked->given->entity);
    assay_err_allowed(err, "%s", names);
    if (suggest.best.ptr != NULL) {
        assay_err_remedy(err, "did you mean \"%.*s\"?", (int)suggest.best.len, suggest.best.ptr);
    }
    return ASSAY_E_USAGE;
}

static enum assay_status read_at(struct asked *asked, struct assay_err *err)
{
    char day[40];
    const char *text = asked->given->at;
    asked->at_ms = ASSAY_AT_NEWEST;
    if (text == NULL) {
        return ASSAY_OK;
    }
    if (strlen(text) == strlen("2026-03-01") && strchr(text, '-') != NULL) {
        (void)snprintf(day, sizeof day, "%sT00:00:00Z", text);
        text = day;
    }
    if (assay_time_parse(assay_str_of(text), &asked->at_ms)) {
        return ASSAY_OK;
    }
    (void)assay_err_set(err, ASSAY_E_USAGE, "--at", "not a time");
    assay_err_value(err, "%s", asked->given->at);
    assay_err_allowed(err, "2026-03-01T10:00:00Z, 2026-03-01T18:00:00.000+08:00, 2026-03-01 (its "
                           "first ms in UTC), or ms since the epoch below 2^53");
    return ASSAY_E_USAGE;
}

static enum assay_status read_request(struct asked *asked, const struct assay_words *operands,
                                      struct assay_err *err)
{
    const struct features_options *given = asked->given;
    if (operands->count > 1) {
        (void)assay_err_set(err, ASSAY_E_USAGE, operands->items[1], "one key at a time");
        return ASSAY_E_USAGE;
    }
    if (operands->count == 1 && operands->items[0][0] == '\0') {
        return assay_err_set(err, ASSAY_E_USAGE, "KEY", "a key is not empty");
    }
    if (operands->count == 1) {
        asked->key = assay_str_of(operands->items[0]);
    } else if (given->entity != NULL || given->at != NULL || given->definitions) {
        (void)assay_err_set(err, ASSAY_E_USAGE, "features",
                            "--entity, --at and --definitions are about one key");
        assay_err_remedy(err, "give the KEY before the options");
        return ASSAY_E_USAGE;
    }
    const enum assay_status status = read_entity(asked, err);
    return status == ASSAY_OK ? read_at(asked, err) : status;
}

/* --- a key ------------------------------------------------------------------------------------ */

/* The keys most like the one that is unknown; by distance, then by bytes: never by their place. */
struct near {
    struct assay_str word;
    uint64_t keys;
    size_t count;
    struct assay_suggest found[NEAR_MAX + 1];
    const struct assay_schema *schema;
};

static void offer_key(void *context, struct assay_str key)
{
    struct near *near = context;
    struct assay_suggest one = {.word = near->word};
    if (near->keys++ >= KEYS_COMPARED_MAX) {
        return;
    }
    assay_suggest_offer(&one, key);
    bool known = one.best.ptr == NULL;
    for (size_t i = 0; i < near->count; i++) {
        known = known || assay_str_equal(near->found[i].best, key); /* of another entity */
    }
    if (known) {
        return;
    }
    size_t place = near->count;
    while (place > 0 && (one.distance < near->found[place - 1].distance ||
                         (one.distance == near->found[place - 1].distance &&
                          assay_str_compare(key, near->found[place - 1].best) < 0))) {
        near->found[place] = near->found[place - 1];
        place--;
    }
    near->found[place] = one;
    near->count += near->count < NEAR_MAX ? 1 : 0;
}

static struct assay_store *owner_of(const struct asked *asked,
                                    const struct assay_pipeline *pipeline, uint32_t entity,
                                    uint32_t shards, uint32_t *shard)
{
    *shard = assay_shard_of(entity, asked->key, shards);
    return assay_pipeline_store(pipeline, *shard);
}

static bool is_known(const struct asked *asked, const struct assay_pipeline *pipeline,
                     uint32_t entity, uint32_t shards)
{
    uint32_t shard = 0;
    struct assay_key_facts facts;
    const struct assay_store *store = owner_of(asked, pipeline, entity, shards, &shard);
    assay_store_key_facts(store, entity, asked->key, &facts);
    return facts.known;
}

/* Keys come from outside, so they are shown as keys are shown everywhere. */
static void name_near_keys(const struct near *near, size_t size, char out[])
{
    FILE *text = assay_show_open(out, size);
    for (size_t i = 0; i < near->count; i++) {
        (void)fputs(i == 0 ? "; did you mean " : i + 1 == near->count ? " or " : ", ", text);
        (void)assay_show_text(near->found[i].best, text);
    }
    (void)fputs(near->count > 0 ? "?" : "", text);
    (void)fclose(text);
}

static enum assay_status unknown_key(const struct asked *asked,
                                     const struct assay_pipeline *pipeline, uint32_t shards,
                                     struct assay_err *err)
{
    const struct assay_schema *schema = asked->config->schema;
    struct near near = {.word = asked->key};
    char names[200] = "";
    char gone[40] = "";
    uint64_t expired = 0; /* keys, each as often as it came */
    const bool one = asked->entity != ASSAY_NONE;
    (void)assay_err_set(err, ASSAY_E_UNKNOWN, "features", "no event names this key");
    assay_err_value(err, "%.*s", (int)asked->key.len, asked->key.ptr);
    for (uint32_t e = 0; one && e < schema->entity_count; e++) {
        if (is_known(asked, pipeline, e, shards)) {
            assay_err_remedy(err, "it is a key of entity \"%.*s\", not of \"%s\"",
                             (int)schema->entities[e].name.len, schema->entities[e].name.ptr,
                             asked->given->entity);
            return ASSAY_E_UNKNOWN;
        }
    }
    for (uint32_t e = 0; e < schema->entity_count; e++) {
        for (uint32_t s = 0; s < shards && (!one || e == asked->entity); s++) {
            const struct assay_store *store = assay_pipeline_store(pipeline, s);
            struct assay_store_stats stats;
            assay_store_visit_keys(store, e, offer_key, &near);
            assay_store_stats(store, &stats);
            expired += stats.entity_expired[e];
        }
    }
    if (expired > 0) {
        (void)snprintf(gone, sizeof gone, ", %" PRIu64 " more expired", expired);
    }
    name_near_keys(&near, sizeof names, names);
    if (one) {
        assay_err_remedy(err, "entity \"%s\" has %" PRIu64 " keys%s%s", asked->given->entity,
                         near.keys, gone, names);
    } else {
        assay_err_remedy(err, "there are %" PRIu64 " keys%s%s", near.keys, gone, names);
    }
    return ASSAY_E_UNKNOWN;
}

/* The entity asked for, or the only one that has the key. */
static enum assay_status find_key(const struct asked *asked, const struct assay_pipeline *pipeline,
                                  uint32_t shards, uint32_t *entity, struct assay_err *err)
{
    const struct assay_schema *schema = asked->config->schema;
    char names[192] = "";
    size_t used = 0;
    uint32_t found = 0;
    for (uint32_t e = 0; e < schema->entity_count; e++) {
        if ((asked->entity != ASSAY_NONE && asked->entity != e) ||
            !is_known(asked, pipeline, e, shards)) {
            continue;
        }
        const struct assay_str name = schema->entities[e].name;
        if (used < sizeof names) {
            const int wrote = snprintf(names + used, sizeof names - used, "%s%.*s",
                                       found == 0 ? "" : ", ", (int)name.len, name.ptr);
            used += wrote < 0 ? 0 : (size_t)wrote;
        }
        *entity = e;
        found++;
    }
    if (found == 0) {
        return unknown_key(asked, pipeline, shards, err);
    }
    if (found > 1) {
        (void)assay_err_set(err, ASSAY_E_USAGE, "features", "several entities have this key");
        assay_err_value(err, "%.*s", (int)asked->key.len, asked->key.ptr);
        assay_err_allowed(err, "%s", names);
        assay_err_remedy(err, "say which with --entity");
        return ASSAY_E_USAGE;
    }
    return ASSAY_OK;
}

static enum assay_status look_at_key(const struct asked *asked,
                                     const struct assay_pipeline *pipeline, uint32_t shards,
                                     struct assay_err *err)
{
    struct inspect_key_report report = {
        .plan = asked->config->plan,
        .views = asked->views,
        .key = asked->key,
        .at_newest = asked->given->at == NULL,
        .definitions = asked->given->definitions,
    };
    const enum assay_status status = find_key(asked, pipeline, shards, &report.entity, err);
    if (status != ASSAY_OK) {
        return status;
    }
    struct assay_store *store = owner_of(asked, pipeline, report.entity, shards, &report.shard);
    assay_store_key_facts(store, report.entity, asked->key, &report.facts);
    if (!assay_store_inspect(store, report.entity, asked->key, asked->at_ms, asked->arena,
                             &report.seen)) {
        return no_memory(err);
    }
    if (asked->given->json) {
        assay_inspect_print_key_json(&report, stdout);
    } else {
        assay_inspect_print_key(&report, stdout);
    }
    return ASSAY_OK;
}

/* --- the store -------------------------------------------------------------------------------- */

/* A key lives on one shard, so lists of shards have none in common: the hottest of all are the
 * hottest of their lists. */
static size_t merge_hot(struct assay_hot_key into[], size_t count, size_t max,
                        const struct assay_hot_key from[], size_t from_count)
{
    for (size_t i = 0; i < from_count; i++) {
        size_t place = count;
        while (place > 0 && (from[i].count > into[place - 1].count ||
                             (from[i].count == into[place - 1].count &&
                              assay_str_compare(from[i].key, into[place - 1].key) < 0))) {
            place--;
        }
        if (place == max) {
            continue;
        }
        count += count < max ? 1 : 0;
        memmove(&into[place + 1], &into[place], (count - 1 - place) * sizeof *into);
        into[place] = from[i];
    }
    return count;
}

static enum assay_status look_at_store(const struct asked *asked,
                                       const struct assay_pipeline *pipeline, uint32_t shards,
                                       struct assay_err *err)
{
    const uint32_t entities = asked->config->schema->entity_count;
    const size_t max = asked->given->hot;
    struct assay_arena *arena = asked->arena;
    struct assay_entity_facts *facts = assay_arena_array(arena, entities + 1U, sizeof *facts);
    struct assay_hot_key *hot = assay_arena_array(arena, (entities + 1U) * (max + 1), sizeof *hot);
    struct assay_hot_key *one = assay_arena_array(arena, max + 1, sizeof *one);
    size_t *counts = assay_arena_array(arena, entities + 1U, sizeof *counts);
    uint64_t *totals = assay_arena_array(arena, entities + 1U, sizeof *totals);
    uint64_t *unlisted = assay_arena_array(arena, entities + 1U, sizeof *unlisted);
    if (facts == NULL || hot == NULL || one == NULL || counts == NULL || totals == NULL ||
        unlisted == NULL) {
        return no_memory(err);
    }
    struct inspect_store_report report = {
        .plan = asked->config->plan,
        .shards = shards,
        .entities = facts,
        .hot_max = max,
        .hot_counts = counts,
        .hot = hot,
        .hot_totals = totals,
        .hot_unlisted = unlisted,
    };
    for (uint32_t s = 0; s < shards; s++) {
        const struct assay_store *store = assay_pipeline_store(pipeline, s);
        struct assay_store_stats part;
        assay_store_stats(store, &part);
        assay_store_stats_add(&report.stats, &part);
        assay_store_entity_facts(store, facts);
        assay_store_memory_facts(store, &report.memory);
        for (uint32_t e = 0; e < entities; e++) {
            const struct assay_hot_keys *sketch = assay_store_hot_keys(store, e);
            const uint64_t bound = assay_hot_keys_unlisted_max(sketch);
            counts[e] = merge_hot(&hot[e * max], counts[e], max, one,
                                  assay_hot_keys_list(sketch, max, one));
            totals[e] += assay_hot_keys_total(sketch);
            unlisted[e] = bound > unlisted[e] ? bound : unlisted[e];
        }
    }
    if (asked->given->json) {
        assay_inspect_print_store_json(&report, stdout);
    } else {
        assay_inspect_print_store(&report, stdout);
    }
    return ASSAY_OK;
}

/* --- the command ------------------------------------------------------------------------------ */

static enum assay_status look(void *context, const struct assay_pipeline *pipeline, uint32_t shards,
                              struct assay_err *err)
{
    const struct asked *asked = context;
    assay_cli_progress_clear();
    return asked->key.ptr != NULL ? look_at_key(asked, pipeline, shards, err)
                                  : look_at_store(asked, pipeline, shards, err);
}

static void show_progress(void *context, const struct assay_replay_progress *progress)
{
    (void)context;
    assay_cli_progress(progress->bytes_done, progress->bytes_total, progress->events,
                       progress->seconds);
}

/* What a value does not rest on although a reader may think so. */
static void print_note(const struct assay_run_summary *summary)
{
    uint64_t dead = 0;
    for (int reason = 0; reason < ASSAY_DEAD_END; reason++) {
        dead += summary->stats.dead[reason];
    }
    if (dead != 0) {
        (void)fprintf(stderr,
                      "assay: note: %" PRIu64 " of %" PRIu64 " messages were set aside; `assay "
                      "replay` counts them by reason, and with --dead-letters lists them\n",
                      dead, summary->stats.messages);
    }
}

static int run_asked(struct asked *asked)
{
    const struct features_options *given = asked->given;
    /* A record is told apart by its policies too; without one they would only take time. */
    struct assay_config plain = *asked->config;
    plain.policies = given->recorded == NULL ? NULL : plain.policies;
    const struct assay_replay_options options = {
        .config = &plain,
        .inputs = given->inputs.items,
        .input_count = given->inputs.count,
        .recorded = given->recorded,
        .shards = (uint32_t)given->shards,
        .stop = assay_cli_stop_flag(),
        .progress = show_progress,
        .look = look,
        .hot_keys = asked->key.ptr == NULL ? HOT_COUNTERS : 0,
        .context = asked,
    };
    static struct assay_run_summary summary;
    struct assay_err err = {0};
    const enum assay_status status = assay_replay(&options, &summary, &err);
    assay_cli_progress_clear();
    if (status == ASSAY_OK || status == ASSAY_E_UNKNOWN) {
        print_note(&summary);
    }
    if (status == ASSAY_E_USAGE && given->recorded == NULL && given->inputs.count == 0) {
        (void)assay_err_set(&err, ASSAY_E_USAGE, "features", "from which events?");
        assay_err_remedy(&err, "give --input FILE..., or --recorded STATE");
    }
    if (status == ASSAY_E_NOT_FOUND && asked->key.ptr == NULL && given->inputs.count > 1) {
        assay_err_remedy(&err, "every word after --input is a file: write the KEY before it");
    }
    return status == ASSAY_OK ? ASSAY_EXIT_OK : assay_cli_fail(&err);
}

struct call {
    const struct features_options *given;
    const struct assay_words *operands;
};

static int features(struct assay_arena *arena, const void *read)
{
    const struct call *call = read;
    struct assay_err err = {0};
    const struct assay_config *config = assay_cli_load(arena, call->given->folder);
    if (config == NULL) {
        return ASSAY_EXIT_CONFIG;
    }
    struct asked asked = {.given = call->given,
                          .config = config,
                          .views = assay_plan_views_create(arena, config->plan),
                          .arena = arena};
    if (asked.views == NULL) {
        (void)no_memory(&err);
        return assay_cli_fail(&err);
    }
    if (read_request(&asked, call->operands, &err) != ASSAY_OK) {
        return assay_cli_fail(&err);
    }
    return run_asked(&asked);
}

static int run(const void *options, const struct assay_words *operands)
{
    const struct call call = {.given = options, .operands = operands};
    return assay_cli_with_arena(features, &call);
}

static const struct features_options features_defaults = {.folder = "config", .hot = 10};

#define AT(member) offsetof(struct features_options, member)

static const struct assay_option features_table[] = {
    ASSAY_CLI_OPTION_CONFIG(struct features_options),
    {.name = "input",
     .letter = 'i',
     .kind = ASSAY_OPTION_WORDS,
     .offset = AT(inputs),
     .value = "FILE",
     .text = "JSON lines, plain or zstd; - is standard input"},
    {.name = "recorded",
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(recorded),
     .value = "STATE",
     .text = "take the events that a run recorded in this folder"},
    {.name = "entity",
     .letter = 'e',
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(entity),
     .value = "NAME",
     .text = "whose key it is; needed when several entities have it"},
    {.name = "at",
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(at),
     .value = "TIME",
     .text = "as of this time: RFC 3339, a day, or ms; without it the key's newest applied time"},
    {.name = "definitions",
     .kind = ASSAY_OPTION_FLAG,
     .offset = AT(definitions),
     .text = "show how each feature is defined, and each aggregate it rests on"},
    {.name = "hot",
     .kind = ASSAY_OPTION_COUNT,
     .offset = AT(hot),
     .value = "N",
     .text = "without KEY: list so many hot keys of each entity",
     .min = 0,
     .max = HOT_COUNTERS},
    ASSAY_CLI_OPTION_SHARDS(struct features_options, "threads; the values do not depend on it"),
    ASSAY_CLI_OPTION_JSON(struct features_options, "print JSON instead of a table"),
};

const struct assay_command assay_command_features = {
    .name = "features",
    .summary = "show why each feature of a key has its value, or what the store holds",
    .usage = "KEY [--entity NAME] [--at TIME] [--definitions] [-c DIR] --input FILE... [--json]\n"
             "KEY ... --recorded STATE\n"
             "[-c DIR] --input FILE... [--hot N] [--json]",
    .text =
        "Replays the events and shows every feature of the key: its value and state, its window,\n"
        "how many events it rests on, and when the newest of them was. A time in the past is\n"
        "answered as of then, as far back as logs reach; beyond that a state is `expired`. "
        "Without\n"
        "a KEY it shows keys and bytes by entity, memory, counters, and the keys named most.",
    .examples = "assay features u17 -c config --input events.jsonl\n"
                "assay features u17 --at 2026-01-30T08:00:00Z -c config --input events.jsonl\n"
                "assay features m0 --entity merchant --definitions -c config --input events.jsonl\n"
                "assay features -c config --input events.jsonl --hot 5\n",
    .options = features_table,
    .option_count = sizeof features_table / sizeof features_table[0],
    .options_bytes = sizeof(struct features_options),
    .defaults = &features_defaults,
    .operands = "KEY",
    .run = run,
};
