#include "engine/cli/command.h"
#include "engine/cli/explain_pvt.h"
#include "engine/cli/progress.h"

#include "engine/base/number.h"
#include "engine/runtime/state_folder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

struct explain_options {
    const char *state;
    const char *folder;
    const char *lang;
    bool last;
    bool json;
    const struct assay_words *operands;
};

enum { LAST_DEFAULT = 10 };

/* ---- what is asked ---- */

static enum assay_status read_count(const char *word, size_t *out, struct assay_err *err)
{
    double number = 0;
    if (!assay_number_parse(assay_str_of(word), &number) || number != floor(number) || number < 1 ||
        number > EXPLAIN_LAST_MAX) {
        (void)assay_err_set(err, ASSAY_E_USAGE, "--last", "how many decisions?");
        assay_err_value(err, "%s", word);
        assay_err_allowed(err, "1 to %d", EXPLAIN_LAST_MAX);
        return ASSAY_E_USAGE;
    }
    *out = (size_t)number;
    return ASSAY_OK;
}

static enum assay_status read_request(const struct explain_options *given,
                                      struct explain_search *search, struct assay_err *err)
{
    const struct assay_words *words = given->operands;
    if (strcmp(given->lang, "en") != 0 && strcmp(given->lang, "zh") != 0) {
        (void)assay_err_set(err, ASSAY_E_USAGE, "--lang", "no such language");
        assay_err_value(err, "%s", given->lang);
        assay_err_allowed(err, "en or zh");
        return ASSAY_E_USAGE;
    }
    if (words->count > 1 || (words->count == 0 && !given->last) ||
        (words->count == 1 && words->items[0][0] == '\0')) {
        (void)assay_err_set(err, ASSAY_E_USAGE, "explain", "give the id of one decision");
        assay_err_remedy(err, "`assay explain --last` lists the newest ones");
        return ASSAY_E_USAGE;
    }
    if (!given->last) {
        search->wanted = assay_str_of(words->items[0]);
        return ASSAY_OK;
    }
    search->last_max = LAST_DEFAULT;
    return words->count == 0 ? ASSAY_OK : read_count(words->items[0], &search->last_max, err);
}

/* The folder: --state, else that of the configuration given by -c, else ./state. */
static enum assay_status find_log(struct assay_arena *arena, const struct explain_options *given,
                                  const char **out, struct assay_err *err)
{
    const char *state = given->state != NULL ? given->state : "state";
    if (given->state == NULL && given->folder != NULL) {
        const struct assay_config *config = assay_cli_load(arena, given->folder);
        if (config == NULL) {
            (void)assay_err_set(err, ASSAY_E_CONFIG, given->folder, "cannot be loaded");
            assay_err_remedy(err, "name the state folder itself with --state DIR");
            return ASSAY_E_CONFIG;
        }
        state = assay_arena_copy(arena, config->settings->state).ptr;
    }
    struct assay_state_folder folder;
    if (state == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, "state", "out of memory");
    }
    const enum assay_status status = assay_state_folder_name(&folder, arena, state, err);
    *out = folder.audit;
    if (status == ASSAY_OK && access(folder.path, F_OK) != 0) {
        (void)assay_err_set(err, ASSAY_E_NOT_FOUND, folder.path, "there is no such state folder");
        assay_err_remedy(err, "`assay run` makes it; name it with --state DIR, or with -c DIR the "
                              "configuration that names it");
        return ASSAY_E_NOT_FOUND;
    }
    return status;
}

/* ---- what is printed ---- */

static enum assay_status show(const struct explain_record *record,
                              const struct explain_options *given, struct assay_arena *arena,
                              struct assay_err *err)
{
    const struct assay_arena_mark mark = assay_arena_mark(arena);
    struct assay_audit_view view;
    const enum assay_status status = assay_audit_decision_decode(
        &view, arena, record->plan, record->payload, record->bytes, err);
    if (status == ASSAY_OK && given->json) {
        const size_t bytes = assay_audit_view_json(&view, 0, NULL);
        char *text = assay_arena_alloc(arena, bytes + 1);
        if (text == NULL) {
            return assay_err_set(err, ASSAY_E_NO_MEMORY, "explain", "out of memory");
        }
        (void)assay_audit_view_json(&view, bytes, text);
        (void)fwrite(text, 1, bytes, stdout);
        (void)fputc('\n', stdout);
    } else if (status == ASSAY_OK && given->last) {
        assay_explain_print_line(&view, stdout);
    } else if (status == ASSAY_OK) {
        assay_explain_print(&view, strcmp(given->lang, "zh") == 0, stdout);
    }
    assay_arena_rewind(arena, mark);
    return status;
}

/* Newest first. */
static enum assay_status show_last(const struct explain_search *search,
                                   const struct explain_options *given, struct assay_arena *arena,
                                   struct assay_err *err)
{
    const uint64_t count =
        search->decisions < search->last_max ? search->decisions : search->last_max;
    enum assay_status status = ASSAY_OK;
    for (uint64_t i = 1; i <= count && status == ASSAY_OK; i++) {
        status = show(&search->last[(search->decisions - i) % search->last_max], given, arena, err);
    }
    if (count == 0) {
        (void)assay_err_set(err, ASSAY_E_NOT_FOUND, search->path, "holds no decision");
        assay_err_remedy(err, "decisions are logged once they are delivered; is a policy's trigger "
                              "among the events?");
        return ASSAY_E_NOT_FOUND;
    }
    return status;
}

