#include "features/decode_pvt.h"

#include "engine/base/number.h"

/*
 * Decimals never pass through binary floating point: the text's significant digits d and its power
 * of ten give d x 10^k exactly, or the reason why the declared type cannot hold it.
 */

enum {
    EXPONENT_MAX = 1 << 24, /* longer exponents are clamped: far out of range either way */
    DIGITS_MAX = 16,        /* 2^53 has 16 digits */
    PLAIN_BYTES_MAX = 18,   /* so many digits fit 64 bits whatever they are */
};

struct decimal_text {
    uint64_t digits;     /* the first DIGITS_MAX significant ones, no trailing zeros */
    int64_t digit_count; /* significant digits, leading and trailing zeros not counted */
    int64_t exponent;    /* value = all significant digits x 10^exponent */
    bool negative;
};

static int64_t read_exponent(const char *at, const char *end)
{
    const bool negative = *at == '-';
    if (*at == '-' || *at == '+') {
        at++;
    }
    int64_t exponent = 0;
    for (; at < end; at++) {
        exponent = exponent * 10 + (*at - '0');
        if (exponent > EXPONENT_MAX) {
            exponent = EXPONENT_MAX;
        }
    }
    return negative ? -exponent : exponent;
}

static void read_decimal(struct assay_str number, struct decimal_text *out)
{
    const char *at = number.ptr;
    const char *end = number.ptr + number.len;
    bool fraction = false;
    int64_t zeros = 0; /* zeros seen since the last non-zero digit */
    *out = (struct decimal_text){.negative = *at == '-'};
    at += out->negative ? 1 : 0;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        out->exponent -= fraction ? 1 : 0;
        if (*at == '0') {
            zeros += out->digit_count > 0 ? 1 : 0;
            continue;
        }
        for (; zeros >= 0; zeros--) { /* the zeros between, then the digit itself */
            if (out->digit_count < DIGITS_MAX) {
                out->digits = out->digits * 10 + (zeros == 0 ? (uint64_t)(*at - '0') : 0);
            }
            out->digit_count++;
        }
        zeros = 0;
    }
    out->exponent += zeros;
    if (at < end) {
        out->exponent += read_exponent(at + 1, end);
    }
}

/*
 * What nearly every number looks like: up to PLAIN_BYTES_MAX bytes, no exponent, no more decimals
 * than declared. @return false: read it the long way.
 */
static bool read_plain(struct assay_str number, uint32_t scale, int64_t *out)
{
    const char *at = number.ptr;
    const char *end = number.ptr + number.len;
    const bool negative = *at == '-';
    const char *point = NULL;
    int64_t digits = 0;
    if (number.len > PLAIN_BYTES_MAX) {
        return false;
    }
    for (at += negative ? 1 : 0; at < end; at++) {
        const unsigned digit = (unsigned)(unsigned char)*at - '0';
        if (digit <= 9) {
            digits = digits * 10 + (int64_t)digit;
        } else if (*at == '.') {
            point = at;
        } else {
            return false;
        }
    }
    const uint32_t decimals = point == NULL ? 0 : (uint32_t)(end - point) - 1;
    if (decimals > scale || number.len + scale - decimals > PLAIN_BYTES_MAX) {
        return false;
    }
    digits *= assay_pow10(scale - decimals);
    *out = negative ? -digits : digits;
    return digits < INT64_C(1) << 53;
}

enum assay_dead assay_json_scaled(struct assay_str number, uint32_t scale, int64_t *out)
{
    ASSAY_ASSERT(number.len > 0);
    struct decimal_text text;
    if (read_plain(number, scale, out)) {
        return ASSAY_DEAD_NONE;
    }
    read_decimal(number, &text);
    *out = 0;
    if (text.digit_count == 0) {
        return ASSAY_DEAD_NONE;
    }
    const int64_t power = text.exponent + (int64_t)scale;
    if (power < 0) {
        return ASSAY_DEAD_PRECISION; /* the last significant digit is not zero */
    }
    if (text.digit_count + power > DIGITS_MAX) {
        return ASSAY_DEAD_RANGE;
    }
    const int64_t magnitude = (int64_t)text.digits * assay_pow10((uint32_t)power);
    if (magnitude >= INT64_C(1) << 53) {
        return ASSAY_DEAD_RANGE;
    }
    *out = text.negative ? -magnitude : magnitude;
    return ASSAY_DEAD_NONE;
}

