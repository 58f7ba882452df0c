#include "ingest/generate_pvt.h"

/* Who people are and how they spend a day. Nothing here looks at another person's state, so the
 * order of people does not matter and each has a stream of random numbers of their own. */

enum {
    TRADES = 10,
    TRADE_CASH = 8,
    TRADE_GAMBLING = 9,
    FARM_DEVICES = 3,
    EMPLOYER = 1 << 28, /* kinds of account besides users: added to a number */
    BANK = 2 << 28,
    PAGE_HOME = 0,
    PAGE_LOAN = 1,
    PAGE_REPAY = 2,
    PAGE_HELP = 5,
};

static uint32_t name_of(const struct assay_generator *generator, uint32_t salt, uint32_t number)
{
    return (uint32_t)gen_mix(gen_mix(generator->options.seed + salt) + number);
}

static uint32_t nat_of(const struct assay_generator *generator, struct gen_person *person)
{
    const uint32_t gate = gen_zipf(&person->stream, generator->nats);
    return UINT32_C(0x64400000) + ((uint32_t)person->carrier << 18) + gate; /* 100.64.0.0/10 */
}

uint32_t gen_session_ip(const struct assay_generator *generator, struct gen_person *person)
{
    const double u = gen_uniform(&person->stream);
    if (person->role == GEN_FARM || u < 0.4) {
        return person->home_ip;
    }
    return u < 0.96 ? nat_of(generator, person)
                    : UINT32_C(0x2D000000) + gen_below(&person->stream, 1 << 22);
}

static void join_farm(const struct assay_generator *generator, struct gen_person *person)
{
    const uint32_t farm = gen_below(&person->stream, generator->farms);
    const uint32_t days = generator->options.days;
    const uint32_t device = gen_below(&person->stream, FARM_DEVICES);
    person->device = name_of(generator, 21, farm * FARM_DEVICES + device);
    person->home_ip = UINT32_C(0x2E000000) + (name_of(generator, 22, farm) >> 12);
    person->address = UINT32_C(0x40000000) + farm;
    person->registered_day =
        (int32_t)(name_of(generator, 23, farm) % days + gen_below(&person->stream, 3));
}

static void place_person(const struct assay_generator *generator, struct gen_person *person)
{
    uint64_t *stream = &person->stream;
    const uint32_t days = generator->options.days;
    const uint32_t household = person->index / 3 * 2 + person->index % 3 / 2; /* 2, 1, 2, 1, ... */
    person->device = name_of(generator, 11, person->index);
    person->home_ip = UINT32_C(0x24000000) + (name_of(generator, 12, household) >> 9);
    person->address = household;
    person->employer = gen_zipf(stream, generator->employers);
    person->registered_day = gen_chance(stream, 0.55) ? -1 - (int32_t)gen_below(stream, 700)
                                                      : (int32_t)gen_below(stream, days);
    const double role = gen_uniform(stream);
    person->role = role < 0.012   ? GEN_FARM
                   : role < 0.022 ? GEN_BUST_OUT
                   : role < 0.040 ? GEN_VICTIM
                                  : GEN_HONEST;
    if (person->role == GEN_FARM) {
        join_farm(generator, person);
    }
    person->event_day = (int32_t)gen_below(stream, days);
    person->next_visit_day =
        person->registered_day < 0 ? (int32_t)gen_below(stream, 5) : person->registered_day;
}

void gen_person_init(const struct assay_generator *generator, struct gen_person *person,
                     uint32_t index)
{
    person->index = index;
    person->stream = gen_mix(gen_mix(generator->options.seed) ^ gen_mix(index + UINT64_C(1)));
    uint64_t *stream = &person->stream;
    person->risk = gen_normal(stream);
    person->stability = -0.35 * person->risk + 0.94 * gen_normal(stream);
    person->engagement = gen_normal(stream);
    person->spending = gen_normal(stream);
    person->intent = -0.3 * person->risk + 0.95 * gen_normal(stream);
    person->income = gen_amount(stream, 6000 * gen_exp(0.15 * person->stability), 0.45);
    person->payday = (uint8_t)(gen_chance(stream, 0.5) ? 10 : 1 + gen_below(stream, 28));
    person->carrier = (uint8_t)gen_below(stream, 3);
    person->os = (uint8_t)gen_below(stream, 3);
    person->offer = (uint8_t)gen_below(stream, 4);
    person->complained_day = -1000;
    place_person(generator, person);
}

