#include "ingest/generate_pvt.h"

/*
 * A loan's fate is a survival curve over the days since its due date: the chance to pay on time,
 * then a daily hazard that follows the person's payday, the calls and the days past due. Each
 * instalment draws one uniform against the curve, so the probability of every label (30, 60, 90
 * days past due; repaid within a week of a call) is known in closed form.
 */

static const uint8_t call_days[] = {2, 5, 9, 14, 20, 27, 35, 45, 60, 75, 90, 110};

static bool is_call_day(int32_t past_due)
{
    for (size_t i = 0; i < sizeof call_days / sizeof call_days[0]; i++) {
        if (call_days[i] == past_due) {
            return true;
        }
    }
    return false;
}

/* Days since the person's payday on a day of the simulation; by the calendar, so that the curve of
 * a day is the same whenever it is asked for. */
static uint32_t since_payday(const struct assay_generator *generator,
                             const struct gen_person *person, int32_t day)
{
    const uint32_t month_day =
        gen_month_day(generator->day_ms / GEN_DAY_MS + (day - generator->day));
    return month_day >= person->payday ? month_day - person->payday
                                       : month_day + 30U - person->payday;
}

static double on_time(const struct gen_loan *loan)
{
    return 0.93 * gen_sigmoid(1.35 - 1.0 * loan->badness);
}

/* Chance to pay on the day that is @p past_due days after the due date, if not paid before. */
static double hazard(const struct assay_generator *generator, const struct gen_person *person,
                     const struct gen_loan *loan, int32_t past_due)
{
    const uint32_t since = since_payday(generator, person, loan->due_day + past_due);
    const bool called = is_call_day(past_due) || is_call_day(past_due - 1);
    return gen_sigmoid(-3.05 + 1.1 * loan->intent - 0.3 * loan->badness - 0.02 * (double)past_due +
                       (since < 3 ? 3.1 : 0) + (called ? 0.5 : 0));
}

/* Draw when the instalment at hand will be paid. S(d) is the chance to be unpaid after day d. */
static void draw_pay_day(const struct assay_generator *generator, struct gen_person *person,
                         struct gen_loan *loan)
{
    const double u = gen_uniform(&person->stream);
    double unpaid = 1 - on_time(loan);
    if (u >= unpaid) {
        const uint32_t early = gen_chance(&person->stream, 0.3) ? gen_below(&person->stream, 5) : 0;
        loan->pay_day = loan->due_day - (int32_t)early;
        return;
    }
    for (int32_t past_due = 1; past_due <= GEN_WRITE_OFF_DAYS; past_due++) {
        unpaid *= 1 - hazard(generator, person, loan, past_due);
        if (u >= unpaid) {
            loan->pay_day = loan->due_day + past_due;
            return;
        }
    }
    loan->pay_day = INT32_MAX;
}

/* The dpd labels judge the application by its first instalment. */
static void note_dpd(struct assay_generator *generator, const struct gen_person *person,
                     const struct gen_loan *loan, uint32_t application, int64_t time_ms)
{
    double unpaid = 1 - on_time(loan);
    for (int32_t past_due = 1; past_due < 90; past_due++) {
        unpaid *= 1 - hazard(generator, person, loan, past_due);
        const int32_t reached = past_due + 1; /* unpaid after day 29: 30 days past due */
        if (reached == 30 || reached == 60 || reached == 90) {
            const enum gen_label name = reached == 30   ? GEN_DPD30
                                        : reached == 60 ? GEN_DPD60
                                                        : GEN_DPD90;
            gen_note(generator, person, application, time_ms, name, unpaid,
                     loan->pay_day == INT32_MAX || loan->pay_day - loan->due_day >= reached,
                     (uint32_t)(loan->term_days + reached + 1));
        }
    }
}

static void bureau_report(struct assay_generator *generator, struct gen_person *person,
                          int64_t time_ms)
{
    uint64_t *stream = &person->stream;
    const double risk = person->risk;
    const double score =
        640 - 34 * risk + 14 * person->stability + 16 * person->intent + 40 * gen_normal(stream);
    const uint32_t loans = gen_poisson(stream, 1.2 * gen_exp(0.25 * risk));
    uint32_t args[GEN_ARGS] = {[0] = (uint32_t)(score < 350   ? 350
                                                : score > 850 ? 850
                                                              : score),
                               [3] = loans,
                               [6] = 30};
    args[1] = gen_poisson(stream, gen_exp(0.4 + 0.4 * risk));
    args[2] = gen_poisson(stream, gen_exp(-1.2 + 0.6 * risk - 0.45 * person->intent));
    args[4] = loans * gen_amount(stream, 3000, 0.8) / 2;
    args[5] = (uint32_t)(10000 * gen_sigmoid(-0.4 + 0.5 * risk + 0.7 * gen_normal(stream)));
    (void)gen_push(generator, person, GEN_BUREAU_REPORT, time_ms, args);
}

