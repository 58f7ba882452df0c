#include "engine/config/reader_pvt.h"

#include "engine/base/suggest.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

void *config_array(struct reader *reader, struct assay_span span, size_t count, size_t size)
{
    void *memory = assay_arena_array(reader->arena, count == 0 ? 1 : count, size);
    if (memory == NULL) {
        assay_diag_add(reader->diags, ASSAY_DIAG_LIMIT, span, "out of memory");
    }
    return memory;
}

bool config_suggest(struct reader *reader, struct assay_str word, const char *const names[],
                    size_t count)
{
    struct assay_suggest suggest = {.word = word};
    for (size_t i = 0; i < count; i++) {
        assay_suggest_offer(&suggest, assay_str_of(names[i]));
    }
    if (suggest.best.ptr != NULL) {
        assay_diag_hint(reader->diags, "did you mean \"%.*s\"?", (int)suggest.best.len,
                        suggest.best.ptr);
    }
    return suggest.best.ptr != NULL;
}

bool config_shape(struct reader *reader, const struct yaml_node *node, const char *what,
                  const char *wanted)
{
    if (node->kind == YAML_NULL) {
        assay_diag_add(reader->diags, ASSAY_DIAG_SHAPE, node->span, "%s is empty: it must be %s",
                       what, wanted);
    } else if (node->kind != YAML_BAD) {
        assay_diag_add(reader->diags, ASSAY_DIAG_SHAPE, node->span, "%s must be %s, not %s", what,
                       wanted, assay_yaml_kind_text(node));
    }
    return false;
}

bool config_list(struct reader *reader, const struct yaml_node *node, const char *what)
{
    return node->kind == YAML_LIST || config_shape(reader, node, what, "a list");
}

static bool is_text(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR;
}

/* The key of the same text before this one. */
static const struct yaml_node *earlier(const struct yaml_node *map, const struct yaml_node *key)
{
    for (const struct yaml_node *other = map->first; other != key; other = other->next->next) {
        if (is_text(other) && assay_str_equal(other->text, key->text)) {
            return other;
        }
    }
    return NULL;
}

bool config_key_good(const struct yaml_node *map, const struct yaml_node *key)
{
    return is_text(key) && !assay_str_equal(key->text, assay_str_of("<<")) &&
           earlier(map, key) == NULL;
}

static void check_key(struct reader *reader, const struct yaml_node *map,
                      const struct yaml_node *key, const char *what)
{
    if (!is_text(key)) {
        if (key->kind != YAML_BAD) {
            assay_diag_add(reader->diags, ASSAY_DIAG_SHAPE, key->span,
                           "a key of %s must be a name, not %s", what, assay_yaml_kind_text(key));
        }
        return;
    }
    if (assay_str_equal(key->text, assay_str_of("<<"))) {
        assay_diag_add(reader->diags, ASSAY_DIAG_YAML_FEATURE, key->span,
                       "merge keys (<<) are not used here");
        return;
    }
    const struct yaml_node *first = earlier(map, key);
    if (first != NULL) {
        size_t line = 0;
        size_t column = 0;
        assay_text_place(first->span.text, first->span.begin, &line, &column);
        assay_diag_add(reader->diags, ASSAY_DIAG_DUPLICATE, key->span,
                       "\"%.*s\" is given twice in %s, first at line %zu", (int)key->text.len,
                       key->text.ptr, what, line);
    }
}

const struct yaml_node *config_names(struct reader *reader, const struct yaml_node *node,
                                     const char *what)
{
    enum { NAMES_MAX = 8192 };
    if (node->kind != YAML_MAP) {
        (void)config_shape(reader, node, what, "a map");
        return NULL;
    }
    if (node->count > NAMES_MAX) {
        assay_diag_add(reader->diags, ASSAY_DIAG_LIMIT, node->span, "more than %d names in %s",
                       NAMES_MAX, what);
        return NULL;
    }
    for (const struct yaml_node *key = node->first; key != NULL; key = key->next->next) {
        check_key(reader, node, key, what);
    }
    return node->first;
}

