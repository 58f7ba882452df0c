#include "features/decode_pvt.h"

/*
 * Strict RFC 8259: no leading zeros, no trailing commas, no control characters in strings, valid
 * UTF-8 without surrogates. Strings are scanned eight bytes at a time until something other than
 * plain ASCII text turns up.
 */

static bool refuse(struct json_scanner *scanner, enum assay_dead dead)
{
    scanner->dead = dead;
    return false;
}

/* High bit of each byte that is a quote, a backslash, a control character or not ASCII. */
static uint64_t special_bytes(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = UINT64_C(0x8080808080808080);
    const uint64_t quote = word ^ ones * '"';
    const uint64_t slash = word ^ ones * '\\';
    const uint64_t zero_quote = (quote - ones) & ~quote;
    const uint64_t zero_slash = (slash - ones) & ~slash;
    const uint64_t control = (word - ones * 0x20) & ~word;
    return (zero_quote | zero_slash | control | word) & highs;
}

static const char *skip_plain(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word = 0;
        memcpy(&word, at, sizeof word);
        const uint64_t special = special_bytes(word);
        if (special != 0) {
            /* Borrows can only flag bytes above a true hit, so the lowest flag is exact. */
            return at + (__builtin_ctzll(special) >> 3);
        }
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20 &&
           (unsigned char)*at < 0x80) {
        at++;
    }
    return at;
}

static bool is_continuation(const char *at, const char *end)
{
    return at < end && ((unsigned char)*at & 0xC0U) == 0x80U;
}

/* Length of the UTF-8 sequence at @p at (first byte >= 0x80), or 0. Table 3-7 of Unicode. */
static size_t utf8_length(const char *at, const char *end)
{
    const unsigned char lead = (unsigned char)at[0];
    const unsigned char next = end - at > 1 ? (unsigned char)at[1] : 0;
    if (lead >= 0xC2 && lead <= 0xDF) {
        return is_continuation(at + 1, end) ? 2 : 0;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        const unsigned char low = lead == 0xE0 ? 0xA0 : 0x80;
        const unsigned char high = lead == 0xED ? 0x9F : 0xBF;
        return next >= low && next <= high && is_continuation(at + 2, end) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        const unsigned char low = lead == 0xF0 ? 0x90 : 0x80;
        const unsigned char high = lead == 0xF4 ? 0x8F : 0xBF;
        return next >= low && next <= high && is_continuation(at + 2, end) &&
                       is_continuation(at + 3, end)
                   ? 4
                   : 0;
    }
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits at @p at, or -1. */
static int32_t hex_unit(const char *at, const char *end)
{
    if (end - at < 4) {
        return -1;
    }
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        const int digit = hex_digit(at[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool is_high(int32_t unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low(int32_t unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* At a backslash: check the escape and step over it. */
static bool scan_escape(struct json_scanner *scanner)
{
    const char *at = scanner->at + 1;
    if (at == scanner->end) {
        return refuse(scanner, ASSAY_DEAD_SYNTAX);
    }
    if (*at != 'u') {
        if (*at == '\0' || strchr("\"\\/bfnrt", *at) == NULL) {
            return refuse(scanner, ASSAY_DEAD_SYNTAX);
        }
        scanner->at = at + 1;
        return true;
    }
    const int32_t unit = hex_unit(at + 1, scanner->end);
    if (unit < 0) {
        return refuse(scanner, ASSAY_DEAD_SYNTAX);
    }
    at += 5;
    if (is_low(unit)) {
        return refuse(scanner, ASSAY_DEAD_UTF8);
    }
    if (is_high(unit)) {
        if (scanner->end - at < 6 || at[0] != '\\' || at[1] != 'u' ||
            !is_low(hex_unit(at + 2, scanner->end))) {
            return refuse(scanner, ASSAY_DEAD_UTF8);
        }
        at += 6;
    }
    scanner->at = at;
    return true;
}

bool assay_json_string(struct json_scanner *scanner, struct json_value *out)
{
    ASSAY_DASSERT(scanner->at < scanner->end && *scanner->at == '"');
    const char *start = ++scanner->at;
    out->kind = JSON_STRING;
    out->escaped = false;
    for (;;) {
        scanner->at = skip_plain(scanner->at, scanner->end);
        if (scanner->at == scanner->end) {
            return refuse(scanner, ASSAY_DEAD_SYNTAX);
        }
        const unsigned char c = (unsigned char)*scanner->at;
        if (c == '"') {
            out->raw = (struct assay_str){.ptr = start, .len = (uint32_t)(scanner->at - start)};
            scanner->at++;
            return true;
        }
        if (c == '\\') {
            out->escaped = true;
            if (!scan_escape(scanner)) {
                return false;
            }
        } else if (c >= 0x80) {
            const size_t length = utf8_length(scanner->at, scanner->end);
            if (length == 0) {
                return refuse(scanner, ASSAY_DEAD_UTF8);
            }
            scanner->at += length;
        } else {
            return refuse(scanner, c == 0 ? ASSAY_DEAD_NUL : ASSAY_DEAD_SYNTAX);
        }
    }
}

static size_t encode_utf8(uint32_t point, char out[])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xC0U | point >> 6);
        out[1] = (char)(0x80U | (point & 0x3FU));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xE0U | point >> 12);
        out[1] = (char)(0x80U | (point >> 6 & 0x3FU));
        out[2] = (char)(0x80U | (point & 0x3FU));
        return 3;
    }
    out[0] = (char)(0xF0U | point >> 18);
    out[1] = (char)(0x80U | (point >> 12 & 0x3FU));
    out[2] = (char)(0x80U | (point >> 6 & 0x3FU));
    out[3] = (char)(0x80U | (point & 0x3FU));
    return 4;
}

static char plain_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c; /* quote, backslash, slash: the scanner let nothing else through */
    }
}

