#include "engine/config/describe.h"

#include "engine/base/writer.h"
#include "engine/config/describe_pvt.h"
#include "engine/config/reader_pvt.h"
#include "features/decode.h"

#include <inttypes.h>

/* The generated reference pages. */

void config_json_member(FILE *out, bool first, const char *name, struct assay_str text)
{
    (void)fprintf(out, "%s\"%s\":", first ? "" : ",", name);
    assay_print_json_text(text, out);
}

struct code_row {
    int number;
    const char *name;
    const char *summary;
    const char *help;
};

static const struct code_row code_rows[] = {
#define X(number, name, summary, help) {number, #name, summary, help},
#include "engine/base/diag_codes.def"
#undef X
};
enum { CODES = sizeof code_rows / sizeof code_rows[0] };

static const char errors_head[] =
    "# Errors\n"
    "\n"
    "Every mistake in `features.yaml`, `decisions.yaml` and `assay.yaml` is reported in one run, "
    "with file,\n"
    "line, column and a code that never changes its meaning. `assay config check` prints them and "
    "exits\n"
    "with 78. Messages that cannot be used are another matter: see [the last "
    "section](#messages-that-are-set-aside).\n"
    "This page is printed by `assay config errors`.\n";

/* The hundreds of a code say which part of the definitions it is about. */
static const char *const chapters[] = {"",
                                       "Files and YAML",
                                       "Names and expressions",
                                       "Features and events",
                                       "Decisions and models",
                                       "assay.yaml"};

static const char dead_head[] =
    "\n## Messages that are set aside\n"
    "\n"
    "A message that cannot be used, or comes too late, changes nothing. It is counted, and where\n"
    "`dead_letters` of [assay.yaml](configuration.md) or `assay replay --dead-letters` says so, "
    "reported as a\n"
    "JSON line: `reason` and `text` as below, `source`, `topic`, `partition` and `offset` of the "
    "message, `field`\n"
    "where one is to blame, `byte` where it was noticed, and the message's `bytes`. The message "
    "itself is not\n"
    "in it: it may hold personal data, and the offset finds it. After `capacity` alone the event "
    "counts for\n"
    "those of its keys that had room.\n"
    "\n"
    "| reason | what it means |\n"
    "|---|---|\n";

static void print_dead(FILE *out)
{
    (void)fputs(dead_head, out);
    for (int dead = ASSAY_DEAD_NONE + 1; dead < ASSAY_DEAD_END; dead++) {
        (void)fprintf(out, "| `%s` | %s |\n", assay_dead_name((enum assay_dead)dead),
                      assay_dead_text((enum assay_dead)dead));
    }
}

void assay_config_print_errors(FILE *out, bool json)
{
    int chapter = 0;
    (void)fputs(json ? "[" : errors_head, out);
    for (size_t i = 0; i < CODES; i++) {
        const struct code_row *row = &code_rows[i];
        if (json) {
            (void)fprintf(out, "%s{\"code\":\"AS%04d\"", i > 0 ? ",\n" : "", row->number);
            config_json_member(out, false, "name", assay_str_of(row->name));
            config_json_member(out, false, "summary", assay_str_of(row->summary));
            config_json_member(out, false, "help", assay_str_of(row->help));
            (void)fputc('}', out);
            continue;
        }
        if (row->number / 100 != chapter) {
            chapter = row->number / 100;
            ASSAY_ASSERT((size_t)chapter < sizeof chapters / sizeof chapters[0]);
            (void)fprintf(out, "\n## %s\n\n| code | what is wrong | what to do |\n|---|---|---|\n",
                          chapters[chapter]);
        }
        (void)fprintf(out, "| `AS%04d` | %s | %s |\n", row->number, row->summary, row->help);
    }
    if (json) {
        (void)fputs("]\n", out);
    } else {
        print_dead(out);
    }
}

