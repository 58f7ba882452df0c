#include "ingest/generate_pvt.h"

/* An item becomes a line here and nowhere else: names and units are those of
 * config/features.yaml. */

struct writer {
    char *out;
    size_t length;
};

static void put(struct writer *writer, const char *text)
{
    const size_t length = strlen(text);
    ASSAY_ASSERT(writer->length + length < GEN_LINE_BYTES);
    memcpy(writer->out + writer->length, text, length);
    writer->length += length;
}

static void put_number(struct writer *writer, uint64_t value)
{
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    put(writer, &digits[at]);
}

static void member(struct writer *writer, const char *name)
{
    put(writer, ",\"");
    put(writer, name);
    put(writer, "\":");
}

static void number(struct writer *writer, const char *name, int64_t value)
{
    member(writer, name);
    if (value < 0) {
        put(writer, "-");
    }
    put_number(writer, (uint64_t)(value < 0 ? -value : value));
}

/* value / 10^places, all places written. */
static void put_scaled(struct writer *writer, int64_t value, uint32_t places)
{
    uint64_t unit = 1;
    const uint64_t size = (uint64_t)(value < 0 ? -value : value);
    for (uint32_t i = 0; i < places; i++) {
        unit *= 10;
    }
    if (value < 0) {
        put(writer, "-");
    }
    put_number(writer, size / unit);
    put(writer, ".");
    for (uint64_t rest = size % unit; unit > 1; rest %= unit) {
        unit /= 10;
        put_number(writer, rest / unit);
    }
}

static void scaled(struct writer *writer, const char *name, int64_t value, uint32_t places)
{
    member(writer, name);
    put_scaled(writer, value, places);
}

static void word(struct writer *writer, const char *name, const char *value)
{
    member(writer, name);
    put(writer, "\"");
    put(writer, value);
    put(writer, "\"");
}

static void truth(struct writer *writer, const char *name, uint32_t value)
{
    member(writer, name);
    put(writer, value != 0 ? "true" : "false");
}

/* A letter and a number in quotes. */
static void name_of(struct writer *writer, const char *name, const char *letter, uint64_t value)
{
    member(writer, name);
    put(writer, "\"");
    put(writer, letter);
    put_number(writer, value);
    put(writer, "\"");
}

static void device(struct writer *writer, const char *name, uint32_t value)
{
    static const char hex[] = "0123456789abcdef";
    char text[12] = "d-";
    for (uint32_t i = 0; i < 8; i++) {
        text[2 + i] = hex[value >> (28 - 4 * i) & 15U];
    }
    text[10] = '\0';
    word(writer, name, text);
}

static void ip(struct writer *writer, uint32_t value)
{
    member(writer, "ip");
    put(writer, "\"");
    for (uint32_t i = 0; i < 4; i++) {
        put(writer, i == 0 ? "" : ".");
        put_number(writer, value >> (24 - 8 * i) & 255U);
    }
    put(writer, "\"");
}

/* One visit of one person: what the day's events of a device have in common. */
static void visit(struct writer *writer, const struct gen_item *item)
{
    const uint64_t day = (uint64_t)(item->time_ms / GEN_DAY_MS);
    name_of(writer, "visit", "v", gen_mix(day << 32 | item->user) >> 12);
}

static void loan(struct writer *writer, const struct gen_item *item)
{
    member(writer, "loan");
    put(writer, "\"L");
    put_number(writer, item->user);
    put(writer, "-");
    put_number(writer, item->args[0]);
    put(writer, "\"");
}

/* users, employers, banks */
static void account(struct writer *writer, const char *name, uint32_t value)
{
    static const char *const letters[] = {"u", "e", "b"};
    name_of(writer, name, letters[value >> 28], value & 0x0FFFFFFFU);
}

#define PICK(table, index) ((table)[(index) % (sizeof(table) / sizeof((table)[0]))])

static const char *const channels[] = {"app", "sms", "phone", "shop"};
static const char *const systems[] = {"android", "ios", "harmony"};
static const char *const trades[] = {"grocery", "dining", "transport", "utilities", "online",
                                     "game",    "health", "travel",    "cash_like", "gambling"};

