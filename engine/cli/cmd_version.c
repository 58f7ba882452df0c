#include "engine/cli/command.h"

#include <stdio.h>

struct version_options {
    bool json;
};

static const struct assay_option options[] = {
    {"json", 0, ASSAY_OPTION_FLAG, offsetof(struct version_options, json), NULL,
     "print one JSON object", 0, 0, false},
};

static int run_version(const void *given, const struct assay_words *operands)
{
    const struct version_options *version = given;
    (void)operands;
    if (version->json) {
        (void)printf("{\"name\":\"assay\",\"version\":\"%s\",\"compiler\":\"%s\"}\n", ASSAY_VERSION,
                     __VERSION__);
    } else {
        (void)printf("assay %s (compiler %s)\n", ASSAY_VERSION, __VERSION__);
    }
    return ASSAY_EXIT_OK;
}

const struct assay_command assay_command_version = {
    .name = "version",
    .summary = "print the version",
    .usage = "[--json]",
    .text = "",
    .examples = "assay version --json\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_bytes = sizeof(struct version_options),
    .run = run_version,
};
