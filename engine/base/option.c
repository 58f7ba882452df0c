#include "engine/base/option.h"

#include "engine/base/number.h"
#include "engine/base/suggest.h"

#include <inttypes.h>
#include <string.h>

/* Reading one command line. */
struct reading {
    const struct assay_option *table;
    size_t count;
    int argc;
    const char **argv;
    int at;        /* next argument */
    uint64_t seen; /* bit i: row i was given */
    char *out;
    struct assay_err *err;
};

enum { OPTIONS_MAX = 64 };

static const struct assay_option *find_long(const struct reading *reading, struct assay_str name)
{
    for (size_t i = 0; i < reading->count; i++) {
        if (assay_str_equal(assay_str_of(reading->table[i].name), name)) {
            return &reading->table[i];
        }
    }
    return NULL;
}

static const struct assay_option *find_letter(const struct reading *reading, char letter)
{
    for (size_t i = 0; i < reading->count; i++) {
        if (reading->table[i].letter != 0 && reading->table[i].letter == letter) {
            return &reading->table[i];
        }
    }
    return NULL;
}

static enum assay_status unknown(struct reading *reading, struct assay_str name)
{
    struct assay_suggest suggest = {.word = name};
    for (size_t i = 0; i < reading->count; i++) {
        assay_suggest_offer(&suggest, assay_str_of(reading->table[i].name));
    }
    (void)assay_err_set(reading->err, ASSAY_E_USAGE, reading->argv[reading->at], "no such option");
    if (suggest.best.ptr != NULL) {
        assay_err_remedy(reading->err, "did you mean --%.*s?", (int)suggest.best.len,
                         suggest.best.ptr);
    } else {
        assay_err_remedy(reading->err, "--help lists the options");
    }
    return ASSAY_E_USAGE;
}

static enum assay_status bad_value(struct reading *reading, const struct assay_option *option,
                                   const char *value, const char *what)
{
    char where[64];
    (void)snprintf(where, sizeof where, "--%s", option->name);
    (void)assay_err_set(reading->err, ASSAY_E_USAGE, where, "%s", what);
    if (value != NULL) {
        assay_err_value(reading->err, "\"%s\"", value);
    }
    if (option->min != 0 || option->max != 0) {
        char low[ASSAY_NUMBER_TEXT_BYTES];
        char high[ASSAY_NUMBER_TEXT_BYTES];
        (void)assay_number_print(option->min, low);
        (void)assay_number_print(option->max, high);
        assay_err_allowed(reading->err, "%s to %s", low, high);
    }
    return ASSAY_E_USAGE;
}

/* 1000 or 1_000. */
static bool read_count(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    bool any = false;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '_' && any) {
            continue;
        }
        if (*at < '0' || *at > '9' || value > (UINT64_MAX - 9) / 10) {
            return false;
        }
        value = 10 * value + (uint64_t)(*at - '0');
        any = true;
    }
    *out = value;
    return any;
}

