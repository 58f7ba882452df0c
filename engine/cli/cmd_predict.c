#include "engine/cli/command.h"

#include "engine/base/csv.h"
#include "engine/base/number.h"
#include "engine/base/same_file.h"
#include "engine/base/suggest.h"
#include "scorers/model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Score a CSV file with one model: a row at a time, so that memory does not grow with the file. */

static const size_t MODEL_BYTES_MAX = (size_t)1 << 30;
static const size_t ARENA_BYTES_MAX = (size_t)4 << 30;
enum { RECORD_BYTES_MAX = 4 << 20, CHECK_ROWS = 1024 };

struct predict_options {
    const char *model;
    const char *input;
    const char *kind;
    const char *output;
    bool raw;
    bool hex;
    bool contributions;
};

static const struct assay_option options[] = {
    {"model", 'm', ASSAY_OPTION_TEXT, offsetof(struct predict_options, model), "FILE", "the model",
     0, 0, true},
    {"input", 'i', ASSAY_OPTION_TEXT, offsetof(struct predict_options, input), "FILE",
     "rows as CSV with a header; - is standard input", 0, 0, true},
    {"kind", 0, ASSAY_OPTION_TEXT, offsetof(struct predict_options, kind), "KIND",
     "lightgbm, scorecard or logistic; guessed from the content when not given", 0, 0, false},
    {"output", 'o', ASSAY_OPTION_TEXT, offsetof(struct predict_options, output), "FILE",
     "write here; - is standard output (-)", 0, 0, false},
    {"raw", 0, ASSAY_OPTION_FLAG, offsetof(struct predict_options, raw), NULL,
     "print raw scores only", 0, 0, false},
    {"hex", 0, ASSAY_OPTION_FLAG, offsetof(struct predict_options, hex), NULL,
     "print numbers as C99 hexadecimal, bit for bit", 0, 0, false},
    {"contributions", 0, ASSAY_OPTION_FLAG, offsetof(struct predict_options, contributions), NULL,
     "add what each column contributes to raw_0, and the baseline", 0, 0, false},
};

struct predict {
    const struct predict_options *options;
    struct assay_arena *arena;
    struct assay_arena *scratch;
    const struct assay_model *model;
    struct assay_csv *csv;
    const char *where; /* the input, for messages */
    FILE *out;
    uint32_t *columns; /* of the CSV, per feature */
    double *row;
    double *contributions;
    double raw[ASSAY_MODEL_OUTPUTS_MAX];
    double predicted[ASSAY_MODEL_OUTPUTS_MAX];
    struct assay_err err;
};

static enum assay_status no_memory(struct predict *predict)
{
    return assay_err_set(&predict->err, ASSAY_E_NO_MEMORY, predict->where, "out of memory");
}

/* A whole file. @p bytes is freed by the caller, also after a failure. */
static enum assay_status read_whole(struct predict *predict, FILE *file, char **bytes, size_t *size)
{
    size_t room = 0;
    for (;;) {
        if (*size == room) {
            room = room == 0 ? (size_t)1 << 16 : room * 2;
            if (room > MODEL_BYTES_MAX) {
                return assay_err_set(&predict->err, ASSAY_E_MODEL, predict->options->model,
                                     "a model larger than %zu bytes", MODEL_BYTES_MAX);
            }
            char *larger = realloc(*bytes, room);
            if (larger == NULL) {
                return no_memory(predict);
            }
            *bytes = larger;
        }
        const size_t got = fread(*bytes + *size, 1, room - *size, file);
        *size += got;
        if (got == 0) {
            break;
        }
    }
    return ferror(file) == 0 ? ASSAY_OK
                             : assay_err_errno(&predict->err, errno, predict->options->model,
                                               "the model cannot be read");
}

static enum assay_status choose_kind(struct predict *predict, struct assay_str bytes,
                                     enum assay_model_kind *kind)
{
    const char *given = predict->options->kind;
    *kind =
        given == NULL ? assay_model_kind_guess(bytes) : assay_model_kind_of(assay_str_of(given));
    if (*kind != ASSAY_MODEL_KIND_END) {
        return ASSAY_OK;
    }
    if (given == NULL) {
        (void)assay_err_set(&predict->err, ASSAY_E_MODEL, predict->options->model,
                            "the kind of model cannot be told from its content");
        assay_err_remedy(&predict->err, "say it with --kind lightgbm, scorecard or logistic");
        return ASSAY_E_MODEL;
    }
    (void)assay_err_set(&predict->err, ASSAY_E_USAGE, "--kind", "no such kind of model");
    assay_err_value(&predict->err, "%s", given);
    assay_err_allowed(&predict->err, "lightgbm, scorecard or logistic");
    return ASSAY_E_USAGE;
}

