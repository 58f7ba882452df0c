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
    const struct assay_event *event;  /* its keys are printed */
    const struct assay_value *values; /* the row: one per need of the policy */
    struct assay_verdict_of_policy verdict;
};

/** Room for "source:topic:partition:offset:policy" with the longest names we accept. */
enum {
    ASSAY_DECISION_ID_BYTES_MAX = 512,
    ASSAY_SOURCE_BYTES_MAX = 32,
    ASSAY_TOPIC_BYTES_MAX = 256
};

/**
 * Write the decision id, NUL-terminated.
 *
 * A topic (or file name) above ASSAY_TOPIC_BYTES_MAX bytes is cut there, and `~` and 16 hex digits
 * of its hash stand for the rest, so different topics keep different ids.
 *
 * @param decision origin.source has at most ASSAY_SOURCE_BYTES_MAX bytes.
 * @return its length. Thread: any; pure.
 */
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

/**
 * The key of a decision's message: the text of the policy's first entity key.
 *
 * @return ptr NULL when the policy has no key or the event does not give it. Borrowed from the
 * event. Thread: any; pure.
 */
struct assay_str assay_decision_key(const struct assay_decision *decision,
                                    const struct assay_policies *policies);

/** Frame types of the audit log (engine/base/frame.h). */
enum { ASSAY_AUDIT_PLAN = 1, ASSAY_AUDIT_DECISION = 2, ASSAY_AUDIT_VERSION = 1 };

/*
 * Payloads: little-endian integers, f64 as their bits, text as a u32 length (UINT32_MAX: null) and
 * its bytes. Both begin with a u16 version and the 128-bit hash of struct assay_policies, so a
 * decision is never read against another plan. The same decision gives the same bytes.
 */

/** Append the plan record's payload: hashes, and per policy its names, rules and reason texts.
 * Size rule as assay_decision_json(). */
size_t assay_audit_plan_encode(const struct assay_policies *policies, size_t size, uint8_t out[]);
/** Append one decision's audit payload. Size rule as assay_decision_json(). */
size_t assay_audit_decision_encode(const struct assay_decision *decision,
                                   const struct assay_policies *policies, size_t size,
                                   uint8_t out[]);

/** Text of a reason code for people, from the catalogue; "" where it has none. */
struct assay_reason_text {
    struct assay_str en;
    struct assay_str zh;
};

/**
 * A decoded audit decision for people and tests: everything by name. Borrowed from the arena and
 * from the payloads.
 */
struct assay_audit_view {
    struct assay_str decision_id, policy, outcome;
    struct assay_str event;     /* the trigger's name */
    struct assay_str predicted; /* the predicted class's name; null: none */
    struct assay_str model;     /* ptr NULL: none */
    struct assay_str plan_hash, features_hash,
        model_hash; /* hex; of the policies, of the features */
    int64_t time_ms;
    uint64_t epoch;
    uint32_t rule;              /* index of the rule that held, or ASSAY_NONE */
    struct assay_str rule_when; /* its condition as written; ptr NULL: else */
    double raw, probability, score, baseline;
    bool unexplained;
    uint32_t key_count, value_count, reason_count, contribution_count;
    const struct assay_str *key_entities,
        *key_values;                     /* a value with ptr NULL: the event had none */
    const struct assay_str *value_names; /* features by full name, then trigger fields rules read */
    const struct assay_value *values;
    const struct assay_reason *reasons;
    const struct assay_reason_text *reason_texts; /* one per reason */
    const uint32_t *contribution_values;          /* per model column: index into values */
    const double *contributions;                  /* per model column; contribution_count or 0 */
};

struct assay_audit_plan; /* a decoded plan record */

/**
 * Decode a plan record.
 *
 * @retval ASSAY_E_FORMAT malformed; ASSAY_E_VERSION written by a newer version;
 * ASSAY_E_NO_MEMORY. Owner: the arena; @p payload must live as long. Thread: any.
 */
ASSAY_MUST_CHECK enum assay_status assay_audit_plan_decode(const struct assay_audit_plan **out,
                                                           struct assay_arena *arena,
                                                           const uint8_t payload[], size_t size,
                                                           struct assay_err *err);
/**
 * Read only the id of a decision record, for searching.
 *
 * @param[out] out NUL-terminated; written only when ASSAY_OK is returned.
 * @retval as assay_audit_decision_decode(), without ASSAY_E_NO_MEMORY. Thread: any.
 */
ASSAY_MUST_CHECK enum assay_status assay_audit_decision_id(const struct assay_audit_plan *plan,
                                                           const uint8_t payload[], size_t size,
                                                           char out[ASSAY_DECISION_ID_BYTES_MAX],
                                                           struct assay_err *err);
/**
 * Decode a decision record against its plan record.
 *
 * @retval as assay_audit_plan_decode(); ASSAY_E_UNKNOWN the record was written under another plan.
 */
ASSAY_MUST_CHECK enum assay_status assay_audit_decision_decode(struct assay_audit_view *out,
                                                               struct assay_arena *arena,
                                                               const struct assay_audit_plan *plan,
                                                               const uint8_t payload[], size_t size,
                                                               struct assay_err *err);
/**
 * A decoded decision as one JSON object: the decision line's names, and event, rule, values with
 * their contributions, and reason texts in both languages. Size rule as assay_decision_json().
 */
size_t assay_audit_view_json(const struct assay_audit_view *view, size_t size, char out[]);

#endif
