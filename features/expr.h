/*
 * features/expr.h - the one expression language: parse, check, compile, evaluate.
 *
 * `where` clauses, derived features and policy rules are the same language (docs/definitions.md).
 * Source text becomes a tree (with the byte range of every node), the tree is typed against a scope
 * that knows the names, and becomes a program in postfix form which is evaluated on a fixed stack:
 * three-valued logic, f64 numbers, no allocation. What the names mean is the scope's business.
 */
#ifndef ASSAY_FEATURES_EXPR_H
#define ASSAY_FEATURES_EXPR_H

#include "features/event.h"

enum {
    ASSAY_EXPR_DEPTH_MAX = 64,  /* nesting of a source expression */
    ASSAY_EXPR_STACK_MAX = 128, /* cells a program may need at once */
};

struct assay_expr;    /* parsed tree, in an arena */
struct assay_program; /* compiled, immutable, in an arena; shared by all threads */

/**
 * Parse one expression.
 *
 * @param span  the bytes to lex; line breaks inside are blanks.
 * @return NULL after adding at least one diagnostic. Owner: the arena. Thread: one at a time.
 */
struct assay_expr *assay_expr_parse(struct assay_arena *arena, struct assay_span span,
                                    struct assay_diags *diags);

/** Is it a word of the language, which nothing may be named? Thread: any. */
bool assay_expr_is_reserved(struct assay_str name);

/** What a name stands for, as a scope answers. */
struct assay_symbol {
    enum { ASSAY_SYMBOL_FIELD, ASSAY_SYMBOL_SLOT } where;
    uint32_t event; /* FIELD: event type; null when the current event is of another type */
    uint32_t index; /* FIELD: field index; SLOT: index into env->slots */
    enum assay_kind kind;
};

struct assay_agg_ast; /* an aggregate call as parsed; see features/expr_pvt.h */

/** Gives names a meaning. Callbacks add their own diagnostics and return false on refusal. */
struct assay_scope {
    void *context;
    /** Resolve a dotted path of @p count names; @p span is the whole path. */
    bool (*resolve)(void *context, const struct assay_str names[], size_t count,
                    struct assay_span span, struct assay_diags *diags, struct assay_symbol *out);
    /** Place an aggregate in a slot; NULL: aggregates are refused here (rules, where). */
    bool (*aggregate)(void *context, const struct assay_agg_ast *agg, struct assay_diags *diags,
                      struct assay_symbol *out);
    /** Resolve an index, from 1, into a list; NULL: there are no lists here. */
    bool (*resolve_index)(void *context, const struct assay_str names[], size_t count,
                          uint32_t index, struct assay_span span, struct assay_diags *diags,
                          struct assay_symbol *out);
    const char *what; /* for messages: "a where clause", "a feature", "a rule" */
    bool without_at;  /* the name `at` means nothing here: a where clause is judged only once */
};

/**
 * Type an expression and compile it.
 *
 * @param schema types of event fields.
 * @param[out] kind kind of the result.
 * @return NULL after adding at least one diagnostic. Owner: the arena. Thread: one at a time.
 */
const struct assay_program *assay_expr_compile(struct assay_arena *arena,
                                               const struct assay_schema *schema,
                                               const struct assay_expr *expr,
                                               const struct assay_scope *scope,
                                               struct assay_diags *diags, enum assay_kind *kind);

/** What a program reads. Everything is borrowed for the call. */
struct assay_env {
    const struct assay_schema *schema;
    const struct assay_event *event; /* current event, or NULL: its fields and `time` are null */
    const struct assay_value *slots; /* aggregates, features, scores: by the scope's indices */
    int64_t at_ms;                   /* as-of time, the name `at` */
};

/**
 * Evaluate. The state of the result is the gravest of the slots that were read.
 *
 * Text in the result is borrowed from the event, a slot or the program. Thread: any; pure.
 * Cost: one step a node; no allocation.
 */
struct assay_value assay_program_eval(const struct assay_program *program,
                                      const struct assay_env *env);

/** Canonical text of a program for hashing: independent of spacing and of file positions. */
struct assay_str assay_expr_canonical(struct assay_arena *arena, const struct assay_expr *expr);

#endif