static enum assay_status store_number(struct reading *reading, const struct assay_option *option,
                                      const char *text)
{
    uint64_t whole = 0;
    double value = 0;
    if (option->kind == ASSAY_OPTION_COUNT) {
        if (!read_count(text, &whole)) {
            return bad_value(reading, option, text, "not a whole number");
        }
        value = (double)whole;
    } else if (!assay_number_parse(assay_str_of(text), &value)) {
        return bad_value(reading, option, text, "not a number");
    }
    const bool limited = option->min != 0 || option->max != 0;
    if (limited && (value < option->min || value > option->max)) {
        return bad_value(reading, option, text, "out of range");
    }
    if (option->kind == ASSAY_OPTION_COUNT) {
        memcpy(reading->out + option->offset, &whole, sizeof whole);
    } else {
        memcpy(reading->out + option->offset, &value, sizeof value);
    }
    return ASSAY_OK;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

/* Every word up to the next option; the first may have come after "=". */
static enum assay_status store_words(struct reading *reading, const struct assay_option *option,
                                     const char *first)
{
    struct assay_words words;
    memcpy(&words, reading->out + option->offset, sizeof words);
    const size_t index = (size_t)(option - reading->table);
    if ((reading->seen >> index & 1U) != 0 && words.count > 0) {
        return bad_value(reading, option, NULL, "given twice: list all values after one");
    }
    if (first != NULL) {
        reading->argv[reading->at] = first;
    } else {
        reading->at++;
    }
    words.items = &reading->argv[reading->at];
    words.count = 0;
    while (reading->at < reading->argc &&
           (words.count == 0 ? first != NULL || !is_option(reading->argv[reading->at])
                             : !is_option(reading->argv[reading->at]))) {
        words.count++;
        reading->at++;
    }
    if (words.count == 0) {
        return bad_value(reading, option, NULL, "needs a value");
    }
    memcpy(reading->out + option->offset, &words, sizeof words);
    return ASSAY_OK;
}

static enum assay_status store_value(struct reading *reading, const struct assay_option *option,
                                     const char *inline_value)
{
    if (option->kind == ASSAY_OPTION_FLAG) {
        const bool yes = true;
        if (inline_value != NULL) {
            return bad_value(reading, option, inline_value, "takes no value");
        }
        memcpy(reading->out + option->offset, &yes, sizeof yes);
        reading->at++;
        return ASSAY_OK;
    }
    if (option->kind == ASSAY_OPTION_WORDS) {
        return store_words(reading, option, inline_value);
    }
    const char *value = inline_value;
    if (value == NULL) {
        reading->at++;
        if (reading->at == reading->argc) {
            return bad_value(reading, option, NULL, "needs a value");
        }
        value = reading->argv[reading->at];
    }
    reading->at++;
    if (option->kind == ASSAY_OPTION_TEXT) {
        memcpy(reading->out + option->offset, &value, sizeof value);
        return ASSAY_OK;
    }
    return store_number(reading, option, value);
}

static enum assay_status read_option(struct reading *reading)
{
    const char *word = reading->argv[reading->at];
    const struct assay_option *option = NULL;
    const char *inline_value = NULL;
    struct assay_str name = assay_str_of(word + 1);
    if (word[1] == '-') {
        const char *equals = strchr(word + 2, '=');
        name = assay_str_of(word + 2);
        if (equals != NULL) {
            name.len = (uint32_t)(equals - word - 2);
            inline_value = equals + 1;
        }
        option = find_long(reading, name);
    } else if (word[2] == '\0') {
        option = find_letter(reading, word[1]);
    }
    if (option == NULL) {
        return unknown(reading, name);
    }
    const enum assay_status status = store_value(reading, option, inline_value);
    reading->seen |= UINT64_C(1) << (size_t)(option - reading->table);
    return status;
}

static enum assay_status check_required(struct reading *reading)
{
    for (size_t i = 0; i < reading->count; i++) {
        if (reading->table[i].required && (reading->seen >> i & 1U) == 0) {
            return bad_value(reading, &reading->table[i], NULL, "is required");
        }
    }
    return ASSAY_OK;
}

enum assay_status assay_options_read(const struct assay_option table[], size_t count, int argc,
                                     const char *argv[], void *out, struct assay_words *operands,
                                     struct assay_err *err)
{
    ASSAY_ASSERT(count <= OPTIONS_MAX);
    struct reading reading = {
        .table = table, .count = count, .argc = argc, .argv = argv, .out = out, .err = err};
    bool only_operands = false;
    operands->count = 0;
    while (reading.at < argc) {
        const char *word = argv[reading.at];
        if (!only_operands && strcmp(word, "--") == 0) {
            only_operands = true;
            reading.at++;
        } else if (!only_operands && is_option(word)) {
            const enum assay_status status = read_option(&reading);
            if (status != ASSAY_OK) {
                return status;
            }
        } else {
            operands->items[operands->count++] = word;
            reading.at++;
        }
    }
    return check_required(&reading);
}

size_t assay_option_format_name(const struct assay_option *option, size_t size, char out[])
{
    char letter[8] = "";
    if (option->letter != 0) {
        (void)snprintf(letter, sizeof letter, "-%c, ", option->letter);
    }
    return (size_t)snprintf(out, size, "%s--%s%s%s%s", letter, option->name,
                            option->value == NULL ? "" : " ",
                            option->value == NULL ? "" : option->value,
                            option->kind == ASSAY_OPTION_WORDS ? "..." : "");
}

/* The default as it would be typed; "" when there is none, or it is nothing in particular. */
static void format_default(const struct assay_option *option, const void *defaults, size_t size,
                           char out[])
{
    const unsigned char *at = (const unsigned char *)defaults + option->offset;
    double real = 0;
    out[0] = '\0';
    if (defaults == NULL || option->required) {
        return;
    }
    if (option->kind == ASSAY_OPTION_TEXT) {
        const char *text = NULL;
        memcpy(&text, at, sizeof text);
        (void)snprintf(out, size, "%s", text == NULL ? "" : text);
    } else if (option->kind == ASSAY_OPTION_COUNT) {
        uint64_t count = 0;
        memcpy(&count, at, sizeof count);
        real = (double)count;
    } else if (option->kind == ASSAY_OPTION_REAL) {
        memcpy(&real, at, sizeof real);
    }
    if (real != 0 && size >= ASSAY_NUMBER_TEXT_BYTES) {
        (void)assay_number_print(real, out);
    }
}

size_t assay_option_format_meaning(const struct assay_option *option, const void *defaults,
                                   size_t size, char out[])
{
    char range[2 * ASSAY_NUMBER_TEXT_BYTES + 8] = "";
    char fallback[64];
    format_default(option, defaults, sizeof fallback, fallback);
    if (option->min != 0 || option->max != 0) {
        char low[ASSAY_NUMBER_TEXT_BYTES];
        char high[ASSAY_NUMBER_TEXT_BYTES];
        (void)assay_number_print(option->min, low);
        (void)assay_number_print(option->max, high);
        (void)snprintf(range, sizeof range, "%s to %s", low, high);
    }
    const char *word = option->required ? "required" : fallback[0] != '\0' ? "default " : "";
    const bool ranged = range[0] != '\0';
    const bool worded = word[0] != '\0';
    return (size_t)snprintf(out, size, "%s%s%s%s%s%s%s", option->text, ranged || worded ? " (" : "",
                            range, ranged && worded ? "; " : "", word, fallback,
                            ranged || worded ? ")" : "");
}

void assay_options_print(const struct assay_option table[], size_t count, const void *defaults,
                         FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        char name[64];
        char meaning[ASSAY_OPTION_MEANING_BYTES];
        (void)assay_option_format_name(&table[i], sizeof name, name);
        (void)assay_option_format_meaning(&table[i], defaults, sizeof meaning, meaning);
        /* Long names stand in one column, with a letter before them or not. */
        const bool letter = table[i].letter != 0;
        (void)fprintf(out, "  %s%-*s %s\n", letter ? "" : "    ", letter ? 32 : 28, name, meaning);
    }
}
