#include "engine/base/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Header, little endian: u32 length, u16 type, u16 version, u32 CRC32C (of the 8 bytes before it
 * and the payload), u32 zero.
 *
 * What a bad record means: nothing valid after it is what a crash leaves, a torn tail; a valid
 * record after it means that something in between was damaged, and then no guess is made.
 */

enum {
    MAGIC_BYTES = 8,
    BUFFER_BYTES_MIN = 1 << 16,
    WRITE_BYTES = 1 << 18,
    SCAN_BYTES = 4 << 20, /* how far after a bad record a valid one is looked for */
};

static uint32_t load32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void store32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t crc_of(const uint8_t header[ASSAY_FRAME_HEADER_BYTES], const void *payload,
                       size_t bytes)
{
    return assay_crc32c(assay_crc32c(0, header, 8), payload, bytes);
}

static void make_header(uint8_t header[ASSAY_FRAME_HEADER_BYTES], uint16_t type, uint16_t version,
                        const void *payload, size_t bytes)
{
    ASSAY_ASSERT(bytes <= ASSAY_FRAME_PAYLOAD_BYTES_MAX);
    ASSAY_ASSERT(type != 0 || version != 0); /* so that a run of zeroes is never a record */
    store32(header, (uint32_t)bytes);
    store32(header + 4, (uint32_t)type | (uint32_t)version << 16);
    store32(header + 8, crc_of(header, payload, bytes));
    store32(header + 12, 0);
}

/* ---- reading ---- */

struct assay_frame_reader {
    char *path;
    int fd;
    uint64_t offset; /* of the next record */
    uint64_t size;   /* of the file when opened */
    uint64_t torn;
    uint8_t *buffer; /* file bytes [buffer_offset, + held) */
    uint64_t buffer_offset;
    size_t held;
    size_t capacity;
};

/* Have file bytes [offset, + bytes) in the buffer. @return false: reading failed or no memory. */
static bool load(struct assay_frame_reader *reader, uint64_t offset, size_t bytes)
{
    if (offset >= reader->buffer_offset && offset + bytes <= reader->buffer_offset + reader->held) {
        return true;
    }
    if (bytes > reader->capacity) {
        const size_t capacity = bytes > BUFFER_BYTES_MIN ? bytes : BUFFER_BYTES_MIN;
        uint8_t *buffer = realloc(reader->buffer, capacity);
        if (buffer == NULL) {
            errno = ENOMEM;
            return false;
        }
        reader->buffer = buffer;
        reader->capacity = capacity;
    }
    reader->buffer_offset = offset;
    reader->held = 0;
    while (reader->held < bytes) {
        const ssize_t got = pread(reader->fd, reader->buffer + reader->held,
                                  reader->capacity - reader->held, (off_t)(offset + reader->held));
        if (got > 0) {
            reader->held += (size_t)got;
        } else if (got == 0) {
            errno = EIO; /* the file became shorter under us */
            return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

static const uint8_t *bytes_at(const struct assay_frame_reader *reader, uint64_t offset)
{
    return reader->buffer + (offset - reader->buffer_offset);
}

/* Does a whole, valid record stand at @p offset? failed: reading failed. */
static bool is_record(struct assay_frame_reader *reader, uint64_t offset, bool *failed)
{
    const uint64_t left = reader->size - offset;
    if (left < ASSAY_FRAME_HEADER_BYTES) {
        return false;
    }
    if (!load(reader, offset, ASSAY_FRAME_HEADER_BYTES)) {
        *failed = true;
        return false;
    }
    const uint32_t bytes = load32(bytes_at(reader, offset));
    if (bytes > ASSAY_FRAME_PAYLOAD_BYTES_MAX || left - ASSAY_FRAME_HEADER_BYTES < bytes ||
        load32(bytes_at(reader, offset) + 12) != 0) {
        return false;
    }
    if (!load(reader, offset, (size_t)ASSAY_FRAME_HEADER_BYTES + bytes)) {
        *failed = true;
        return false;
    }
    const uint8_t *header = bytes_at(reader, offset);
    return crc_of(header, header + ASSAY_FRAME_HEADER_BYTES, bytes) == load32(header + 8) &&
           load32(header + 4) != 0;
}

static enum assay_status read_failed(const struct assay_frame_reader *reader, struct assay_err *err)
{
    (void)assay_err_errno(err, errno, reader->path, "cannot read");
    return ASSAY_E_IO;
}

/* No valid record at offset: the end, or damage? */
static enum assay_status judge_tail(struct assay_frame_reader *reader, struct assay_err *err)
{
    bool failed = false;
    const uint64_t far = reader->offset + SCAN_BYTES;
    const uint64_t end = far < reader->size ? far : reader->size;
    for (uint64_t at = reader->offset + 1; at < end; at++) {
        if (is_record(reader, at, &failed)) {
            (void)assay_err_set(err, ASSAY_E_CHECKSUM, reader->path,
                                "damaged between offset %llu and the valid record at %llu",
                                (unsigned long long)reader->offset, (unsigned long long)at);
            assay_err_remedy(err, "restore the file from a copy; nothing was changed");
            return ASSAY_E_CHECKSUM;
        }
        if (failed) {
            return read_failed(reader, err);
        }
    }
    reader->torn = reader->size - reader->offset;
    return ASSAY_E_END;
}

static enum assay_status check_magic(struct assay_frame_reader *reader, const char magic[8],
                                     struct assay_err *err)
{
    const size_t have = reader->size < MAGIC_BYTES ? (size_t)reader->size : (size_t)MAGIC_BYTES;
    if (have > 0 && !load(reader, 0, have)) {
        return read_failed(reader, err);
    }
    if (have > 0 && memcmp(bytes_at(reader, 0), magic, have) != 0) {
        (void)assay_err_set(err, ASSAY_E_FORMAT, reader->path, "not a file of this kind");
        assay_err_allowed(err, "a file that begins with \"%.8s\"", magic);
        return ASSAY_E_FORMAT;
    }
    if (have < MAGIC_BYTES) { /* the crash came while the file was made */
        reader->torn = have;
        reader->offset = have;
        reader->size = have;
    }
    return ASSAY_OK;
}

enum assay_status assay_frame_reader_open(struct assay_frame_reader **out, const char *path,
                                          const char magic[8], struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && path != NULL && magic != NULL);
    *out = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return assay_err_errno(err, errno, path, "cannot open");
    }
    struct assay_frame_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL || (reader->path = strdup(path)) == NULL) {
        free(reader);
        (void)close(fd);
        return assay_err_set(err, ASSAY_E_NO_MEMORY, path, "no memory to read");
    }
    const off_t size = lseek(fd, 0, SEEK_END);
    reader->fd = fd;
    reader->size = size < 0 ? 0 : (uint64_t)size;
    reader->offset = MAGIC_BYTES;
    const enum assay_status status =
        size < 0 ? read_failed(reader, err) : check_magic(reader, magic, err);
    if (status != ASSAY_OK) {
        assay_frame_reader_close(reader);
        return status;
    }
    *out = reader;
    return ASSAY_OK;
}

