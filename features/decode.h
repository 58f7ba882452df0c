/*
 * features/decode.h - outside bytes to events, or the reason why not.
 *
 * Schema-driven and bounded: one pass over the message, no allocation, no recursion without limit.
 * Every refused message says why in three words an operator can count by: reason, field path, and
 * (kept by the caller) source, topic, partition and offset.
 */
#ifndef ASSAY_FEATURES_DECODE_H
#define ASSAY_FEATURES_DECODE_H

#include "features/event.h"

enum {
    ASSAY_DECODE_BYTES_MAX = 1 << 20, /* a longer message is a dead letter */
    ASSAY_DECODE_DEPTH_MAX = 32,      /* nesting of unknown fields that are skipped */
    ASSAY_DECODE_MEMBERS_MAX = 256,   /* members of the event's object */
    ASSAY_KEY_BYTES_MAX = 1 << 10,    /* of a key or id: decisions and memory of ids hold them */
    ASSAY_TEXT_BYTES_MAX = 1 << 16,   /* of any other text: an epoch holds many */
};

/* name as printed, text. Append only: names appear in dead letters and metrics. */
#define ASSAY_DEAD_TABLE(X)                                                                        \
    X(NONE, "none", "accepted")                                                                    \
    X(EMPTY, "empty", "the message is empty")                                                      \
    X(TOO_LONG, "too_long", "the message is longer than the limit")                                \
    X(SYNTAX, "syntax", "the message is not well-formed")                                          \
    X(UTF8, "utf8", "the text is not valid UTF-8")                                                 \
    X(DEPTH, "depth", "the message is nested too deeply")                                          \
    X(MEMBERS, "members", "the message has too many members")                                      \
    X(NOT_OBJECT, "not_object", "the message is not an object")                                    \
    X(NO_TYPE, "no_type", "the message has no \"type\"")                                           \
    X(UNKNOWN_EVENT, "unknown_event", "no event of this type is defined")                          \
    X(NO_TIME, "no_time", "the message has no \"time\"")                                           \
    X(BAD_TIME, "bad_time", "\"time\" is not ms since the epoch nor RFC 3339")                     \
    X(MISSING_KEY, "missing_key", "a key that is not optional is missing, null or empty")          \
    X(DUPLICATE_KEY, "duplicate_key", "a member appears twice")                                    \
    X(WRONG_TYPE, "wrong_type", "a member is not of the declared type")                            \
    X(RANGE, "range", "a number is outside the range of its type")                                 \
    X(PRECISION, "precision", "a decimal has more digits than declared")                           \
    X(NUL, "nul", "a text holds a NUL character")                                                  \
    X(DIMS, "dims", "a vector has another number of components than declared")                     \
    X(LATE, "late", "older than the watermark less the allowed lateness")                          \
    X(AHEAD, "ahead", "further ahead of the clock than allowed")                                   \
    X(CAPACITY, "capacity", "a stated limit of the store is reached")                              \
    X(LONG_TEXT, "long_text", "a key or id is longer than 1 KiB, or another text than 64 KiB")

enum assay_dead {
#define X(name, text, help) ASSAY_DEAD_##name,
    ASSAY_DEAD_TABLE(X)
#undef X
        ASSAY_DEAD_END
};

/** Name of a reason, e.g. "wrong_type". Thread: any. */
const char *assay_dead_name(enum assay_dead dead);
/** One clause for people. Thread: any. */
const char *assay_dead_text(enum assay_dead dead);

/** What a decoder says of a message besides the event. */
struct assay_decode_report {
    enum assay_dead dead;   /* ASSAY_DEAD_NONE: the event is good */
    uint32_t offset;        /* byte of the message where it was noticed */
    struct assay_str field; /* declared field, "type", "time" or "id"; null if not one of them */
    uint32_t unknown_count; /* members that no definition names: counted, not refused */
};

struct assay_decoder;

/**
 * Prepare a JSON decoder for a schema.
 *
 * @return NULL when out of memory. Owner: the arena, but its scratch is freed by
 * assay_decoder_destroy(). Thread: a decoder is used by one thread; any number share a schema.
 */
struct assay_decoder *assay_decoder_create_json(struct assay_arena *arena,
                                                const struct assay_schema *schema);
/** Free the decoder's scratch; NULL is allowed. */
void assay_decoder_destroy(struct assay_decoder *decoder);

/**
 * Decode one message.
 *
 * @param message any bytes; need not be terminated, may be changed by no one until the event is
 *                done with.
 * @param[out] event  valid only when the report's dead is ASSAY_DEAD_NONE; borrows from @p message
 *                    and from the decoder's scratch until assay_decoder_reset().
 * Thread: the decoder's. Cost: one pass; no allocation.
 */
void assay_decode_json(struct assay_decoder *decoder, struct assay_str message,
                       struct assay_event *event, struct assay_decode_report *report);

/**
 * Read a time as an event's `time` would be: RFC 3339 with an offset, or integer ms since 1970.
 * @return false: it is neither, or out of range. Thread: any.
 */
bool assay_time_parse(struct assay_str text, int64_t *out_ms);

/** Empty the scratch that holds unescaped text and vectors: all events so far become invalid. */
void assay_decoder_reset(struct assay_decoder *decoder);

#endif
