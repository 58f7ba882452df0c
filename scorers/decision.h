/*
 * scorers/decision.h - the record of one decision: its JSON line and its audit record.
 *
 * The JSON line is what sinks carry. The audit record is what `assay explain` reads years later: it
 * holds the whole row, so it stands without the engine's state; names come from the plan record
 * that the audit log holds once per activation.
 */
#ifndef ASSAY_SCORERS_DECISION_H
#define ASSAY_SCORERS_DECISION_H

#include "scorers/policy.h"

/** Where an event came from: the first part of a decision id. */
struct assay_origin {
    struct assay_str source; /* "kafka", "file", ... */
    struct assay_str topic;  /* topic or file name */
    uint32_t partition;
    uint64_t offset;
};

struct assay_decision {
    struct assay_origin origin;
    uint32_t policy; /* index into policies->items */
    int64_t time_ms; /* event time */
    uint64_t epoch;
    const struct assay_event *event;   /* its keys are printed */
    const struct assay_value *values;  /* the row: one per need of the policy */
    struct assay_verdict_of_policy verdict;
};

/** Room for "source:topic:partition:offset:policy" with the longest names we accept. */
enum { ASSAY_DECISION_ID_BYTES_MAX = 512 };

/** Write the decision id, NUL-terminated. @return its length. Thread: any. */
size_t assay_decision_id(const struct assay_decision *decision,
                         const struct assay_policies *policies,
                         char out[ASSAY_DECISION_ID_BYTES_MAX]);

/**
 * Append one JSON object (no line feed) to @p out: decision_id, policy, time, keys, outcome,
 * score, probability, raw, reasons, plan, models, text, epoch; floats shortest round-trip, absent
 * numbers null.
 *
 * @param size room in @p out. @return bytes needed; more than @p size: nothing usable was written.
 * Thread: any; no allocation.
 */
size_t assay_decision_json(const struct assay_decision *decision,
                           const struct assay_policies *policies, size_t size, char out[]);

/** Frame types of the audit log (engine/base/frame.h). */
enum { ASSAY_AUDIT_PLAN = 1, ASSAY_AUDIT_DECISION = 2 };

/** Append the plan record's payload: hashes, and per policy its features', models' and reasons'
 * names. Size rule as assay_decision_json(). */
size_t assay_audit_plan_encode(const struct assay_policies *policies, size_t size, uint8_t out[]);
/** Append one decision's audit payload. Size rule as assay_decision_json(). */
size_t assay_audit_decision_encode(const struct assay_decision *decision,
                                   const struct assay_policies *policies, size_t size,
                                   uint8_t out[]);

/** A decoded audit decision for people and tests: everything by name. Borrowed from the arena. */
struct assay_audit_view {
    struct assay_str decision_id, policy, outcome, model;
    struct assay_str plan_hash, model_hash; /* hex */
    int64_t time_ms;
    uint64_t epoch;
    uint32_t rule;
    double raw, probability, score;
    uint32_t key_count, value_count, reason_count;
    const struct assay_str *key_entities, *key_values;
    const struct assay_str *value_names;
    const struct assay_value *values;
    const struct assay_reason *reasons;
};

struct assay_audit_plan; /* a decoded plan record */

/** Decode a plan record. @retval ASSAY_E_FORMAT, ASSAY_E_NO_MEMORY. Owner: the arena. */
ASSAY_MUST_CHECK enum assay_status assay_audit_plan_decode(const struct assay_audit_plan **out,
                                                           struct assay_arena *arena,
                                                           const uint8_t payload[], size_t size,
                                                           struct assay_err *err);
/** Decode a decision record against its plan record. @retval as assay_audit_plan_decode(). */
ASSAY_MUST_CHECK enum assay_status
assay_audit_decision_decode(struct assay_audit_view *out, struct assay_arena *arena,
                            const struct assay_audit_plan *plan, const uint8_t payload[],
                            size_t size, struct assay_err *err);

#endif
