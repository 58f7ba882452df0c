#include "features/slab.h"

#include <inttypes.h>
#include <stdio.h>

enum { LINE_BYTES_MAX = 512 };

/* A mapping's head line: its range, in hexadecimal. */
static bool begins_mapping(const char *line, uint64_t *from, uint64_t *to)
{
    return sscanf(line, "%" SCNx64 "-%" SCNx64 " ", from, to) == 2;
}

bool assay_slab_pages(const struct assay_slab *slab, struct assay_slab_pages *out)
{
    const uint64_t first = (uintptr_t)slab->base;
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[LINE_BYTES_MAX];
    bool inside = false;
    bool seen = false;
    *out = (struct assay_slab_pages){0};
    if (maps == NULL) {
        return false;
    }
    while (fgets(line, sizeof line, maps) != NULL) {
        uint64_t from = 0;
        uint64_t to = 0;
        uint64_t kib = 0;
        if (begins_mapping(line, &from, &to)) {
            inside = from < first + slab->bytes_max && to > first;
            seen = seen || inside;
        } else if (inside && sscanf(line, "Rss: %" SCNu64 " kB", &kib) == 1) {
            out->resident_bytes += kib * 1024;
        } else if (inside && sscanf(line, "AnonHugePages: %" SCNu64 " kB", &kib) == 1) {
            out->huge_bytes += kib * 1024;
        }
    }
    (void)fclose(maps);
    return seen;
}