static enum assay_status read_model(struct predict *predict)
{
    FILE *file = fopen(predict->options->model, "rb");
    if (file == NULL) {
        return assay_err_errno(&predict->err, errno, predict->options->model,
                               "the model cannot be opened");
    }
    char *bytes = NULL;
    size_t size = 0;
    enum assay_status status = read_whole(predict, file, &bytes, &size);
    (void)fclose(file);
    const struct assay_str text = {.ptr = bytes, .len = (uint32_t)size};
    enum assay_model_kind kind = ASSAY_MODEL_KIND_END;
    if (status == ASSAY_OK) {
        status = choose_kind(predict, text, &kind);
    }
    if (status == ASSAY_OK) {
        status = assay_model_read(&predict->model, predict->arena, kind, predict->options->model,
                                  text, &predict->err);
    }
    free(bytes);
    return status;
}

static enum assay_status missing_column(struct predict *predict, struct assay_str name,
                                        const struct assay_csv_record *header)
{
    struct assay_suggest suggest = {.word = name};
    for (uint32_t c = 0; c < header->count; c++) {
        assay_suggest_offer(&suggest, header->fields[c].text);
    }
    (void)assay_err_set(&predict->err, ASSAY_E_MISSING, predict->where,
                        "the header has no column \"%.*s\", which the model reads", (int)name.len,
                        name.ptr);
    if (suggest.best.ptr != NULL) {
        assay_err_remedy(&predict->err, "rename \"%.*s\"?", (int)suggest.best.len,
                         suggest.best.ptr);
    } else {
        assay_err_remedy(&predict->err,
                         "add the column; leave its cells empty where the value is missing");
    }
    return ASSAY_E_MISSING;
}

static enum assay_status bind_feature(struct predict *predict, uint32_t feature,
                                      const struct assay_csv_record *header)
{
    const struct assay_str name = assay_model_feature_name(predict->model, feature);
    uint32_t found = header->count;
    for (uint32_t c = 0; c < header->count; c++) {
        if (!assay_str_equal(header->fields[c].text, name)) {
            continue;
        }
        if (found < header->count) {
            return assay_err_set(&predict->err, ASSAY_E_DUPLICATE, predict->where,
                                 "the header has column \"%.*s\" twice", (int)name.len, name.ptr);
        }
        found = c;
    }
    predict->columns[feature] = found;
    return found < header->count ? ASSAY_OK : missing_column(predict, name, header);
}

/* Say once which columns no feature reads. */
static void note_extra(const struct predict *predict, const struct assay_csv_record *header)
{
    const uint32_t count = assay_model_feature_count(predict->model);
    uint32_t extra = 0;
    for (uint32_t c = 0; c < header->count; c++) {
        bool read = false;
        for (uint32_t f = 0; f < count && !read; f++) {
            read = predict->columns[f] == c;
        }
        if (!read) {
            const struct assay_str name = header->fields[c].text;
            (void)fprintf(stderr, "%s\"%.*s\"",
                          extra == 0 ? "assay: note: columns that the model does not read: " : ", ",
                          (int)name.len, name.ptr);
            extra++;
        }
    }
    if (extra > 0) {
        (void)fputc('\n', stderr);
    }
}

static enum assay_status bind_columns(struct predict *predict)
{
    struct assay_csv_record header;
    enum assay_status status = assay_csv_next(predict->csv, &header, &predict->err);
    if (status == ASSAY_E_END) {
        (void)assay_err_set(&predict->err, ASSAY_E_MISSING, predict->where, "the input is empty");
        assay_err_remedy(&predict->err, "begin it with a header line of column names");
        return ASSAY_E_MISSING;
    }
    const uint32_t count = assay_model_feature_count(predict->model);
    for (uint32_t f = 0; status == ASSAY_OK && f < count; f++) {
        status = bind_feature(predict, f, &header);
    }
    if (status == ASSAY_OK) {
        note_extra(predict, &header);
    }
    return status;
}