static void write_registration(struct writer *writer, const struct gen_item *item)
{
    const uint32_t *args = item->args;
    device(writer, "device", args[0]);
    ip(writer, args[1]);
    name_of(writer, "address", "a", args[2]);
    word(writer, "channel", PICK(channels, args[3]));
    if (args[4] != 0) {
        name_of(writer, "referrer", "u", args[4] - 1);
    }
    number(writer, "age", args[5]);
    number(writer, "city_tier", args[6]);
}

static void write_login(struct writer *writer, const struct gen_item *item)
{
    static const char *const methods[] = {"password", "face", "code"};
    device(writer, "device", item->args[0]);
    ip(writer, item->args[1]);
    word(writer, "method", PICK(methods, item->args[2]));
    truth(writer, "ok", item->args[3]);
    word(writer, "os", PICK(systems, item->args[4]));
    visit(writer, item);
}

static void write_device_change(struct writer *writer, const struct gen_item *item)
{
    static const char *const reasons[] = {"new_phone", "lost", "reset"};
    device(writer, "device", item->args[0]);
    device(writer, "replaced", item->args[1]);
    ip(writer, item->args[2]);
    word(writer, "reason", PICK(reasons, item->args[3]));
}

static double root(double x)
{
    double y = x > 1 ? x : 1;
    for (int i = 0; i < 40; i++) {
        y = 0.5 * (y + x / y);
    }
    return y;
}

/* The enrolled print with the noise of the day; a stranger's is drawn towards another voice. */
static void write_voice_check(const struct assay_generator *generator, struct writer *writer,
                              const struct gen_item *item)
{
    static const char *const purposes[] = {"device_change", "application"};
    uint64_t own = gen_mix(generator->options.seed ^ UINT64_C(0x766f696365)) + item->user;
    uint64_t noise = ((uint64_t)item->args[1] << 20) + item->number;
    const double drift = (double)item->args[2] / 1000;
    double product = 0;
    double norm_own = 0;
    double norm_now = 0;
    device(writer, "device", item->args[0]);
    word(writer, "purpose", PICK(purposes, item->args[3]));
    member(writer, "print");
    for (uint32_t i = 0; i < GEN_PRINT_DIMS; i++) {
        const double enrolled = gen_normal(&own);
        const double other = gen_normal(&noise);
        const double now = (1 - drift) * enrolled + drift * other + 0.25 * gen_normal(&noise);
        product += enrolled * now;
        norm_own += enrolled * enrolled;
        norm_now += now * now;
        put(writer, i == 0 ? "[" : ",");
        put_scaled(writer, (int64_t)(now * 1000), 3);
    }
    put(writer, "]");
    const double match = product / root(norm_own * norm_now);
    scaled(writer, "match", (int64_t)(match * 10000), 4);
    truth(writer, "passed", match > 0.8 ? 1 : 0);
}

static void write_app_open(struct writer *writer, const struct gen_item *item)
{
    static const char *const sources[] = {"icon", "icon", "push", "link"};
    device(writer, "device", item->args[0]);
    ip(writer, item->args[1]);
    word(writer, "source", PICK(sources, item->args[2]));
    member(writer, "version");
    put(writer, "\"7.");
    put_number(writer, item->args[3]);
    put(writer, "\"");
    visit(writer, item);
}

static void write_page_view(struct writer *writer, const struct gen_item *item)
{
    static const char *const pages[] = {"home",   "loan", "repay",    "bill",
                                        "coupon", "help", "settings", "invite"};
    device(writer, "device", item->args[0]);
    ip(writer, item->args[5]);
    word(writer, "page", PICK(pages, item->args[1]));
    number(writer, "dwell_ms", item->args[2]);
    number(writer, "scroll", item->args[3]);
    number(writer, "position", item->args[4]);
    visit(writer, item);
}

