#include "engine/base/hash.h"
#include "engine/base/writer.h"
#include "engine/config/describe.h"
#include "engine/config/describe_pvt.h"

#include <inttypes.h>

/* The events, features and policies of one configuration. */

static const char *const kind_names[] = {
    [ASSAY_KIND_NUMBER] = "number", [ASSAY_KIND_BOOL] = "bool", [ASSAY_KIND_TEXT] = "text"};

static void hash_text(const uint64_t hash[2], char out[ASSAY_HASH_TEXT_BYTES])
{
    assay_hash128_print((struct assay_hash128){.low = hash[0], .high = hash[1]}, out);
}

/* --- the schema of events --------------------------------------------------------------------- */

static const char time_schema[] =
    "{\"anyOf\":[{\"type\":\"integer\",\"description\":\"ms since the Unix epoch\"},"
    "{\"type\":\"string\",\"format\":\"date-time\"}]}";
static const char exact_bounds[] =
    "\"exclusiveMinimum\":-9007199254740992,\"exclusiveMaximum\":9007199254740992";

static const char *or_null(const struct assay_field_def *field)
{
    return field->type == ASSAY_TYPE_KEY && !field->optional ? "" : ",\"null\"";
}

static void print_field_schema(FILE *out, const struct assay_field_def *field)
{
    switch (field->type) {
    case ASSAY_TYPE_INT:
        (void)fprintf(out, "{\"type\":[\"integer\"%s],%s}", or_null(field), exact_bounds);
        return;
    case ASSAY_TYPE_DECIMAL:
        (void)fprintf(out, "{\"type\":[\"number\"%s],\"description\":\"at most %u decimals\"}",
                      or_null(field), field->scale);
        return;
    case ASSAY_TYPE_REAL:
        (void)fprintf(out, "{\"type\":[\"number\"%s]}", or_null(field));
        return;
    case ASSAY_TYPE_BOOL:
        (void)fprintf(out, "{\"type\":[\"boolean\"%s]}", or_null(field));
        return;
    case ASSAY_TYPE_KEY:
        (void)fprintf(out, "{\"type\":[\"string\",\"integer\"%s],\"minLength\":1}", or_null(field));
        return;
    case ASSAY_TYPE_CATEGORY:
    case ASSAY_TYPE_TEXT:
        (void)fprintf(out, "{\"type\":[\"string\"%s]}", or_null(field));
        return;
    case ASSAY_TYPE_VECTOR:
        (void)fprintf(out,
                      "{\"type\":[\"array\"%s],\"items\":{\"type\":\"number\"},\"minItems\":%u,"
                      "\"maxItems\":%u}",
                      or_null(field), field->dims, field->dims);
        return;
    case ASSAY_TYPE_TIME:
        (void)fprintf(out, "{\"anyOf\":[%s,{\"type\":\"null\"}]}", time_schema);
        return;
    case ASSAY_TYPE_END:
        break;
    }
    ASSAY_ASSERT(false);
}

static void print_event_schema(FILE *out, const struct assay_event_def *event)
{
    assay_print_json_text(event->name, out);
    (void)fputs(":{\"type\":\"object\",\"properties\":{\"type\":{\"const\":", out);
    assay_print_json_text(event->name, out);
    (void)fprintf(out, "},\n  \"time\":%s,\n  \"id\":{\"type\":[\"string\",\"null\"]}",
                  time_schema);
    for (uint32_t f = 0; f < event->field_count; f++) {
        (void)fputs(",\n  ", out);
        assay_print_json_text(event->fields[f].name, out);
        (void)fputc(':', out);
        print_field_schema(out, &event->fields[f]);
    }
    (void)fputs("},\n \"required\":[\"type\",\"time\"", out);
    for (uint32_t f = 0; f < event->field_count; f++) {
        if (event->fields[f].type == ASSAY_TYPE_KEY && !event->fields[f].optional) {
            (void)fputc(',', out);
            assay_print_json_text(event->fields[f].name, out);
        }
    }
    (void)fputs("]}", out);
}

void assay_config_print_schema(const struct assay_config *config, FILE *out)
{
    const struct assay_schema *schema = config->schema;
    (void)fputs(
        "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\n\"title\":\"Events\","
        "\n\"oneOf\":[",
        out);
    for (uint32_t e = 0; e < schema->event_count; e++) {
        (void)fprintf(out, "%s{\"$ref\":\"#/$defs/%.*s\"}", e > 0 ? "," : "",
                      (int)schema->events[e].name.len, schema->events[e].name.ptr);
    }
    (void)fputs("],\n\"$defs\":{\n", out);
    for (uint32_t e = 0; e < schema->event_count; e++) {
        (void)fputs(e > 0 ? ",\n" : "", out);
        print_event_schema(out, &schema->events[e]);
    }
    (void)fputs("}}\n", out);
}

