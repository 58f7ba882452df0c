#include "features/event.h"

#include "engine/base/assert.h"
#include "engine/base/number.h"

double assay_event_number(const struct assay_event *event, const struct assay_event_def *def,
                          uint32_t field)
{
    ASSAY_DASSERT(field < def->field_count);
    if (!assay_event_has(event, field)) {
        return ASSAY_NULL_NUMBER;
    }
    const struct assay_field_def *type = &def->fields[field];
    ASSAY_DASSERT(!assay_type_is_text(type->type) && type->type != ASSAY_TYPE_VECTOR);
    if (type->type == ASSAY_TYPE_REAL) {
        const double real = event->fields[field].real;
        return real == 0 ? 0 : real; /* -0.0 is 0, here as in aggregates */
    }
    /* Both operands are exact in f64, so the one division rounds correctly. */
    return (double)event->fields[field].integer / (double)assay_pow10(type->scale);
}

/* Writes as far as there is room and counts all the way. */
struct writer {
    uint8_t *out;
    size_t size;
    size_t used;
};

static void put(struct writer *writer, const void *bytes, size_t count)
{
    if (writer->used < writer->size) {
        const size_t room = writer->size - writer->used;
        memcpy(writer->out + writer->used, bytes, count < room ? count : room);
    }
    writer->used += count;
}

static void put_byte(struct writer *writer, uint8_t byte)
{
    put(writer, &byte, 1);
}

static void put_ordered_u64(struct writer *writer, uint64_t bits)
{
    const uint64_t big_endian = __builtin_bswap64(bits);
    put(writer, &big_endian, sizeof big_endian);
}

static void put_integer(struct writer *writer, int64_t value)
{
    put_ordered_u64(writer, (uint64_t)value ^ UINT64_C(1) << 63);
}

/* IEEE-754 bits in the order of the numbers: negative ones mirrored, -0.0 as 0.0. */
static void put_real(struct writer *writer, double value)
{
    const double plain = value == 0 ? 0 : value;
    uint64_t bits = 0;
    memcpy(&bits, &plain, sizeof bits);
    put_ordered_u64(writer, bits >> 63 != 0 ? ~bits : bits | UINT64_C(1) << 63);
}

static void put_text(struct writer *writer, struct assay_str text)
{
    put(writer, text.ptr, text.len);
    put_byte(writer, 0);
}

static void put_field(struct writer *writer, const struct assay_field_def *def,
                      const union assay_field *field)
{
    switch (def->type) {
    case ASSAY_TYPE_INT:
    case ASSAY_TYPE_DECIMAL:
    case ASSAY_TYPE_TIME:
        put_integer(writer, field->integer);
        return;
    case ASSAY_TYPE_BOOL:
        put_byte(writer, (uint8_t)field->integer);
        return;
    case ASSAY_TYPE_REAL:
        put_real(writer, field->real);
        return;
    case ASSAY_TYPE_CATEGORY:
    case ASSAY_TYPE_KEY:
    case ASSAY_TYPE_TEXT:
        put_text(writer, field->text);
        return;
    case ASSAY_TYPE_VECTOR:
        for (uint32_t i = 0; i < def->dims; i++) {
            put_real(writer, field->vector[i]);
        }
        return;
    case ASSAY_TYPE_END:
        break;
    }
    ASSAY_ASSERT(false);
}

size_t assay_event_tie(const struct assay_event *event, const struct assay_event_def *def,
                       size_t size, uint8_t out[])
{
    struct writer writer = {.out = out, .size = size};
    put_byte(&writer, event->id.ptr == NULL ? 0 : 1);
    if (event->id.ptr != NULL) {
        put_text(&writer, event->id);
    }
    put_byte(&writer, (uint8_t)(event->type >> 8));
    put_byte(&writer, (uint8_t)event->type);
    for (uint32_t f = 0; f < def->field_count; f++) {
        const bool present = assay_event_has(event, f);
        put_byte(&writer, present ? 1 : 0);
        if (present) {
            put_field(&writer, &def->fields[f], &event->fields[f]);
        }
    }
    return writer.used;
}
