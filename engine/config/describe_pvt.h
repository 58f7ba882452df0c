/*
 * engine/config/describe_pvt.h - JSON texts.
 */
#ifndef ASSAY_CONFIG_DESCRIBE_PVT_H
#define ASSAY_CONFIG_DESCRIBE_PVT_H

#include "engine/base/str.h"

#include <stdio.h>

/** Print a JSON string; null when ptr is NULL. */
void config_json_text(FILE *out, struct assay_str text);
/** Print `"name":"text"` and a comma before it unless @p first. */
void config_json_member(FILE *out, bool first, const char *name, struct assay_str text);

#endif
