#include "features/expr_pvt.h"
#include "features/plan.h"

/* Names of the language: functions, aggregates (built and not), operators. */

const struct function_row assay_function_table[FUNCTION_END] = {
    [FUNCTION_IF] = {"if", 3, 3},
    [FUNCTION_ABS] = {"abs", 1, 1},
    [FUNCTION_FLOOR] = {"floor", 1, 1},
    [FUNCTION_CEIL] = {"ceil", 1, 1},
    [FUNCTION_ROUND] = {"round", 1, 1},
    [FUNCTION_SQRT] = {"sqrt", 1, 1},
    [FUNCTION_LOG] = {"log", 1, 1},
    [FUNCTION_EXP] = {"exp", 1, 1},
    [FUNCTION_LEAST] = {"least", 1, FUNCTION_ARGUMENTS_MAX},
    [FUNCTION_GREATEST] = {"greatest", 1, FUNCTION_ARGUMENTS_MAX},
    [FUNCTION_COALESCE] = {"coalesce", 1, FUNCTION_ARGUMENTS_MAX},
    [FUNCTION_HOUR] = {"hour", 1, 1},
    [FUNCTION_WEEKDAY] = {"weekday", 1, 1},
};

static const char *const agg_names[ASSAY_AGG_END] = {
    [ASSAY_AGG_COUNT] = "count",
    [ASSAY_AGG_SUM] = "sum",
    [ASSAY_AGG_AVG] = "avg",
    [ASSAY_AGG_MIN] = "min",
    [ASSAY_AGG_MAX] = "max",
    [ASSAY_AGG_FIRST] = "first",
    [ASSAY_AGG_LAST] = "last",
    [ASSAY_AGG_COUNT_DISTINCT] = "count_distinct",
    [ASSAY_AGG_TIME_SINCE_FIRST] = "time_since_first",
    [ASSAY_AGG_TIME_SINCE_LAST] = "time_since_last",
    [ASSAY_AGG_RANGE] = "range",
    [ASSAY_AGG_VAR_POP] = "var_pop",
    [ASSAY_AGG_VAR_SAMP] = "var_samp",
    [ASSAY_AGG_STDDEV_POP] = "stddev_pop",
    [ASSAY_AGG_STDDEV_SAMP] = "stddev_samp",
    [ASSAY_AGG_CV] = "cv",
    [ASSAY_AGG_IS_NEW] = "is_new",
    [ASSAY_AGG_INTERARRIVAL_MEAN] = "interarrival_mean",
    [ASSAY_AGG_INTERARRIVAL_STD] = "interarrival_std",
    [ASSAY_AGG_LONGEST_GAP] = "longest_gap",
    [ASSAY_AGG_FIRST_K] = "first_k",
    [ASSAY_AGG_LAST_K] = "last_k",
    [ASSAY_AGG_LAG] = "lag",
    [ASSAY_AGG_ACTIVE_DAYS] = "active_days",
};

/* Part of the language, refused by name until they are built. */
static const char *const aggs_not_built[] = {
    "percentile",
    "median",
    "mode",
    "skew",
    "slope",
    "corr",
    "top",
    "top_share",
    "streak",
    "embed",
    "similarity",
    "entropy",
    "kurtosis",
    "centroid",
    "distance",
    "ratio",
    "approx_count_distinct",
    "approx_percentile",
    "since",
};

const char *assay_agg_name(enum assay_agg_kind kind)
{
    ASSAY_ASSERT(kind < ASSAY_AGG_END);
    return agg_names[kind];
}

const struct agg_argument *assay_aggregate_argument(struct assay_str name)
{
    static const struct agg_argument arguments[ASSAY_AGG_END] = {
        [ASSAY_AGG_FIRST_K] = {.name = "k", .min = 1, .max = AGG_COUNT_MAX},
        [ASSAY_AGG_LAST_K] = {.name = "k", .min = 1, .max = AGG_COUNT_MAX},
        [ASSAY_AGG_LAG] = {.name = "k", .min = 0, .max = AGG_COUNT_MAX},
        [ASSAY_AGG_ACTIVE_DAYS] = {.name = "zone", .text = true},
    };
    const int kind = assay_aggregate_kind(name);
    return kind == ASSAY_AGG_END || arguments[kind].name == NULL ? NULL : &arguments[kind];
}

bool assay_aggregate_is_list(struct assay_str name)
{
    const int kind = assay_aggregate_kind(name);
    return kind == ASSAY_AGG_FIRST_K || kind == ASSAY_AGG_LAST_K;
}

int assay_aggregate_kind(struct assay_str name)
{
    for (int kind = 0; kind < ASSAY_AGG_END; kind++) {
        if (assay_str_equal(name, assay_str_of(agg_names[kind]))) {
            return kind;
        }
    }
    return ASSAY_AGG_END;
}

bool assay_is_aggregate(struct assay_str name)
{
    if (assay_aggregate_kind(name) != ASSAY_AGG_END) {
        return true;
    }
    for (size_t i = 0; i < sizeof aggs_not_built / sizeof aggs_not_built[0]; i++) {
        if (assay_str_equal(name, assay_str_of(aggs_not_built[i]))) {
            return true;
        }
    }
    return false;
}

bool assay_expr_is_reserved(struct assay_str name)
{
    static const char *const words[] = {
        "and",   "or",    "not",  "in",      "is",       "null",     "true",     "false",
        "where", "by",    "top",  "exclude", "current",  "decay",    "over",     "delay",
        "last",  "since", "then", "within",  "lifetime", "tumbling", "cumulate", "previous",
        "hour",  "day",   "week", "month",   "session",  "request",  "time",     "at"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (assay_str_equal(name, assay_str_of(words[i]))) {
            return true;
        }
    }
    return false;
}

const char *assay_op_name(enum expr_op op)
{
    static const char *const names[] = {
        [OP_ADD] = "+", [OP_SUB] = "-",   [OP_MUL] = "*",    [OP_DIV] = "/",
        [OP_MOD] = "%", [OP_EQ] = "=",    [OP_NE] = "!=",    [OP_LT] = "<",
        [OP_LE] = "<=", [OP_GT] = ">",    [OP_GE] = ">=",    [OP_AND] = "and",
        [OP_OR] = "or", [OP_NOT] = "not", [OP_NEGATE] = "-", [OP_IS_NULL] = "is null",
    };
    ASSAY_ASSERT((size_t)op < sizeof names / sizeof names[0]);
    return names[op];
}
