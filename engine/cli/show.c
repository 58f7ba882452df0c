#include "engine/cli/show.h"

#include "engine/base/assert.h"
#include "engine/base/number.h"
#include "engine/cli/command.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

/* Keys and texts come from outside: what would steer a terminal is shown as its bytes.
 * @return the number of characters. */
int assay_show_text(struct assay_str text, FILE *out)
{
    int cells = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        const bool wide_control =
            c == 0xC2 && i + 1 < text.len && ((unsigned char)text.ptr[i + 1] & 0xE0) == 0x80;
        if (wide_control) {
            cells += fprintf(out, "\\x%02x\\x%02x", c, (unsigned char)text.ptr[++i]);
        } else if (c < 0x20 || c == 0x7F) {
            cells += fprintf(out, "\\x%02x", c);
        } else {
            (void)fputc(c, out);
            cells += (c & 0xC0) == 0x80 ? 0 : 1;
        }
    }
    return cells;
}

void assay_show_pad(int cells, int width, FILE *out)
{
    (void)fprintf(out, "%*s", cells < width ? width - cells : 0, "");
}

/* All digits that tell it apart; in a column, as many as fit. */
int assay_show_number(double number, bool narrow, FILE *out)
{
    enum { NARROW_BYTES = 14 };
    char text[ASSAY_NUMBER_TEXT_BYTES];
    if (!isfinite(number)) {
        return fprintf(out, "%s", isnan(number) ? "null" : number > 0 ? "inf" : "-inf");
    }
    const size_t len = assay_number_print(number, text);
    if (narrow && len > NARROW_BYTES) {
        return fprintf(out, "%.8g", number);
    }
    return fprintf(out, "%s", text);
}

void assay_show_time(int64_t time_ms, FILE *out)
{
    char text[64];
    struct tm parts;
    int64_t seconds = time_ms / 1000;
    int64_t ms = time_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    const time_t whole = (time_t)seconds;
    if (gmtime_r(&whole, &parts) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        (void)fprintf(out, "%" PRId64 " ms", time_ms);
        return;
    }
    (void)fprintf(out, "%s.%03dZ", text, (int)ms);
}

int assay_show_value(const struct assay_value *value, FILE *out)
{
    if (assay_value_is_null(value)) {
        return fprintf(out, "null");
    }
    if (value->kind == ASSAY_KIND_TEXT) {
        (void)fputc('"', out);
        const int cells = assay_show_text(value->cell.text, out) + 2;
        (void)fputc('"', out);
        return cells;
    }
    if (value->kind == ASSAY_KIND_BOOL) {
        return fprintf(out, "%s", value->cell.number == 0 ? "false" : "true");
    }
    return assay_show_number(value->cell.number, true, out);
}

void assay_show_age(int64_t age_ms, FILE *out)
{
    if (age_ms == 0) {
        (void)fputc('0', out);
        return;
    }
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    const size_t count = sizeof units / sizeof units[0];
    size_t unit = 0;
    while (unit + 1 < count && age_ms < units[unit].ms) {
        unit++;
    }
    (void)fprintf(out, "%" PRId64 "%s", age_ms / units[unit].ms, units[unit].name);
    const int64_t rest = unit + 1 < count ? age_ms % units[unit].ms / units[unit + 1].ms : 0;
    if (rest != 0) {
        (void)fprintf(out, " %" PRId64 "%s", rest, units[unit + 1].name);
    }
}

int assay_show_count(uint64_t count, FILE *out)
{
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
    int cells = length;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            (void)fputc(',', out);
            cells++;
        }
        (void)fputc(digits[i], out);
    }
    return cells;
}

void assay_show_bytes(uint64_t bytes, FILE *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double size = (double)bytes;
    size_t unit = 0;
    while (size >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        size /= 1024;
        unit++;
    }
    (void)fprintf(out, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
}

FILE *assay_show_open(char *text, size_t size)
{
    ASSAY_ASSERT(size > 1);
    memset(text, 0, size);
    FILE *out = fmemopen(text, size - 1, "w");
    if (out == NULL) {
        (void)fputs("assay: out of memory\n", stderr);
        exit(ASSAY_EXIT_CAPACITY);
    }
    return out;
}

const char *assay_state_name(enum assay_state state)
{
    static const char *const names[] = {[ASSAY_STATE_OK] = "ok",
                                        [ASSAY_STATE_WARMING] = "warming",
                                        [ASSAY_STATE_EXPIRED] = "expired"};
    ASSAY_ASSERT((size_t)state < sizeof names / sizeof names[0]);
    return names[state];
}
