#include "ingest/generate_pvt.h"

/* exp and log of our own: libm may differ in the last bit between machines, and one bit can turn a
 * draw. Only IEEE operations are used, each correctly rounded everywhere. */

static const double LN2_HIGH = 6.93147180369123816490e-01;
static const double LN2_LOW = 1.90821492927058770002e-10;

double gen_normal_of(uint64_t bits)
{
    const uint64_t sum =
        (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48);
    /* four uniforms: mean 2, variance 1/3 */
    return ((double)sum / 65536.0 - 1.99996948242187500) * 1.7320508075688772;
}

static double power_of_two(int exponent)
{
    const uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double gen_exp(double x)
{
    enum { TERMS = 13 };
    x = x < -40 ? -40 : x > 40 ? 40 : x;
    const int k = (int)(x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5));
    const double r = (x - (double)k * LN2_HIGH) - (double)k * LN2_LOW;
    double sum = 1;
    for (int i = TERMS; i > 0; i--) {
        sum = 1 + r / (double)i * sum;
    }
    return sum * power_of_two(k);
}

double gen_log(double x)
{
    enum { TERMS = 10 };
    uint64_t bits = 0;
    ASSAY_ASSERT(x > 1e-300);
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & UINT64_C(0x000FFFFFFFFFFFFF)) | UINT64_C(0x3FF0000000000000);
    double m = 0;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent++;
    }
    const double t = (m - 1) / (m + 1);
    double sum = 0;
    for (int i = TERMS; i >= 0; i--) {
        sum = sum * t * t + 1.0 / (double)(2 * i + 1);
    }
    return 2 * t * sum + (double)exponent * LN2_HIGH + (double)exponent * LN2_LOW;
}

double gen_sigmoid(double x)
{
    return 1 / (1 + gen_exp(-x));
}

uint32_t gen_poisson(uint64_t *stream, double mean)
{
    enum { MOST = 20 };
    const double limit = gen_exp(-mean);
    double product = gen_uniform(stream);
    uint32_t count = 0;
    while (product > limit && count < MOST) {
        product *= gen_uniform(stream);
        count++;
    }
    return count;
}

uint32_t gen_gap(uint64_t *stream, double mean, uint32_t most)
{
    const double u = 1 - gen_uniform(stream); /* (0, 1] */
    const double gap = gen_log(u) / gen_log(mean / (1 + mean));
    return gap > (double)most ? most : (uint32_t)gap;
}

uint32_t gen_zipf(uint64_t *stream, uint32_t count)
{
    const double rank = gen_exp(gen_uniform(stream) * gen_log((double)count + 1)) - 1;
    const uint32_t whole = rank <= 0 ? 0 : (uint32_t)rank;
    return whole < count ? whole : count - 1;
}

uint32_t gen_amount(uint64_t *stream, double median, double spread)
{
    const double amount = median * gen_exp(spread * gen_normal(stream)) * 100;
    return amount < 100 ? 100 : amount > 2e9 ? 2000000000 : (uint32_t)amount;
}