static void write_bureau_report(struct writer *writer, const struct gen_item *item)
{
    const uint32_t *args = item->args;
    number(writer, "score", args[0]);
    number(writer, "inquiries", args[1]);
    number(writer, "overdue", args[2]);
    number(writer, "open_loans", args[3]);
    scaled(writer, "balance", args[4], 2);
    scaled(writer, "utilisation", args[5], 4);
    number(writer, "valid_until", item->time_ms + (int64_t)args[6] * GEN_DAY_MS);
}

static void write_application(struct writer *writer, const struct gen_item *item)
{
    static const char *const purposes[] = {"shopping", "travel",  "study",
                                           "medical",  "repairs", "other"};
    static const char *const jobs[] = {"employed", "self_employed", "gig", "student"};
    const uint32_t *args = item->args;
    device(writer, "device", args[0]);
    ip(writer, args[1]);
    name_of(writer, "address", "a", args[2]);
    scaled(writer, "amount", args[3], 2);
    number(writer, "term_days", args[4]);
    word(writer, "product", (args[5] & 1U) != 0 ? "instalment" : "single");
    word(writer, "purpose", PICK(purposes, args[5] >> 8));
    scaled(writer, "income", args[6], 2);
    word(writer, "job", PICK(jobs, args[7]));
}

static void write_disbursement(struct writer *writer, const struct gen_item *item)
{
    loan(writer, item);
    scaled(writer, "amount", item->args[1], 2);
    scaled(writer, "fee", item->args[2], 2);
    scaled(writer, "rate", item->args[3], 4);
}

static void write_payment(struct writer *writer, const struct gen_item *item)
{
    static const char *const ways[] = {"qr", "card", "online"};
    const uint32_t *args = item->args;
    device(writer, "device", args[0]);
    name_of(writer, "merchant", "m", args[1]);
    ip(writer, args[6]);
    scaled(writer, "amount", args[2], 2);
    word(writer, "channel", PICK(ways, args[3]));
    word(writer, "trade", PICK(trades, args[4]));
    word(writer, "currency", "CNY");
    name_of(writer, "order", "o", gen_mix((uint64_t)item->user << 32 | item->number) >> 8);
    truth(writer, "ok", args[5]);
}

static void write_transfer(struct writer *writer, const struct gen_item *item)
{
    static const char *const kinds[] = {"salary", "friend", "cash_out"};
    const uint32_t *args = item->args;
    account(writer, "payer", args[0]);
    account(writer, "payee", args[1]);
    if (args[4] != 0) {
        device(writer, "device", args[5]);
    }
    scaled(writer, "amount", args[2], 2);
    word(writer, "kind", PICK(kinds, args[3]));
    word(writer, "currency", "CNY");
}

static void write_repayment_due(struct writer *writer, const struct gen_item *item)
{
    loan(writer, item);
    number(writer, "instalment", item->args[1]);
    number(writer, "of", item->args[3]);
    scaled(writer, "amount", item->args[2], 2);
    number(writer, "due", item->time_ms - item->time_ms % GEN_DAY_MS + GEN_DAY_MS);
}

static void write_repayment(struct writer *writer, const struct gen_item *item)
{
    loan(writer, item);
    number(writer, "instalment", item->args[1]);
    scaled(writer, "amount", item->args[2], 2);
    word(writer, "method", item->args[3] == 0 ? "auto" : "manual");
    number(writer, "days_late", (int32_t)item->args[4]);
    truth(writer, "full", item->args[5]);
}

static void write_collection_call(struct writer *writer, const struct gen_item *item)
{
    const uint32_t *args = item->args;
    loan(writer, item);
    name_of(writer, "agent", "agent", args[1]);
    number(writer, "days_past_due", args[2]);
    scaled(writer, "amount", args[6], 2);
    truth(writer, "answered", args[3]);
    truth(writer, "promise", args[4]);
    number(writer, "seconds", args[5]);
}

