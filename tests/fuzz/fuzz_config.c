#include "engine/config/config.h"

#include "tests/support/cmocka_all.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Good and bad folders of definitions, mutated by a seeded generator: whatever the bytes, loading
 * ends, either with a configuration or with diagnostics that can be printed, and a second load says
 * the same.
 */
enum { ROUNDS = 1200, SEEDS_MAX = 512, FILE_BYTES_MAX = 1 << 16, DIAGNOSTICS_MAX = 50 };

static const char *const file_names[] = {"features.yaml", "decisions.yaml", "assay.yaml"};
enum { FILES = 3 };

struct seed {
    char *bytes;
    size_t length;
    size_t file; /* index into file_names */
};

struct machine {
    char folder[64];
    struct seed seeds[SEEDS_MAX];
    size_t seed_count;
    uint64_t random;
    char bytes[FILE_BYTES_MAX];
    size_t length;
    uint64_t accepted, refused;
};

static size_t pick(struct machine *machine, size_t count)
{
    return (size_t)(test_random(&machine->random) >> 33) % count;
}

static void write_file(const struct machine *machine, size_t file)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", machine->folder, file_names[file]);
    (void)unlink(path); /* a file written over is flushed to disk by some file systems */
    FILE *out = fopen(path, "wbe");
    assert_non_null(out);
    assert_int_equal(fwrite(machine->bytes, 1, machine->length, out), machine->length);
    assert_int_equal(fclose(out), 0);
}

/* The whole folder good_all_files: what is not mutated stays good. */
static void restore(struct machine *machine)
{
    for (size_t f = 0; f < FILES; f++) {
        const struct seed *seed = &machine->seeds[f];
        memcpy(machine->bytes, seed->bytes, seed->length);
        machine->length = seed->length;
        write_file(machine, f);
    }
}

