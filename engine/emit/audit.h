/*
 * engine/emit/audit.h - the log of every decision that left, and what a restart checks against it.
 *
 * Frames of magic "ASSAYAUD" (engine/base/frame.h): a plan record once an activation, then
 * decisions in the order in which they were made, then, each time everything before it has been
 * delivered, a mark with the last epoch. A decision is written here only after the sinks have
 * confirmed it. So:
 *   - a decision in this log has left, and is never sent again;
 *   - a decision that is missing here may have left or not: it is sent (again) at the restart that
 *     derives it, with the same id and the same bytes. Sinks are at least once by decision id, and
 *     what may repeat is what was sent since the last mark;
 *   - dead letters likewise, by the mark: those of later epochs are sent again.
 * A restart derives recorded decisions again, in the same order, and compares each with this log,
 * byte for byte; what differs is told, counted, and neither sent nor written again.
 */
#ifndef ASSAY_EMIT_AUDIT_H
#define ASSAY_EMIT_AUDIT_H

#include "scorers/decision.h"

#define ASSAY_AUDIT_MAGIC "ASSAYAUD"

/** Frame type of a mark; those of plans and decisions are in scorers/decision.h. Payload: u64
 * epoch, little endian. */
enum { ASSAY_AUDIT_MARK = 3 };

enum assay_audit_verdict {
    ASSAY_AUDIT_NEW,       /* not in the log: send it, then add it */
    ASSAY_AUDIT_SAME,      /* in the log, equal */
    ASSAY_AUDIT_DIFFERENT, /* in the log under the same id, with other contents */
};

struct assay_audit;

/**
 * Open the log for comparing and appending; a torn tail is cut, a plan record is written unless the
 * last one is the same.
 *
 * @param policies NULL: no decisions, marks only. Must outlive the log.
 * @retval ASSAY_E_FORMAT, ASSAY_E_CHECKSUM damaged. @retval ASSAY_E_IO, ASSAY_E_NO_MEMORY.
 * Owner: caller, assay_audit_close(). Thread: one.
 */
ASSAY_MUST_CHECK enum assay_status assay_audit_open(struct assay_audit **out, const char *path,
                                                    const struct assay_policies *policies,
                                                    struct assay_err *err);
/** Epoch of the last mark when the log was opened; 0: none. Thread: any. */
uint64_t assay_audit_marked(const struct assay_audit *audit);
/**
 * What the log says of a decision that was just derived. Decisions must come in the order of the
 * run; once the log's end is reached, all are new.
 *
 * @retval ASSAY_OK @p verdict is set. @retval ASSAY_E_CHECKSUM, ASSAY_E_IO, ASSAY_E_NO_MEMORY,
 * ASSAY_E_FULL the record is too long.
 */
ASSAY_MUST_CHECK enum assay_status assay_audit_check(struct assay_audit *audit,
                                                     const struct assay_decision *decision,
                                                     enum assay_audit_verdict *verdict,
                                                     struct assay_err *err);
/** Keep the decision that assay_audit_check() just called new, until it has been delivered; once a
 * check. Thread: the log's. */
void assay_audit_add(struct assay_audit *audit);
/** Bytes kept and not yet written. Thread: the log's. */
size_t assay_audit_kept(const struct assay_audit *audit);
/**
 * Everything kept has been delivered, and every dead letter up to @p epoch: write it, mark, sync.
 *
 * @retval ASSAY_E_IO nothing is trusted after it.
 */
ASSAY_MUST_CHECK enum assay_status assay_audit_commit(struct assay_audit *audit, uint64_t epoch,
                                                      struct assay_err *err);
/** The record is over: how many of the log's decisions were not derived again; 0 is right. */
ASSAY_MUST_CHECK enum assay_status assay_audit_leftover(struct assay_audit *audit, uint64_t *count,
                                                        struct assay_err *err);
/** Free without committing; NULL is allowed. */
void assay_audit_close(struct assay_audit *audit);

#endif
