/*
 * engine/config/describe_pvt.h - JSON members.
 */
#ifndef ASSAY_CONFIG_DESCRIBE_PVT_H
#define ASSAY_CONFIG_DESCRIBE_PVT_H

#include "engine/base/str.h"

#include <stdio.h>

/** Print `"name":"text"` and a comma before it unless @p first. */
void config_json_member(FILE *out, bool first, const char *name, struct assay_str text);

#endif
