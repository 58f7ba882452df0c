/*
 * engine/runtime/rows.h - feature rows of one event type as CSV.
 *
 * `event_id,time,` and the features of every entity that the event names, in file order; an entity
 * named by two roles has its columns once a role, as `role.feature`. Numbers shortest round-trip,
 * truth values 1 and 0, null empty, text by RFC 4180.
 */
#ifndef ASSAY_RUNTIME_ROWS_H
#define ASSAY_RUNTIME_ROWS_H

#include "engine/runtime/lines.h"
#include "engine/runtime/pipeline.h"

/**
 * Lay out the rows of an event type.
 *
 * @param on name of the event.
 * @retval ASSAY_E_UNKNOWN     no such event; @p err suggests the nearest.
 * @retval ASSAY_E_UNSUPPORTED it names more keys than a row has room for.
 * @retval ASSAY_E_NO_MEMORY   the arena is full.
 * Owner: the arena. Thread: one at a time.
 */
ASSAY_MUST_CHECK enum assay_status assay_rows_lay_out(const struct assay_row_layout **out,
                                                      struct assay_arena *arena,
                                                      const struct assay_plan *plan,
                                                      struct assay_str on, struct assay_err *err);
/** Write the line of column names. Thread: the writer's. */
void assay_rows_write_header(struct assay_lines *lines, const struct assay_plan *plan,
                             const struct assay_row_layout *layout);
/** Write one row. Thread: the writer's. */
void assay_rows_write(struct assay_lines *lines, const struct assay_row_layout *layout,
                      const struct assay_row *row);

#endif
