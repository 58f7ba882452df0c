#include "ingest/generate_pvt.h"

/* Lines as broken senders write them: each must end as a dead letter with a reason of its own. */

struct line {
    char *text;
    size_t length;
};

/* Put @p text in the place of [begin, end). */
static void replace(struct line *line, size_t begin, size_t end, const char *text)
{
    const size_t size = strlen(text);
    ASSAY_ASSERT(begin <= end && end <= line->length);
    ASSAY_ASSERT(line->length - (end - begin) + size < GEN_LINE_BYTES);
    memmove(line->text + begin + size, line->text + end, line->length - end);
    memcpy(line->text + begin, text, size);
    line->length += size - (end - begin);
}

/* Where @p wanted begins; it is there. */
static size_t find(const struct line *line, const char *wanted)
{
    const char *at = memmem(line->text, line->length, wanted, strlen(wanted));
    ASSAY_ASSERT(at != NULL);
    return (size_t)(at - line->text);
}

static size_t find_after(const struct line *line, size_t begin, char wanted)
{
    while (line->text[begin] != wanted) {
        begin++;
        ASSAY_ASSERT(begin < line->length);
    }
    return begin;
}

static void replace_first(struct line *line, const char *wanted, const char *text)
{
    const size_t at = find(line, wanted);
    replace(line, at, at + strlen(wanted), text);
}

/* The first key field: its name or its value. */
static void spoil_key(const struct gen_item *item, struct line *line, bool name, const char *text)
{
    const char *key = item->type == GEN_TRANSFER ? "\"payer\":" : "\"user\":";
    const size_t at = find(line, key);
    const size_t value = at + strlen(key);
    if (name) {
        replace(line, at, value, text);
    } else {
        replace(line, value, find_after(line, value + 1, '"') + 1, text);
    }
}

static void spoil_time(struct line *line, const char *text)
{
    const size_t at = find(line, "\"time\":") + strlen("\"time\":");
    replace(line, at, find_after(line, at, ','), text);
}

size_t gen_spoil(const struct gen_item *item, size_t length, char text[GEN_LINE_BYTES])
{
    struct line line = {.text = text, .length = length};
    switch ((enum gen_bad)item->bad) {
    case GEN_BAD_TRUNCATED:
        line.length = length / 4 + (size_t)item->number * 7 % (length / 2);
        break;
    case GEN_BAD_WRONG_TYPE:
        spoil_key(item, &line, false, "true");
        break;
    case GEN_BAD_UNKNOWN_TYPE:
        replace_first(&line, "\"type\":\"", "\"type\":\"legacy_");
        break;
    case GEN_BAD_MISSING_KEY:
        spoil_key(item, &line, true, "\"account\":");
        break;
    case GEN_BAD_NULL_KEY:
        spoil_key(item, &line, false, "null");
        break;
    case GEN_BAD_HUGE_NUMBER:
        spoil_time(&line, "1e400");
        break;
    case GEN_BAD_UTF8:
        replace_first(&line, "\"id\":\"", "\"id\":\"\xc3(");
        break;
    case GEN_BAD_NO_TIME:
        replace_first(&line, "\"time\":", "\"ts\":");
        break;
    case GEN_BAD_TWICE:
        replace(&line, line.length - 1, line.length, ",\"id\":\"again\"}");
        break;
    case GEN_BAD_NOT_OBJECT:
        replace(&line, 0, 0, "[");
        replace(&line, line.length, line.length, "]");
        break;
    case GEN_BAD_NUL:
        replace_first(&line, "\"id\":\"", "\"id\":\"\\u0000");
        break;
    case GEN_GOOD:
    case GEN_BAD_END:
        ASSAY_ASSERT(false);
    }
    return line.length;
}
