/*
 * ingest/source.h - where messages come from, as the pipeline sees it.
 *
 * A source is a set of partitions, each an ordered sequence of messages with growing offsets. A
 * feed is the part of all sources that one home shard polls on its own thread. The partition table
 * is fixed at start: its order (source, topic, partition) is the order in which an epoch applies.
 *
 * Messages are borrowed: they live until the feed is released at the end of the epoch, so that the
 * pipeline never copies what it only reads.
 */
#ifndef ASSAY_INGEST_SOURCE_H
#define ASSAY_INGEST_SOURCE_H

#include "engine/base/status.h"
#include "engine/base/str.h"

#include <stdint.h>

enum {
    ASSAY_PARTITIONS_MAX = 65536,
    ASSAY_EPOCH_MESSAGES_MAX = 1024, /* most messages one home takes in an epoch */
};

/** One line of the partition table. Text lives as long as the source. */
struct assay_partition {
    struct assay_str source; /* "kafka", "file" */
    struct assay_str topic;  /* topic, or the file's path as given */
    uint32_t number;         /* partition of the topic; 0 for files */
};

/** One message. `partition` is its index in the partition table. */
struct assay_message {
    struct assay_str bytes; /* cut at ASSAY_DECODE_BYTES_MAX + 1 bytes */
    uint64_t offset;        /* Kafka offset; line number from 0 in files */
    uint32_t partition;
};

/** Messages [next, end) of one partition: what a recorded epoch took. */
struct assay_range {
    uint32_t partition;
    uint64_t next;
    uint64_t end;
};

struct assay_feed;

/** What a kind of source implements. All calls come from the feed's home thread. */
struct assay_feed_ops {
    /**
     * Take up to @p max waiting messages, without blocking, sorted by (partition, offset).
     *
     * @param[out] end set when no partition of the feed will ever give more (files; Kafka with
     *                 --until-end once every partition has reached its end offset).
     * @return how many; 0 is not an error.
     */
    size_t (*poll)(struct assay_feed *feed, size_t max, struct assay_message out[], bool *end);
    /**
     * Take exactly the given ranges, blocking until they are there. Offsets that the log no longer
     * holds inside a range because of compaction or control records are skipped.
     *
     * @retval ASSAY_E_UNAVAILABLE a range begins before what the source still has: retention has
     *                             passed; @p err says which partition and offsets.
     */
    enum assay_status (*take)(struct assay_feed *feed, const struct assay_range ranges[],
                              size_t range_count, size_t max, struct assay_message out[],
                              size_t *count, struct assay_err *err);
    /** All messages given since the last release may be reused. */
    void (*release)(struct assay_feed *feed);
    /** A failure that no retry will mend (a read error), once; ASSAY_OK otherwise. */
    enum assay_status (*failure)(struct assay_feed *feed, struct assay_err *err);
    /** Stop, free; the feed is gone. */
    void (*close)(struct assay_feed *feed);
};

/** Base of every feed: the implementation embeds it first. */
struct assay_feed {
    const struct assay_feed_ops *ops;
};

#endif
