#include "features/texts_pvt.h"

static const uint32_t ALONE = UINT32_C(1) << 31; /* not in the index */
static const uint32_t ROWS_MAX = (UINT32_C(1) << 31) - 1;

static size_t text_bytes(uint32_t len)
{
    return sizeof(struct text) + len;
}

static uint64_t hash_of(const struct texts *texts, struct assay_str text)
{
    return assay_hash64(text.ptr, text.len, texts->seed);
}

bool assay_texts_init(struct texts *texts, struct assay_slab *slab, uint64_t seed)
{
    *texts = (struct texts){.slab = slab, .seed = seed};
    return assay_index_init(&texts->index, slab);
}

static struct text *make(struct texts *texts, struct assay_str bytes, uint32_t flags)
{
    struct text *text = assay_slab_alloc(texts->slab, text_bytes(bytes.len));
    if (text != NULL) {
        text->rows = flags | 1;
        text->len = bytes.len;
        if (bytes.len > 0) {
            memcpy(text->bytes, bytes.ptr, bytes.len);
        }
        texts->bytes += assay_slab_piece(texts->slab, text_bytes(bytes.len));
    }
    return text;
}

/* A text of two thousand million rows is one that will be needed again: it is counted no more. */
static bool is_kept_for_good(const struct text *text)
{
    return (text->rows & ROWS_MAX) == ROWS_MAX;
}

uint32_t assay_text_intern(struct texts *texts, struct assay_str bytes)
{
    const uint64_t hash = hash_of(texts, bytes);
    struct index_cursor cursor = index_seek(&texts->index, hash);
    struct text *text = index_next(&cursor);
    while (text != NULL && (text->item.place != index_place(hash) || text->len != bytes.len ||
                            (bytes.len > 0 && memcmp(text->bytes, bytes.ptr, bytes.len) != 0))) {
        text = index_next(&cursor);
    }
    if (text != NULL) {
        text->rows += is_kept_for_good(text) ? 0 : 1;
        return assay_slab_ref(texts->slab, text);
    }
    text = assay_index_reserve(&texts->index) ? make(texts, bytes, 0) : NULL;
    if (text == NULL) {
        return ASSAY_NONE;
    }
    assay_index_insert(&texts->index, hash, &text->item);
    texts->count++;
    return assay_slab_ref(texts->slab, text);
}

uint32_t assay_text_keep(struct texts *texts, struct assay_str tie)
{
    const struct text *text = make(texts, tie, ALONE);
    return text == NULL ? ASSAY_NONE : assay_slab_ref(texts->slab, text);
}

void assay_text_retain(struct texts *texts, uint32_t name)
{
    struct text *text = assay_slab_at(texts->slab, name);
    text->rows += is_kept_for_good(text) ? 0 : 1;
}

void assay_text_release(struct texts *texts, uint32_t name)
{
    struct text *text = assay_slab_at(texts->slab, name);
    ASSAY_DASSERT((text->rows & ~ALONE) > 0);
    if (is_kept_for_good(text)) {
        return;
    }
    if ((--text->rows & ~ALONE) != 0) {
        return;
    }
    if ((text->rows & ALONE) == 0) {
        const struct assay_str bytes = {.ptr = text->bytes, .len = text->len};
        assay_index_erase(&texts->index, hash_of(texts, bytes), &text->item);
        texts->count--;
    }
    texts->bytes -= assay_slab_piece(texts->slab, text_bytes(text->len));
    assay_slab_free(texts->slab, text, text_bytes(text->len));
}

uint64_t assay_texts_bytes(const struct texts *texts)
{
    return texts->slab == NULL ? 0 : texts->bytes + assay_index_bytes(&texts->index);
}