static void unknown_key(struct reader *reader, const struct yaml_node *key, const char *what,
                        const struct key_table *table)
{
    struct assay_suggest suggest = {.word = key->text};
    char list[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].not_built) {
            continue;
        }
        assay_suggest_offer(&suggest, assay_str_of(table->rows[i].name));
        if (used < sizeof list) {
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "",
                                     table->rows[i].name);
        }
    }
    assay_diag_add(reader->diags, ASSAY_DIAG_UNKNOWN_KEY, key->span, "unknown key \"%.*s\" of %s",
                   (int)key->text.len, key->text.ptr, what);
    if (suggest.best.ptr != NULL) {
        assay_diag_hint(reader->diags, "did you mean \"%.*s\"?", (int)suggest.best.len,
                        suggest.best.ptr);
    } else {
        assay_diag_hint(reader->diags, "keys: %s", list);
    }
}

static void match_key(struct reader *reader, const struct yaml_node *key, const char *what,
                      const struct key_table *table, const struct yaml_node *found[])
{
    for (size_t i = 0; i < table->count; i++) {
        const struct key_row *row = &table->rows[i];
        if (!assay_str_equal(key->text, assay_str_of(row->name))) {
            continue;
        }
        if (row->not_built) {
            assay_diag_add(reader->diags, ASSAY_DIAG_NOT_BUILT, key->span,
                           "\"%s\" of %s is not built yet", row->name, what);
        } else {
            found[i] = key->next;
        }
        return;
    }
    unknown_key(reader, key, what, table);
}

bool config_map(struct reader *reader, const struct yaml_node *node, const char *what,
                struct assay_span place, const struct key_table *table,
                const struct yaml_node *found[])
{
    ASSAY_ASSERT(table->count <= CONFIG_KEYS_MAX);
    for (size_t i = 0; i < table->count; i++) {
        found[i] = NULL;
    }
    const struct yaml_node *key = config_names(reader, node, what);
    if (node->kind != YAML_MAP) {
        return false;
    }
    for (; key != NULL; key = key->next->next) {
        if (config_key_good(node, key)) {
            match_key(reader, key, what, table, found);
        }
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].required && found[i] == NULL) {
            assay_diag_add(reader->diags, ASSAY_DIAG_MISSING, place, "%s lacks \"%s\"", what,
                           table->rows[i].name);
            assay_diag_hint(reader->diags, "%s: %s", table->rows[i].name, table->rows[i].type);
        }
    }
    return true;
}

const char *config_path(struct reader *reader, struct assay_str name, struct assay_span place)
{
    const bool plain = name.len > 0 && name.ptr[0] == '/';
    if (name.len > 2 && memcmp(name.ptr, "./", 2) == 0) { /* says no more than the folder does */
        name.ptr += 2;
        name.len -= 2;
    }
    const bool here = strcmp(reader->folder, ".") == 0;
    const size_t size = strlen(reader->folder) + name.len + 2;
    char *path = config_array(reader, place, size, 1);
    if (path != NULL) {
        (void)snprintf(path, size, "%s%s%.*s", plain || here ? "" : reader->folder,
                       plain || here ? "" : "/", (int)name.len, name.ptr);
    }
    return path;
}

static bool file_fault(struct reader *reader, struct assay_span place, const char *path,
                       const char *why)
{
    assay_diag_add(reader->diags, ASSAY_DIAG_FILE, place, "cannot read \"%s\": %s", path, why);
    return false;
}

bool config_file(struct reader *reader, const char *path, size_t bytes_max, struct assay_span place,
                 struct assay_str *out)
{
    char reason[128];
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return file_fault(reader, place, path, strerror_r(errno, reason, sizeof reason));
    }
    struct stat info;
    const bool known = fstat(fileno(file), &info) == 0;
    const bool regular = known && S_ISREG(info.st_mode);
    const bool fits = regular && (uint64_t)info.st_size <= bytes_max;
    bool good = false;
    if (!fits) {
        (void)snprintf(reason, sizeof reason, "it is longer than %zu bytes", bytes_max);
        (void)file_fault(reader, place, path, regular ? reason : "it is not a file");
    } else {
        const size_t size = (size_t)info.st_size;
        char *bytes = config_array(reader, place, size + 1, 1);
        const size_t got = bytes == NULL ? 0 : fread(bytes, 1, size, file);
        good = bytes != NULL && got == size && fgetc(file) == EOF;
        if (bytes != NULL && !good) {
            (void)file_fault(reader, place, path, "it changed or failed while being read");
        }
        *out = (struct assay_str){.ptr = bytes, .len = (uint32_t)size};
    }
    (void)fclose(file);
    return good;
}
