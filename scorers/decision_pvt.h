/*
 * scorers/decision_pvt.h - what the JSON line and the audit record share.
 */
#ifndef ASSAY_SCORERS_DECISION_PVT_H
#define ASSAY_SCORERS_DECISION_PVT_H

#include "scorers/decision.h"
#include "scorers/policy_pvt.h"

/* The id from its parts; NUL-terminated. */
size_t assay_decision_id_print(const struct assay_origin *origin, struct assay_str policy,
                               char out[ASSAY_DECISION_ID_BYTES_MAX]);
/* The key of the policy's index-th role; ptr NULL when the event has none. */
struct assay_str assay_decision_role_key(const struct assay_decision *decision,
                                         const struct assay_policy *policy, uint32_t index);
/* Name of the entity that the policy's index-th role stands for. */
struct assay_str assay_policy_role_entity(const struct assay_policy *policy, uint32_t index);

#endif