/* Two or more digits as a number; advances. @return -1 when there are not that many. */
static int64_t take_digits(const char **at, const char *end, int count)
{
    int64_t value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (*at == end || **at < '0' || **at > '9') {
            return -1;
        }
        value = value * 10 + (**at - '0');
    }
    return value;
}

static bool take_char(const char **at, const char *end, const char *allowed)
{
    if (*at == end || **at == '\0' || strchr(allowed, **at) == NULL) {
        return false;
    }
    (*at)++;
    return true;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant, days_from_civil). */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t era = (y >= 0 ? y : y - 399) / 400;
    const int64_t year_of_era = y - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

/* Fraction of a second in ms; digits after the third must be zero. */
static bool take_fraction(const char **at, const char *end, int64_t *out_ms)
{
    int64_t weight = 100;
    *out_ms = 0;
    if (*at == end || **at != '.') {
        return true;
    }
    (*at)++;
    const char *from = *at;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
        if (weight == 0 && **at != '0') {
            return false;
        }
        *out_ms += weight * (**at - '0');
        weight /= 10;
    }
    return *at > from;
}

static bool take_offset(const char **at, const char *end, int64_t *out_minutes)
{
    *out_minutes = 0;
    if (take_char(at, end, "Zz")) {
        return true;
    }
    const bool west = *at < end && **at == '-';
    if (!take_char(at, end, "+-")) {
        return false;
    }
    const int64_t hours = take_digits(at, end, 2);
    if (hours < 0 || hours > 23 || !take_char(at, end, ":")) {
        return false;
    }
    const int64_t minutes = take_digits(at, end, 2);
    if (minutes < 0 || minutes > 59) {
        return false;
    }
    *out_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

bool assay_json_rfc3339(struct assay_str text, int64_t *out_ms)
{
    const char *at = text.ptr;
    const char *end = text.ptr + text.len;
    const int64_t year = take_digits(&at, end, 4);
    const bool date_1 = year >= 0 && take_char(&at, end, "-");
    const int64_t month = date_1 ? take_digits(&at, end, 2) : -1;
    const bool date_2 = month >= 1 && month <= 12 && take_char(&at, end, "-");
    const int64_t day = date_2 ? take_digits(&at, end, 2) : -1;
    if (day < 1 || day > days_in_month(year, month) || !take_char(&at, end, "Tt ")) {
        return false;
    }
    const int64_t hour = take_digits(&at, end, 2);
    const bool time_1 = hour >= 0 && hour <= 23 && take_char(&at, end, ":");
    const int64_t minute = time_1 ? take_digits(&at, end, 2) : -1;
    const bool time_2 = minute >= 0 && minute <= 59 && take_char(&at, end, ":");
    const int64_t second = time_2 ? take_digits(&at, end, 2) : -1;
    int64_t fraction_ms = 0;
    int64_t offset_minutes = 0;
    if (second < 0 || second > 59 || !take_fraction(&at, end, &fraction_ms) ||
        !take_offset(&at, end, &offset_minutes) || at != end) {
        return false;
    }
    const int64_t minutes =
        (days_from_civil(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
    *out_ms = (minutes * 60 + second) * 1000 + fraction_ms;
    return true;
}

bool assay_time_parse(struct assay_str text, int64_t *out_ms)
{
    double number = 0;
    if (assay_number_parse(text, &number)) {
        return assay_json_scaled(text, 0, out_ms) == ASSAY_DEAD_NONE;
    }
    return assay_json_rfc3339(text, out_ms);
}
