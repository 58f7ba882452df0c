#include "engine/cli/inspect_pvt.h"
#include "engine/cli/show.h"

#include "engine/base/writer.h"

#include <inttypes.h>
#include <stddef.h>

/* Stores as a whole: what keys take, what is left, what went wrong, who is hot. */

/* One counter of the stores: a new one is a new line here. */
static const struct counter_row {
    const char *name; /* in JSON; for people with blanks */
    size_t offset;
    const char *text;
} counter_rows[] = {
    {"events", offsetof(struct assay_store_stats, events), "updates of a key by an event"},
    {"late_inserts", offsetof(struct assay_store_stats, late_inserts),
     "of them placed before a logged event"},
    {"refused", offsetof(struct assay_store_stats, refused),
     "updates that found no room: memory, or an entity's capacity"},
    {"evicted", offsetof(struct assay_store_stats, evicted), "keys that made room for new ones"},
    {"expired", offsetof(struct assay_store_stats, expired),
     "keys forgotten, silent for longer than their entity's `expire`"},
    {"expired_bytes", offsetof(struct assay_store_stats, expired_bytes),
     "of memory that these gave back"},
};
enum { COUNTERS = sizeof counter_rows / sizeof counter_rows[0] };

static uint64_t counter_of(const struct inspect_store_report *report, const struct counter_row *row)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)&report->stats + row->offset, sizeof value);
    return value;
}

/* The parts of a key's memory. */
static const struct part_row {
    const char *name;
    size_t offset;
    const char *text;
} part_rows[] = {
    {"record", offsetof(struct assay_state_bytes, records), "a head, a place per log, the name"},
    {"chunks", offsetof(struct assay_state_bytes, chunks), "logged events"},
    {"summaries", offsetof(struct assay_state_bytes, summaries), "of chunks, for long windows"},
    {"windows", offsetof(struct assay_state_bytes, lanes), "kept up with, of logs that are read"},
    {"folded", offsetof(struct assay_state_bytes, bases), "totals of lifetimes"},
};
enum { PARTS = sizeof part_rows / sizeof part_rows[0] };

static uint64_t part_of(const struct assay_state_bytes *bytes, const struct part_row *row)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)bytes + row->offset, sizeof value);
    return value;
}

static uint64_t bytes_of(const struct assay_state_bytes *bytes)
{
    uint64_t sum = 0;
    for (int p = 0; p < PARTS; p++) {
        sum += part_of(bytes, &part_rows[p]);
    }
    return sum;
}

static void show_right(uint64_t count, int width, FILE *out)
{
    char text[40];
    FILE *cell = assay_show_open(text, sizeof text);
    const int cells = assay_show_count(count, cell);
    (void)fclose(cell);
    assay_show_pad(cells, width, out);
    (void)fwrite(text, 1, (size_t)cells, out);
}

static int name_width(const struct assay_schema *schema)
{
    int width = (int)strlen("entity");
    for (uint32_t e = 0; e < schema->entity_count; e++) {
        const int length = (int)schema->entities[e].name.len;
        width = length > width ? length : width;
    }
    return width;
}

static void print_entities(const struct inspect_store_report *report, FILE *out)
{
    enum { WIDTH = 11 };
    const struct assay_schema *schema = report->plan->schema;
    const int width = name_width(schema);
    (void)fprintf(out, "\n%-*s %*s %*s   bytes a key:", width, "entity", WIDTH, "keys", WIDTH,
                  "in logs");
    for (int p = 0; p < PARTS; p++) {
        (void)fprintf(out, " %*s", WIDTH - 1, part_rows[p].name);
    }
    (void)fprintf(out, " %*s\n", WIDTH - 1, "together");
    for (uint32_t e = 0; e < schema->entity_count; e++) {
        const struct assay_entity_facts *facts = &report->entities[e];
        (void)fprintf(out, "%-*.*s ", width, (int)schema->entities[e].name.len,
                      schema->entities[e].name.ptr);
        show_right(facts->keys, WIDTH, out);
        show_right(facts->logged, WIDTH + 1, out);
        if (facts->keys != 0) {
            (void)fprintf(out, "   %*s", (int)strlen("bytes a key:"), "");
        }
        for (int p = 0; facts->keys != 0 && p < PARTS; p++) {
            show_right(part_of(&facts->bytes, &part_rows[p]) / facts->keys, WIDTH, out);
        }
        if (facts->keys != 0) {
            show_right(bytes_of(&facts->bytes) / facts->keys, WIDTH, out);
        }
        (void)fputc('\n', out);
    }
    for (int p = 0; p < PARTS; p++) {
        (void)fprintf(out, "  %-10s %s\n", part_rows[p].name, part_rows[p].text);
    }
}

