/*
 * ingest/dead_letter.h - a message that was set aside, and its JSON line.
 *
 * A dead letter names reason, place and offset and carries no payload: a payload may hold personal
 * data, and the offset finds it in the source.
 */
#ifndef ASSAY_INGEST_DEAD_LETTER_H
#define ASSAY_INGEST_DEAD_LETTER_H

#include "features/decode.h"
#include "ingest/source.h"

/** Text is borrowed for the call it is passed to. */
struct assay_dead_letter {
    enum assay_dead reason;
    const struct assay_partition *partition;
    uint64_t offset;
    struct assay_str field; /* ptr NULL: none */
    uint32_t byte;          /* where in the message */
    uint32_t message_bytes;
};

/**
 * Write one JSON object (no line feed): reason, text, source, topic, partition, offset, field (null
 * when none), byte, bytes.
 *
 * @return bytes needed; more than @p size: nothing usable was written. Thread: any; no allocation.
 */
size_t assay_dead_letter_json(const struct assay_dead_letter *letter, size_t size, char out[]);

#endif
