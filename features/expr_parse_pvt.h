/*
 * features/expr_parse_pvt.h - what the two halves of the parser share: expressions and aggregates.
 */
#ifndef ASSAY_FEATURES_EXPR_PARSE_PVT_H
#define ASSAY_FEATURES_EXPR_PARSE_PVT_H

#include "features/expr_pvt.h"

struct parser {
    struct assay_arena *arena;
    struct assay_diags *diags;
    struct lexer lexer;
    struct token token; /* the one being looked at */
    struct token after; /* the one behind it */
    uint32_t depth;
    bool failed; /* a diagnostic was added: unwind without adding more */
};

/** Step to the next token. */
void assay_parse_advance(struct parser *parser);
/** Is the current token this symbol or word? */
bool assay_parse_at(const struct parser *parser, const char *text);
/** If the current token is @p text, step over it. */
bool assay_parse_accept(struct parser *parser, const char *text);
/** Step over @p text or report what stands there instead. */
bool assay_parse_expect(struct parser *parser, const char *text);
/** Report a syntax error at the current token; only the first counts. */
void assay_parse_fail(struct parser *parser, const char *expected);
/** Report that a construct is not built, from @p begin to the current token. */
void assay_parse_not_built(struct parser *parser, struct assay_span span, const char *what);
/** Step over a whole number within bounds, or report that @p what must be one. */
bool assay_parse_whole(struct parser *parser, const char *what, uint32_t min, uint32_t max,
                       uint32_t *out);
/** Parse a whole expression. NULL: failed. */
const struct assay_expr *assay_parse_expression(struct parser *parser);
/** Step over a name, or report that @p what must stand here. */
bool assay_parse_name(struct parser *parser, struct assay_str *name, struct assay_span *span,
                      const char *what);
/** Parse one span of an `over` clause. @return false: failed. */
bool assay_parse_span(struct parser *parser, struct agg_span *out);
/** Parse an aggregate at its `(`; its name has been read. NULL: failed. */
const struct assay_agg_ast *assay_parse_aggregate(struct parser *parser, struct token name);

#endif