/* @return when the person is through with it. */
static int64_t register_person(struct assay_generator *generator, struct gen_person *person)
{
    uint64_t *stream = &person->stream;
    const bool farm = person->role == GEN_FARM;
    const bool invited = person->index > 0 && gen_chance(stream, farm ? 0.7 : 0.15);
    uint32_t args[GEN_ARGS] = {[0] = person->device, [2] = person->address};
    args[1] = farm ? person->home_ip : gen_session_ip(generator, person);
    args[3] = gen_below(stream, 4);
    args[4] = invited ? 1 + (farm ? person->index * 7 % 5 : gen_below(stream, person->index)) : 0;
    args[5] = 18 + gen_below(stream, 47);
    args[6] = 1 + gen_below(stream, 4);
    const int64_t time_ms =
        generator->day_ms + INT64_C(7) * GEN_HOUR_MS + gen_below(stream, 15 * GEN_HOUR_MS);
    (void)gen_push(generator, person, GEN_REGISTRATION, time_ms, args);
    return time_ms + GEN_MINUTE_MS;
}

static void transfer(struct assay_generator *generator, struct gen_person *person, uint32_t payer,
                     uint32_t payee, uint32_t amount, uint32_t kind, int64_t time_ms)
{
    const bool from_app = payer == person->index;
    const uint32_t args[GEN_ARGS] = {payer,         payee, amount, kind, from_app ? 1U : 0U,
                                     person->device};
    (void)gen_push(generator, person, GEN_TRANSFER, time_ms, args);
}

static uint32_t friend_of(const struct assay_generator *generator, struct gen_person *person)
{
    const uint32_t others = (uint32_t)generator->options.users - 1;
    if (others == 0) {
        return BANK;
    }
    const uint32_t away = 1 + gen_zipf(&person->stream, others < 200 ? others : 200);
    return (person->index + away) % (others + 1);
}

static void money_day(struct assay_generator *generator, struct gen_person *person)
{
    uint64_t *stream = &person->stream;
    const bool payday = generator->month_day == person->payday;
    if (payday && !gen_chance(stream, gen_sigmoid(-3.4 - 1.3 * person->stability))) {
        const double wobble = 0.04 + 0.12 * gen_exp(-0.8 * person->stability);
        const uint32_t amount = gen_amount(stream, (double)person->income / 100, wobble);
        transfer(generator, person, EMPLOYER + person->employer, person->index, amount, 0,
                 generator->day_ms + INT64_C(2) * GEN_HOUR_MS + gen_below(stream, 6 * GEN_HOUR_MS));
    }
    if (gen_chance(stream, 0.05)) {
        const uint32_t payee = friend_of(generator, person);
        const uint32_t amount = gen_amount(stream, 180, 0.9);
        transfer(generator, person, person->index, payee, amount, 1,
                 gen_moment(generator, person, false));
    }
    if (gen_chance(stream, 0.02 * gen_exp(0.6 * person->risk))) {
        const uint32_t bank = BANK + gen_below(stream, 12);
        const uint32_t amount = gen_amount(stream, 350, 0.7);
        transfer(generator, person, person->index, bank, amount, 2,
                 gen_moment(generator, person, false));
    }
}

static uint32_t choose_trade(struct gen_person *person)
{
    static const double weights[TRADES] = {22, 20, 15, 7, 18, 6, 4, 3, 1.6, 1.2};
    double total = 0;
    double mine[TRADES];
    for (uint32_t i = 0; i < TRADES; i++) {
        mine[i] = weights[i];
        if (i >= TRADE_CASH) {
            mine[i] *= gen_exp(0.75 * person->risk);
        }
        total += mine[i];
    }
    double at = gen_uniform(&person->stream) * total;
    uint32_t trade = 0;
    while (trade + 1 < TRADES && at >= mine[trade]) {
        at -= mine[trade++];
    }
    return trade;
}

static void pay(struct assay_generator *generator, struct gen_person *person, uint32_t trade,
                double median, int64_t time_ms)
{
    static const double medians[TRADES] = {60, 35, 12, 80, 90, 25, 120, 400, 500, 150};
    uint64_t *stream = &person->stream;
    const uint32_t since =
        (generator->month_day + 30U - person->payday) % 30U; /* money runs out before payday */
    const double failing =
        -4.3 + 0.8 * person->risk - 0.7 * person->stability + (since > 22 ? 0.9 : 0);
    const double amount = median > 0 ? median : medians[trade] * gen_exp(0.2 * person->spending);
    uint32_t args[GEN_ARGS] = {[0] = person->device, [4] = trade};
    args[1] = trade * 1000000 + gen_zipf(stream, generator->merchants);
    args[2] = gen_amount(stream, amount, 0.7);
    args[3] = gen_below(stream, 10) < 7 ? 0U : 1 + gen_below(stream, 2);
    args[5] = gen_chance(stream, gen_sigmoid(failing)) ? 0U : 1U;
    args[6] = gen_session_ip(generator, person);
    (void)gen_push(generator, person, GEN_PAYMENT, time_ms, args);
}

