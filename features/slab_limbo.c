#include "features/slab_pvt.h"

#include "engine/base/assert.h"
#include "engine/sync/qsbr.h"

#include <sys/mman.h>

/*
 * Pieces that wait until readers have let go of them, in two lists. One takes what is freed now.
 * The other was closed with a token; when every reader has passed that, its pieces are free, and
 * the lists change places. What waits is read as it was, so nothing may be written into it: the
 * lists lie apart, in address space for as many pieces as the region can have.
 */

enum {
    TURN_PIECES = 64, /* that one turn takes back at most: more than an update frees */
    TURN_EVERY = 16,  /* turns between two looks at the readers: their lines are theirs */
    OPEN_MIN = 128,   /* pieces worth a token */
};

struct waiting_piece {
    uint32_t ref;
    uint32_t class;
};

struct waiting_list {
    struct waiting_piece *pieces;
    size_t count;
};

struct slab_limbo {
    struct assay_qsbr *qsbr;
    struct waiting_list open;
    struct waiting_list closed;
    uint64_t token;  /* of the closed one */
    bool has_passed; /* its pieces are free */
    uint32_t turns;
    size_t bytes; /* that wait */
    size_t pieces_max;
    size_t region_bytes; /* of this and the lists */
};

bool assay_slab_share(struct assay_slab *slab, struct assay_qsbr *qsbr)
{
    ASSAY_ASSERT(slab->limbo == NULL);
    const size_t pieces_max = (slab->bytes_max >> slab->grain_log) + 1;
    const size_t bytes = sizeof(struct slab_limbo) + 2 * pieces_max * sizeof(struct waiting_piece);
    void *region = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) {
        return false;
    }
    struct slab_limbo *limbo = region; /* with its lists, so that no line of it is a reader's too */
    *limbo = (struct slab_limbo){
        .qsbr = qsbr,
        .pieces_max = pieces_max,
        .region_bytes = bytes,
        .open.pieces = (struct waiting_piece *)(limbo + 1),
        .closed.pieces = (struct waiting_piece *)(limbo + 1) + pieces_max,
    };
    slab->limbo = limbo;
    return true;
}

void assay_limbo_add(struct assay_slab *slab, uint32_t class, const void *piece)
{
    struct slab_limbo *limbo = slab->limbo;
    ASSAY_ASSERT(limbo->open.count < limbo->pieces_max);
    limbo->open.pieces[limbo->open.count++] =
        (struct waiting_piece){.ref = assay_slab_ref(slab, piece), .class = class};
    limbo->bytes += assay_slab_class_bytes(class);
}

static void release(struct assay_slab *slab, struct waiting_list *list, size_t pieces_max)
{
    for (size_t i = 0; i < pieces_max && list->count > 0; i++) {
        const struct waiting_piece piece = list->pieces[--list->count];
        slab->limbo->bytes -= assay_slab_class_bytes(piece.class);
        assay_slab_list(slab, piece.class, assay_slab_at(slab, piece.ref));
    }
}

/* The closed list is empty: the open one takes its place. */
static void close_list(struct slab_limbo *limbo)
{
    const struct waiting_list empty = limbo->closed;
    ASSAY_DASSERT(empty.count == 0);
    limbo->closed = limbo->open;
    limbo->open = empty;
    limbo->token = assay_qsbr_retire(limbo->qsbr);
    limbo->has_passed = false;
}

void assay_slab_turn(struct assay_slab *slab)
{
    struct slab_limbo *limbo = slab->limbo;
    if (limbo == NULL) {
        return;
    }
    if (limbo->closed.count > 0 && !limbo->has_passed && ++limbo->turns % TURN_EVERY == 0) {
        limbo->has_passed = assay_qsbr_passed(limbo->qsbr, limbo->token);
    }
    if (limbo->has_passed) {
        release(slab, &limbo->closed, TURN_PIECES);
    }
    if (limbo->closed.count == 0 && limbo->open.count >= OPEN_MIN) {
        close_list(limbo);
    }
}

bool assay_limbo_drain(struct assay_slab *slab)
{
    struct slab_limbo *limbo = slab->limbo;
    bool freed = false;
    for (int list = 0; limbo != NULL && list < 2; list++) {
        if (limbo->closed.count == 0 && limbo->open.count > 0) {
            close_list(limbo);
        }
        if (limbo->closed.count > 0 && assay_qsbr_passed(limbo->qsbr, limbo->token)) {
            release(slab, &limbo->closed, SIZE_MAX);
            freed = true;
        }
    }
    return freed;
}

size_t assay_slab_waiting(const struct assay_slab *slab)
{
    return slab->limbo == NULL ? 0 : slab->limbo->bytes;
}

void assay_slab_unshare(struct assay_slab *slab)
{
    struct slab_limbo *limbo = slab->limbo;
    if (limbo != NULL) {
        release(slab, &limbo->closed, SIZE_MAX);
        release(slab, &limbo->open, SIZE_MAX);
        slab->limbo = NULL;
        (void)munmap(limbo, limbo->region_bytes);
    }
}
