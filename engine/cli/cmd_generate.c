#include "engine/base/clock.h"
#include "engine/base/same_file.h"
#include "engine/cli/command.h"
#include "ingest/generate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * assay generate: write a synthetic lender's events and, if asked, their delayed labels. The
 * probabilities that labels were drawn with give the best AUC any model could reach, so a report on
 * this data can say how much of what is knowable a model has found.
 */

enum {
    LABEL_NAMES_MAX = 8,
    GENERATE_DAY_MS = 86400000,
    PROGRESS_EVERY = 20000, /* events */
};

struct generate_options {
    uint64_t users;
    uint64_t days;
    uint64_t seed;
    const char *start;
    double late;
    double duplicate;
    double skewed;
    double malformed;
    const char *output;
    const char *labels;
    bool json;
};

/* One label's draws: a key is the probability in 1e-9 with the outcome in the lowest bit. */
struct draws {
    const char *name;
    uint64_t *keys;
    size_t count;
    size_t room;
    size_t positive;
};

struct totals {
    uint64_t lines;
    uint64_t bytes;
    uint64_t labels;
    struct draws draws[LABEL_NAMES_MAX];
    size_t draw_count;
};

static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t era = y / 400;
    const int64_t of_era = y - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* YYYY-MM-DD, a day that exists. */
static bool read_date(const char *text, int64_t *out_ms)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t parts[3] = {0};
    static const size_t begins[] = {0, 5, 8};
    static const size_t ends[] = {4, 7, 10};
    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-') {
        return false;
    }
    for (size_t p = 0; p < 3; p++) {
        for (size_t i = begins[p]; i < ends[p]; i++) {
            if (text[i] < '0' || text[i] > '9') {
                return false;
            }
            parts[p] = parts[p] * 10 + (text[i] - '0');
        }
    }
    const bool leap = parts[0] % 4 == 0 && (parts[0] % 100 != 0 || parts[0] % 400 == 0);
    if (parts[0] < 1970 || parts[1] < 1 || parts[1] > 12 || parts[2] < 1 ||
        parts[2] > lengths[parts[1] - 1] + (leap && parts[1] == 2 ? 1 : 0)) {
        return false;
    }
    *out_ms = days_from_civil(parts[0], parts[1], parts[2]) * GENERATE_DAY_MS;
    return true;
}

/* An output as messages name it. */
static const char *shown(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard output" : path;
}

static FILE *open_output(const char *path, struct assay_err *err)
{
    if (strcmp(path, "-") == 0) {
        return stdout;
    }
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        (void)assay_err_errno(err, errno, path, "cannot be written");
    }
    return file;
}

/* Close what was opened; a full disk shows here at the latest. */
static enum assay_status close_output(FILE *file, const char *path, struct assay_err *err)
{
    const bool bad = ferror(file) != 0;
    const int closed = file == stdout ? fflush(file) : fclose(file);
    if (!bad && closed == 0) {
        return ASSAY_OK;
    }
    return assay_err_errno(err, errno == 0 ? EIO : errno, shown(path), "cannot be written");
}

static void show_progress(const struct assay_generator *generator, const struct totals *totals,
                          uint64_t days)
{
    uint32_t day = 0;
    assay_generator_progress(generator, &day);
    (void)fprintf(stderr, "\rday %" PRIu32 " of %" PRIu64 ", %" PRIu64 " events ", day, days,
                  totals->lines);
}

static enum assay_status write_events(struct assay_generator *generator,
                                      const struct generate_options *options, FILE *file,
                                      struct totals *totals, struct assay_err *err)
{
    const bool talk = isatty(STDERR_FILENO) != 0;
    struct assay_generated event;
    while (assay_generator_next(generator, &event)) {
        if (fwrite(event.line.ptr, 1, event.line.len, file) != event.line.len ||
            putc('\n', file) == EOF) {
            return assay_err_errno(err, errno, shown(options->output), "cannot be written");
        }
        totals->lines++;
        totals->bytes += event.line.len + 1;
        if (talk && totals->lines % PROGRESS_EVERY == 0) {
            show_progress(generator, totals, options->days);
        }
    }
    if (talk) {
        (void)fprintf(stderr, "\r\033[K");
    }
    if (assay_generator_status(generator) != ASSAY_OK) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "generate", "out of memory before the end");
    }
    return ASSAY_OK;
}