static const char settings_head[] =
    "# assay.yaml\n"
    "\n"
    "Where events come from, where decisions go and what the process may use. The file is "
    "optional: without\n"
    "it, or without a key, the defaults below hold. Features and decisions have files of their "
    "own, see\n"
    "[definitions.md](definitions.md). This page is printed by `assay config settings`.\n"
    "\n"
    "```yaml\n"
    "state: ./state\n"
    "shards: 2\n"
    "memory: 8GiB\n"
    "spill: {folder: /var/tmp, bytes_max: 64GiB}\n"
    "sources:\n"
    "  - kafka: {brokers: \"127.0.0.1:9092\", topics: [events], properties: {client.id: assay}}\n"
    "sinks:\n"
    "  - kafka: {topic: decisions}\n"
    "  - file: decisions.jsonl\n"
    "dead_letters: {kafka: {topic: dead}}\n"
    "```\n"
    "\n"
    "Durations are a whole number and a unit (`250ms`, `5m`, `1h`, `400d`, `2w`); digits may be "
    "grouped by `_`.\n";

static void print_key(FILE *out, const struct key_row *row)
{
    const char *fallback = row->fallback != NULL ? row->fallback : row->required ? "required" : "";
    const char *quote = row->fallback != NULL ? "`" : "";
    (void)fprintf(out, "| `%s` | %s | %s%s%s | %s |\n", row->name, row->type, quote, fallback,
                  quote, row->text);
}

static void print_key_json(FILE *out, bool first, const struct key_table *table,
                           const struct key_row *row)
{
    const struct assay_str fallback =
        row->fallback == NULL ? (struct assay_str){0} : assay_str_of(row->fallback);
    (void)fputs(first ? "{" : ",\n{", out);
    config_json_member(out, true, "section", assay_str_of(table->path));
    config_json_member(out, false, "key", assay_str_of(row->name));
    config_json_member(out, false, "type", assay_str_of(row->type));
    config_json_member(out, false, "default", fallback);
    (void)fprintf(out, ",\"required\":%s", row->required ? "true" : "false");
    config_json_member(out, false, "text", assay_str_of(row->text));
    (void)fputc('}', out);
}

void assay_config_print_settings(FILE *out, bool json)
{
    bool first = true;
    (void)fputs(json ? "[" : settings_head, out);
    for (size_t t = 0; t < config_settings_table_count; t++) {
        const struct key_table *table = config_settings_tables[t];
        if (!json) {
            (void)fprintf(out,
                          "\n## %s\n\n| key | value | default | meaning |\n|---|---|---|---|\n",
                          table->path[0] == '\0' ? "The file" : table->path);
        }
        for (size_t i = 0; i < table->count; i++) {
            if (json) {
                print_key_json(out, first, table, &table->rows[i]);
            } else {
                print_key(out, &table->rows[i]);
            }
            first = false;
        }
    }
    (void)fputs(json ? "]\n" : "", out);
}

void assay_config_print_diags(const struct assay_diags *diags, FILE *out)
{
    (void)fprintf(out, "{\"ok\":%s,\"count\":%zu,\"errors\":[",
                  assay_diags_count(diags) == 0 ? "true" : "false", assay_diags_count(diags));
    for (size_t i = 0; i < assay_diags_kept(diags); i++) {
        const struct assay_diag *diag = assay_diags_at(diags, i);
        (void)fprintf(out, "%s{\"code\":\"AS%04d\"", i > 0 ? ",\n" : "", (int)diag->code);
        if (diag->span.text != NULL) {
            size_t line = 0;
            size_t column = 0;
            assay_text_place(diag->span.text, diag->span.begin, &line, &column);
            config_json_member(out, false, "file", assay_str_of(diag->span.text->path));
            (void)fprintf(out, ",\"line\":%zu,\"column\":%zu", line, column);
        }
        config_json_member(out, false, "message", diag->message);
        config_json_member(out, false, "hint", diag->hint);
        (void)fputc('}', out);
    }
    (void)fputs("]}\n", out);
}
