/*
 * engine/cli/explain_pvt.h - the audit log searched for decisions, and a decision told to people.
 */
#ifndef ASSAY_CLI_EXPLAIN_PVT_H
#define ASSAY_CLI_EXPLAIN_PVT_H

#include "engine/base/arena.h"
#include "scorers/decision.h"

#include <stdio.h>

enum { EXPLAIN_IDS_MAX = 5, EXPLAIN_LAST_MAX = 10000, EXPLAIN_PLANS_MAX = 4096 };

/* A decision of the log, copied, and the plan record it is read against. */
struct explain_record {
    const struct assay_audit_plan *plan;
    uint8_t *payload; /* malloc */
    size_t bytes;
    size_t capacity;
};

/* What is asked of the log, and what came out. */
struct explain_search {
    const char *path;
    struct assay_str wanted; /* an id or its beginning; ptr NULL: only the newest decisions */
    size_t last_max;         /* how many of the newest decisions are kept; 0: none */

    struct assay_arena *arena; /* of the plan records */
    size_t plan_count;
    const struct assay_audit_plan *plans[EXPLAIN_PLANS_MAX];

    struct explain_record found; /* the exact id, else the first that begins like it */
    bool exact;
    uint64_t matches; /* decisions whose ids begin as wanted */
    char ids[EXPLAIN_IDS_MAX][ASSAY_DECISION_ID_BYTES_MAX]; /* of the first of them */
    char nearest[ASSAY_DECISION_ID_BYTES_MAX];              /* "": nothing near */
    size_t nearness;
    char newest[ASSAY_DECISION_ID_BYTES_MAX];

    struct explain_record *last; /* last_max of them, used as a ring */
    uint64_t decisions;          /* read so far; the next goes to last[decisions % last_max] */

    uint64_t unreadable; /* decisions that could not be read, and why the first one */
    struct assay_err unreadable_why;
    uint64_t torn_bytes;
};

/*
 * Read the whole log. The caller set path, wanted, last_max and arena, and frees the search.
 *
 * @retval ASSAY_E_CHECKSUM damage: what was found before it is there.
 * @retval ASSAY_E_NOT_FOUND, ASSAY_E_FORMAT, ASSAY_E_IO, ASSAY_E_NO_MEMORY, ASSAY_E_FULL
 */
ASSAY_MUST_CHECK enum assay_status assay_explain_search(struct explain_search *search,
                                                        struct assay_err *err);
void assay_explain_search_free(struct explain_search *search);

/* Everything about one decision, for people. */
void assay_explain_print(const struct assay_audit_view *view, bool chinese, FILE *out);
/* One line about it: id, time, policy, outcome, score. */
void assay_explain_print_line(const struct assay_audit_view *view, FILE *out);

#endif
