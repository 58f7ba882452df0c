#include "ingest/file.h"

#include "features/decode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum {
    LINE_BYTES_MAX = ASSAY_DECODE_BYTES_MAX + 1, /* one over the decoder's limit: it will refuse */
    TEXT_BYTES = 8 << 20, /* decompressed text; holds several longest lines */
};

static_assert(TEXT_BYTES >= 2 * LINE_BYTES_MAX, "a refill must always make room for one line");

struct assay_line_reader {
    const char *path;
    int fd;
    bool at_end;    /* the file has no more bytes */
    bool skipping;  /* inside a line that was handed out cut */
    uint64_t done;  /* bytes read of the file */
    uint64_t total; /* its size; 0 unknown */
    ZSTD_DStream *zstd;
    bool frame_open; /* zstd: a frame has begun and not ended */
    ZSTD_inBuffer packed;
    char *packed_bytes;
    size_t packed_size;
    size_t held;  /* text[held, begin) is handed out and borrowed */
    size_t begin; /* text[begin, end) is not stepped over yet */
    size_t end;
    size_t step; /* bytes the peeked line takes with its line feed; 0: nothing peeked */
    bool cut;    /* the peeked line is longer than the limit */
    char text[TEXT_BYTES];
};

static enum assay_status detect_zstd(struct assay_line_reader *reader, struct assay_err *err)
{
    static const unsigned char magic[4] = {0x28, 0xB5, 0x2F, 0xFD};
    static const unsigned char mark[3] = {0xEF, 0xBB, 0xBF};
    reader->packed_size = ZSTD_DStreamInSize();
    reader->packed_bytes = malloc(reader->packed_size);
    if (reader->packed_bytes == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, reader->path, "no memory for a read buffer");
    }
    size_t have = 0;
    while (have < sizeof magic) {
        const ssize_t got = read(reader->fd, reader->packed_bytes + have, sizeof magic - have);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return assay_err_errno(err, errno, reader->path, "cannot read");
        }
        if (got == 0) {
            reader->at_end = true;
            break;
        }
        have += (size_t)got;
    }
    reader->done = have;
    if (have == sizeof magic && memcmp(reader->packed_bytes, magic, sizeof magic) == 0) {
        reader->zstd = ZSTD_createDStream();
        if (reader->zstd == NULL) {
            return assay_err_set(err, ASSAY_E_NO_MEMORY, reader->path, "no memory to decompress");
        }
        reader->packed = (ZSTD_inBuffer){.src = reader->packed_bytes, .size = have};
        return ASSAY_OK;
    }
    /* Some editors begin a file with a byte order mark, which is no part of the first message. */
    const size_t skip = have >= sizeof mark && memcmp(reader->packed_bytes, mark, sizeof mark) == 0
                            ? sizeof mark
                            : 0;
    memcpy(reader->text, reader->packed_bytes + skip, have - skip);
    reader->end = have - skip;
    return ASSAY_OK;
}

enum assay_status assay_line_reader_open(struct assay_line_reader **out, const char *path,
                                         struct assay_err *err)
{
    ASSAY_ASSERT(out != NULL);
    ASSAY_ASSERT(path != NULL);
    *out = NULL;
    struct assay_line_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return assay_err_set(err, ASSAY_E_NO_MEMORY, path, "no memory for a read buffer");
    }
    const bool standard_input = strcmp(path, "-") == 0;
    reader->path = standard_input ? "standard input" : path;
    reader->fd = standard_input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    enum assay_status status = ASSAY_OK;
    struct stat info;
    if (reader->fd < 0) {
        status = assay_err_errno(err, errno, reader->path, "cannot open the input");
        assay_err_remedy(err, "name a readable file of JSON lines, or - for standard input");
    } else if (fstat(reader->fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        status = assay_err_set(err, ASSAY_E_NOT_FOUND, reader->path, "is a folder, not a file");
        assay_err_remedy(err, "name the files in it one by one");
    } else {
        reader->total = S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
        status = detect_zstd(reader, err);
    }
    if (status != ASSAY_OK) {
        assay_line_reader_close(reader);
        return status;
    }
    *out = reader;
    return ASSAY_OK;
}

void assay_line_reader_close(struct assay_line_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    if (reader->fd >= 0) {
        (void)close(reader->fd);
    }
    (void)ZSTD_freeDStream(reader->zstd);
    free(reader->packed_bytes);
    free(reader);
}

/* Read into [out, out + room); 0 bytes and at_end at the end of the file. */
static enum assay_status read_some(struct assay_line_reader *reader, size_t room, char *out,
                                   size_t *got, struct assay_err *err)
{
    *got = 0;
    for (;;) {
        const ssize_t count = read(reader->fd, out, room);
        if (count >= 0) {
            *got = (size_t)count;
            reader->done += (uint64_t)count;
            reader->at_end = count == 0;
            return ASSAY_OK;
        }
        if (errno != EINTR) {
            return assay_err_errno(err, errno, reader->path, "cannot read");
        }
    }
}