static struct draws *draws_of(struct totals *totals, const char *name)
{
    for (size_t i = 0; i < totals->draw_count; i++) {
        if (strcmp(totals->draws[i].name, name) == 0) {
            return &totals->draws[i];
        }
    }
    ASSAY_ASSERT(totals->draw_count < LABEL_NAMES_MAX);
    struct draws *draws = &totals->draws[totals->draw_count++];
    *draws = (struct draws){.name = name};
    return draws;
}

static bool remember(struct totals *totals, const struct assay_label *label)
{
    enum { FIRST_ROOM = 4096 };
    struct draws *draws = draws_of(totals, label->name);
    if (draws->count == draws->room) {
        const size_t room = draws->room == 0 ? FIRST_ROOM : draws->room * 2;
        uint64_t *keys = realloc(draws->keys, room * sizeof *keys);
        if (keys == NULL) {
            return false;
        }
        draws->keys = keys;
        draws->room = room;
    }
    draws->keys[draws->count++] =
        (uint64_t)(label->truth * 1e9 + 0.5) << 1 | (label->value ? 1 : 0);
    draws->positive += label->value ? 1 : 0;
    return true;
}

static enum assay_status write_labels(struct assay_generator *generator, const char *path,
                                      FILE *file, struct totals *totals, struct assay_err *err)
{
    struct assay_label label;
    if (file != NULL && fputs("event_id,user,label,event_ms,known_ms,value,truth\n", file) == EOF) {
        return assay_err_errno(err, errno, shown(path), "cannot be written");
    }
    while (assay_generator_next_label(generator, &label)) {
        totals->labels++;
        if (!remember(totals, &label)) {
            return assay_err_set(err, ASSAY_E_NO_MEMORY, "generate", "no memory for the labels");
        }
        if (file != NULL &&
            fprintf(file, "%.*s,%.*s,%s,%" PRId64 ",%" PRId64 ",%d,%.9f\n", (int)label.event_id.len,
                    label.event_id.ptr, (int)label.user.len, label.user.ptr, label.name,
                    label.event_ms, label.known_ms, label.value ? 1 : 0, label.truth) < 0) {
            return assay_err_errno(err, errno, shown(path), "cannot be written");
        }
    }
    return ASSAY_OK;
}

