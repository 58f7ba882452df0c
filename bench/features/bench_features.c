/*
 * bench_features - exact sliding windows through the store: events a second, the time to read a
 * row, and what the machine takes for the memory lines alone. One JSON object on stdout.
 */
#include "bench/features/bench.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: bench_features rate|row|beside|lines [options]\n"
    "  rate   apply events, read all features of the key after each, sum them up\n"
    "  row    fill the store, then read all features of one key of every entity\n"
    "  beside the same as rate by turns without and with a thread that reads rows\n"
    "  lines  read lines of random records, prefetched in groups: the machine's own cost\n"
    "  -c FOLDER       definitions (rate, row, beside)\n"
    "  --keys N        --events N       --mix uniform|zipf|hot|turns\n"
    "  --warm PERCENT  of the events that come before the clock starts\n"
    "  --group N       updates prefetched together\n"
    "  --memory BYTES  reserved for the store\n"
    "  --state BYTES   row: fill up to this; lines: size of all records\n"
    "  --lines N       of a record that are read\n"
    "  --rounds N      beside: turns without and with a reader\n"
    "  --limit S       rate: stop after so many CPU seconds\n"
    "  --write-events FILE  --write-values FILE   what a peer needs to be checked\n";

enum {
    OPTION_KEYS = 256,
    OPTION_EVENTS,
    OPTION_MIX,
    OPTION_WARM,
    OPTION_GROUP,
    OPTION_MEMORY,
    OPTION_STATE,
    OPTION_LINES,
    OPTION_LIMIT,
    OPTION_ROUNDS,
    OPTION_WRITE_EVENTS,
    OPTION_WRITE_VALUES
};

static const struct option option_list[] = {
    {"keys", required_argument, NULL, OPTION_KEYS},
    {"events", required_argument, NULL, OPTION_EVENTS},
    {"mix", required_argument, NULL, OPTION_MIX},
    {"warm", required_argument, NULL, OPTION_WARM},
    {"group", required_argument, NULL, OPTION_GROUP},
    {"memory", required_argument, NULL, OPTION_MEMORY},
    {"state", required_argument, NULL, OPTION_STATE},
    {"lines", required_argument, NULL, OPTION_LINES},
    {"rounds", required_argument, NULL, OPTION_ROUNDS},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"write-events", required_argument, NULL, OPTION_WRITE_EVENTS},
    {"write-values", required_argument, NULL, OPTION_WRITE_VALUES},
    {0}};

static bool number_option(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    char *end = NULL;
    const unsigned long long value = strtoull(text, &end, 10);
    *out = value;
    return end != text && *end == '\0' && value >= low && value <= high;
}

static bool mix_option(const char *text, enum stream_mix *out)
{
    static const char *const names[] = {"uniform", "zipf", "hot", "turns"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum stream_mix)i;
            return true;
        }
    }
    return false;
}

static bool take_option(int which, struct bench_options *options)
{
    switch (which) {
    case 'c':
        options->folder = optarg;
        return true;
    case OPTION_KEYS:
        return number_option(optarg, 1, UINT32_MAX, &options->keys);
    case OPTION_EVENTS:
        return number_option(optarg, 1, UINT64_C(1000000000), &options->events);
    case OPTION_MIX:
        return mix_option(optarg, &options->mix);
    case OPTION_WARM:
        return number_option(optarg, 0, 99, &options->warm_percent);
    case OPTION_GROUP:
        return number_option(optarg, 0, ASSAY_PREFETCH_MAX, &options->group);
    case OPTION_MEMORY:
        return number_option(optarg, 1, UINT64_C(1) << 46, &options->memory_bytes);
    case OPTION_STATE:
        return number_option(optarg, 1, UINT64_C(1) << 40, &options->state_bytes);
    case OPTION_LINES:
        return number_option(optarg, 1, 64, &options->lines);
    case OPTION_LIMIT:
        return number_option(optarg, 0, 86400, &options->limit_s);
    case OPTION_ROUNDS:
        return number_option(optarg, 1, 1000, &options->rounds);
    case OPTION_WRITE_EVENTS:
        options->events_file = optarg;
        return true;
    case OPTION_WRITE_VALUES:
        options->values_file = optarg;
        return true;
    default:
        return false;
    }
}

