#include "features/zone_pvt.h"

/*
 * The footer of a zone's file: a rule as in the environment variable TZ, for all times behind the
 * table. "CET-1CEST,M3.5.0,M10.5.0/3": names, offsets with the sign turned round, and the two days
 * of the year on which the clock turns.
 */

enum { DAY_S = 86400, NAME_MIN = 3, YEAR_WITHOUT_TABLE = 1900 };

struct reader {
    struct assay_str text;
    uint32_t at;
};

static char peek(const struct reader *reader)
{
    return reader->at < reader->text.len ? reader->text.ptr[reader->at] : '\0';
}

static bool accept(struct reader *reader, char wanted)
{
    if (peek(reader) != wanted || reader->at >= reader->text.len) {
        return false;
    }
    reader->at++;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take_number(struct reader *reader, uint32_t min, uint32_t max, uint32_t *out)
{
    uint32_t value = 0;
    uint32_t digits = 0;
    for (; is_digit(peek(reader)) && digits < 4; digits++) {
        value = value * 10 + (uint32_t)(reader->text.ptr[reader->at++] - '0');
    }
    *out = value;
    return digits > 0 && !is_digit(peek(reader)) && value >= min && value <= max;
}

/* ABC or <+03> */
static bool skip_name(struct reader *reader)
{
    const bool quoted = accept(reader, '<');
    uint32_t length = 0;
    for (;; length++) {
        const char c = peek(reader);
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(quoted && (is_digit(c) || c == '+' || c == '-'))) {
            break;
        }
        reader->at++;
    }
    return length >= NAME_MIN && (!quoted || accept(reader, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct reader *reader, uint32_t hours_max, int64_t *seconds)
{
    uint32_t part[3] = {0};
    const bool negative = accept(reader, '-');
    if (!negative) {
        (void)accept(reader, '+');
    }
    if (!take_number(reader, 0, hours_max, &part[0])) {
        return false;
    }
    for (int i = 1; i < 3 && accept(reader, ':'); i++) {
        if (!take_number(reader, 0, 59, &part[i])) {
            return false;
        }
    }
    *seconds = (int64_t)part[0] * 3600 + part[1] * 60 + part[2];
    *seconds = negative ? -*seconds : *seconds;
    return true;
}

/* A day of the year and a time of day. */
struct turn {
    enum { TURN_WEEKDAY, TURN_JULIAN, TURN_DAY } kind;
    uint32_t month, week, day; /* WEEKDAY: the week-th weekday `day` of the month; else the day */
    int64_t time_s;
};

/* "," then Mm.w.d, Jn or n, then ["/" time] */
static bool take_turn(struct reader *reader, struct turn *turn)
{
    *turn = (struct turn){.kind = TURN_DAY, .time_s = 2 * 3600};
    bool good = accept(reader, ',');
    if (good && accept(reader, 'M')) {
        turn->kind = TURN_WEEKDAY;
        good = take_number(reader, 1, 12, &turn->month) && accept(reader, '.') &&
               take_number(reader, 1, 5, &turn->week) && accept(reader, '.') &&
               take_number(reader, 0, 6, &turn->day);
    } else if (good && accept(reader, 'J')) {
        turn->kind = TURN_JULIAN;
        good = take_number(reader, 1, 365, &turn->day);
    } else if (good) {
        good = take_number(reader, 0, 365, &turn->day);
    }
    return good && (!accept(reader, '/') || take_time(reader, 167, &turn->time_s));
}

static int64_t turn_day(const struct turn *turn, int64_t year)
{
    const int64_t january = assay_zone_days(year, 1, 1);
    if (turn->kind == TURN_DAY) {
        return january + turn->day;
    }
    if (turn->kind == TURN_JULIAN) { /* never counts 29 February: J60 is 1 March */
        const bool leap = assay_zone_days(year, 3, 1) - january == 60;
        return january + turn->day - 1 + (leap && turn->day >= 60 ? 1 : 0);
    }
    const int64_t first = assay_zone_days(year, turn->month, 1);
    const int64_t next = turn->month == 12 ? assay_zone_days(year + 1, 1, 1)
                                           : assay_zone_days(year, turn->month + 1, 1);
    const int64_t weekday = ((first + 4) % 7 + 7) % 7; /* of the first; 0 is Sunday */
    int64_t day = first + ((int64_t)turn->day - weekday + 7) % 7 + 7 * ((int64_t)turn->week - 1);
    while (day >= next) {
        day -= 7; /* week 5 is the last, whether it is the fourth or the fifth */
    }
    return day;
}

struct rule {
    int64_t standard_s; /* east of UTC */
    int64_t summer_s;
    bool turns;
    struct turn to_summer;
    struct turn to_standard;
};

static bool parse(struct assay_str text, struct rule *rule)
{
    struct reader reader = {.text = text};
    int64_t west_s = 0;
    if (!skip_name(&reader) || !take_time(&reader, 24, &west_s)) {
        return false;
    }
    rule->standard_s = -west_s;
    rule->turns = reader.at < text.len;
    if (!rule->turns) {
        return true;
    }
    rule->summer_s = rule->standard_s + 3600;
    if (!skip_name(&reader)) {
        return false;
    }
    if (peek(&reader) != ',') {
        if (!take_time(&reader, 24, &west_s)) {
            return false;
        }
        rule->summer_s = -west_s;
    }
    return take_turn(&reader, &rule->to_summer) && take_turn(&reader, &rule->to_standard) &&
           reader.at == text.len;
}

static void add_year(struct zone_builder *builder, const struct rule *rule, int64_t year)
{
    const int64_t summer_s =
        turn_day(&rule->to_summer, year) * DAY_S + rule->to_summer.time_s - rule->standard_s;
    const int64_t standard_s =
        turn_day(&rule->to_standard, year) * DAY_S + rule->to_standard.time_s - rule->summer_s;
    const bool north = summer_s < standard_s;
    /* What is not later than the table's last turn has been said already. */
    for (int i = 0; i < 2; i++) {
        const bool summer = (i == 0) == north;
        (void)assay_zone_turn(builder, (summer ? summer_s : standard_s) * 1000,
                              (summer ? rule->summer_s : rule->standard_s) * 1000);
    }
}

bool assay_zone_add_rule(struct zone_builder *builder, struct assay_str text)
{
    struct rule rule = {0};
    if (!parse(text, &rule)) {
        return false;
    }
    const int64_t last_ms = builder->spans[builder->count - 1].from_ms;
    int64_t year = YEAR_WITHOUT_TABLE;
    uint32_t month = 0;
    if (builder->count > 1) {
        assay_zone_month_of(last_ms / ((int64_t)DAY_S * 1000), &year, &month);
    }
    if (!rule.turns) {
        if (builder->count == 1) {
            builder->spans[0].offset_ms = rule.standard_s * 1000;
        }
        return true;
    }
    /* Two years until the rule alone speaks, a cycle, and one more for what overlaps its end. */
    for (int64_t y = year; y <= year + 2 + ZONE_CYCLE_YEARS + 1; y++) {
        add_year(builder, &rule, y);
    }
    builder->rule_ms = assay_zone_days(year + 2, 1, 1) * DAY_S * 1000;
    builder->cycles = true;
    return true;
}