static void payments_day(struct assay_generator *generator, struct gen_person *person)
{
    const double rate = 0.62 * gen_exp(0.35 * person->spending) * (person->fading ? 0.5 : 1) *
                        (generator->weekday >= 5 ? 1.3 : 1);
    const uint32_t count = gen_poisson(&person->stream, rate);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t trade = choose_trade(person);
        const bool night = trade == TRADE_GAMBLING && gen_chance(&person->stream, 0.5);
        pay(generator, person, trade, 0, gen_moment(generator, person, night));
    }
}

static void marketing_day(struct assay_generator *generator, struct gen_person *person)
{
    uint64_t *stream = &person->stream;
    if (person->pushes > 0 && gen_chance(stream, 0.15)) {
        person->pushes--;
    }
    if (!gen_chance(stream, 0.11)) {
        return;
    }
    const uint32_t offer = gen_below(stream, 4);
    const uint32_t channel = gen_below(stream, 3);
    const uint32_t campaign = (uint32_t)generator->day / 14 * 4 + offer;
    const int64_t time_ms =
        generator->day_ms + INT64_C(10) * GEN_HOUR_MS + gen_below(stream, 10 * GEN_HOUR_MS);
    const uint32_t args[GEN_ARGS] = {campaign, channel, offer};
    const uint32_t number = gen_push(generator, person, GEN_MARKETING_PUSH, time_ms, args);
    const double truth = gen_sigmoid(-2.7 + 1.25 * person->engagement +
                                     (offer == person->offer ? 1.6 : 0) - 0.2 * person->pushes -
                                     (person->dormant ? 2.0 : 0) - (person->fading ? 1.0 : 0) +
                                     (channel == 0 ? 0.5 : 0) + 0.5 * gen_normal(stream));
    const bool responded = gen_chance(stream, truth);
    gen_note(generator, person, number, time_ms, GEN_RESPONDED, truth, responded, 3);
    if (person->pushes < 200) {
        person->pushes++;
    }
    if (responded) {
        uint32_t click[GEN_ARGS] = {[0] = person->device, [2] = campaign};
        click[1] = gen_session_ip(generator, person);
        click[3] = gen_below(stream, 3);
        (void)gen_push(generator, person, GEN_CLICK,
                       time_ms + GEN_MINUTE_MS + gen_below(stream, 20 * GEN_HOUR_MS), click);
    }
}

static void complain(struct assay_generator *generator, struct gen_person *person, uint32_t topic)
{
    uint32_t args[GEN_ARGS] = {topic};
    args[1] = 1 + gen_below(&person->stream, 3);
    args[2] = gen_below(&person->stream, 3);
    person->complained_day = generator->day;
    (void)gen_push(generator, person, GEN_COMPLAINT, gen_moment(generator, person, false), args);
}

static void log_in(struct assay_generator *generator, struct gen_person *person, int64_t time_ms,
                   uint32_t device, uint32_t ip, bool ok)
{
    const uint32_t args[GEN_ARGS] = {device, ip, gen_below(&person->stream, 3), ok ? 1 : 0,
                                     person->os};
    (void)gen_push(generator, person, GEN_LOGIN, time_ms, args);
}

static void check_voice(struct assay_generator *generator, struct gen_person *person,
                        int64_t time_ms, uint32_t device, uint32_t drift, uint32_t purpose)
{
    const uint32_t args[GEN_ARGS] = {device, (uint32_t)gen_next(&person->stream), drift, purpose};
    (void)gen_push(generator, person, GEN_VOICE_CHECK, time_ms, args);
}

static void change_device(struct assay_generator *generator, struct gen_person *person,
                          int64_t time_ms, uint32_t device, uint32_t ip, uint32_t reason)
{
    const uint32_t args[GEN_ARGS] = {device, person->device, ip, reason};
    (void)gen_push(generator, person, GEN_DEVICE_CHANGE, time_ms, args);
}

static bool is_overdue(const struct assay_generator *generator, const struct gen_person *person)
{
    bool overdue = false;
    for (size_t i = 0; i < GEN_LOANS; i++) {
        overdue = overdue || (person->loans[i].open && generator->day > person->loans[i].due_day);
    }
    return overdue;
}

