#include "engine/cli/command.h"

#include "engine/base/diag.h"

enum { DIAGNOSTICS_MAX = 200 };

const struct assay_config *assay_cli_load(struct assay_arena *arena, const char *folder)
{
    struct assay_diags *diags = assay_diags_create(arena, DIAGNOSTICS_MAX);
    if (diags == NULL) {
        (void)fputs("assay: out of memory\n", stderr);
        return NULL;
    }
    const struct assay_config *config = assay_config_load(arena, folder, diags);
    if (config == NULL) {
        assay_diags_print(diags, stderr);
        const size_t count = assay_diags_count(diags);
        (void)fprintf(stderr, "assay: %s: %zu error%s in the definitions\n", folder, count,
                      count == 1 ? "" : "s");
    }
    return config;
}
