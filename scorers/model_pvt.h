/*
 * scorers/model_pvt.h - what every kind of model shares: a header, two functions, a reader.
 *
 * A kind embeds struct assay_model as its first member and casts back; the reader of a kind fills
 * the header, assay_model_read() adds hash and kind.
 */
#ifndef ASSAY_SCORERS_MODEL_PVT_H
#define ASSAY_SCORERS_MODEL_PVT_H

#include "scorers/model.h"

struct assay_model_ops {
    void (*score)(const struct assay_model *model, const double row[], double raw[],
                  double predicted[]);
    double (*explain)(const struct assay_model *model, const double row[], bool most,
                      struct assay_arena *scratch, double contributions[]);
};

struct assay_model {
    const struct assay_model_ops *ops;
    enum assay_model_kind kind;
    uint64_t hash[2];
    struct assay_str event; /* ptr NULL: the file does not say */
    const struct assay_str *features;
    uint32_t feature_count;
    uint32_t output_count;
    bool probability;
    bool raw_falls;     /* a higher raw score makes the event less likely */
    double logit_slope; /* log odds of the event per unit of raw; NaN: see model.h */
};

/** What a reader works on. Names in the model may point into `bytes` only after a copy. */
struct assay_model_input {
    struct assay_arena *arena;
    const char *where;
    struct assay_str bytes;
    struct assay_err *err;
};

/** Reader of one kind. @retval as assay_model_read(). */
ASSAY_MUST_CHECK enum assay_status assay_scorecard_read(struct assay_model **out,
                                                        const struct assay_model_input *input);
ASSAY_MUST_CHECK enum assay_status assay_logistic_read(struct assay_model **out,
                                                       const struct assay_model_input *input);
ASSAY_MUST_CHECK enum assay_status assay_lightgbm_read(struct assay_model **out,
                                                       const struct assay_model_input *input);

/**
 * Index of the first name that appeared before, or @p count: columns are bound by name, so two of
 * one name could not be told apart.
 *
 * @param arena scratch for a table; rewound. @return UINT32_MAX when it is full.
 */
uint32_t assay_model_repeated_name(struct assay_arena *arena, const struct assay_str names[],
                                   uint32_t count);

#endif
