#include "ingest/file_feed.h"

#include "features/decode.h"
#include "ingest/file.h"

#include <stdlib.h>

struct input {
    struct assay_line_reader *reader;
    uint64_t line; /* number of the next line */
    bool ended;
    bool known;            /* time_ms is that of the next line */
    int64_t time_ms;       /* INT64_MIN: the line does not decode */
    struct assay_str head; /* the next line; ptr NULL: peek again */
};

struct file_feed {
    struct assay_feed base;
    size_t input_count;
    struct input *inputs;
    struct assay_decoder *decoder; /* only to learn the time of a line; NULL for one input */
    struct assay_event event;
    enum assay_status failed;
    struct assay_err failure;
};

static struct file_feed *file_feed_of(struct assay_feed *feed)
{
    ASSAY_ASSERT(feed != NULL);
    return (struct file_feed *)feed;
}

/* Make input->head the next line. OK, E_END, or E_FULL: release first. */
static enum assay_status peek(struct file_feed *feed, struct input *input)
{
    if (input->ended) {
        return ASSAY_E_END;
    }
    if (input->head.ptr != NULL) {
        return ASSAY_OK;
    }
    const enum assay_status status =
        assay_line_reader_peek(input->reader, &input->head, &feed->failure);
    if (status == ASSAY_OK || status == ASSAY_E_FULL) {
        return status;
    }
    input->ended = true;
    if (status != ASSAY_E_END) {
        feed->failed = status;
    }
    return ASSAY_E_END;
}

static void learn_time(struct file_feed *feed, struct input *input)
{
    struct assay_decode_report report;
    assay_decode_json(feed->decoder, input->head, &feed->event, &report);
    assay_decoder_reset(feed->decoder);
    input->time_ms = report.dead == ASSAY_DEAD_NONE ? feed->event.time_ms : INT64_MIN;
    input->known = true;
}

/* The input whose next line goes out next; NULL: none now, and *blocked says whether one is
 * full. */
static struct input *pick(struct file_feed *feed, bool *blocked)
{
    struct input *best = NULL;
    *blocked = false;
    for (size_t i = 0; i < feed->input_count; i++) {
        struct input *input = &feed->inputs[i];
        const enum assay_status status = peek(feed, input);
        if (status == ASSAY_E_FULL) {
            *blocked = true; /* its next time is unknown, so nothing may overtake it */
            return NULL;
        }
        if (status != ASSAY_OK) {
            continue;
        }
        if (feed->input_count == 1) {
            return input;
        }
        if (!input->known) {
            learn_time(feed, input);
        }
        if (best == NULL || input->time_ms < best->time_ms) {
            best = input;
        }
    }
    return best;
}

static size_t poll_files(struct assay_feed *base, size_t max, struct assay_message out[], bool *end)
{
    struct file_feed *feed = file_feed_of(base);
    size_t count = 0;
    bool blocked = false;
    while (count < max && feed->failed == ASSAY_OK) {
        struct input *input = pick(feed, &blocked);
        if (input == NULL) {
            break;
        }
        out[count++] = (struct assay_message){
            .bytes = input->head,
            .offset = input->line++,
            .partition = (uint32_t)(input - feed->inputs),
        };
        assay_line_reader_advance(input->reader);
        input->head = (struct assay_str){0};
        input->known = false;
    }
    *end = count < max && !blocked;
    return count;
}

static enum assay_status take_files(struct assay_feed *base, const struct assay_range ranges[],
                                    size_t range_count, size_t max, struct assay_message out[],
                                    size_t *count, struct assay_err *err)
{
    struct file_feed *feed = file_feed_of(base);
    *count = 0;
    for (size_t r = 0; r < range_count; r++) {
        ASSAY_ASSERT(ranges[r].partition < feed->input_count);
        struct input *input = &feed->inputs[ranges[r].partition];
        while (input->line < ranges[r].end) {
            ASSAY_ASSERT(*count < max);
            const enum assay_status status = peek(feed, input);
            if (status == ASSAY_E_FULL) {
                return assay_err_set(err, status, "file feed",
                                     "an epoch's lines exceed the buffer");
            }
            if (status != ASSAY_OK) {
                (void)assay_err_set(err, ASSAY_E_UNAVAILABLE, "file feed",
                                    "the input ends before what was recorded");
                assay_err_value(err, "line %llu of %llu", (unsigned long long)input->line,
                                (unsigned long long)ranges[r].end);
                assay_err_remedy(err, "give the same files in the same order as the recorded run");
                return ASSAY_E_UNAVAILABLE;
            }
            out[(*count)++] = (struct assay_message){
                .bytes = input->head, .offset = input->line++, .partition = ranges[r].partition};
            assay_line_reader_advance(input->reader);
            input->head = (struct assay_str){0};
        }
    }
    return ASSAY_OK;
}

static void release_files(struct assay_feed *base)
{
    struct file_feed *feed = file_feed_of(base);
    for (size_t i = 0; i < feed->input_count; i++) {
        feed->inputs[i].head = (struct assay_str){0}; /* its bytes may move; its time is kept */
        assay_line_reader_release(feed->inputs[i].reader);
    }
}

static enum assay_status failure_of_files(struct assay_feed *base, struct assay_err *err)
{
    const struct file_feed *feed = file_feed_of(base);
    if (feed->failed != ASSAY_OK && err != NULL) {
        *err = feed->failure;
    }
    return feed->failed;
}

static void close_files(struct assay_feed *base)
{
    struct file_feed *feed = file_feed_of(base);
    for (size_t i = 0; i < feed->input_count; i++) {
        assay_line_reader_close(feed->inputs[i].reader);
    }
    assay_decoder_destroy(feed->decoder);
}

static const struct assay_feed_ops file_feed_ops = {
    .poll = poll_files,
    .take = take_files,
    .release = release_files,
    .failure = failure_of_files,
    .close = close_files,
};

enum assay_status assay_file_feed_open(struct assay_feed **out, struct assay_arena *arena,
                                       const struct assay_schema *schema, const char *const paths[],
                                       size_t count, struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL);
    ASSAY_ASSERT(count > 0 && count <= ASSAY_FILES_MAX);
    *out = NULL;
    struct file_feed *feed = assay_arena_alloc(arena, sizeof *feed);
    struct input *inputs = assay_arena_array(arena, count, sizeof *inputs);
    if (feed == NULL || inputs == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, paths[0], "no memory to open the input");
    }
    feed->base.ops = &file_feed_ops;
    feed->inputs = inputs;
    if (count > 1) {
        feed->decoder = assay_decoder_create_json(arena, schema);
        if (feed->decoder == NULL) {
            return assay_err_set(err, ASSAY_E_NO_MEMORY, paths[0], "no memory to merge inputs");
        }
    }
    for (size_t i = 0; i < count; i++) {
        const enum assay_status status = assay_line_reader_open(&inputs[i].reader, paths[i], err);
        if (status != ASSAY_OK) {
            close_files(&feed->base);
            return status;
        }
        feed->input_count = i + 1;
    }
    *out = &feed->base;
    return ASSAY_OK;
}

void assay_file_feed_progress(const struct assay_feed *base, uint64_t *done, uint64_t *total)
{
    const struct file_feed *feed = (const struct file_feed *)base;
    *done = 0;
    *total = 0;
    for (size_t i = 0; i < feed->input_count; i++) {
        uint64_t input_done = 0;
        uint64_t input_total = 0;
        assay_line_reader_progress(feed->inputs[i].reader, &input_done, &input_total);
        *done += input_done;
        *total += input_total;
    }
}