size_t assay_json_unescape(struct assay_str raw, char out[], bool *nul)
{
    const char *at = raw.ptr;
    const char *end = raw.ptr + raw.len;
    size_t used = 0;
    *nul = false;
    while (at < end) {
        if (*at != '\\') {
            out[used++] = *at++;
            continue;
        }
        if (at[1] != 'u') {
            out[used++] = plain_escape(at[1]);
            at += 2;
            continue;
        }
        const int32_t unit = hex_unit(at + 2, end);
        ASSAY_ASSERT(unit >= 0);
        uint32_t point = (uint32_t)unit;
        at += 6;
        if (is_high(unit)) {
            const int32_t low = hex_unit(at + 2, end);
            point = 0x10000U + ((point - 0xD800U) << 10) + ((uint32_t)low - 0xDC00U);
            at += 6;
        }
        *nul = *nul || point == 0;
        used += encode_utf8(point, out + used); /* never longer than its escape */
    }
    return used;
}

static const char *digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

static bool scan_number(struct json_scanner *scanner, struct json_value *out)
{
    const char *start = scanner->at;
    const char *at = start + (*start == '-' ? 1 : 0);
    const char *from = at;
    at = digits(at, scanner->end);
    if (at == from || (*from == '0' && at - from > 1)) {
        return refuse(scanner, ASSAY_DEAD_SYNTAX);
    }
    if (at < scanner->end && *at == '.') {
        from = ++at;
        at = digits(at, scanner->end);
        if (at == from) {
            return refuse(scanner, ASSAY_DEAD_SYNTAX);
        }
    }
    if (at < scanner->end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < scanner->end && (*at == '+' || *at == '-')) {
            at++;
        }
        from = at;
        at = digits(at, scanner->end);
        if (at == from) {
            return refuse(scanner, ASSAY_DEAD_SYNTAX);
        }
    }
    scanner->at = at;
    out->kind = JSON_NUMBER;
    out->raw = (struct assay_str){.ptr = start, .len = (uint32_t)(at - start)};
    return true;
}

static bool scan_word(struct json_scanner *scanner, const char *word, enum json_kind kind,
                      struct json_value *out)
{
    const size_t length = strlen(word);
    if ((size_t)(scanner->end - scanner->at) < length || memcmp(scanner->at, word, length) != 0) {
        return refuse(scanner, ASSAY_DEAD_SYNTAX);
    }
    out->kind = kind;
    out->raw = (struct assay_str){.ptr = scanner->at, .len = (uint32_t)length};
    scanner->at += length;
    return true;
}

static bool expect(struct json_scanner *scanner, char c)
{
    assay_json_blanks(scanner);
    if (scanner->at == scanner->end || *scanner->at != c) {
        return refuse(scanner, ASSAY_DEAD_SYNTAX);
    }
    scanner->at++;
    return true;
}

static bool scan_name(struct json_scanner *scanner)
{
    struct json_value name;
    assay_json_blanks(scanner);
    if (scanner->at == scanner->end || *scanner->at != '"') {
        return refuse(scanner, ASSAY_DEAD_SYNTAX);
    }
    return assay_json_string(scanner, &name) && expect(scanner, ':');
}

/* An array or object whose content nobody reads, but which must be well-formed. */
static bool scan_nested(struct json_scanner *scanner, uint32_t depth, struct json_value *out)
{
    const char *start = scanner->at;
    const bool object = *start == '{';
    const char closing = object ? '}' : ']';
    if (depth >= ASSAY_DECODE_DEPTH_MAX) {
        return refuse(scanner, ASSAY_DEAD_DEPTH);
    }
    scanner->at++;
    assay_json_blanks(scanner);
    bool open = scanner->at == scanner->end || *scanner->at != closing;
    while (open) {
        struct json_value item;
        if ((object && !scan_name(scanner)) || !assay_json_value(scanner, depth + 1, &item)) {
            return false;
        }
        assay_json_blanks(scanner);
        open = scanner->at < scanner->end && *scanner->at == ',';
        scanner->at += open ? 1 : 0;
    }
    if (!expect(scanner, closing)) {
        return false;
    }
    out->kind = object ? JSON_OBJECT : JSON_ARRAY;
    out->raw = (struct assay_str){.ptr = start, .len = (uint32_t)(scanner->at - start)};
    return true;
}

bool assay_json_value(struct json_scanner *scanner, uint32_t depth, struct json_value *out)
{
    assay_json_blanks(scanner);
    if (scanner->at == scanner->end) {
        return refuse(scanner, ASSAY_DEAD_SYNTAX);
    }
    out->escaped = false;
    switch (*scanner->at) {
    case '"':
        return assay_json_string(scanner, out);
    case '{':
    case '[':
        return scan_nested(scanner, depth, out);
    case 't':
        return scan_word(scanner, "true", JSON_TRUE, out);
    case 'f':
        return scan_word(scanner, "false", JSON_FALSE, out);
    case 'n':
        return scan_word(scanner, "null", JSON_NULL, out);
    default:
        return scan_number(scanner, out);
    }
}
