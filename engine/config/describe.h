/*
 * engine/config/describe.h - what is defined, printed for people and programs.
 *
 * The reference pages docs/errors.md and docs/configuration.md are printed from the tables that the
 * reader itself works by; a test holds the committed pages equal to what is printed.
 */
#ifndef ASSAY_CONFIG_DESCRIBE_H
#define ASSAY_CONFIG_DESCRIBE_H

#include "engine/config/config.h"

#include <stdio.h>

/** Print the index of diagnostic codes: docs/errors.md, or a JSON array. Thread: any. */
void assay_config_print_errors(FILE *out, bool json);
/** Print the keys of assay.yaml: docs/configuration.md, or a JSON array. Thread: any. */
void assay_config_print_settings(FILE *out, bool json);
/** Print a JSON Schema (2020-12) of the events that the decoder accepts. Thread: any. */
void assay_config_print_schema(const struct assay_config *config, FILE *out);
/** Print every feature and policy with its canonical definition and hash. Thread: any. */
void assay_config_print_definitions(const struct assay_config *config, FILE *out, bool json);
/** Print how much is defined, in one line or as a JSON object. Thread: any. */
void assay_config_print_summary(const struct assay_config *config, FILE *out, bool json);
/** Print diagnostics as one JSON object: {"ok":false,"errors":[...]}. Thread: any. */
void assay_config_print_diags(const struct assay_diags *diags, FILE *out);

#endif