uint64_t bench_rss_bytes(void)
{
    unsigned long long total = 0;
    unsigned long long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL) {
        return 0;
    }
    if (fscanf(file, "%llu %llu", &total, &resident) != 2) {
        resident = 0;
    }
    (void)fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct assay_str bench_key(char *text, char letter, uint32_t number)
{
    char digits[10];
    uint32_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    text[0] = letter;
    for (uint32_t i = 0; i < count; i++) {
        text[1 + i] = digits[count - 1 - i];
    }
    return (struct assay_str){text, count + 1};
}

bool bench_open(struct bench *bench, const struct bench_options *options)
{
    bench->arena = assay_arena_create((size_t)1 << 28);
    bench->scratch = assay_arena_create((size_t)1 << 24);
    struct assay_diags *diags = bench->arena == NULL ? NULL : assay_diags_create(bench->arena, 20);
    if (diags == NULL || bench->scratch == NULL) {
        (void)fprintf(stderr, "bench_features: out of memory\n");
        return false;
    }
    bench->scratch_start = assay_arena_mark(bench->scratch);
    const struct assay_config *config = assay_config_load(bench->arena, options->folder, diags);
    if (config == NULL || config->plan->feature_count > BENCH_FEATURES_MAX) {
        assay_diags_print(diags, stderr);
        return false;
    }
    bench->plan = config->plan;
    for (uint32_t i = 0; i < bench->plan->feature_count; i++) {
        bench->features[i] = i;
    }
    bench->rss_before_bytes = bench_rss_bytes();
    struct assay_err err = {0};
    const struct assay_spill_settings *spill = &config->settings->spill;
    if (spill->folder.ptr != NULL &&
        assay_spill_files_open(&bench->spill, spill, 1, &err) != ASSAY_OK) {
        (void)fprintf(stderr, "bench_features: %s: %s\n", err.where, err.what);
        return false;
    }
    const struct assay_store_options store_options = {
        .memory_bytes_max = options->memory_bytes,
        .index_seed = 1,
        .spill = bench->spill == NULL ? NULL : assay_spill_files_of(bench->spill, 0),
    };
    if (assay_store_create(&bench->store, bench->plan, &store_options, &err) != ASSAY_OK) {
        (void)fprintf(stderr, "bench_features: no store: %s\n", err.what);
        return false;
    }
    return true;
}

void bench_close(struct bench *bench)
{
    assay_store_destroy(bench->store);
    assay_spill_files_close(bench->spill);
    assay_arena_destroy(bench->scratch);
    assay_arena_destroy(bench->arena);
}

int main(int argc, char *argv[])
{
    struct bench_options options = {.keys = 1000000,
                                    .events = 20000000,
                                    .memory_bytes = UINT64_C(64) << 30,
                                    .state_bytes = UINT64_C(320) << 20,
                                    .lines = 6,
                                    .rounds = 10,
                                    .group = 16};
    int which = 0;
    bool good = true;
    while (good && (which = getopt_long(argc, argv, "c:", option_list, NULL)) != -1) {
        good = take_option(which, &options);
    }
    const char *mode = good && optind + 1 == argc ? argv[optind] : "";
    if (strcmp(mode, "lines") == 0) {
        return bench_lines(&options);
    }
    if (options.folder != NULL && strcmp(mode, "rate") == 0) {
        return bench_rate(&options);
    }
    if (options.folder != NULL && strcmp(mode, "row") == 0) {
        return bench_row(&options);
    }
    if (options.folder != NULL && strcmp(mode, "beside") == 0) {
        return bench_beside(&options);
    }
    (void)fputs(usage, stderr);
    return 64;
}
