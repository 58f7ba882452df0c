#include "features/expr_pvt.h"

#include "engine/base/number.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char peek_at(const struct lexer *lexer, size_t offset)
{
    const size_t at = lexer->at + offset;
    return at < lexer->span.end ? lexer->span.text->data[at] : '\0';
}

static struct token token_from(const struct lexer *lexer, enum token_kind kind, size_t begin)
{
    const char *data = lexer->span.text->data;
    return (struct token){
        .kind = kind,
        .text = {.ptr = data + begin, .len = (uint32_t)(lexer->at - begin)},
        .span = {.text = lexer->span.text, .begin = begin, .end = lexer->at},
    };
}

static struct token bad(const struct lexer *lexer, size_t begin, const char *what)
{
    struct token token = token_from(lexer, TOKEN_BAD, begin);
    assay_diag_add(lexer->diags, ASSAY_DIAG_SYNTAX, token.span, "%s", what);
    return token;
}

static struct token lex_string(struct lexer *lexer)
{
    const size_t begin = lexer->at;
    const char quote = peek_at(lexer, 0);
    lexer->at++;
    while (lexer->at < lexer->span.end && peek_at(lexer, 0) != quote && peek_at(lexer, 0) != '\n') {
        lexer->at++;
    }
    if (lexer->at >= lexer->span.end || peek_at(lexer, 0) == '\n') {
        return bad(lexer, begin, "the string has no closing quote on its line");
    }
    lexer->at++;
    struct token token = token_from(lexer, TOKEN_STRING, begin);
    token.text = (struct assay_str){.ptr = token.text.ptr + 1, .len = token.text.len - 2};
    return token;
}

/* ms per unit; 0: no such unit. */
static int64_t unit_ms(struct assay_str unit)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                 {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (assay_str_equal(unit, assay_str_of(units[i].name))) {
            return units[i].ms;
        }
    }
    return 0;
}

static struct token lex_duration(struct lexer *lexer, size_t begin, double count)
{
    const size_t unit_at = lexer->at;
    while (is_letter(peek_at(lexer, 0)) || is_digit(peek_at(lexer, 0))) {
        lexer->at++;
    }
    const struct assay_str unit = {.ptr = lexer->span.text->data + unit_at,
                                   .len = (uint32_t)(lexer->at - unit_at)};
    struct token token = token_from(lexer, TOKEN_DURATION, begin);
    const int64_t ms = unit_ms(unit);
    if (ms == 0) {
        assay_diag_add(lexer->diags, ASSAY_DIAG_SYNTAX, token.span, "unknown unit \"%.*s\"",
                       (int)unit.len, unit.ptr);
        assay_diag_hint(lexer->diags, "use ms, s, m, h, d or w");
        token.kind = TOKEN_BAD;
        return token;
    }
    token.number = count * (double)ms;
    if (token.number < 1 || token.number > 9007199254740992.0 / 4) {
        assay_diag_add(lexer->diags, ASSAY_DIAG_SYNTAX, token.span,
                       "a duration must be at least 1 ms and below 70,000 years");
        token.kind = TOKEN_BAD;
    }
    return token;
}

static void skip_number(struct lexer *lexer, bool *whole)
{
    while (is_digit(peek_at(lexer, 0)) ||
           (peek_at(lexer, 0) == '_' && is_digit(peek_at(lexer, 1)))) {
        lexer->at++;
    }
    if (peek_at(lexer, 0) == '.' && is_digit(peek_at(lexer, 1))) {
        *whole = false;
        lexer->at++;
        while (is_digit(peek_at(lexer, 0))) {
            lexer->at++;
        }
    }
    const char sign = peek_at(lexer, 1);
    const bool exponent =
        peek_at(lexer, 0) == 'e' &&
        (is_digit(sign) || ((sign == '+' || sign == '-') && is_digit(peek_at(lexer, 2))));
    if (exponent) {
        *whole = false;
        lexer->at += 2;
        while (is_digit(peek_at(lexer, 0))) {
            lexer->at++;
        }
    }
}

static struct token lex_number(struct lexer *lexer)
{
    const size_t begin = lexer->at;
    bool whole = true;
    skip_number(lexer, &whole);
    struct token token = token_from(lexer, TOKEN_NUMBER, begin);
    char digits[64];
    uint32_t length = 0;
    for (uint32_t i = 0; i < token.text.len && length < sizeof digits; i++) {
        if (token.text.ptr[i] != '_') {
            digits[length++] = token.text.ptr[i];
        }
    }
    if (length == sizeof digits ||
        !assay_number_parse((struct assay_str){.ptr = digits, .len = length}, &token.number) ||
        !isfinite(token.number)) {
        return bad(lexer, begin, "the number is too long or too large");
    }
    token.whole = whole;
    if (is_letter(peek_at(lexer, 0))) {
        return whole ? lex_duration(lexer, begin, token.number)
                     : bad(lexer, begin, "a duration is a whole number and a unit");
    }
    return token;
}

static struct token lex_symbol(struct lexer *lexer)
{
    const size_t begin = lexer->at;
    const char c = peek_at(lexer, 0);
    const bool with_equals = c == '!' || c == '<' || c == '>';
    lexer->at++;
    if (with_equals && peek_at(lexer, 0) == '=') {
        lexer->at++;
        return token_from(lexer, TOKEN_SYMBOL, begin);
    }
    if (c == '\0' || strchr("()[],.@|+-*/%=<>", c) == NULL) {
        while (((unsigned char)peek_at(lexer, 0) & 0xC0U) == 0x80U) {
            lexer->at++; /* a character outside ASCII is one character */
        }
        struct token token = bad(lexer, begin, "this character means nothing here");
        if (c == '&' || c == '!') {
            assay_diag_hint(lexer->diags, "write and, or, not; != for unequal");
        }
        return token;
    }
    if (c == '=' && peek_at(lexer, 0) == '=') {
        lexer->at++;
        struct token token = bad(lexer, begin, "equality is written =");
        return token;
    }
    return token_from(lexer, TOKEN_SYMBOL, begin);
}

struct token assay_lex(struct lexer *lexer)
{
    ASSAY_ASSERT(lexer->at <= lexer->span.end);
    while (lexer->at < lexer->span.end &&
           strchr(" \t\r\n", lexer->span.text->data[lexer->at]) != NULL &&
           lexer->span.text->data[lexer->at] != '\0') {
        lexer->at++;
    }
    const char c = peek_at(lexer, 0);
    if (lexer->at == lexer->span.end) {
        return token_from(lexer, TOKEN_END, lexer->at);
    }
    if (is_letter(c)) {
        const size_t begin = lexer->at;
        while (is_letter(peek_at(lexer, 0)) || is_digit(peek_at(lexer, 0))) {
            lexer->at++;
        }
        return token_from(lexer, TOKEN_NAME, begin);
    }
    if (is_digit(c)) {
        return lex_number(lexer);
    }
    return c == '"' || c == '\'' ? lex_string(lexer) : lex_symbol(lexer);
}