enum assay_status assay_frame_next(struct assay_frame_reader *reader, struct assay_frame *frame,
                                   struct assay_err *err)
{
    ASSAY_ASSERT(reader != NULL && frame != NULL);
    if (reader->offset >= reader->size || reader->torn > 0) {
        return ASSAY_E_END;
    }
    bool failed = false;
    if (!is_record(reader, reader->offset, &failed)) {
        return failed ? read_failed(reader, err) : judge_tail(reader, err);
    }
    const uint8_t *header = bytes_at(reader, reader->offset);
    *frame = (struct assay_frame){
        .type = (uint16_t)load32(header + 4),
        .version = (uint16_t)(load32(header + 4) >> 16),
        .bytes = load32(header),
        .payload = header + ASSAY_FRAME_HEADER_BYTES,
        .offset = reader->offset,
    };
    reader->offset += ASSAY_FRAME_HEADER_BYTES + (uint64_t)frame->bytes;
    return ASSAY_OK;
}

uint64_t assay_frame_reader_torn(const struct assay_frame_reader *reader)
{
    return reader->torn;
}

void assay_frame_reader_close(struct assay_frame_reader *reader)
{
    if (reader != NULL) {
        (void)close(reader->fd);
        free(reader->buffer);
        free(reader->path);
        free(reader);
    }
}

/* ---- writing ---- */

struct assay_frame_writer {
    char *path;
    int fd;
    int code; /* errno of the first failure: the file is not trusted after it */
    uint64_t written;
    size_t used;
    uint8_t buffer[WRITE_BYTES];
};

static enum assay_status write_failed(struct assay_frame_writer *writer, struct assay_err *err)
{
    (void)assay_err_errno(err, writer->code, writer->path, "cannot write");
    assay_err_remedy(err, "free space or mend the disk, then start again: what is whole is kept");
    return ASSAY_E_IO;
}

static void write_all(struct assay_frame_writer *writer, const uint8_t *bytes, size_t count)
{
    size_t done = 0;
    while (done < count && writer->code == 0) {
        const ssize_t wrote =
            pwrite(writer->fd, bytes + done, count - done, (off_t)(writer->written + done));
        if (wrote >= 0) {
            done += (size_t)wrote;
        } else if (errno != EINTR) {
            writer->code = errno;
        }
    }
    writer->written += count;
}