static int64_t browse(struct assay_generator *generator, struct gen_person *person, uint32_t ip,
                      int64_t time_ms, uint32_t pages, bool wants_loan)
{
    uint64_t *stream = &person->stream;
    const bool overdue = is_overdue(generator, person);
    const double repays = overdue ? gen_sigmoid(-1.2 + 1.2 * person->intent) : 0.05;
    for (uint32_t i = 0; i < pages; i++) {
        uint32_t page = i == 0 ? PAGE_HOME : 3 + gen_below(stream, 5);
        if (i > 0 && gen_chance(stream, wants_loan ? 0.5 : 0.08)) {
            page = PAGE_LOAN;
        } else if (i > 0 && gen_chance(stream, repays)) {
            page = PAGE_REPAY;
        }
        const uint32_t dwell = 2000 + gen_below(stream, person->fading ? 12000 : 45000);
        const uint32_t args[GEN_ARGS] = {person->device,         page,  dwell,
                                         gen_below(stream, 101), i + 1, ip};
        (void)gen_push(generator, person, GEN_PAGE_VIEW, time_ms, args);
        time_ms += dwell;
    }
    return time_ms;
}

/* Does the person leave after this visit, and if not, when do they come again? */
static void plan_next_visit(struct assay_generator *generator, struct gen_person *person,
                            uint32_t number, int64_t time_ms)
{
    enum { CHURN_DAYS = 30 };
    uint64_t *stream = &person->stream;
    const bool upset = generator->day - person->complained_day <= 14;
    const double truth = gen_sigmoid(-5.1 + (person->fading ? 3.1 : 0) - 0.8 * person->engagement +
                                     (upset ? 1.2 : 0) + 0.6 * gen_normal(stream));
    person->dormant = gen_chance(stream, truth);
    gen_note(generator, person, number, time_ms, GEN_CHURNED, truth, person->dormant, CHURN_DAYS);
    if (person->dormant) {
        person->next_visit_day =
            generator->day + CHURN_DAYS + 1 + (int32_t)gen_gap(stream, 40, 400);
        person->fading = false;
        return;
    }
    const double mean = 1.3 * gen_exp(-0.45 * person->engagement) * (person->fading ? 3.2 : 1);
    person->next_visit_day = generator->day + 1 + (int32_t)gen_gap(stream, mean, CHURN_DAYS - 2);
    const double fade = 0.03 * gen_exp(-0.5 * person->engagement) + (upset ? 0.15 : 0);
    person->fading = gen_chance(stream, person->fading ? 0.93 : fade);
}

static bool wants_loan(const struct assay_generator *generator, struct gen_person *person)
{
    const uint32_t since = (generator->month_day + 30U - person->payday) % 30U;
    const bool fresh = generator->day - person->registered_day < 3;
    const double wish = -3.3 + 0.25 * person->risk - 0.2 * person->stability +
                        (since > 20 ? 0.5 : 0) + (person->role == GEN_FARM ? 2.5 : 0) +
                        (fresh ? 1.2 : 0);
    return gen_chance(&person->stream, gen_sigmoid(wish)) &&
           (!is_overdue(generator, person) || gen_chance(&person->stream, 0.2));
}

/* Log in, now and then from a new phone. @return when the person is in. */
static int64_t enter(struct assay_generator *generator, struct gen_person *person, uint32_t ip,
                     int64_t time_ms)
{
    uint64_t *stream = &person->stream;
    if (gen_chance(stream, 0.006)) {
        const uint32_t device = (uint32_t)gen_next(stream);
        change_device(generator, person, time_ms, device, ip, gen_below(stream, 3));
        check_voice(generator, person, time_ms + 30000, device, 0, 0);
        person->device = device;
        time_ms += GEN_MINUTE_MS;
    }
    if (gen_chance(stream, 0.6)) {
        while (gen_chance(stream, 0.05)) {
            log_in(generator, person, time_ms, person->device, ip, false);
            time_ms += 8000;
        }
        log_in(generator, person, time_ms, person->device, ip, true);
        time_ms += 2000;
    }
    return time_ms;
}

