#include "engine/emit/audit.h"

#include "engine/base/frame.h"

#include <stdlib.h>

/* Room for what is kept between two commits, so that it need not grow page by page in the midst of
 * them; untouched pages cost nothing. */
enum { KEPT_BYTES_FIRST = 16 << 20, RECORD_VERSION = 1 };

static const size_t RECORD_BYTES_MAX = (size_t)1 << 24;
static const size_t PLAN_MEMORY_MAX = (size_t)256 << 20;

struct assay_audit {
    const char *path;
    const struct assay_policies *policies;
    struct assay_frame_writer *writer;
    struct assay_frame_reader *reader; /* NULL: the log has been compared to its end */
    struct assay_frame next;           /* the reader's decision at hand */
    uint64_t marked;
    struct assay_arena *arena; /* of the plan record */
    uint8_t *plan_record;      /* today's; NULL: no policies */
    size_t plan_bytes;
    const struct assay_audit_plan *plan;
    uint8_t *kept; /* decisions as frames; behind them the one just checked, not yet kept */
    size_t kept_bytes;
    size_t kept_capacity;
    size_t record_bytes; /* payload of the one just checked */
};

/* ---- opening ---- */

/* Today's plan record, and decoded, to read the ids of decisions with. */
static enum assay_status make_plan(struct assay_audit *audit, struct assay_err *err)
{
    audit->plan_bytes = assay_audit_plan_encode(audit->policies, 0, NULL);
    audit->arena = assay_arena_create(PLAN_MEMORY_MAX);
    audit->plan_record =
        audit->arena == NULL ? NULL : assay_arena_alloc(audit->arena, audit->plan_bytes + 1);
    if (audit->plan_record == NULL || audit->plan_bytes > ASSAY_FRAME_PAYLOAD_BYTES_MAX) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, audit->path, "no memory for the plan record");
    }
    (void)assay_audit_plan_encode(audit->policies, audit->plan_bytes, audit->plan_record);
    return assay_audit_plan_decode(&audit->plan, audit->arena, audit->plan_record,
                                   audit->plan_bytes, err);
}

static uint64_t mark_of(const struct assay_frame *frame)
{
    uint64_t epoch = 0;
    for (uint32_t i = 0; i < frame->bytes && i < 8; i++) {
        epoch |= (uint64_t)frame->payload[i] << (8 * i);
    }
    return epoch;
}

/* Learn the last mark, and whether the last plan record is today's. */
static enum assay_status look_through(struct assay_audit *audit, bool *has_plan,
                                      struct assay_err *err)
{
    struct assay_frame_reader *reader = NULL;
    struct assay_frame frame;
    *has_plan = false;
    enum assay_status status =
        assay_frame_reader_open(&reader, audit->path, ASSAY_AUDIT_MAGIC, err);
    while (status == ASSAY_OK && (status = assay_frame_next(reader, &frame, err)) == ASSAY_OK) {
        if (frame.type == ASSAY_AUDIT_PLAN) {
            *has_plan = audit->plan_record != NULL && frame.bytes == audit->plan_bytes &&
                        memcmp(frame.payload, audit->plan_record, frame.bytes) == 0;
        } else if (frame.type == ASSAY_AUDIT_MARK) {
            audit->marked = mark_of(&frame);
        }
    }
    assay_frame_reader_close(reader);
    return status == ASSAY_E_END ? ASSAY_OK : status;
}

/* Step the reader to its next decision; it is closed at the end. */
static enum assay_status step(struct assay_audit *audit, struct assay_err *err)
{
    enum assay_status status = ASSAY_OK;
    while (audit->reader != NULL) {
        status = assay_frame_next(audit->reader, &audit->next, err);
        if (status == ASSAY_OK && audit->next.type != ASSAY_AUDIT_DECISION) {
            continue;
        }
        if (status == ASSAY_OK) {
            return ASSAY_OK;
        }
        assay_frame_reader_close(audit->reader);
        audit->reader = NULL;
    }
    return status == ASSAY_E_END ? ASSAY_OK : status;
}

static enum assay_status open_files(struct assay_audit *audit, struct assay_err *err)
{
    bool has_plan = false;
    enum assay_status status =
        assay_frame_writer_open(&audit->writer, audit->path, ASSAY_AUDIT_MAGIC, err);
    if (status == ASSAY_OK && audit->policies != NULL) {
        status = make_plan(audit, err);
    }
    if (status == ASSAY_OK) {
        status = look_through(audit, &has_plan, err);
    }
    if (status == ASSAY_OK) {
        /* Opened before the plan record is added: it is no part of what is compared. */
        status = assay_frame_reader_open(&audit->reader, audit->path, ASSAY_AUDIT_MAGIC, err);
    }
    if (status == ASSAY_OK) {
        status = step(audit, err);
    }
    if (status == ASSAY_OK && audit->policies != NULL && !has_plan) {
        status = assay_frame_append(audit->writer, ASSAY_AUDIT_PLAN, RECORD_VERSION,
                                    audit->plan_record, audit->plan_bytes, err);
    }
    return status == ASSAY_OK ? assay_frame_sync(audit->writer, err) : status;
}

enum assay_status assay_audit_open(struct assay_audit **out, const char *path,
                                   const struct assay_policies *policies, struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && path != NULL);
    *out = NULL;
    struct assay_audit *audit = calloc(1, sizeof *audit);
    if (audit != NULL) {
        audit->kept = malloc(KEPT_BYTES_FIRST);
        audit->kept_capacity = KEPT_BYTES_FIRST;
    }
    if (audit == NULL || audit->kept == NULL) {
        assay_audit_close(audit);
        return assay_err_set(err, ASSAY_E_NO_MEMORY, path, "no memory for the audit log");
    }
    audit->path = path;
    audit->policies = policies;
    const enum assay_status status = open_files(audit, err);
    if (status != ASSAY_OK) {
        assay_audit_close(audit);
        return status;
    }
    *out = audit;
    return ASSAY_OK;
}

