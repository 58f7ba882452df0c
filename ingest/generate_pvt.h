/*
 * ingest/generate_pvt.h - the simulated lender behind ingest/generate.h.
 *
 * Day by day, person by person: a person's day is a function of the person's state and random
 * stream, and leaves small records behind. Records wait in the bucket of the day they arrive on,
 * are sorted, and become JSON only when they are handed out. Memory is a few days of 64-byte
 * records, one state per person, and the labels.
 *
 * Bytes must not depend on the machine: random numbers, exp() and log() are our own, made of IEEE
 * additions, multiplications and divisions only, and everything printed is an integer. Nor on the
 * compiler: no two draws stand in one argument list, one initialiser or one sum, because C leaves
 * their order open.
 */
#ifndef ASSAY_INGEST_GENERATE_PVT_H
#define ASSAY_INGEST_GENERATE_PVT_H

#include "ingest/generate.h"

enum {
    GEN_DAY_MS = 86400000,
    GEN_HOUR_MS = 3600000,
    GEN_MINUTE_MS = 60000,
    GEN_ARGS = 8,
    GEN_BUCKETS = 8, /* days ahead of the current one that a record may arrive on */
    GEN_LINE_BYTES = 4096,
    GEN_LOANS = 2, /* open at once per person */
    GEN_PRINT_DIMS = 64,
    GEN_WRITE_OFF_DAYS = 120, /* past due: no more calls */
    GEN_LABEL_CHUNK = 4096,
};

/* ---- random numbers and functions (generate_math.c) ---- */

/** The next 64 bits of a stream. */
static inline uint64_t gen_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}
static inline uint64_t gen_next(uint64_t *stream)
{
    *stream += UINT64_C(0x9e3779b97f4a7c15);
    return gen_mix(*stream);
}
/** Uniform in [0, 1) from 64 bits. */
static inline double gen_unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}
static inline double gen_uniform(uint64_t *stream)
{
    return gen_unit(gen_next(stream));
}
static inline bool gen_chance(uint64_t *stream, double probability)
{
    return gen_uniform(stream) < probability;
}
/** Uniform in [0, count), count > 0. */
static inline uint32_t gen_below(uint64_t *stream, uint32_t count)
{
    return (uint32_t)(((gen_next(stream) >> 32) * count) >> 32);
}
/** Near-normal of mean 0 and deviation 1 within +-3.46: the sum of four uniforms. */
double gen_normal_of(uint64_t bits);
static inline double gen_normal(uint64_t *stream)
{
    return gen_normal_of(gen_next(stream));
}
double gen_exp(double x);
double gen_log(double x);
/** 1 / (1 + e^-x). */
double gen_sigmoid(double x);
/** Events of a Poisson process of @p mean (at most 20). */
uint32_t gen_poisson(uint64_t *stream, double mean);
/** Failures before a success: mean @p mean, at most @p most. */
uint32_t gen_gap(uint64_t *stream, double mean, uint32_t most);
/** Rank in [0, count) with weight 1 / (rank + 1), nearly. */
uint32_t gen_zipf(uint64_t *stream, uint32_t count);
/** Positive amount in hundredths around @p median with log deviation @p spread. */
uint32_t gen_amount(uint64_t *stream, double median, double spread);

/* ---- records ---- */

