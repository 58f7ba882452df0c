/*
 * features/expr_pvt.h - tokens, trees and programs of the expression language.
 */
#ifndef ASSAY_FEATURES_EXPR_PVT_H
#define ASSAY_FEATURES_EXPR_PVT_H

#include "features/expr.h"
#include "features/window.h"

enum token_kind {
    TOKEN_END,
    TOKEN_NAME,
    TOKEN_NUMBER,   /* number, and whole when it has no point or exponent */
    TOKEN_DURATION, /* number is ms */
    TOKEN_STRING,   /* text without the quotes */
    TOKEN_SYMBOL,   /* text is the symbol: ( ) [ ] , . @ | + - * / % = != < <= > >= */
    TOKEN_BAD,      /* already reported */
};

struct token {
    enum token_kind kind;
    struct assay_str text; /* as in the source */
    struct assay_span span;
    double number;
    bool whole;
};

struct lexer {
    struct assay_span span;
    size_t at;
    struct assay_diags *diags;
};

/** Next token; a bad one is reported and returned as TOKEN_BAD. */
struct token assay_lex(struct lexer *lexer);

enum expr_op {
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_MOD,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_AND,
    OP_OR,
    OP_NOT,
    OP_NEGATE,
    OP_IS_NULL,
};

/** Symbol or word of an operator, for messages and canonical text. */
const char *assay_op_name(enum expr_op op);

enum expr_kind {
    EXPR_NUMBER,
    EXPR_TEXT,
    EXPR_BOOL,
    EXPR_PATH,   /* names */
    EXPR_UNARY,  /* op, items[0] */
    EXPR_BINARY, /* op, items[0], items[1] */
    EXPR_IN,     /* items[0] in the literals items[1..] */
    EXPR_CALL,   /* function, items */
    EXPR_AGG,    /* agg */
};

enum { AGG_SPANS_MAX = 32, AGG_COUNT_MAX = 1000000, PATH_NAMES_MAX = 4, ITEMS_MAX = 101 };

enum { AGG_BACK_MAX = 1000 };

/** One span of an `over` clause. */
struct agg_span {
    enum assay_span_kind kind;
    int64_t span_ms;        /* SLIDING: 0 is lifetime; SESSION: the gap */
    uint32_t last_n;        /* SLIDING: 0 is all */
    enum assay_unit unit;   /* CALENDAR */
    uint32_t back;          /* CALENDAR: 0 is the bucket at hand */
    struct assay_str zone;  /* CALENDAR */
    struct assay_str event; /* SINCE: the landmark, its role or none, its filter or NULL */
    struct assay_str role;
    struct assay_span zone_span, event_span, role_span;
    const struct assay_expr *where;
    struct assay_str suffix; /* "_1d", "_last10", "_7d_last10", "_lifetime" */
};

struct assay_agg_ast {
    struct assay_span span; /* the whole call with its clauses */
    struct assay_str name;
    struct assay_str event, role, column; /* role and column: ptr NULL when absent */
    struct assay_span event_span, role_span, column_span;
    bool has_argument;
    uint32_t argument;              /* a whole number: k */
    struct assay_str argument_text; /* or a text: zone */
    struct assay_span argument_span;
    const struct assay_expr *where; /* NULL: none */
    bool exclude_current;
    bool listed;       /* spans were given as a list */
    size_t span_count; /* at least 1 */
    struct agg_span spans[AGG_SPANS_MAX];
    int64_t delay_ms;
};

struct assay_expr {
    enum expr_kind kind;
    struct assay_span span;
    enum expr_op op;
    double number;         /* NUMBER, BOOL */
    struct assay_str text; /* TEXT, CALL: name */
    size_t name_count;
    struct assay_str names[PATH_NAMES_MAX];
    uint32_t index; /* PATH: into a list, from 1; 0: none */
    size_t item_count;
    const struct assay_expr **items;
    const struct assay_agg_ast *agg;
};

/** Canonical text of an aggregate's part: of its window, or of what is computed of which events. */
struct assay_str assay_agg_text(struct assay_arena *arena, const struct assay_agg_ast *agg,
                                bool window);

/** Parse the clauses and source of an aggregate; the name has been read, `(` is next. */
struct parser;

enum { FUNCTION_ARGUMENTS_MAX = 64 };

enum function_id {
    FUNCTION_IF,
    FUNCTION_ABS,
    FUNCTION_FLOOR,
    FUNCTION_CEIL,
    FUNCTION_ROUND,
    FUNCTION_SQRT,
    FUNCTION_LOG,
    FUNCTION_EXP,
    FUNCTION_LEAST,
    FUNCTION_GREATEST,
    FUNCTION_COALESCE,
    FUNCTION_HOUR,
    FUNCTION_WEEKDAY,
    FUNCTION_END,
};

struct function_row {
    const char *name;
    uint32_t arguments_min;
    uint32_t arguments_max;
};
extern const struct function_row assay_function_table[FUNCTION_END];

/** Is it an aggregate's name, built or not? Built ones have an assay_agg_kind. */
bool assay_is_aggregate(struct assay_str name);
/** What an aggregate takes behind its event or field. */
struct agg_argument {
    const char *name;
    bool text; /* it may be left out; else a whole number, which must stand */
    uint32_t min;
    uint32_t max;
};
/** The argument of a built aggregate, or NULL. */
const struct agg_argument *assay_aggregate_argument(struct assay_str name);
/** Does it give a list, to be read by index? */
bool assay_aggregate_is_list(struct assay_str name);
/** Kind of a built aggregate, or ASSAY_AGG_END of plan.h as an integer. */
int assay_aggregate_kind(struct assay_str name);

enum instruction_op {
    I_NUMBER,       /* push number */
    I_TEXT,         /* push text */
    I_SLOT,         /* push slots[a] */
    I_FIELD_NUMBER, /* push field b of event type a */
    I_FIELD_TEXT,
    I_TIME,
    I_AT,
    I_UNARY,  /* a: expr_op, b: kind of the operand */
    I_BINARY, /* a: expr_op, b: kind of the operands */
    I_IN,     /* a: how many constants lie above the operand, b: kind */
    I_CALL,   /* a: function, b: arguments, c: kind of the result */
};

struct instruction {
    uint8_t op;
    uint8_t kind;
    uint16_t function;
    uint32_t a;
    uint32_t b;
    union assay_cell constant;
};

struct assay_program {
    size_t count;
    enum assay_kind kind;
    const struct instruction *instructions;
};

#endif
