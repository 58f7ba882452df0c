#include "engine/cli/explain_pvt.h"

#include "engine/base/frame.h"
#include "engine/emit/audit.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * One pass over the log. Ids are read out of every decision; only those that are asked for are
 * copied, so memory does not grow with the log.
 */

static enum assay_status no_memory(const struct explain_search *search, struct assay_err *err)
{
    return assay_err_set(err, ASSAY_E_NO_MEMORY, search->path, "no memory to read the audit log");
}

/* ---- plans ---- */

static enum assay_status keep_plan(struct explain_search *search, const struct assay_frame *frame,
                                   struct assay_err *err)
{
    if (search->plan_count == EXPLAIN_PLANS_MAX) {
        return assay_err_set(err, ASSAY_E_FULL, search->path, "more than %d plan records",
                             EXPLAIN_PLANS_MAX);
    }
    uint8_t *payload = assay_arena_alloc(search->arena, (size_t)frame->bytes + 1);
    if (payload == NULL) {
        return no_memory(search, err);
    }
    memcpy(payload, frame->payload, frame->bytes);
    const struct assay_audit_plan *plan = NULL;
    const enum assay_status status =
        assay_audit_plan_decode(&plan, search->arena, payload, frame->bytes, err);
    if (status == ASSAY_OK) {
        search->plans[search->plan_count++] = plan;
        return ASSAY_OK;
    }
    if (status != ASSAY_E_NO_MEMORY) {
        (void)snprintf(err->where, sizeof err->where, "%s: plan record at offset %" PRIu64,
                       search->path, frame->offset);
    }
    return status;
}

/* The plan a decision was made under: nearly always the newest. */
static const struct assay_audit_plan *plan_of(struct explain_search *search,
                                              const struct assay_frame *frame,
                                              char id[ASSAY_DECISION_ID_BYTES_MAX])
{
    struct assay_err err;
    enum assay_status status =
        assay_err_set(&err, ASSAY_E_UNKNOWN, "audit record", "no plan record stands before it");
    for (size_t i = search->plan_count; i > 0 && status == ASSAY_E_UNKNOWN; i--) {
        status =
            assay_audit_decision_id(search->plans[i - 1], frame->payload, frame->bytes, id, &err);
        if (status == ASSAY_OK) {
            return search->plans[i - 1];
        }
    }
    if (search->unreadable++ == 0) {
        (void)snprintf(err.where, sizeof err.where, "%s: decision at offset %" PRIu64, search->path,
                       frame->offset);
        search->unreadable_why = err;
    }
    return NULL;
}

/* ---- decisions ---- */

static enum assay_status keep(const struct explain_search *search, struct explain_record *record,
                              const struct assay_audit_plan *plan, const struct assay_frame *frame,
                              struct assay_err *err)
{
    if (frame->bytes + 1U > record->capacity) {
        free(record->payload);
        record->capacity = frame->bytes + 1U;
        record->payload = malloc(record->capacity);
        if (record->payload == NULL) {
            record->capacity = 0;
            return no_memory(search, err);
        }
    }
    ASSAY_ASSERT(record->payload != NULL);
    memcpy(record->payload, frame->payload, frame->bytes);
    record->bytes = frame->bytes;
    record->plan = plan;
    return ASSAY_OK;
}

/* How much two ids share: bytes at the beginning, and at the end of what is left. */
static size_t shared(struct assay_str a, struct assay_str b)
{
    const uint32_t shorter = a.len < b.len ? a.len : b.len;
    uint32_t front = 0;
    uint32_t back = 0;
    while (front < shorter && a.ptr[front] == b.ptr[front]) {
        front++;
    }
    while (back < shorter - front && a.ptr[a.len - 1 - back] == b.ptr[b.len - 1 - back]) {
        back++;
    }
    return front + back;
}

static enum assay_status compare(struct explain_search *search, const char *id,
                                 const struct assay_audit_plan *plan,
                                 const struct assay_frame *frame, struct assay_err *err)
{
    const struct assay_str text = assay_str_of(id);
    const struct assay_str wanted = search->wanted;
    if (text.len < wanted.len || memcmp(text.ptr, wanted.ptr, wanted.len) != 0) {
        const size_t near = shared(text, wanted);
        /* Less than half in common is no typing error. */
        if (near > search->nearness && near * 2 >= wanted.len) {
            search->nearness = near;
            memcpy(search->nearest, id, text.len + 1);
        }
        return ASSAY_OK;
    }
    const bool exact = text.len == wanted.len;
    const bool first = search->matches == 0;
    if (search->matches < EXPLAIN_IDS_MAX) {
        memcpy(search->ids[search->matches], id, text.len + 1);
    }
    search->matches++;
    if (exact || (first && !search->exact)) {
        search->exact = search->exact || exact;
        return keep(search, &search->found, plan, frame, err);
    }
    return ASSAY_OK;
}

static enum assay_status take_decision(struct explain_search *search,
                                       const struct assay_frame *frame, struct assay_err *err)
{
    char id[ASSAY_DECISION_ID_BYTES_MAX];
    const struct assay_audit_plan *plan = plan_of(search, frame, id);
    if (plan == NULL) {
        return ASSAY_OK; /* counted */
    }
    enum assay_status status = ASSAY_OK;
    memcpy(search->newest, id, strlen(id) + 1);
    if (search->wanted.ptr != NULL) {
        status = compare(search, id, plan, frame, err);
    }
    if (status == ASSAY_OK && search->last_max != 0) {
        status =
            keep(search, &search->last[search->decisions % search->last_max], plan, frame, err);
    }
    search->decisions++;
    return status;
}

enum assay_status assay_explain_search(struct explain_search *search, struct assay_err *err)
{
    ASSAY_ASSERT(search->path != NULL && search->arena != NULL);
    ASSAY_ASSERT(search->last_max <= EXPLAIN_LAST_MAX);
    struct assay_frame_reader *reader = NULL;
    struct assay_frame frame;
    search->last = calloc(search->last_max + 1, sizeof *search->last);
    if (search->last == NULL) {
        return no_memory(search, err);
    }
    enum assay_status status =
        assay_frame_reader_open(&reader, search->path, ASSAY_AUDIT_MAGIC, err);
    while (status == ASSAY_OK && (status = assay_frame_next(reader, &frame, err)) == ASSAY_OK) {
        if (frame.type == ASSAY_AUDIT_PLAN) {
            status = keep_plan(search, &frame, err);
        } else if (frame.type == ASSAY_AUDIT_DECISION) {
            status = take_decision(search, &frame, err);
        }
    }
    if (status == ASSAY_E_END) {
        search->torn_bytes = assay_frame_reader_torn(reader);
        status = ASSAY_OK;
    }
    assay_frame_reader_close(reader);
    return status;
}

void assay_explain_search_free(struct explain_search *search)
{
    for (size_t i = 0; search->last != NULL && i < search->last_max; i++) {
        free(search->last[i].payload);
    }
    free(search->last);
    free(search->found.payload);
}