static enum assay_status refill_zstd(struct assay_line_reader *reader, struct assay_err *err)
{
    ZSTD_outBuffer out = {.dst = reader->text + reader->end, .size = TEXT_BYTES - reader->end};
    while (out.pos == 0) {
        if (reader->packed.pos == reader->packed.size) {
            size_t got = 0;
            const enum assay_status status =
                read_some(reader, reader->packed_size, reader->packed_bytes, &got, err);
            if (status != ASSAY_OK) {
                return status;
            }
            if (reader->at_end) {
                if (!reader->frame_open) {
                    return ASSAY_OK;
                }
                return assay_err_set(err, ASSAY_E_FORMAT, reader->path,
                                     "the zstd stream ends in the middle of a frame");
            }
            reader->packed = (ZSTD_inBuffer){.src = reader->packed_bytes, .size = got};
        }
        const size_t left = ZSTD_decompressStream(reader->zstd, &out, &reader->packed);
        if (ZSTD_isError(left) != 0) {
            return assay_err_set(err, ASSAY_E_FORMAT, reader->path, "not valid zstd: %s",
                                 ZSTD_getErrorName(left));
        }
        reader->frame_open = left != 0;
    }
    reader->end += out.pos;
    return ASSAY_OK;
}

static enum assay_status refill(struct assay_line_reader *reader, struct assay_err *err)
{
    ASSAY_ASSERT(reader->end < TEXT_BYTES);
    if (reader->zstd != NULL) {
        return refill_zstd(reader, err);
    }
    size_t got = 0;
    const enum assay_status status =
        read_some(reader, TEXT_BYTES - reader->end, reader->text + reader->end, &got, err);
    reader->end += got;
    return status;
}

/* Drop the rest of a line that was handed out cut; true when its end was found. */
static bool skip_rest(struct assay_line_reader *reader)
{
    const char *from = reader->text + reader->begin;
    const char *feed = memchr(from, '\n', reader->end - reader->begin);
    if (feed == NULL) {
        reader->end = reader->begin;
        return false;
    }
    reader->begin += (size_t)(feed - from) + 1;
    reader->skipping = false;
    return true;
}

/* Find the line at begin; false when more bytes are needed to know where it ends. */
static bool find_line(struct assay_line_reader *reader, struct assay_str *line)
{
    const char *from = reader->text + reader->begin;
    const size_t waiting = reader->end - reader->begin;
    const char *feed = memchr(from, '\n', waiting);
    size_t length = feed == NULL ? waiting : (size_t)(feed - from);

    reader->cut = length > LINE_BYTES_MAX;
    if (!reader->cut && feed == NULL && !(reader->at_end && waiting > 0)) {
        return false;
    }
    if (reader->cut) {
        length = LINE_BYTES_MAX;
    }
    reader->step = length + (feed != NULL && !reader->cut ? 1 : 0);
    if (length > 0 && from[length - 1] == '\r' && !reader->cut) {
        length--; /* a cut line must stay over the decoder's limit */
    }
    *line = (struct assay_str){.ptr = from, .len = (uint32_t)length};
    return true;
}

/* Move what is not stepped over yet to the front; only when nothing is borrowed. */
static void compact(struct assay_line_reader *reader)
{
    ASSAY_ASSERT(reader->held == reader->begin);
    memmove(reader->text, reader->text + reader->begin, reader->end - reader->begin);
    reader->end -= reader->begin;
    reader->begin = 0;
    reader->held = 0;
}

enum assay_status assay_line_reader_peek(struct assay_line_reader *reader, struct assay_str *line,
                                         struct assay_err *err)
{
    ASSAY_ASSERT(reader != NULL);
    ASSAY_ASSERT(line != NULL);
    for (;;) {
        if ((!reader->skipping || skip_rest(reader)) && find_line(reader, line)) {
            return ASSAY_OK;
        }
        if (reader->at_end) {
            return ASSAY_E_END;
        }
        if (reader->end == TEXT_BYTES) {
            if (reader->held != reader->begin) {
                return ASSAY_E_FULL;
            }
            compact(reader);
        }
        const enum assay_status status = refill(reader, err);
        if (status != ASSAY_OK) {
            return status;
        }
    }
}

void assay_line_reader_advance(struct assay_line_reader *reader)
{
    ASSAY_ASSERT(reader->begin + reader->step <= reader->end);
    reader->begin += reader->step;
    reader->step = 0;
    reader->skipping = reader->cut;
    reader->cut = false;
}

void assay_line_reader_release(struct assay_line_reader *reader)
{
    ASSAY_ASSERT(reader->held <= reader->begin);
    reader->held = reader->begin;
}

void assay_line_reader_progress(const struct assay_line_reader *reader, uint64_t *done,
                                uint64_t *total)
{
    *done = reader->done;
    *total = reader->total;
}
