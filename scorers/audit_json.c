#include "scorers/decision.h"

#include "engine/base/writer.h"

/* A decoded decision as one JSON object, for tools. */

static const char *const state_names[] = {
    [ASSAY_STATE_OK] = "ok", [ASSAY_STATE_WARMING] = "warming", [ASSAY_STATE_EXPIRED] = "expired"};

static void put_text(struct assay_writer *writer, const char *name, struct assay_str text)
{
    assay_write_plain(writer, name);
    assay_write_json_text(writer, text);
}

static void put_number(struct assay_writer *writer, const char *name, double number)
{
    assay_write_plain(writer, name);
    assay_write_json_number(writer, number);
}

static void put_rule(struct assay_writer *writer, const struct assay_audit_view *view)
{
    assay_write_plain(writer, ",\"rule\":");
    if (view->rule == ASSAY_NONE) {
        assay_write_plain(writer, "null");
    } else {
        assay_write_plain(writer, "{\"index\":");
        assay_write_json_unsigned(writer, view->rule);
        put_text(writer, ",\"when\":", view->rule_when);
        assay_write_plain(writer, "}");
    }
}

static void put_keys(struct assay_writer *writer, const struct assay_audit_view *view)
{
    assay_write_plain(writer, ",\"keys\":{");
    for (uint32_t i = 0; i < view->key_count; i++) {
        put_text(writer, i == 0 ? "" : ",", view->key_entities[i]);
        put_text(writer, ":", view->key_values[i]);
    }
    assay_write_plain(writer, "}");
}

static void put_reasons(struct assay_writer *writer, const struct assay_audit_view *view)
{
    assay_write_plain(writer, ",\"reasons\":[");
    for (uint32_t i = 0; i < view->reason_count; i++) {
        put_text(writer, i == 0 ? "{\"code\":" : ",{\"code\":", view->reasons[i].code);
        put_text(writer, ",\"feature\":", view->reasons[i].feature);
        put_number(writer, ",\"value\":", view->reasons[i].value);
        put_number(writer, ",\"points\":", view->reasons[i].points);
        put_text(writer, ",\"en\":", view->reason_texts[i].en);
        put_text(writer, ",\"zh\":", view->reason_texts[i].zh);
        assay_write_plain(writer, "}");
    }
    assay_write_plain(writer, view->unexplained ? "],\"unexplained\":true" : "]");
}

static void put_values(struct assay_writer *writer, const struct assay_audit_view *view)
{
    assay_write_plain(writer, ",\"values\":[");
    for (uint32_t i = 0; i < view->value_count; i++) {
        const struct assay_value *value = &view->values[i];
        put_text(writer, i == 0 ? "{\"name\":" : ",{\"name\":", view->value_names[i]);
        if (value->kind == ASSAY_KIND_TEXT) {
            put_text(writer, ",\"value\":", value->cell.text);
        } else {
            put_number(writer, ",\"value\":", value->cell.number);
        }
        put_text(writer, ",\"state\":", assay_str_of(state_names[value->state]));
        assay_write_plain(writer, "}");
    }
    assay_write_plain(writer, "]");
}

static void put_contributions(struct assay_writer *writer, const struct assay_audit_view *view)
{
    if (view->contribution_count == 0) {
        return;
    }
    put_number(writer, ",\"baseline\":", view->baseline);
    assay_write_plain(writer, ",\"contributions\":[");
    for (uint32_t i = 0; i < view->contribution_count; i++) {
        put_text(writer, i == 0 ? "{\"feature\":" : ",{\"feature\":",
                 view->value_names[view->contribution_values[i]]);
        put_number(writer, ",\"raw\":", view->contributions[i]);
        assay_write_plain(writer, "}");
    }
    assay_write_plain(writer, "]");
}

size_t assay_audit_view_json(const struct assay_audit_view *view, size_t size, char out[])
{
    struct assay_writer writer = {.out = out, .size = size};
    put_text(&writer, "{\"decision_id\":", view->decision_id);
    put_text(&writer, ",\"policy\":", view->policy);
    put_text(&writer, ",\"event\":", view->event);
    assay_write_plain(&writer, ",\"time\":");
    assay_write_json_integer(&writer, view->time_ms);
    put_keys(&writer, view);
    put_text(&writer, ",\"outcome\":", view->outcome);
    put_rule(&writer, view);
    put_number(&writer, ",\"score\":", view->score);
    put_number(&writer, ",\"probability\":", view->probability);
    put_text(&writer, ",\"predicted\":", view->predicted);
    put_number(&writer, ",\"raw\":", view->raw);
    put_reasons(&writer, view);
    put_values(&writer, view);
    put_contributions(&writer, view);
    put_text(&writer, ",\"plan\":", view->plan_hash);
    put_text(&writer, ",\"features\":", view->features_hash);
    assay_write_plain(&writer, ",\"models\":{");
    if (view->model.ptr != NULL) {
        put_text(&writer, "", view->model);
        put_text(&writer, ":", view->model_hash);
    }
    assay_write_plain(&writer, "},\"text\":\"none\",\"epoch\":");
    assay_write_json_unsigned(&writer, view->epoch);
    assay_write_plain(&writer, "}");
    return writer.used;
}
