#include "engine/sync/qsbr.h"

#include "engine/base/assert.h"

void assay_qsbr_init(struct assay_qsbr *qsbr)
{
    atomic_init(&qsbr->token, 1);
    qsbr->taken = 0;
    for (uint32_t place = 0; place < ASSAY_QSBR_READERS_MAX; place++) {
        atomic_init(&qsbr->places[place].seen, 0);
    }
}

uint32_t assay_qsbr_register(struct assay_qsbr *qsbr)
{
    if (qsbr->taken == UINT64_MAX) {
        return ASSAY_QSBR_NO_PLACE;
    }
    const uint32_t place = (uint32_t)__builtin_ctzll(~qsbr->taken);
    qsbr->taken |= UINT64_C(1) << place;
    return place;
}

void assay_qsbr_unregister(struct assay_qsbr *qsbr, uint32_t place)
{
    ASSAY_ASSERT(place < ASSAY_QSBR_READERS_MAX && (qsbr->taken >> place & 1) != 0);
    ASSAY_ASSERT(atomic_load_explicit(&qsbr->places[place].seen, memory_order_acquire) == 0);
    qsbr->taken &= ~(UINT64_C(1) << place);
}

uint64_t assay_qsbr_retire(struct assay_qsbr *qsbr)
{
    /* Relaxed: only this thread writes it. */
    const uint64_t token = atomic_load_explicit(&qsbr->token, memory_order_relaxed) + 1;
    /* Release: whoever sees the token sees what was unlinked before it. */
    atomic_store_explicit(&qsbr->token, token, memory_order_release);
    assay_fence_full(); /* what was unlinked is seen before the places are looked at */
    return token;
}

bool assay_qsbr_passed(const struct assay_qsbr *qsbr, uint64_t token)
{
    for (uint64_t left = qsbr->taken; left != 0; left &= left - 1) {
        const struct assay_qsbr_place *place = &qsbr->places[__builtin_ctzll(left)];
        const uint64_t seen = atomic_load_explicit(&place->seen, memory_order_acquire);
        if (seen != 0 && seen < token) {
            return false;
        }
    }
    return true;
}
