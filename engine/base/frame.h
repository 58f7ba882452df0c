/*
 * engine/base/frame.h - framed records in an append-only file: type, version, length, CRC32C.
 *
 * One format for the epoch log and the audit log. A file begins with an 8-byte magic; each record
 * is a 16-byte header (length, type, version, CRC32C over length, type, version and payload; little
 * endian) and its payload. A torn tail is what a crash leaves: it is found, told and cut off;
 * damage before the tail is an error.
 */
#ifndef ASSAY_BASE_FRAME_H
#define ASSAY_BASE_FRAME_H

#include "engine/base/status.h"

#include <stdint.h>

enum { ASSAY_FRAME_HEADER_BYTES = 16, ASSAY_FRAME_PAYLOAD_BYTES_MAX = 1 << 26 };

/** A record as read. The payload is borrowed until the next read. */
struct assay_frame {
    uint16_t type;
    uint16_t version;
    uint32_t bytes;
    const uint8_t *payload;
    uint64_t offset; /* of its header in the file */
};

/** CRC32C (Castagnoli) of @p bytes more bytes, going on from @p crc; begin with 0. Thread: any. */
uint32_t assay_crc32c(uint32_t crc, const void *data, size_t bytes);

struct assay_frame_writer;

/**
 * Open for appending, creating the file with @p magic when it does not exist; a torn tail is cut.
 *
 * @retval ASSAY_E_FORMAT another magic, or damage before the tail. @retval ASSAY_E_IO
 * @retval ASSAY_E_NO_MEMORY. Owner: caller, assay_frame_writer_close(). Thread: one.
 */
ASSAY_MUST_CHECK enum assay_status assay_frame_writer_open(struct assay_frame_writer **out,
                                                           const char *path, const char magic[8],
                                                           struct assay_err *err);
/** Add one record to the buffer; a full buffer is written. @retval ASSAY_E_IO */
ASSAY_MUST_CHECK enum assay_status assay_frame_append(struct assay_frame_writer *writer,
                                                      uint16_t type, uint16_t version,
                                                      const void *payload, size_t bytes,
                                                      struct assay_err *err);
/**
 * Make a record of a payload in place: fill in the header before it.
 *
 * @param frame ASSAY_FRAME_HEADER_BYTES of room, then @p bytes of payload. Thread: any. Cost: the
 * payload's checksum.
 */
void assay_frame_make(uint8_t frame[], uint16_t type, uint16_t version, size_t bytes);
/** Add whole records that assay_frame_make() made, one behind the other. @retval ASSAY_E_IO */
ASSAY_MUST_CHECK enum assay_status assay_frame_append_made(struct assay_frame_writer *writer,
                                                           const uint8_t frames[], size_t bytes,
                                                           struct assay_err *err);
/** Hand the buffer to the kernel: what was appended survives the process. @retval ASSAY_E_IO */
ASSAY_MUST_CHECK enum assay_status assay_frame_flush(struct assay_frame_writer *writer,
                                                     struct assay_err *err);
/** Flush and fdatasync: what was appended survives power loss. @retval ASSAY_E_IO */
ASSAY_MUST_CHECK enum assay_status assay_frame_sync(struct assay_frame_writer *writer,
                                                    struct assay_err *err);
/** The file's descriptor, for a thread that syncs it; it stays the writer's. */
int assay_frame_writer_fd(const struct assay_frame_writer *writer);
/** Flush and free; NULL is allowed. */
void assay_frame_writer_close(struct assay_frame_writer *writer);

struct assay_frame_reader;

/** Open for reading from the first record. @retval ASSAY_E_NOT_FOUND, ASSAY_E_FORMAT, ASSAY_E_IO */
ASSAY_MUST_CHECK enum assay_status assay_frame_reader_open(struct assay_frame_reader **out,
                                                           const char *path, const char magic[8],
                                                           struct assay_err *err);
/**
 * The next record.
 *
 * @retval ASSAY_E_END no more; a torn tail was skipped if assay_frame_reader_torn() says so.
 * @retval ASSAY_E_CHECKSUM damage before the tail: @p err names the offset.
 */
ASSAY_MUST_CHECK enum assay_status assay_frame_next(struct assay_frame_reader *reader,
                                                    struct assay_frame *frame,
                                                    struct assay_err *err);
/** Bytes of a torn tail; 0 when the file ends cleanly. After ASSAY_E_END. */
uint64_t assay_frame_reader_torn(const struct assay_frame_reader *reader);
/** Free; NULL is allowed. */
void assay_frame_reader_close(struct assay_frame_reader *reader);

#endif
