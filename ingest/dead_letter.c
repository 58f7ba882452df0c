#include "ingest/dead_letter.h"

#include "engine/base/writer.h"

size_t assay_dead_letter_json(const struct assay_dead_letter *letter, size_t size, char out[])
{
    ASSAY_ASSERT(letter != NULL && letter->partition != NULL);
    struct assay_writer writer = {.out = out, .size = size};
    assay_write_plain(&writer, "{\"reason\":\"");
    assay_write_plain(&writer, assay_dead_name(letter->reason));
    assay_write_plain(&writer, "\",\"text\":");
    assay_write_json_text(&writer, assay_str_of(assay_dead_text(letter->reason)));
    assay_write_plain(&writer, ",\"source\":");
    assay_write_json_text(&writer, letter->partition->source);
    assay_write_plain(&writer, ",\"topic\":");
    assay_write_json_text(&writer, letter->partition->topic);
    assay_write_plain(&writer, ",\"partition\":");
    assay_write_json_unsigned(&writer, letter->partition->number);
    assay_write_plain(&writer, ",\"offset\":");
    assay_write_json_unsigned(&writer, letter->offset);
    assay_write_plain(&writer, ",\"field\":");
    assay_write_json_text(&writer, letter->field);
    assay_write_plain(&writer, ",\"byte\":");
    assay_write_json_unsigned(&writer, letter->byte);
    assay_write_plain(&writer, ",\"bytes\":");
    assay_write_json_unsigned(&writer, letter->message_bytes);
    assay_write_plain(&writer, "}");
    return writer.used;
}