/* name, then the meaning of args[0..7] */
#define GEN_TYPE_TABLE(X)                                                                          \
    X(REGISTRATION, "registration")   /* device ip address channel referrer+1 age city_tier */     \
    X(LOGIN, "login")                 /* device ip method ok os attempt */                         \
    X(DEVICE_CHANGE, "device_change") /* device replaced ip reason */                              \
    X(VOICE_CHECK, "voice_check")     /* device noise_low drift(1/1000) purpose */                 \
    X(APP_OPEN, "app_open")           /* device ip source version */                               \
    X(PAGE_VIEW, "page_view")         /* device page dwell_ms scroll position */                   \
    X(BUREAU_REPORT, "bureau_report") /* score inquiries overdue loans balance utilisation days */ \
    X(APPLICATION, "application")   /* device ip address amount term product|purpose income job */ \
    X(DISBURSEMENT, "disbursement") /* loan amount fee rate */                                     \
    X(PAYMENT, "payment")           /* device merchant amount channel mcc ok ip */                 \
    X(TRANSFER, "transfer")         /* payer payee amount kind device+1 */                         \
    X(REPAYMENT_DUE, "repayment_due")     /* loan instalment amount of */                          \
    X(REPAYMENT, "repayment")             /* loan instalment amount method days_late full */       \
    X(COLLECTION_CALL, "collection_call") /* loan agent dpd answered promise seconds amount */     \
    X(MESSAGE, "message")                 /* from template channel variation */                    \
    X(MARKETING_PUSH, "marketing_push")   /* campaign channel offer */                             \
    X(CLICK, "click")                     /* device ip campaign target */                          \
    X(COMPLAINT, "complaint")             /* topic severity channel */

enum gen_type {
#define X(name, text) GEN_##name,
    GEN_TYPE_TABLE(X)
#undef X
        GEN_TYPE_END
};

/** Ways to be malformed; 0 is none. Each ends as a dead letter of the stated reason. */
enum gen_bad {
    GEN_GOOD,
    GEN_BAD_TRUNCATED,    /* syntax */
    GEN_BAD_WRONG_TYPE,   /* wrong_type: a key that is true */
    GEN_BAD_UNKNOWN_TYPE, /* unknown_event */
    GEN_BAD_MISSING_KEY,  /* missing_key */
    GEN_BAD_NULL_KEY,     /* missing_key */
    GEN_BAD_HUGE_NUMBER,  /* bad_time: 1e400 */
    GEN_BAD_UTF8,         /* utf8 */
    GEN_BAD_NO_TIME,      /* no_time */
    GEN_BAD_TWICE,        /* duplicate_key */
    GEN_BAD_NOT_OBJECT,   /* not_object */
    GEN_BAD_NUL,          /* nul */
    GEN_BAD_END
};

struct gen_item {
    int64_t arrival_ms;
    int64_t time_ms;
    uint32_t user;
    uint32_t number; /* of the user's events: with the user it is the id */
    int32_t skew_s;  /* what the sender's clock is off by */
    uint8_t type;    /* enum gen_type */
    uint8_t bad;     /* enum gen_bad */
    uint8_t copy;    /* 0 the first, 1 the same again, 2 its malformed twin */
    uint8_t spare;
    uint32_t args[GEN_ARGS];
};

/** A place in the order of arrival. */
struct gen_entry {
    const struct gen_item *item;
};

struct gen_bucket {
    struct gen_item *items;
    size_t count;
    size_t room;
};

enum gen_label { GEN_DPD30, GEN_DPD60, GEN_DPD90, GEN_REPAID, GEN_CHURNED, GEN_RESPONDED };

struct gen_label_record {
    int64_t event_ms;
    uint32_t user;
    uint32_t number;
    uint32_t known_after_s;
    uint32_t truth_ppb; /* 1e-9: also the resolution of the draw */
    uint8_t name;       /* enum gen_label */
    uint8_t value;
};

struct gen_label_chunk {
    struct gen_label_chunk *next;
    uint32_t count;
    struct gen_label_record records[GEN_LABEL_CHUNK];
};

/* ---- people ---- */

enum gen_role { GEN_HONEST, GEN_FARM, GEN_BUST_OUT, GEN_VICTIM };

/** A loan; its first instalment carries the dpd labels. */
struct gen_loan {
    bool open;
    uint8_t instalment; /* the one that is due next, from 1 */
    uint8_t of;
    uint16_t term_days; /* between dues */
    uint32_t number;
    uint32_t amount; /* of one instalment, hundredths */
    int32_t due_day;
    int32_t pay_day; /* when it will be paid; INT32_MAX: never */
    double badness;  /* what drives paying on time */
    double intent;   /* what drives paying once late */
};

