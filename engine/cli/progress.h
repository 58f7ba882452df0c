/*
 * engine/cli/progress.h - what long commands show: a progress line, a stop flag, a summary.
 */
#ifndef ASSAY_CLI_PROGRESS_H
#define ASSAY_CLI_PROGRESS_H

#include "engine/cli/command.h"
#include "engine/runtime/summary.h"

#include <stdio.h>

#include <stdatomic.h>

/**
 * Turn SIGINT and SIGTERM into a flag: the first asks for a clean stop, a second one kills.
 *
 * @return the flag; lives as long as the process. Thread: one, before others start.
 */
const _Atomic bool *assay_cli_stop_flag(void);

/**
 * Draw a bar on stderr over the line before it, with rate and time left.
 *
 * Does nothing when stderr is no terminal. @param total 0: unknown. Thread: one.
 */
void assay_cli_progress(uint64_t done, uint64_t total, uint64_t events, double seconds);
/** Draw one line on stderr about a run that has no known end. As assay_cli_progress(). */
void assay_cli_progress_live(const struct assay_run_summary *summary, bool recovering);
/** Draw a table of decisions by policy and outcome over the one before. As assay_cli_progress(). */
void assay_cli_progress_table(const struct assay_run_summary *summary);
/** Take the bar or table away. Thread: one. */
void assay_cli_progress_clear(void);

/**
 * End a command that ran the engine: print the summary, on stderr for people or as one JSON object
 * for programs, and the failure if there was one.
 *
 * @param ran  false: it failed before there was anything to sum up.
 * @param json where the JSON object goes; NULL: people read it.
 * @return the exit code. Thread: one.
 */
int assay_cli_finish(enum assay_status status, bool ran, FILE *json,
                     const struct assay_run_summary *summary, const struct assay_err *err);
/** Give @p run an arena for definitions and models, and free it afterwards. Thread: one. */
int assay_cli_with_arena(int (*run)(struct assay_arena *arena, const void *options),
                         const void *options);

#endif