static void disburse(struct assay_generator *generator, struct gen_person *person,
                     const struct gen_loan *loan, uint32_t amount, int64_t time_ms)
{
    const uint32_t args[GEN_ARGS] = {loan->number, amount, amount / 100,
                                     (uint32_t)(1200 + 100 * gen_below(&person->stream, 12))};
    (void)gen_push(generator, person, GEN_DISBURSEMENT,
                   time_ms + (int64_t)GEN_MINUTE_MS * (2 + gen_below(&person->stream, 58)), args);
}

static double badness_of(struct gen_person *person, double fraud)
{
    return 0.65 * person->risk - 0.45 * person->stability + 0.4 * gen_normal(&person->stream) +
           fraud;
}

/* 14 days and one payment, or months. */
static void choose_terms(struct gen_person *person, struct gen_loan *loan, uint32_t amount)
{
    static const uint8_t months[] = {1, 1, 3, 3, 6, 6};
    const bool brief = gen_chance(&person->stream, 0.45);
    loan->of = brief ? 1 : months[gen_below(&person->stream, sizeof months)];
    loan->term_days = brief ? 14 : 30;
    loan->amount = amount / loan->of + amount / 50;
}

void gen_loan_apply(struct assay_generator *generator, struct gen_person *person,
                    const struct gen_apply *apply)
{
    uint64_t *stream = &person->stream;
    struct gen_loan *loan = person->loans;
    while (loan < person->loans + GEN_LOANS && loan->open) {
        loan++;
    }
    const double share = apply->share > 0 ? apply->share : 0.5 * gen_exp(0.12 * person->risk);
    const uint32_t amount =
        (gen_amount(stream, (double)person->income / 100 * share, 0.5) + 9999) / 10000 * 10000;
    struct gen_loan fresh = {.open = true, .instalment = 1};
    choose_terms(person, &fresh, amount);
    const int64_t report_ms = apply->time_ms - 20000 - gen_below(stream, 20000);
    bureau_report(generator, person, report_ms < generator->day_ms ? generator->day_ms : report_ms);
    uint32_t args[GEN_ARGS] = {apply->device, apply->ip, person->address, amount,
                               (uint32_t)fresh.term_days * fresh.of};
    args[5] = (fresh.of > 1 ? 1U : 0U) | gen_below(stream, 6) << 8;
    args[6] = person->income / 10 * (10 + gen_below(stream, 4)) / 10000 * 10000;
    args[7] = gen_below(stream, 4);
    fresh.number = gen_push(generator, person, GEN_APPLICATION, apply->time_ms, args);
    if (loan == person->loans + GEN_LOANS || !gen_chance(stream, 0.88)) {
        return; /* refused: nobody will ever know */
    }
    fresh.badness = badness_of(person, apply->fraud);
    fresh.intent = person->intent + 0.3 * gen_normal(stream) - 0.4 * apply->fraud;
    fresh.due_day = generator->day + fresh.term_days;
    *loan = fresh;
    person->loan_count++;
    draw_pay_day(generator, person, loan);
    disburse(generator, person, loan, amount, apply->time_ms);
    note_dpd(generator, person, loan, loan->number, apply->time_ms);
}

static void message(struct assay_generator *generator, struct gen_person *person, bool customer,
                    uint32_t template, int64_t time_ms)
{
    uint32_t args[GEN_ARGS] = {customer ? 0U : 1U, template};
    args[2] = gen_below(&person->stream, 3);
    args[3] = gen_below(&person->stream, 100000);
    (void)gen_push(generator, person, GEN_MESSAGE, time_ms, args);
}