static void print_bytes_row(const char *name, uint64_t bytes, const char *text, FILE *out)
{
    char shown[40] = "";
    FILE *cell = assay_show_open(shown, sizeof shown);
    assay_show_bytes(bytes, cell);
    (void)fclose(cell);
    (void)fprintf(out, "  %-8s %12s  %s\n", name, shown, text);
}

static void print_memory(const struct inspect_store_report *report, FILE *out)
{
    const struct assay_memory_facts *memory = &report->memory;
    const struct {
        const char *name;
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {"live", memory->live, "of keys, their index, their texts"},
        {"index", memory->index, "of that: finds a key"},
        {"texts", memory->texts, "of that: of events, each once, and order of equal times"},
        {"carved", memory->carved, "taken from the limit; what is not live waits for reuse"},
        {"limit", memory->limit, "`memory` of assay.yaml"}};
    (void)fputs("\nmemory\n", out);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_bytes_row(rows[i].name, rows[i].bytes, rows[i].text, out);
    }
}

static void print_spill(const struct inspect_store_report *report, FILE *out)
{
    static const char *const states[] = {
        [ASSAY_SPILL_ON] = "as it should",
        [ASSAY_SPILL_FULL] = "the disk or its share is full: the rest stays in memory",
        [ASSAY_SPILL_FAILED] = "the disk failed: nothing is lost, and no more moves"};
    const struct assay_spill_stats *spill = &report->stats.spill;
    if (spill->state == ASSAY_SPILL_OFF) {
        return;
    }
    (void)fprintf(out, "\nspill: %s\n", states[spill->state]);
    print_bytes_row("events", spill->bytes, "old ones of hot keys that are not in the memory above",
                    out);
    print_bytes_row("disk", spill->disk_bytes, "extents of the file", out);
    print_bytes_row("buffers", spill->memory_bytes, "extents being filled or written", out);
    print_bytes_row("read", spill->read_bytes, "extents of the file that are mapped in", out);
}

static void print_counters(const struct inspect_store_report *report, FILE *out)
{
    (void)fputs("\ncounted\n", out);
    for (int c = 0; c < COUNTERS; c++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%s", counter_rows[c].name);
        for (char *at = name; *at != '\0'; at++) {
            *at = *at == '_' ? ' ' : *at;
        }
        (void)fprintf(out, "  %-13s", name);
        show_right(counter_of(report, &counter_rows[c]), 13, out);
        (void)fprintf(out, "  %s\n", counter_rows[c].text);
    }
}

static void print_hot(const struct inspect_store_report *report, FILE *out)
{
    const struct assay_schema *schema = report->plan->schema;
    for (uint32_t e = 0; e < schema->entity_count; e++) {
        if (report->hot_counts[e] == 0) {
            continue;
        }
        (void)fprintf(out, "\nhot keys of %.*s, of ", (int)schema->entities[e].name.len,
                      schema->entities[e].name.ptr);
        (void)assay_show_count(report->hot_totals[e], out);
        (void)fputs(report->hot_totals[e] == 1 ? " update" : " updates", out);
        if (report->hot_unlisted[e] != 0) {
            (void)fputs("; no key without a counter has more than ", out);
            (void)assay_show_count(report->hot_unlisted[e], out);
        }
        (void)fputc('\n', out);
        for (size_t i = 0; i < report->hot_counts[e]; i++) {
            const struct assay_hot_key *hot = &report->hot[e * report->hot_max + i];
            show_right(hot->count, 13, out);
            (void)fprintf(out, "  %5.1f %%  ",
                          100.0 * (double)hot->count / (double)report->hot_totals[e]);
            (void)assay_show_text(hot->key, out);
            if (hot->error != 0) {
                (void)fputs("  (at least ", out);
                (void)assay_show_count(hot->count - hot->error, out);
                (void)fputc(')', out);
            }
            (void)fputc('\n', out);
        }
    }
}