uint64_t assay_audit_marked(const struct assay_audit *audit)
{
    return audit->marked;
}

void assay_audit_close(struct assay_audit *audit)
{
    if (audit != NULL) {
        assay_frame_writer_close(audit->writer);
        assay_frame_reader_close(audit->reader);
        assay_arena_destroy(audit->arena);
        free(audit->kept);
        free(audit);
    }
}

/* ---- comparing ---- */

/* Where the payload of the decision at hand is laid: the frame behind those kept. */
static uint8_t *record_of(const struct assay_audit *audit)
{
    return audit->kept + audit->kept_bytes + ASSAY_FRAME_HEADER_BYTES;
}

static size_t record_room(const struct assay_audit *audit)
{
    const size_t taken = audit->kept_bytes + ASSAY_FRAME_HEADER_BYTES;
    return audit->kept_capacity < taken ? 0 : audit->kept_capacity - taken;
}

static enum assay_status encode_decision(struct assay_audit *audit,
                                         const struct assay_decision *decision,
                                         struct assay_err *err)
{
    const size_t room = record_room(audit);
    uint8_t *record = room == 0 ? NULL : record_of(audit);
    const size_t bytes = assay_audit_decision_encode(decision, audit->policies, room, record);
    if (bytes > RECORD_BYTES_MAX) {
        return assay_err_set(err, ASSAY_E_FULL, audit->path, "a decision of %zu bytes is too long",
                             bytes);
    }
    if (bytes > room) {
        const size_t capacity = 2 * (audit->kept_bytes + ASSAY_FRAME_HEADER_BYTES + bytes);
        uint8_t *kept = realloc(audit->kept, capacity);
        if (kept == NULL) {
            return assay_err_set(err, ASSAY_E_NO_MEMORY, audit->path, "no memory for a decision");
        }
        audit->kept = kept;
        audit->kept_capacity = capacity;
        (void)assay_audit_decision_encode(decision, audit->policies, record_room(audit),
                                          record_of(audit));
    }
    audit->record_bytes = bytes;
    return ASSAY_OK;
}

/* Does the log's decision at hand carry the id of this one? One of another plan does not. */
static bool has_same_id(const struct assay_audit *audit, const struct assay_decision *decision)
{
    char expected[ASSAY_DECISION_ID_BYTES_MAX];
    char found[ASSAY_DECISION_ID_BYTES_MAX];
    if (assay_audit_decision_id(audit->plan, audit->next.payload, audit->next.bytes, found, NULL) !=
        ASSAY_OK) {
        return false;
    }
    (void)assay_decision_id(decision, audit->policies, expected);
    return strcmp(expected, found) == 0;
}

enum assay_status assay_audit_check(struct assay_audit *audit,
                                    const struct assay_decision *decision,
                                    enum assay_audit_verdict *verdict, struct assay_err *err)
{
    ASSAY_ASSERT(audit != NULL && decision != NULL && audit->policies != NULL);
    const enum assay_status status = encode_decision(audit, decision, err);
    *verdict = ASSAY_AUDIT_NEW;
    if (status != ASSAY_OK || audit->reader == NULL) {
        return status;
    }
    const bool equal = audit->next.bytes == audit->record_bytes &&
                       memcmp(audit->next.payload, record_of(audit), audit->record_bytes) == 0;
    if (!equal && !has_same_id(audit, decision)) {
        return ASSAY_OK; /* the log does not know it here: it may not have left */
    }
    *verdict = equal ? ASSAY_AUDIT_SAME : ASSAY_AUDIT_DIFFERENT;
    return step(audit, err);
}

enum assay_status assay_audit_leftover(struct assay_audit *audit, uint64_t *count,
                                       struct assay_err *err)
{
    enum assay_status status = ASSAY_OK;
    *count = 0;
    while (audit->reader != NULL && status == ASSAY_OK) {
        (*count)++;
        status = step(audit, err);
    }
    return status;
}

/* ---- writing ---- */

void assay_audit_add(struct assay_audit *audit)
{
    ASSAY_ASSERT(audit->record_bytes > 0);
    assay_frame_make(audit->kept + audit->kept_bytes, ASSAY_AUDIT_DECISION, RECORD_VERSION,
                     audit->record_bytes);
    audit->kept_bytes += ASSAY_FRAME_HEADER_BYTES + audit->record_bytes;
    audit->record_bytes = 0;
}

size_t assay_audit_kept(const struct assay_audit *audit)
{
    return audit->kept_bytes;
}

enum assay_status assay_audit_commit(struct assay_audit *audit, uint64_t epoch,
                                     struct assay_err *err)
{
    enum assay_status status =
        assay_frame_append_made(audit->writer, audit->kept, audit->kept_bytes, err);
    uint8_t mark[8];
    for (size_t i = 0; i < sizeof mark; i++) {
        mark[i] = (uint8_t)(epoch >> (8 * i));
    }
    if (status == ASSAY_OK) {
        status = assay_frame_append(audit->writer, ASSAY_AUDIT_MARK, RECORD_VERSION, mark,
                                    sizeof mark, err);
    }
    audit->kept_bytes = 0;
    audit->record_bytes = 0;
    return status == ASSAY_OK ? assay_frame_sync(audit->writer, err) : status;
}