static enum assay_status read_cell(struct predict *predict, const struct assay_csv_field *field,
                                   double *out)
{
    if (field->text.len == 0) {
        *out = NAN;
        return ASSAY_OK;
    }
    if (assay_number_parse(field->text, out) && isfinite(*out)) {
        return ASSAY_OK;
    }
    char place[sizeof predict->err.where];
    (void)snprintf(place, sizeof place, "%s:%llu:%u", predict->where,
                   (unsigned long long)field->line, field->column);
    (void)assay_err_set(&predict->err, ASSAY_E_FORMAT, place, "not a number");
    const int shown = (int)(field->text.len < 64 ? field->text.len : 64);
    assay_err_value(&predict->err, "\"%.*s\"", shown, field->text.ptr);
    assay_err_allowed(&predict->err, "a finite number such as 12.5 or 1e-3");
    assay_err_remedy(&predict->err, "leave the cell empty where the value is missing");
    return ASSAY_E_FORMAT;
}

static void print_number(const struct predict *predict, double value)
{
    char text[ASSAY_NUMBER_TEXT_BYTES];
    if (!isfinite(value)) {
        (void)fputs(isnan(value) ? "nan" : value > 0 ? "inf" : "-inf", predict->out);
    } else if (predict->options->hex) {
        (void)fprintf(predict->out, "%a", value);
    } else {
        (void)assay_number_print(value, text);
        (void)fputs(text, predict->out);
    }
}

static void print_header(const struct predict *predict)
{
    const uint32_t outputs = assay_model_output_count(predict->model);
    for (uint32_t k = 0; k < outputs; k++) {
        (void)fprintf(predict->out, "%sraw_%u", k == 0 ? "" : ",", k);
    }
    for (uint32_t k = 0; k < outputs && !predict->options->raw; k++) {
        (void)fprintf(predict->out, ",pred_%u", k);
    }
    if (predict->options->contributions) {
        for (uint32_t f = 0; f < assay_model_feature_count(predict->model); f++) {
            char name[600];
            const struct assay_str feature = assay_model_feature_name(predict->model, f);
            const int length =
                snprintf(name, sizeof name, "contrib_%.*s", (int)feature.len, feature.ptr);
            const size_t used = (size_t)length < sizeof name ? (size_t)length : sizeof name - 1;
            assay_csv_write(predict->out, (struct assay_str){name, (uint32_t)used}, false);
        }
        (void)fputs(",contrib_base", predict->out);
    }
    (void)fputc('\n', predict->out);
}

static enum assay_status print_contributions(struct predict *predict)
{
    const double base =
        assay_model_explain(predict->model, predict->row, predict->scratch, predict->contributions);
    if (isnan(base)) {
        return no_memory(predict);
    }
    for (uint32_t f = 0; f < assay_model_feature_count(predict->model); f++) {
        (void)fputc(',', predict->out);
        print_number(predict, predict->contributions[f]);
    }
    (void)fputc(',', predict->out);
    print_number(predict, base);
    return ASSAY_OK;
}

static enum assay_status predict_row(struct predict *predict, const struct assay_csv_record *record)
{
    enum assay_status status = ASSAY_OK;
    const uint32_t count = assay_model_feature_count(predict->model);
    for (uint32_t f = 0; status == ASSAY_OK && f < count; f++) {
        status = read_cell(predict, &record->fields[predict->columns[f]], &predict->row[f]);
    }
    if (status != ASSAY_OK) {
        return status;
    }
    assay_model_score(predict->model, predict->row, predict->raw, predict->predicted);
    const uint32_t outputs = assay_model_output_count(predict->model);
    for (uint32_t k = 0; k < outputs; k++) {
        (void)fputs(k == 0 ? "" : ",", predict->out);
        print_number(predict, predict->raw[k]);
    }
    for (uint32_t k = 0; k < outputs && !predict->options->raw; k++) {
        (void)fputc(',', predict->out);
        print_number(predict, predict->predicted[k]);
    }
    if (predict->options->contributions) {
        status = print_contributions(predict);
    }
    (void)fputc('\n', predict->out);
    return status;
}

static enum assay_status output_failed(struct predict *predict)
{
    return assay_err_errno(&predict->err, errno,
                           predict->options->output == NULL ? "standard output"
                                                            : predict->options->output,
                           "the output cannot be written");
}