void assay_inspect_print_store(const struct inspect_store_report *report, FILE *out)
{
    (void)assay_show_count(report->stats.keys, out);
    (void)fprintf(out, " key%s on %" PRIu32 " shard%s\n", report->stats.keys == 1 ? "" : "s",
                  report->shards, report->shards == 1 ? "" : "s");
    print_entities(report, out);
    print_memory(report, out);
    print_spill(report, out);
    print_counters(report, out);
    print_hot(report, out);
}

static void print_json_hot(const struct inspect_store_report *report, uint32_t e, FILE *out)
{
    (void)fprintf(out, ",\"updates\":%" PRIu64 ",\"hot_unlisted_max\":%" PRIu64 ",\"hot\":[",
                  report->hot_totals[e], report->hot_unlisted[e]);
    for (size_t i = 0; i < report->hot_counts[e]; i++) {
        const struct assay_hot_key *hot = &report->hot[e * report->hot_max + i];
        (void)fputs(i == 0 ? "{\"key\":" : ",{\"key\":", out);
        assay_print_json_text(hot->key, out);
        (void)fprintf(out, ",\"count\":%" PRIu64 ",\"error\":%" PRIu64 "}", hot->count, hot->error);
    }
    (void)fputc(']', out);
}

void assay_inspect_print_store_json(const struct inspect_store_report *report, FILE *out)
{
    const struct assay_schema *schema = report->plan->schema;
    const struct assay_memory_facts *memory = &report->memory;
    const struct assay_spill_stats *spill = &report->stats.spill;
    (void)fprintf(out, "{\"shards\":%" PRIu32 ",\"keys\":%" PRIu64, report->shards,
                  report->stats.keys);
    for (int c = 0; c < COUNTERS; c++) {
        (void)fprintf(out, ",\"%s\":%" PRIu64, counter_rows[c].name,
                      counter_of(report, &counter_rows[c]));
    }
    (void)fprintf(out,
                  ",\n\"memory\":{\"live\":%" PRIu64 ",\"index\":%" PRIu64 ",\"texts\":%" PRIu64
                  ",\"carved\":%" PRIu64 ",\"limit\":%" PRIu64
                  "},\n\"spill\":{\"state\":\"%s\",\"chunks\":%" PRIu64 ",\"bytes\":%" PRIu64
                  ",\"disk\":%" PRIu64 ",\"buffers\":%" PRIu64 ",\"read\":%" PRIu64
                  "},\n\"entities\":[",
                  memory->live, memory->index, memory->texts, memory->carved, memory->limit,
                  assay_spill_state_name(spill->state), spill->chunks, spill->bytes,
                  spill->disk_bytes, spill->memory_bytes, spill->read_bytes);
    for (uint32_t e = 0; e < schema->entity_count; e++) {
        const struct assay_entity_facts *facts = &report->entities[e];
        (void)fputs(e == 0 ? "\n{\"name\":" : ",\n{\"name\":", out);
        assay_print_json_text(schema->entities[e].name, out);
        (void)fprintf(out, ",\"keys\":%" PRIu64 ",\"logged_events\":%" PRIu64 ",\"bytes\":{",
                      facts->keys, facts->logged);
        for (int p = 0; p < PARTS; p++) {
            (void)fprintf(out, "%s\"%s\":%" PRIu64, p == 0 ? "" : ",", part_rows[p].name,
                          part_of(&facts->bytes, &part_rows[p]));
        }
        (void)fputc('}', out);
        print_json_hot(report, e, out);
        (void)fputc('}', out);
    }
    (void)fputs("]}\n", out);
}