static void write_message(struct writer *writer, const struct gen_item *item)
{
    static const char *const customer[] = {
        "Salary comes on Friday, I will pay the whole amount then. Call me on 138",
        "我下周发工资就还，请打我电话 139", /* I pay when the salary comes, phone */
        "I have just paid by card, please check. My number ends in ",
        "I lost my job and cannot pay this month, do not call 137",
        "This is not my loan, I will complain. Reference ",
        "Stop calling my family, write to ",
    };
    static const char *const lender[] = {
        "Your instalment is due in three days. Questions? Call 400",
    };
    member(writer, "from");
    put(writer, item->args[0] == 0 ? "\"customer\"" : "\"lender\"");
    word(writer, "channel", PICK(channels, item->args[2]));
    member(writer, "text");
    put(writer, "\"");
    put(writer, item->args[0] == 0 ? PICK(customer, item->args[1]) : lender[0]);
    put_number(writer, 10000000 + (uint64_t)item->args[3] * 887);
    put(writer, "\"");
}

static const char *const offers[] = {"rate_cut", "cashback", "limit_up", "voucher"};

static void write_marketing_push(struct writer *writer, const struct gen_item *item)
{
    name_of(writer, "campaign", "c", item->args[0]);
    word(writer, "channel", PICK(channels, item->args[1]));
    word(writer, "offer", PICK(offers, item->args[2]));
}

static void write_click(struct writer *writer, const struct gen_item *item)
{
    static const char *const targets[] = {"offer", "loan", "unsubscribe"};
    device(writer, "device", item->args[0]);
    ip(writer, item->args[1]);
    name_of(writer, "campaign", "c", item->args[2]);
    word(writer, "offer", PICK(offers, item->args[2]));
    word(writer, "target", PICK(targets, item->args[3]));
}

static void write_complaint(struct writer *writer, const struct gen_item *item)
{
    static const char *const topics[] = {"fees", "service", "calls", "unknown_transaction"};
    word(writer, "topic", PICK(topics, item->args[0]));
    number(writer, "severity", item->args[1]);
    word(writer, "channel", PICK(channels, item->args[2]));
}

static void write_fields(const struct assay_generator *generator, struct writer *writer,
                         const struct gen_item *item)
{
    static void (*const writers[GEN_TYPE_END])(struct writer *, const struct gen_item *) = {
        [GEN_REGISTRATION] = write_registration,
        [GEN_LOGIN] = write_login,
        [GEN_DEVICE_CHANGE] = write_device_change,
        [GEN_APP_OPEN] = write_app_open,
        [GEN_PAGE_VIEW] = write_page_view,
        [GEN_BUREAU_REPORT] = write_bureau_report,
        [GEN_APPLICATION] = write_application,
        [GEN_DISBURSEMENT] = write_disbursement,
        [GEN_PAYMENT] = write_payment,
        [GEN_TRANSFER] = write_transfer,
        [GEN_REPAYMENT_DUE] = write_repayment_due,
        [GEN_REPAYMENT] = write_repayment,
        [GEN_COLLECTION_CALL] = write_collection_call,
        [GEN_MESSAGE] = write_message,
        [GEN_MARKETING_PUSH] = write_marketing_push,
        [GEN_CLICK] = write_click,
        [GEN_COMPLAINT] = write_complaint,
    };
    if (item->type == GEN_VOICE_CHECK) {
        write_voice_check(generator, writer, item);
        return;
    }
    writers[item->type](writer, item);
}

size_t gen_write(const struct assay_generator *generator, const struct gen_item *item,
                 char out[GEN_LINE_BYTES])
{
    static const char *const names[GEN_TYPE_END] = {
#define X(name, text) [GEN_##name] = (text),
        GEN_TYPE_TABLE(X)
#undef X
    };
    ASSAY_ASSERT(item->type < GEN_TYPE_END);
    struct writer writer = {.out = out};
    put(&writer, "{\"type\":\"");
    put(&writer, names[item->type]);
    put(&writer, "\",\"time\":");
    put_number(&writer, (uint64_t)(item->time_ms + (int64_t)item->skew_s * 1000));
    put(&writer, ",\"id\":\"u");
    put_number(&writer, item->user);
    put(&writer, "-");
    put_number(&writer, item->number);
    put(&writer, "\"");
    if (item->type != GEN_TRANSFER) {
        name_of(&writer, "user", "u", item->user);
    }
    write_fields(generator, &writer, item);
    put(&writer, "}");
    return writer.length;
}
