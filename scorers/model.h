/*
 * scorers/model.h - a trained model: a row of numbers in, raw score, prediction and contributions
 * out.
 *
 * Readers take the file's bytes (the edge reads files), are bounded by them, and refuse what they
 * do not know by name. Features are bound by name by the caller (scorers/policy.h); a row lists
 * them in the model's own order, f64, NaN = missing.
 *
 * Models are immutable after load and shared by all threads; scoring allocates nothing.
 */
#ifndef ASSAY_SCORERS_MODEL_H
#define ASSAY_SCORERS_MODEL_H

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/base/str.h"

enum {
    ASSAY_MODEL_FEATURES_MAX = 4096,
    ASSAY_MODEL_OUTPUTS_MAX = 64, /* classes of a multi-class model */
};

enum assay_model_kind {
    ASSAY_MODEL_SCORECARD, /* JSON, a subset of YAML, so *.card.yaml will do; see docs/models.md */
    ASSAY_MODEL_LOGISTIC,  /* JSON likewise */
    ASSAY_MODEL_LIGHTGBM,  /* LightGBM text, versions 2 to 4 */
    ASSAY_MODEL_KIND_END
};

struct assay_model;

/** Name as in decisions.yaml: "scorecard", "logistic", "lightgbm". Thread: any. */
const char *assay_model_kind_name(enum assay_model_kind kind);
/** Kind of that name, or ASSAY_MODEL_KIND_END. Thread: any. */
enum assay_model_kind assay_model_kind_of(struct assay_str name);
/** Kind that a file's content looks like, or ASSAY_MODEL_KIND_END. Thread: any. */
enum assay_model_kind assay_model_kind_guess(struct assay_str bytes);

/**
 * Read a model.
 *
 * @param where  path for messages.
 * @param bytes  the whole file.
 * @retval ASSAY_E_MODEL       malformed or inconsistent: @p err names line, value and remedy.
 * @retval ASSAY_E_UNSUPPORTED a construct this reader does not score exactly (categorical split,
 *                             linear tree, unknown objective, ...), named in @p err.
 * @retval ASSAY_E_NO_MEMORY   the arena is full.
 * Owner: the arena. Thread: one at a time.
 */
ASSAY_MUST_CHECK enum assay_status assay_model_read(const struct assay_model **out,
                                                    struct assay_arena *arena,
                                                    enum assay_model_kind kind, const char *where,
                                                    struct assay_str bytes, struct assay_err *err);

/** What the model is. Thread: any. */
enum assay_model_kind assay_model_kind_get(const struct assay_model *model);
/** XXH3-128 of the file's bytes: the model's version in decisions. Thread: any. */
void assay_model_hash(const struct assay_model *model, uint64_t hash[2]);
/** Columns of a row. Thread: any. */
uint32_t assay_model_feature_count(const struct assay_model *model);
/** Name of column @p index, as in the file. Thread: any. */
struct assay_str assay_model_feature_name(const struct assay_model *model, uint32_t index);
/** Scores per row: 1, or the number of classes. Thread: any. */
uint32_t assay_model_output_count(const struct assay_model *model);
/** Is the prediction a probability (and raw its logit or points)? Thread: any. */
bool assay_model_is_probability(const struct assay_model *model);
/** Event whose probability is predicted, as the file names it; ptr NULL: it does not. */
struct assay_str assay_model_event(const struct assay_model *model);
/** Does a higher raw score make the event likelier? False for a card whose points are earned by
 * the other class (the usual credit card). Thread: any. */
bool assay_model_raw_rises(const struct assay_model *model);
/** Log odds of the event per unit of raw score 0, where the prediction is the logistic function of
 * a multiple of it (or of points, for a scorecard); NaN: it is not. Thread: any. */
double assay_model_logit_slope(const struct assay_model *model);

/**
 * Score one row.
 *
 * @param row        assay_model_feature_count() numbers, NaN = missing.
 * @param[out] raw   assay_model_output_count() raw scores: bit for bit those of the training
 *                   library (LightGBM: dense predict with raw_score), the linear predictor
 *                   (logistic), total points (scorecard).
 * @param[out] predicted the output transform of raw: bit for bit the library's on a CPU of the
 *                   same libm level; for a scorecard the event's probability by its stated odds.
 * Thread: any; pure. Cost: no allocation.
 */
void assay_model_score(const struct assay_model *model, const double row[], double raw[],
                       double predicted[]);

/**
 * Contribution of each column to raw score 0 of this row, and the baseline they add up from:
 * scorecard: points of the column less the best it could give, that is the most (points lost,
 * <= 0), or the least where points rise with the event (>= 0); logistic: coefficient x (value -
 * mean); LightGBM: exact path-dependent TreeSHAP (Lundberg et al. 2018), the numbers of
 * pred_contrib up to rounding. Baseline plus contributions is raw score 0 up to rounding.
 *
 * @param scratch    for trees: 400 bytes a leaf of the largest one and 64 a column; rewound.
 * @param[out] contributions assay_model_feature_count() numbers.
 * @return the baseline, or NaN when scratch is full.
 * Thread: any; pure. Cost: some 40 scores for trees.
 */
double assay_model_explain(const struct assay_model *model, const double row[],
                           struct assay_arena *scratch, double contributions[]);
/**
 * As assay_model_explain(), but against what is best for the reader: a scorecard's columns are
 * compared with the most points they could give if @p most, else with the least. Other kinds have
 * one baseline, so @p most changes nothing.
 */
double assay_model_explain_toward(const struct assay_model *model, const double row[], bool most,
                                  struct assay_arena *scratch, double contributions[]);

#endif
