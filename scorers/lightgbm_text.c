#include "scorers/lightgbm_pvt.h"

#include <stdarg.h>
#include <stdio.h>

bool assay_lgb_next_line(struct lgb_reader *reader)
{
    if (reader->at == reader->end) {
        reader->line = (struct assay_str){.ptr = reader->end, .len = 0};
        return false;
    }
    const char *start = reader->at;
    const char *feed = memchr(start, '\n', (size_t)(reader->end - start));
    const char *stop = feed == NULL ? reader->end : feed;
    reader->at = feed == NULL ? reader->end : feed + 1;
    reader->number++;
    reader->line = (struct assay_str){.ptr = start, .len = (uint32_t)(stop - start)};
    if (reader->line.len > 0 && stop[-1] == '\r') {
        reader->line.len--;
    }
    return true;
}

struct lgb_pair assay_lgb_pair(const struct lgb_reader *reader)
{
    const struct assay_str line = reader->line;
    const char *equals = memchr(line.ptr, '=', line.len);
    if (equals == NULL) {
        return (struct lgb_pair){.key = line};
    }
    const uint32_t split = (uint32_t)(equals - line.ptr);
    return (struct lgb_pair){
        .key = {.ptr = line.ptr, .len = split},
        .value = {.ptr = equals + 1, .len = line.len - split - 1},
    };
}

bool assay_lgb_starts(const struct lgb_reader *reader, const char *prefix)
{
    const size_t length = strlen(prefix);
    return reader->line.len >= length && memcmp(reader->line.ptr, prefix, length) == 0;
}

enum assay_status assay_lgb_fail(const struct lgb_reader *reader, enum assay_status status,
                                 uint32_t line, const char *format, ...)
{
    struct assay_err *err = reader->input->err;
    char place[sizeof err->where];
    char what[sizeof err->what];
    (void)snprintf(place, sizeof place, "%s:%u", reader->input->where, line);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    (void)assay_err_set(err, status, place, "%s", what);
    assay_err_remedy(err, status == ASSAY_E_UNSUPPORTED
                              ? "train without it; docs/models.md lists what is scored exactly"
                              : "export the model again with Booster.save_model()");
    return status;
}

enum assay_status assay_lgb_full(const struct lgb_reader *reader)
{
    return assay_err_set(reader->input->err, ASSAY_E_NO_MEMORY, reader->input->where,
                         "no memory for the model (at line %u)", reader->number);
}

bool assay_lgb_integer(struct assay_str text, int64_t min, int64_t max, int64_t *out)
{
    const bool negative = text.len > 0 && text.ptr[0] == '-';
    uint32_t at = negative ? 1 : 0;
    if (at == text.len || text.len - at > 15) {
        return false;
    }
    int64_t value = 0;
    for (; at < text.len; at++) {
        if (text.ptr[at] < '0' || text.ptr[at] > '9') {
            return false;
        }
        value = value * 10 + (text.ptr[at] - '0');
    }
    *out = negative ? -value : value;
    return *out >= min && *out <= max;
}

bool assay_lgb_word(struct assay_str *rest, struct assay_str *word)
{
    const char *at = rest->ptr;
    const char *end = rest->ptr + rest->len;
    while (at < end && *at == ' ') {
        at++;
    }
    const char *start = at;
    while (at < end && *at != ' ') {
        at++;
    }
    *word = (struct assay_str){.ptr = start, .len = (uint32_t)(at - start)};
    *rest = (struct assay_str){.ptr = at, .len = (uint32_t)(end - at)};
    return word->len > 0;
}