/** Traits are near-normal, mean 0, deviation 1 unless stated. */
struct gen_person {
    uint64_t stream;
    uint32_t index;
    uint32_t numbers; /* events so far */
    double risk, stability, engagement, spending, intent;
    uint32_t device, home_ip, address, employer;
    uint32_t income; /* hundredths a month */
    int32_t registered_day;
    int32_t next_visit_day;
    int32_t event_day; /* of a bust-out or take-over */
    int32_t complained_day;
    uint8_t payday; /* day of the month, 1..28 */
    uint8_t role;   /* enum gen_role */
    uint8_t carrier;
    uint8_t os;
    uint8_t offer;      /* the kind of offer that pleases */
    uint8_t pushes;     /* lately: fatigue */
    uint8_t loan_count; /* ever */
    bool fading;        /* on the way out */
    bool dormant;       /* gone until next_visit_day */
    struct gen_loan loans[GEN_LOANS];
};

struct assay_generator {
    struct assay_arena *arena;
    struct assay_generate_options options;
    enum assay_status status; /* OK, or why the stream ended early */
    struct gen_person *people;
    uint32_t farms, employers, merchants, nats;
    int32_t day;        /* next to simulate */
    int64_t day_ms;     /* its midnight */
    uint32_t month_day; /* its day of the month, 1..31 */
    uint32_t weekday;   /* 0 = Monday */
    struct gen_bucket buckets[GEN_BUCKETS];
    struct gen_entry *order; /* the current bucket, sorted */
    size_t order_room, order_count, order_at;
    struct gen_label_chunk *first_chunk, *last_chunk, *read_chunk;
    uint32_t read_at;
    char line[GEN_LINE_BYTES];
    char key[24];
    char label_user[24], label_id[40];
};

/** Put an event on its way. @return its number: with the user, its id. (generate.c) */
uint32_t gen_push(struct assay_generator *generator, struct gen_person *person, enum gen_type type,
                  int64_t time_ms, const uint32_t args[GEN_ARGS]);
/** Note a label; @p truth is the probability that @p value was drawn with. (generate.c) */
void gen_note(struct assay_generator *generator, const struct gen_person *person, uint32_t number,
              int64_t event_ms, enum gen_label name, double truth, bool value,
              uint32_t known_after_days);
/** A time of day on the generator's day, by daily rhythm; @p late shifts it to the night. */
int64_t gen_moment(const struct assay_generator *generator, struct gen_person *person, bool late);

/** Day of the month, 1..31, of a day since the epoch. (generate.c) */
uint32_t gen_month_day(int64_t day);

/** Draw a person's traits. (generate_people.c) */
void gen_person_init(const struct assay_generator *generator, struct gen_person *person,
                     uint32_t index);
/** Live one day. (generate_people.c) */
void gen_person_day(struct assay_generator *generator, struct gen_person *person);
/** The address a session comes from. (generate_people.c) */
uint32_t gen_session_ip(const struct assay_generator *generator, struct gen_person *person);

/** How an application is made. */
struct gen_apply {
    int64_t time_ms;
    uint32_t device;
    uint32_t ip;
    double fraud; /* added to the loan's badness */
    double share; /* of income asked for; 0: as the person would */
};
/** Apply for a loan, with the bureau report that it needs. (generate_loans.c) */
void gen_loan_apply(struct assay_generator *generator, struct gen_person *person,
                    const struct gen_apply *apply);
/** Dues, repayments, calls and messages of one day. (generate_loans.c) */
void gen_loans_day(struct assay_generator *generator, struct gen_person *person);

/** Write an item's JSON. @return its length. (generate_json.c) */
size_t gen_write(const struct assay_generator *generator, const struct gen_item *item,
                 char out[GEN_LINE_BYTES]);
/** Spoil a good line of an item. @return the new length. (generate_bad.c) */
size_t gen_spoil(const struct gen_item *item, size_t length, char line[GEN_LINE_BYTES]);

#endif