/* --- features and policies -------------------------------------------------------------------- */

static void print_feature(FILE *out, const struct assay_plan *plan,
                          const struct assay_feature *feature, bool json, bool first)
{
    char hash[ASSAY_HASH_TEXT_BYTES];
    hash_text(feature->hash, hash);
    if (!json) {
        (void)fprintf(out, "  %-32s %-6s %.12s  %s\n", feature->full_name.ptr,
                      kind_names[feature->kind], hash, feature->definition.ptr);
        return;
    }
    (void)fputs(first ? "{" : ",\n{", out);
    config_json_member(out, true, "name", feature->full_name);
    config_json_member(out, false, "entity", plan->schema->entities[feature->entity].name);
    config_json_member(out, false, "kind", assay_str_of(kind_names[feature->kind]));
    config_json_member(out, false, "definition", feature->definition);
    config_json_member(out, false, "hash", assay_str_of(hash));
    (void)fputc('}', out);
}

static struct assay_str model_name(const struct assay_policies *policies,
                                   const struct assay_policy *policy)
{
    const uint32_t model = assay_policy_model(policy);
    return model == ASSAY_NONE ? (struct assay_str){0} : policies->model_names[model];
}

/* What a policy reads, as role.feature. */
static void print_needs(FILE *out, const struct assay_policies *policies,
                        const struct assay_policy *policy, bool json)
{
    size_t count = 0;
    const struct assay_plan *plan = policies->plan;
    const struct assay_event_def *trigger = &plan->schema->events[assay_policy_trigger(policy)];
    const struct assay_need *needs = assay_policy_needs(policy, &count);
    for (size_t i = 0; i < count; i++) {
        const struct assay_str role = trigger->fields[needs[i].role].name;
        const struct assay_str name = plan->features[needs[i].feature].full_name;
        if (json) {
            (void)fputs(i > 0 ? ",{" : "{", out);
            config_json_member(out, true, "role", role);
            config_json_member(out, false, "feature", name);
            (void)fputc('}', out);
        } else {
            (void)fprintf(out, "    %s of %s\n", name.ptr, role.ptr);
        }
    }
}

static void print_policy(FILE *out, const struct assay_policies *policies,
                         const struct assay_policy *policy, bool json, bool first)
{
    const struct assay_str name = assay_policy_name(policy);
    const struct assay_str model = model_name(policies, policy);
    const uint32_t trigger = assay_policy_trigger(policy);
    const struct assay_str event = policies->plan->schema->events[trigger].name;
    if (!json) {
        (void)fprintf(out, "  %s: on %s, %s%s, reads\n", name.ptr, event.ptr,
                      model.ptr == NULL ? "no model" : "model ",
                      model.ptr == NULL ? "" : model.ptr);
        print_needs(out, policies, policy, json);
        return;
    }
    (void)fputs(first ? "{" : ",\n{", out);
    config_json_member(out, true, "name", name);
    config_json_member(out, false, "trigger", event);
    config_json_member(out, false, "model", model);
    (void)fputs(",\"needs\":[", out);
    print_needs(out, policies, policy, json);
    (void)fputs("]}", out);
}

void assay_config_print_definitions(const struct assay_config *config, FILE *out, bool json)
{
    const struct assay_plan *plan = config->plan;
    char hash[ASSAY_HASH_TEXT_BYTES];
    hash_text(plan->hash, hash);
    (void)fprintf(out, json ? "{\"plan\":\"%s\",\n\"features\":[" : "plan %s\nfeatures:\n", hash);
    for (uint32_t i = 0; i < plan->feature_count; i++) {
        print_feature(out, plan, &plan->features[plan->file_order[i]], json, i == 0);
    }
    const struct assay_policies *policies = config->policies;
    if (policies != NULL) {
        (void)fputs(json ? "],\n\"policies\":[" : "policies:\n", out);
        for (uint32_t i = 0; i < policies->count; i++) {
            print_policy(out, policies, policies->items[i], json, i == 0);
        }
    }
    (void)fputs(json ? "]}\n" : "", out);
}

void assay_config_print_summary(const struct assay_config *config, FILE *out, bool json)
{
    char hash[ASSAY_HASH_TEXT_BYTES];
    hash_text(config->plan->hash, hash);
    const uint32_t policies = config->policies == NULL ? 0 : config->policies->count;
    (void)fprintf(out,
                  json ? "{\"ok\":true,\"events\":%u,\"entities\":%u,\"features\":%u,"
                         "\"policies\":%u,\"plan\":\"%s\"}\n"
                       : "good: %u events, %u entities, %u features, %u policies, plan %s\n",
                  config->schema->event_count, config->schema->entity_count,
                  config->plan->feature_count, policies, hash);
}