/* Find where the valid records end; a file that is not there ends at 0. */
static enum assay_status find_end(const char *path, const char magic[8], uint64_t *end,
                                  struct assay_err *err)
{
    struct assay_frame_reader *reader = NULL;
    struct assay_frame frame;
    *end = 0;
    enum assay_status status = assay_frame_reader_open(&reader, path, magic, err);
    if (status == ASSAY_E_NOT_FOUND) {
        return ASSAY_OK;
    }
    while (status == ASSAY_OK) {
        status = assay_frame_next(reader, &frame, err);
    }
    if (status == ASSAY_E_END) {
        ASSAY_ASSERT(reader != NULL);
        *end = reader->size - reader->torn;
        status = ASSAY_OK;
    }
    assay_frame_reader_close(reader);
    return status;
}

/* A new name in a folder survives power loss only when the folder is synced too. */
static int sync_folder(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
                   slash == NULL ? "." : path);
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    const int code = fsync(fd) == 0 ? 0 : errno;
    (void)close(fd);
    return code;
}

static enum assay_status begin_file(struct assay_frame_writer *writer, uint64_t end,
                                    const char magic[8], struct assay_err *err)
{
    if (ftruncate(writer->fd, (off_t)end) != 0) {
        writer->code = errno;
    }
    writer->written = end;
    if (end == 0 && writer->code == 0) {
        write_all(writer, (const uint8_t *)magic, MAGIC_BYTES);
        writer->code = writer->code != 0 ? writer->code : sync_folder(writer->path);
    }
    return writer->code == 0 ? ASSAY_OK : write_failed(writer, err);
}

enum assay_status assay_frame_writer_open(struct assay_frame_writer **out, const char *path,
                                          const char magic[8], struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL && path != NULL && magic != NULL);
    uint64_t end = 0;
    *out = NULL;
    enum assay_status status = find_end(path, magic, &end, err);
    if (status != ASSAY_OK) {
        return status;
    }
    struct assay_frame_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL || (writer->path = strdup(path)) == NULL) {
        free(writer);
        return assay_err_set(err, ASSAY_E_NO_MEMORY, path, "no memory to write");
    }
    writer->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    status = writer->fd < 0 ? assay_err_errno(err, errno, path, "cannot create")
                            : begin_file(writer, end, magic, err);
    if (status != ASSAY_OK) {
        writer->used = 0;
        assay_frame_writer_close(writer);
        return status;
    }
    *out = writer;
    return ASSAY_OK;
}

/* Bytes behind those in the buffer; more than it holds go to the file at once. */
static void add(struct assay_frame_writer *writer, const void *bytes, size_t count)
{
    if (count > WRITE_BYTES - writer->used) {
        write_all(writer, writer->buffer, writer->used);
        writer->used = 0;
    }
    if (count > WRITE_BYTES) {
        write_all(writer, bytes, count);
    } else if (count > 0) {
        memcpy(writer->buffer + writer->used, bytes, count);
        writer->used += count;
    }
}

enum assay_status assay_frame_append(struct assay_frame_writer *writer, uint16_t type,
                                     uint16_t version, const void *payload, size_t bytes,
                                     struct assay_err *err)
{
    ASSAY_ASSERT(writer != NULL);
    uint8_t header[ASSAY_FRAME_HEADER_BYTES];
    make_header(header, type, version, payload, bytes);
    add(writer, header, sizeof header);
    add(writer, payload, bytes);
    return writer->code == 0 ? ASSAY_OK : write_failed(writer, err);
}

void assay_frame_make(uint8_t frame[], uint16_t type, uint16_t version, size_t bytes)
{
    make_header(frame, type, version, frame + ASSAY_FRAME_HEADER_BYTES, bytes);
}

enum assay_status assay_frame_append_made(struct assay_frame_writer *writer, const uint8_t frames[],
                                          size_t bytes, struct assay_err *err)
{
    ASSAY_ASSERT(writer != NULL);
    add(writer, frames, bytes);
    return writer->code == 0 ? ASSAY_OK : write_failed(writer, err);
}

enum assay_status assay_frame_flush(struct assay_frame_writer *writer, struct assay_err *err)
{
    write_all(writer, writer->buffer, writer->used);
    writer->used = 0;
    return writer->code == 0 ? ASSAY_OK : write_failed(writer, err);
}

enum assay_status assay_frame_sync(struct assay_frame_writer *writer, struct assay_err *err)
{
    const enum assay_status status = assay_frame_flush(writer, err);
    if (status == ASSAY_OK && fdatasync(writer->fd) != 0) {
        writer->code = errno; /* what was written may be lost and cannot be written again */
        return write_failed(writer, err);
    }
    return status;
}

int assay_frame_writer_fd(const struct assay_frame_writer *writer)
{
    return writer->fd;
}

void assay_frame_writer_close(struct assay_frame_writer *writer)
{
    if (writer != NULL) {
        write_all(writer, writer->buffer, writer->used);
        if (writer->fd >= 0) {
            (void)close(writer->fd);
        }
        free(writer->path);
        free(writer);
    }
}
