#include "scorers/quadrature.h"

#include "engine/base/assert.h"

#include <string.h>

/* Halvings bring a root well inside Newton's reach; each step then doubles the good digits. */
enum { HALVINGS = 14, STEPS = 4 };

struct legendre {
    double value;
    double slope;
};

/* P_n and its derivative at x, |x| < 1, by the three-term recurrence. */
static struct legendre legendre(uint32_t n, double x)
{
    double before = 1;
    double value = x;
    for (uint32_t k = 1; k < n; k++) {
        const double next = ((2.0 * k + 1) * x * value - k * before) / (k + 1.0);
        before = value;
        value = next;
    }
    return (struct legendre){.value = value, .slope = n * (before - x * value) / (1 - x * x)};
}

/* The root of P_n in (low, high), where it changes sign once. */
static double root(uint32_t n, double low, double high)
{
    const bool rises = legendre(n, high).value > 0;
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = 0.5 * (low + high);
        if ((legendre(n, middle).value > 0) == rises) {
            high = middle;
        } else {
            low = middle;
        }
    }
    double x = 0.5 * (low + high);
    for (int i = 0; i < STEPS; i++) {
        const struct legendre at = legendre(n, x);
        x -= at.value / at.slope;
    }
    return x;
}

void assay_quadrature(uint32_t count, double points[], double weights[])
{
    ASSAY_ASSERT(count >= 1 && count <= ASSAY_QUADRATURE_POINTS_MAX);
    /* The roots of P_n part those of P_(n+1), so each new one has its own interval. */
    double roots[ASSAY_QUADRATURE_POINTS_MAX] = {0};
    for (uint32_t n = 2; n <= count; n++) {
        double next[ASSAY_QUADRATURE_POINTS_MAX];
        for (uint32_t i = 0; i < n; i++) {
            /* Just inside the ends, where the slope's formula divides by 1 - x^2. */
            const double low = i == 0 ? -1 + 0x1p-52 : roots[i - 1];
            const double high = i == n - 1 ? 1 - 0x1p-52 : roots[i];
            next[i] = root(n, low, high);
        }
        memcpy(roots, next, n * sizeof roots[0]);
    }
    for (uint32_t i = 0; i < count; i++) {
        const double x = roots[i];
        const double slope = legendre(count, x).slope;
        points[i] = 0.5 * (1 + x);
        weights[i] = 1 / ((1 - x * x) * slope * slope); /* half of [-1, 1]'s */
    }
}