static void visit(struct assay_generator *generator, struct gen_person *person, int64_t time_ms)
{
    uint64_t *stream = &person->stream;
    const uint32_t ip = gen_session_ip(generator, person);
    time_ms = enter(generator, person, ip, time_ms);
    const bool wants = wants_loan(generator, person);
    const uint32_t args[GEN_ARGS] = {person->device, ip, gen_below(stream, 4),
                                     40 + (uint32_t)generator->day / 30};
    const uint32_t number = gen_push(generator, person, GEN_APP_OPEN, time_ms, args);
    const int64_t opened_ms = time_ms;
    const double pages = 2.1 * gen_exp(0.25 * person->engagement) * (person->fading ? 0.45 : 1);
    time_ms = browse(generator, person, ip, time_ms + 500,
                     gen_poisson(stream, pages) + (wants ? 2 : 0), wants);
    if (wants) {
        if (gen_chance(stream, 0.25)) {
            check_voice(generator, person, time_ms, person->device, 0, 1);
        }
        const struct gen_apply apply = {.time_ms = time_ms + 50000,
                                        .device = person->device,
                                        .ip = ip,
                                        .fraud = person->role == GEN_FARM ? 1.8 : 0,
                                        .share = person->role == GEN_FARM ? 1.2 : 0};
        gen_loan_apply(generator, person, &apply);
    }
    plan_next_visit(generator, person, number, opened_ms);
}

/* A stranger with the password: new device, odd hour, foreign voice, money out. */
static void take_over(struct assay_generator *generator, struct gen_person *person)
{
    uint64_t *stream = &person->stream;
    const uint32_t device = (uint32_t)gen_next(stream);
    const uint32_t ip = UINT32_C(0x2D000000) + gen_below(stream, 1 << 22);
    int64_t time_ms = gen_moment(generator, person, true);
    const uint32_t failures = 1 + gen_below(stream, 4);
    for (uint32_t i = 0; i < failures; i++) {
        log_in(generator, person, time_ms, device, ip, false);
        time_ms += 5000 + gen_below(stream, 9000);
    }
    log_in(generator, person, time_ms, device, ip, true);
    change_device(generator, person, time_ms + 20000, device, ip, 1);
    check_voice(generator, person, time_ms + 70000, device, 450 + gen_below(stream, 400), 0);
    const uint32_t mules = (uint32_t)generator->options.users / 500 + 1;
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t mule = gen_below(stream, mules);
        transfer(generator, person, person->index, mule, gen_amount(stream, 1500, 0.4), 1,
                 time_ms + 120000 + (int64_t)i * 60000);
    }
    if (gen_chance(stream, 0.6)) {
        const struct gen_apply apply = {
            .time_ms = time_ms + 300000, .device = device, .ip = ip, .fraud = 2.4, .share = 1.5};
        gen_loan_apply(generator, person, &apply);
    }
    complain(generator, person, 3);
}

/* Good history, then everything at once: cash-like purchases, then the largest loans. */
static void bust_out(struct assay_generator *generator, struct gen_person *person)
{
    const int32_t to_go = person->event_day - generator->day;
    if (to_go > 8 || to_go < 0) {
        return;
    }
    const uint32_t count = 1 + gen_below(&person->stream, 4);
    for (uint32_t i = 0; i < count; i++) {
        pay(generator, person, TRADE_CASH, 900, gen_moment(generator, person, false));
    }
    if (to_go == 0 || to_go == 2) {
        struct gen_apply apply = {.device = person->device, .fraud = 2.4, .share = 2};
        apply.time_ms = gen_moment(generator, person, false);
        apply.ip = gen_session_ip(generator, person);
        gen_loan_apply(generator, person, &apply);
    }
}

void gen_person_day(struct assay_generator *generator, struct gen_person *person)
{
    if (generator->day < person->registered_day) {
        return;
    }
    if (generator->day == person->registered_day) {
        visit(generator, person, register_person(generator, person));
        return;
    }
    gen_loans_day(generator, person);
    marketing_day(generator, person);
    if (person->dormant && generator->day < person->next_visit_day) {
        return;
    }
    person->dormant = false;
    money_day(generator, person);
    payments_day(generator, person);
    if (gen_chance(&person->stream, person->fading ? 0.006 : 0.0012) ||
        (is_overdue(generator, person) && gen_chance(&person->stream, 0.01))) {
        complain(generator, person, gen_below(&person->stream, 3));
    }
    if (person->role == GEN_BUST_OUT) {
        bust_out(generator, person);
    }
    if (person->role == GEN_VICTIM && generator->day == person->event_day) {
        take_over(generator, person);
    }
    if (generator->day == person->next_visit_day) {
        const bool late = gen_chance(&person->stream, gen_sigmoid(-3 + person->risk));
        visit(generator, person, gen_moment(generator, person, late));
    }
}