static enum assay_status not_found(const struct explain_search *search, struct assay_err *err)
{
    (void)assay_err_set(err, ASSAY_E_NOT_FOUND, search->path, "no decision has this id");
    assay_err_value(err, "%s", search->wanted.ptr);
    if (search->nearest[0] != '\0') {
        assay_err_remedy(err, "did you mean %s? `assay explain --last` lists the newest",
                         search->nearest);
    } else if (search->newest[0] != '\0') {
        assay_err_remedy(err, "an id looks like %s; `assay explain --last` lists the newest",
                         search->newest);
    } else {
        assay_err_remedy(err, "the log holds no decision yet");
    }
    return ASSAY_E_NOT_FOUND;
}

static enum assay_status several(const struct explain_search *search, struct assay_err *err)
{
    (void)fprintf(stderr, "assay: %" PRIu64 " decisions begin so:\n", search->matches);
    for (uint64_t i = 0; i < search->matches && i < EXPLAIN_IDS_MAX; i++) {
        (void)fprintf(stderr, "  %s\n", search->ids[i]);
    }
    if (search->matches > EXPLAIN_IDS_MAX) {
        (void)fprintf(stderr, "  and %" PRIu64 " more\n", search->matches - EXPLAIN_IDS_MAX);
    }
    (void)assay_err_set(err, ASSAY_E_USAGE, "explain", "the id is not unique");
    assay_err_value(err, "%s", search->wanted.ptr);
    assay_err_remedy(err, "give more of it");
    return ASSAY_E_USAGE;
}

/* What a reader should know about the log although it could be read. */
static void print_notes(const struct explain_search *search)
{
    if (search->torn_bytes != 0) {
        (void)fprintf(stderr,
                      "assay: note: %s: the last %" PRIu64 " bytes are no whole record: a run is "
                      "writing or was cut off; what they began is not shown\n",
                      search->path, search->torn_bytes);
    }
    if (search->unreadable != 0) {
        char text[1200];
        assay_err_format(&search->unreadable_why, sizeof text, text);
        (void)fprintf(stderr, "assay: note: %" PRIu64 " decision%s cannot be read, the first: %s\n",
                      search->unreadable, search->unreadable == 1 ? "" : "s", text);
    }
}

/* ---- the command ---- */

static enum assay_status answer(const struct explain_search *search, enum assay_status searched,
                                const struct explain_options *given, struct assay_arena *arena,
                                struct assay_err *err)
{
    /* Before damage an exact id is certain, and so are the decisions there; uniqueness is not. */
    struct assay_err damage = *err;
    enum assay_status status = searched;
    if (searched != ASSAY_OK && searched != ASSAY_E_CHECKSUM) {
        return searched;
    }
    if (given->last) {
        status = show_last(search, given, arena, err);
    } else if (search->exact || (search->matches == 1 && searched == ASSAY_OK)) {
        status = show(&search->found, given, arena, err);
    } else if (searched == ASSAY_OK) {
        status = search->matches == 0 ? not_found(search, err) : several(search, err);
    }
    if (searched == ASSAY_E_CHECKSUM) {
        *err = damage;
        return searched;
    }
    return status;
}

static int explain(struct assay_arena *arena, const void *read)
{
    const struct explain_options *given = read;
    static struct explain_search search;
    struct assay_err err = {0};
    search.arena = arena;
    enum assay_status status = read_request(given, &search, &err);
    if (status == ASSAY_OK) {
        status = find_log(arena, given, &search.path, &err);
    }
    if (status != ASSAY_OK) {
        return assay_cli_fail(&err);
    }
    status = assay_explain_search(&search, &err);
    print_notes(&search);
    status = answer(&search, status, given, arena, &err);
    assay_explain_search_free(&search);
    return status == ASSAY_OK ? ASSAY_EXIT_OK : assay_cli_fail(&err);
}

static int run(const void *options, const struct assay_words *operands)
{
    struct explain_options given = *(const struct explain_options *)options;
    given.operands = operands;
    return assay_cli_with_arena(explain, &given);
}

static const struct explain_options explain_defaults = {.lang = "en"};

#define AT(member) offsetof(struct explain_options, member)

static const struct assay_option explain_table[] = {
    {.name = "state",
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(state),
     .value = "DIR",
     .text = "state folder of the run, which holds audit.log (default state)"},
    {.name = "config",
     .letter = 'c',
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(folder),
     .value = "DIR",
     .text = "take the state folder that assay.yaml in this folder names"},
    {.name = "last",
     .kind = ASSAY_OPTION_FLAG,
     .offset = AT(last),
     .text = "list the newest decisions instead, 10 or as many as the word after it says"},
    {.name = "lang",
     .kind = ASSAY_OPTION_TEXT,
     .offset = AT(lang),
     .value = "LANG",
     .text = "language of reason texts: en or zh"},
    ASSAY_CLI_OPTION_JSON(struct explain_options,
                          "print everything that is known as JSON, one line a decision"),
};

const struct assay_command assay_command_explain = {
    .name = "explain",
    .summary = "show why a decision came out as it did",
    .usage = "ID [--state DIR | -c DIR] [--lang en|zh] [--json]\n"
             "--last [N] [--state DIR | -c DIR] [--json]",
    .text = "Reads the audit log of a run: outcome, rule, reasons, every feature with its\n"
            "contribution, and the versions that decided. The beginning of an id will do if no\n"
            "other decision begins so. Decisions are there once they have been delivered.",
    .examples = "assay explain --last 20 -c config\n"
                "assay explain kafka:assay.events:3:1842:credit -c config\n"
                "assay explain kafka:assay.events:3:1842:credit --state state --lang zh\n",
    .options = explain_table,
    .option_count = sizeof explain_table / sizeof explain_table[0],
    .options_bytes = sizeof(struct explain_options),
    .defaults = &explain_defaults,
    .operands = "ID",
    .run = run,
};