static void take_seed(struct machine *machine, const char *path, size_t file)
{
    FILE *in = fopen(path, "rbe");
    if (in == NULL) {
        return;
    }
    assert_true(machine->seed_count < SEEDS_MAX);
    struct seed *seed = &machine->seeds[machine->seed_count++];
    seed->bytes = malloc(FILE_BYTES_MAX);
    assert_non_null(seed->bytes);
    seed->length = fread(seed->bytes, 1, FILE_BYTES_MAX / 2, in);
    seed->file = file;
    (void)fclose(in);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int open_machine(void **state)
{
    static const char cases[] = "tests/unit/config/cases";
    struct machine *machine = calloc(1, sizeof *machine);
    struct dirent **names = NULL;
    assert_non_null(machine);
    machine->random = 20240229;
    (void)snprintf(machine->folder, sizeof machine->folder, "/tmp/assay-fuzz-XXXXXX");
    assert_non_null(mkdtemp(machine->folder));
    const int count = scandir(cases, &names, NULL, by_name);
    assert_true(count > 10);
    for (size_t f = 0; f < FILES; f++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/good_all_files/%s", cases, file_names[f]);
        take_seed(machine, path, f);
    }
    assert_int_equal(machine->seed_count, FILES);
    for (int i = 0; i < count; i++) {
        for (size_t f = 0; f < FILES && names[i]->d_name[0] != '.'; f++) {
            char path[512];
            (void)snprintf(path, sizeof path, "%s/%s/%s", cases, names[i]->d_name, file_names[f]);
            take_seed(machine, path, f);
        }
        free(names[i]);
    }
    free(names);
    assert_true(machine->seed_count > 10);
    *state = machine;
    return 0;
}

static void remove_files(const struct machine *machine)
{
    for (size_t f = 0; f < FILES; f++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", machine->folder, file_names[f]);
        (void)unlink(path);
    }
}

static int close_machine(void **state)
{
    struct machine *machine = *state;
    remove_files(machine);
    (void)rmdir(machine->folder);
    for (size_t i = 0; i < machine->seed_count; i++) {
        free(machine->seeds[i].bytes);
    }
    free(machine);
    return 0;
}

static void insert(struct machine *machine, size_t at, const char *bytes, size_t length)
{
    if (machine->length + length > FILE_BYTES_MAX) {
        return;
    }
    memmove(machine->bytes + at + length, machine->bytes + at, machine->length - at);
    memcpy(machine->bytes + at, bytes, length);
    machine->length += length;
}

static void erase(struct machine *machine, size_t at, size_t length)
{
    memmove(machine->bytes + at, machine->bytes + at + length, machine->length - at - length);
    machine->length -= length;
}

/* Pieces that mean something to YAML or to the language. */
static const char *const words[] = {"\n",
                                    "\t",
                                    " #",
                                    ": ",
                                    "- ",
                                    "{",
                                    "}",
                                    "[",
                                    "]",
                                    "\"",
                                    "'",
                                    "&a ",
                                    "*a",
                                    "!!x ",
                                    "<<: ",
                                    "|\n",
                                    ">\n",
                                    "~",
                                    "null",
                                    "? ",
                                    "\r\n",
                                    "---\n",
                                    "...\n",
                                    "%YAML ",
                                    "\xEF\xBB\xBF",
                                    "\xC3\xA9",
                                    "\\",
                                    "\\u0000",
                                    "over ",
                                    "where ",
                                    "last ",
                                    "lifetime",
                                    " not ",
                                    "count(",
                                    "if(",
                                    "last_k(",
                                    "[1]",
                                    " session 1m",
                                    "since last ",
                                    "cumulate day in \"UTC\"",
                                    "previous 2 ",
                                    ")",
                                    "1d",
                                    "999999999999999999999",
                                    "-",
                                    "payment.",
                                    "@",
                                    "|",
                                    " in [",
                                    " is null",
                                    "time"};

static void mutate(struct machine *machine)
{
    char piece[256];
    const size_t at = pick(machine, machine->length + 1);
    const size_t left = machine->length - at;
    size_t length = pick(machine, sizeof piece);
    length = length < left ? length : left;
    switch (pick(machine, 6)) {
    case 0:
        if (left > 0) {
            machine->bytes[at] = (char)pick(machine, 256);
        }
        break;
    case 1:
        erase(machine, at, length);
        break;
    case 2: { /* a piece again, somewhere else */
        memcpy(piece, machine->bytes + at, length);
        insert(machine, pick(machine, machine->length + 1), piece, length);
        break;
    }
    case 3: {
        const struct seed *other = &machine->seeds[pick(machine, machine->seed_count)];
        const size_t from = pick(machine, other->length + 1);
        length = length < other->length - from ? length : other->length - from;
        insert(machine, at, other->bytes + from, length);
        break;
    }
    default: {
        const char *word = words[pick(machine, sizeof words / sizeof words[0])];
        insert(machine, at, word, strlen(word));
        break;
    }
    }
}

static char *load(struct machine *machine, bool *good)
{
    char *text = NULL;
    size_t size = 0;
    struct assay_arena *arena = assay_arena_create((size_t)64 << 20);
    assert_non_null(arena);
    struct assay_diags *diags = assay_diags_create(arena, DIAGNOSTICS_MAX);
    assert_non_null(diags);
    *good = assay_config_load(arena, machine->folder, diags) != NULL;
    assert_int_equal(*good, assay_diags_count(diags) == 0);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assay_diags_print(diags, out);
    (void)fclose(out);
    assay_arena_destroy(arena);
    return text;
}

static void any_bytes_load_or_are_refused(void **state)
{
    struct machine *machine = *state;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const bool from_good = pick(machine, 2) == 0;
        const size_t choice = pick(machine, from_good ? (size_t)FILES : machine->seed_count);
        const struct seed *seed = &machine->seeds[choice];
        restore(machine);
        memcpy(machine->bytes, seed->bytes, seed->length);
        machine->length = seed->length;
        const size_t changes = 1 + pick(machine, 3);
        for (size_t i = 0; i < changes; i++) {
            mutate(machine);
        }
        write_file(machine, seed->file);
        bool good = false;
        char *text = load(machine, &good);
        machine->accepted += good ? 1 : 0;
        machine->refused += good ? 0 : 1;
        if (round % 16 == 0) {
            bool again = false;
            char *same = load(machine, &again);
            assert_int_equal(good, again);
            assert_string_equal(text, same);
            free(same);
        }
        free(text);
    }
    print_message("%llu accepted, %llu refused\n", (unsigned long long)machine->accepted,
                  (unsigned long long)machine->refused);
    assert_true(machine->accepted > 20);
    assert_true(machine->refused > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_bytes_load_or_are_refused),
    };
    return cmocka_run_group_tests(tests, open_machine, close_machine);
}