static enum assay_status predict_rows(struct predict *predict)
{
    struct assay_csv_record record;
    enum assay_status status = ASSAY_OK;
    print_header(predict);
    for (uint64_t rows = 1; status == ASSAY_OK; rows++) {
        status = assay_csv_next(predict->csv, &record, &predict->err);
        if (status == ASSAY_OK) {
            status = predict_row(predict, &record);
        }
        if (rows % CHECK_ROWS == 0 && ferror(predict->out) != 0) {
            return output_failed(predict); /* nobody reads on: do not score the rest */
        }
    }
    if (status == ASSAY_E_END) {
        status = fflush(predict->out) == 0 && ferror(predict->out) == 0 ? ASSAY_OK
                                                                        : output_failed(predict);
    }
    return status;
}

static enum assay_status open_rows(struct predict *predict, FILE *input)
{
    const uint32_t count = assay_model_feature_count(predict->model);
    predict->csv = assay_csv_create_file(predict->arena, predict->where, input, RECORD_BYTES_MAX);
    predict->columns = assay_arena_array(predict->arena, count, sizeof *predict->columns);
    predict->row = assay_arena_array(predict->arena, count, sizeof *predict->row);
    predict->contributions = assay_arena_array(predict->arena, count, sizeof(double));
    if (predict->csv == NULL || predict->columns == NULL || predict->row == NULL ||
        predict->contributions == NULL) {
        return no_memory(predict);
    }
    return bind_columns(predict);
}

static enum assay_status predict_input(struct predict *predict, FILE *input)
{
    const char *path = predict->options->output;
    path = path == NULL || strcmp(path, "-") == 0 ? NULL : path; /* NULL: standard output */
    enum assay_status status = open_rows(predict, input);
    if (status != ASSAY_OK) {
        return status;
    }
    if (path != NULL && (assay_same_file(path, predict->options->input) ||
                         assay_same_file(path, predict->options->model))) {
        (void)assay_err_set(&predict->err, ASSAY_E_USAGE, "--output", "would overwrite an input");
        assay_err_value(&predict->err, "%s", path);
        assay_err_remedy(&predict->err, "name another file to write");
        return ASSAY_E_USAGE;
    }
    predict->out = path == NULL ? stdout : fopen(path, "w");
    if (predict->out == NULL) {
        return output_failed(predict);
    }
    status = predict_rows(predict);
    if (path != NULL && fclose(predict->out) != 0 && status == ASSAY_OK) {
        status = output_failed(predict);
    }
    return status;
}

static int run_predict(const void *given, const struct assay_words *operands)
{
    (void)operands;
    const struct predict_options *chosen = given;
    const bool from_stdin = strcmp(chosen->input, "-") == 0;
    struct predict predict = {.options = chosen,
                              .arena = assay_arena_create(ARENA_BYTES_MAX),
                              .scratch = assay_arena_create(ARENA_BYTES_MAX),
                              .where = from_stdin ? "standard input" : chosen->input};
    enum assay_status status = predict.arena == NULL || predict.scratch == NULL
                                   ? no_memory(&predict)
                                   : read_model(&predict);
    if (status == ASSAY_OK) {
        FILE *input = from_stdin ? stdin : fopen(chosen->input, "rb");
        status = input == NULL ? assay_err_errno(&predict.err, errno, chosen->input,
                                                 "the input cannot be opened")
                               : predict_input(&predict, input);
        if (input != NULL && !from_stdin) {
            (void)fclose(input);
        }
    }
    assay_arena_destroy(predict.scratch);
    assay_arena_destroy(predict.arena);
    return status == ASSAY_OK ? ASSAY_EXIT_OK : assay_cli_fail(&predict.err);
}

const struct assay_command assay_command_predict = {
    .name = "predict",
    .summary = "score the rows of a CSV file with one model",
    .usage = "--model FILE --input FILE [--kind KIND] [--raw] [--hex] [--contributions] "
             "[--output FILE]",
    .text =
        "Columns are bound to the model's features by name; the others are ignored with a note.\n"
        "An empty cell is a missing value. The output is CSV with the columns raw_0.. (the raw\n"
        "score of each class) and pred_0.. (probability, or whatever the model predicts). A\n"
        "scorecard's raw score is its points.",
    .examples = "assay predict --model credit.txt --input rows.csv\n"
                "assay predict --model churn.card.json --input - --contributions < rows.csv\n",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .options_bytes = sizeof(struct predict_options),
    .run = run_predict,
};