static void repay(struct assay_generator *generator, struct gen_person *person,
                  struct gen_loan *loan, int64_t time_ms, bool full)
{
    const int32_t late = generator->day - loan->due_day;
    const uint32_t args[GEN_ARGS] = {
        loan->number,
        loan->instalment,
        full ? loan->amount : loan->amount / 5,
        late <= 0 && gen_chance(&person->stream, 0.6) ? 0U : 1U,
        (uint32_t)late,
        full ? 1 : 0,
    };
    (void)gen_push(generator, person, GEN_REPAYMENT, time_ms, args);
    if (!full) {
        return;
    }
    if (loan->instalment == loan->of) {
        loan->open = false;
        return;
    }
    loan->instalment++;
    loan->due_day += loan->term_days;
    draw_pay_day(generator, person, loan);
    if (loan->pay_day <= generator->day) {
        loan->pay_day = generator->day + 1; /* caught up with the next due date */
    }
}

static void call(struct assay_generator *generator, struct gen_person *person,
                 const struct gen_loan *loan, int32_t past_due)
{
    uint64_t *stream = &person->stream;
    const int64_t time_ms =
        generator->day_ms + INT64_C(9) * GEN_HOUR_MS + gen_below(stream, 9 * GEN_HOUR_MS);
    const bool answered =
        gen_chance(stream, gen_sigmoid(0.3 + 0.8 * loan->intent - 0.012 * past_due));
    const bool promise = answered && gen_chance(stream, gen_sigmoid(0.1 + 1.1 * loan->intent));
    const uint32_t seconds = answered ? 20 + gen_below(stream, 240) : 0;
    const uint32_t args[GEN_ARGS] = {loan->number,     gen_below(stream, 40), (uint32_t)past_due,
                                     answered ? 1 : 0, promise ? 1 : 0,       seconds,
                                     loan->amount};
    const uint32_t number = gen_push(generator, person, GEN_COLLECTION_CALL, time_ms, args);
    double unpaid = 1;
    for (int32_t d = past_due + 1; d <= past_due + 7; d++) {
        unpaid *= 1 - hazard(generator, person, loan, d);
    }
    gen_note(generator, person, number, time_ms, GEN_REPAID, 1 - unpaid,
             loan->pay_day != INT32_MAX && loan->pay_day <= generator->day + 7, 8);
    if (gen_chance(stream, 0.35)) {
        const bool willing = gen_chance(stream, gen_sigmoid(1.2 * loan->intent));
        const uint32_t template = gen_below(stream, 3) + (willing ? 0 : 3);
        message(generator, person, true, template,
                time_ms + (int64_t)seconds * 1000 + GEN_MINUTE_MS + gen_below(stream, GEN_HOUR_MS));
    }
}

static void overdue_day(struct assay_generator *generator, struct gen_person *person,
                        struct gen_loan *loan)
{
    uint64_t *stream = &person->stream;
    const int32_t past_due = generator->day - loan->due_day;
    if (past_due > GEN_WRITE_OFF_DAYS) {
        loan->open = false;
        return;
    }
    if (is_call_day(past_due)) {
        call(generator, person, loan, past_due);
    }
    if (gen_chance(stream, 0.025 * gen_exp(0.6 * loan->intent))) {
        repay(generator, person, loan, gen_moment(generator, person, false), false);
    }
}

static void loan_day(struct assay_generator *generator, struct gen_person *person,
                     struct gen_loan *loan)
{
    const int64_t morning = generator->day_ms + INT64_C(8) * GEN_HOUR_MS;
    if (generator->day == loan->due_day - 3 && generator->day < loan->pay_day) {
        message(generator, person, false, 0, morning + gen_below(&person->stream, GEN_HOUR_MS));
    }
    if (generator->day == loan->due_day && generator->day <= loan->pay_day) {
        const uint32_t args[GEN_ARGS] = {loan->number, loan->instalment, loan->amount, loan->of};
        (void)gen_push(generator, person, GEN_REPAYMENT_DUE,
                       morning - GEN_HOUR_MS + gen_below(&person->stream, GEN_MINUTE_MS), args);
    }
    if (generator->day == loan->pay_day) {
        repay(generator, person, loan,
              morning + GEN_HOUR_MS + gen_below(&person->stream, 14 * GEN_HOUR_MS), true);
    } else if (generator->day > loan->due_day) {
        overdue_day(generator, person, loan);
    }
}

void gen_loans_day(struct assay_generator *generator, struct gen_person *person)
{
    for (size_t i = 0; i < GEN_LOANS; i++) {
        struct gen_loan *loan = &person->loans[i];
        if (loan->open) {
            loan_day(generator, person, loan);
        }
    }
}