static int compare_keys(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Share of (true, false) pairs that the probability orders rightly, ties a half; NaN: no pairs. */
static double best_auc(struct draws *draws)
{
    double rank_sum = 0;
    size_t at = 0;
    ASSAY_ASSERT(draws->count > 0 && draws->keys != NULL);
    qsort(draws->keys, draws->count, sizeof draws->keys[0], compare_keys);
    while (at < draws->count) {
        const uint64_t truth = draws->keys[at] >> 1;
        size_t end = at;
        size_t positive = 0;
        while (end < draws->count && draws->keys[end] >> 1 == truth) {
            positive += draws->keys[end] & 1U;
            end++;
        }
        rank_sum += (double)positive * ((double)(at + 1) + (double)end) / 2;
        at = end;
    }
    const double yes = (double)draws->positive;
    const double no = (double)(draws->count - draws->positive);
    return (rank_sum - yes * (yes + 1) / 2) / (yes * no);
}

static void print_json(FILE *out, struct totals *totals)
{
    (void)fprintf(out, "{\"events\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"labels\":{", totals->lines,
                  totals->bytes);
    for (size_t i = 0; i < totals->draw_count; i++) {
        struct draws *draws = &totals->draws[i];
        const double auc = best_auc(draws);
        (void)fprintf(out,
                      "%s\"%s\":{\"count\":%zu,\"positive\":%zu,\"best_auc\":", i == 0 ? "" : ",",
                      draws->name, draws->count, draws->positive);
        if (auc == auc) {
            (void)fprintf(out, "%.6f}", auc);
        } else {
            (void)fprintf(out, "null}");
        }
    }
    (void)fprintf(out, "}}\n");
}

static void print_summary(FILE *out, struct totals *totals, double seconds)
{
    (void)fprintf(out, "%" PRIu64 " events, %.1f MB, in %.1f s (%.0f events/s)\n", totals->lines,
                  (double)totals->bytes / 1e6, seconds, (double)totals->lines / seconds);
    for (size_t i = 0; i < totals->draw_count; i++) {
        struct draws *draws = &totals->draws[i];
        const double auc = best_auc(draws);
        (void)fprintf(out, "label %-10s %8zu, %5.1f %% true", draws->name, draws->count,
                      100.0 * (double)draws->positive / (double)draws->count);
        if (auc == auc) {
            (void)fprintf(out, ", best reachable AUC %.3f", auc);
        }
        (void)fprintf(out, "\n");
    }
}

static enum assay_status generate_to(struct assay_generator *generator,
                                     const struct generate_options *options, FILE *events,
                                     FILE *labels, struct totals *totals, struct assay_err *err)
{
    enum assay_status status = write_events(generator, options, events, totals, err);
    if (status == ASSAY_OK) {
        status = write_labels(generator, options->labels, labels, totals, err);
    }
    struct assay_err *later = status == ASSAY_OK ? err : NULL; /* the first failure is the one */
    const enum assay_status events_closed = close_output(events, options->output, later);
    status = status == ASSAY_OK ? events_closed : status;
    if (labels != NULL) {
        later = status == ASSAY_OK ? err : NULL;
        const enum assay_status labels_closed = close_output(labels, options->labels, later);
        status = status == ASSAY_OK ? labels_closed : status;
    }
    return status;
}

static int report(const struct generate_options *options, struct totals *totals, uint64_t begin_ns)
{
    const bool events_on_stdout = strcmp(options->output, "-") == 0;
    if (options->json) {
        print_json(events_on_stdout ? stderr : stdout, totals);
    } else {
        print_summary(stderr, totals, (double)(assay_clock_monotonic_ns() - begin_ns) / 1e9 + 1e-9);
    }
    return ASSAY_EXIT_OK;
}

static enum assay_status prepare(const struct generate_options *options, struct assay_arena *arena,
                                 struct assay_generator **generator, FILE **events, FILE **labels,
                                 struct assay_err *err)
{
    struct assay_generate_options wanted = {
        .users = options->users,
        .days = (uint32_t)options->days,
        .seed = options->seed,
        .late_share = options->late,
        .duplicate_share = options->duplicate,
        .skewed_share = options->skewed,
        .malformed_share = options->malformed,
    };
    if (!read_date(options->start, &wanted.start_ms)) {
        (void)assay_err_set(err, ASSAY_E_USAGE, "--start", "not a date");
        assay_err_value(err, "%s", options->start);
        assay_err_allowed(err, "YYYY-MM-DD from 1970-01-01");
        return ASSAY_E_USAGE;
    }
    const enum assay_status status = assay_generator_create(generator, arena, &wanted, err);
    if (status != ASSAY_OK) {
        return status;
    }
    if (options->labels != NULL && assay_same_file(options->labels, options->output)) {
        (void)assay_err_set(err, ASSAY_E_USAGE, "--labels", "another output goes there too");
        assay_err_value(err, "%s", options->labels);
        assay_err_remedy(err, "give each output a file of its own");
        return ASSAY_E_USAGE;
    }
    *events = open_output(options->output, err);
    if (*events == NULL) {
        return ASSAY_E_IO;
    }
    if (options->labels != NULL) {
        *labels = open_output(options->labels, err);
        if (*labels == NULL) {
            (void)close_output(*events, options->output, NULL);
            return ASSAY_E_IO;
        }
    }
    return ASSAY_OK;
}

static int run(const void *context, const struct assay_words *operands)
{
    const struct generate_options *options = context;
    const uint64_t begin_ns = assay_clock_monotonic_ns();
    struct assay_generator *generator = NULL;
    struct assay_err err = {0};
    struct totals totals = {0};
    FILE *events = NULL;
    FILE *labels = NULL;
    (void)operands;
    struct assay_arena *arena = assay_arena_create(SIZE_MAX);
    if (arena == NULL) {
        (void)assay_err_set(&err, ASSAY_E_NO_MEMORY, "generate", "out of memory");
        return assay_cli_fail(&err);
    }
    enum assay_status status = prepare(options, arena, &generator, &events, &labels, &err);
    if (status == ASSAY_OK) {
        status = generate_to(generator, options, events, labels, &totals, &err);
    }
    const int code = status == ASSAY_OK ? report(options, &totals, begin_ns) : assay_cli_fail(&err);
    for (size_t i = 0; i < totals.draw_count; i++) {
        free(totals.draws[i].keys);
    }
    assay_arena_destroy(arena);
    return code;
}

static const struct generate_options generate_defaults = {
    .users = 5000,
    .days = 60,
    .seed = 1,
    .start = "2026-01-01",
    .late = 0.01,
    .duplicate = 0.002,
    .malformed = 0.0005,
    .output = "-",
};

#define AT(member) offsetof(struct generate_options, member)

static const struct assay_option generate_table[] = {
    {.name = "users",
     .kind = ASSAY_OPTION_COUNT,
     .offset = AT(users),
     .value = "N",
     .text = "people",
     .min = 1,
     .max = 1e7},
    {.name = "days",
     .kind = ASSAY_OPTION_COUNT,
     .offset = AT(days),
     .value = "D",
     .text = "days of events",
     .min = 1,
     .max = 3650},
    {.name = "seed",
     .kind = ASSAY_OPTION_COUNT,
     .offset = AT(seed),
     .value = "S",
     .text = "same seed, same bytes"},
    {.name = "start",
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(start),
     .value = "DATE",
     .text = "first day, YYYY-MM-DD, UTC"},
    {.name = "late",
     .kind = ASSAY_OPTION_REAL,
     .offset = AT(late),
     .value = "X",
     .text = "share that arrives after younger events",
     .min = 0,
     .max = 1},
    {.name = "duplicate",
     .kind = ASSAY_OPTION_REAL,
     .offset = AT(duplicate),
     .value = "X",
     .text = "share that is sent twice",
     .min = 0,
     .max = 1},
    {.name = "skewed",
     .kind = ASSAY_OPTION_REAL,
     .offset = AT(skewed),
     .value = "X",
     .text = "share from clocks far behind or ahead; in replay those ahead make the rest late",
     .min = 0,
     .max = 1},
    {.name = "malformed",
     .kind = ASSAY_OPTION_REAL,
     .offset = AT(malformed),
     .value = "X",
     .text = "share that has a broken twin",
     .min = 0,
     .max = 1},
    {.name = "output",
     .letter = 'o',
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(output),
     .value = "FILE",
     .text = "where events go; - is standard output"},
    {.name = "labels",
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(labels),
     .value = "FILE",
     .text = "write delayed labels as CSV"},
    ASSAY_CLI_OPTION_JSON(struct generate_options,
                          "print the summary as JSON (on stderr when events go to stdout)"),
};

const struct assay_command assay_command_generate = {
    .name = "generate",
    .summary = "write the events of a synthetic lender",
    .usage = "[--users N] [--days D] [--seed S] [--output FILE] [--labels FILE]",
    .text =
        "The stream fits the definitions in config/: people who earn, pay, borrow, fall behind,\n"
        "leave, and a few who cheat. Labels say what became of an event and when that was\n"
        "known; their column truth is the probability the outcome was drawn with, never a\n"
        "feature.",
    .examples = "assay generate --users 5000 --days 60 --output events.jsonl --labels labels.csv\n"
                "assay generate --users 100 --days 7 | head\n",
    .options = generate_table,
    .option_count = sizeof generate_table / sizeof generate_table[0],
    .options_bytes = sizeof(struct generate_options),
    .defaults = &generate_defaults,
    .run = run,
};
