#include "scorers/decision_pvt.h"

#include "engine/base/hash.h"
#include "engine/base/writer.h"

#include <stdio.h>

/* A long topic keeps its beginning for people and a hash for distinctness; the cut never splits a
 * UTF-8 sequence. */
static size_t put_topic(struct assay_str topic, char out[ASSAY_TOPIC_BYTES_MAX + 32])
{
    if (topic.len <= ASSAY_TOPIC_BYTES_MAX) {
        if (topic.len > 0) {
            memcpy(out, topic.ptr, topic.len);
        }
        return topic.len;
    }
    enum { SEQUENCE_MORE_MAX = 3 };
    size_t cut = ASSAY_TOPIC_BYTES_MAX;
    while (cut > ASSAY_TOPIC_BYTES_MAX - SEQUENCE_MORE_MAX &&
           ((unsigned char)topic.ptr[cut] & 0xC0) == 0x80) {
        cut--;
    }
    memcpy(out, topic.ptr, cut);
    const int more = snprintf(out + cut, 32, "~%016llx",
                              (unsigned long long)assay_hash64(topic.ptr, topic.len, 0));
    return cut + (size_t)more;
}

size_t assay_decision_id_print(const struct assay_origin *origin, struct assay_str policy,
                               char out[ASSAY_DECISION_ID_BYTES_MAX])
{
    char topic[ASSAY_TOPIC_BYTES_MAX + 32];
    ASSAY_ASSERT(origin->source.len <= ASSAY_SOURCE_BYTES_MAX);
    ASSAY_ASSERT(policy.len <= ASSAY_POLICY_NAME_BYTES_MAX);
    const size_t topic_len = put_topic(origin->topic, topic);
    struct assay_writer writer = {.out = out, .size = ASSAY_DECISION_ID_BYTES_MAX};
    assay_write_bytes(&writer, origin->source.ptr, origin->source.len);
    assay_write_plain(&writer, ":");
    assay_write_bytes(&writer, topic, topic_len);
    assay_write_plain(&writer, ":");
    assay_write_json_unsigned(&writer, origin->partition);
    assay_write_plain(&writer, ":");
    assay_write_json_unsigned(&writer, origin->offset);
    assay_write_plain(&writer, ":");
    assay_write_bytes(&writer, policy.ptr, policy.len);
    const size_t len = writer.used;
    ASSAY_ASSERT(len < ASSAY_DECISION_ID_BYTES_MAX);
    out[len] = '\0';
    return len;
}

size_t assay_decision_id(const struct assay_decision *decision,
                         const struct assay_policies *policies,
                         char out[ASSAY_DECISION_ID_BYTES_MAX])
{
    ASSAY_ASSERT(decision->policy < policies->count);
    return assay_decision_id_print(&decision->origin, policies->items[decision->policy]->name, out);
}

struct assay_str assay_decision_role_key(const struct assay_decision *decision,
                                         const struct assay_policy *policy, uint32_t index)
{
    ASSAY_ASSERT(index < policy->role_count);
    const uint32_t field = policy->roles[index];
    return assay_event_has(decision->event, field) ? decision->event->fields[field].text
                                                   : (struct assay_str){0};
}

struct assay_str assay_decision_key(const struct assay_decision *decision,
                                    const struct assay_policies *policies)
{
    ASSAY_ASSERT(decision->policy < policies->count);
    const struct assay_policy *policy = policies->items[decision->policy];
    return policy->role_count == 0 ? (struct assay_str){0}
                                   : assay_decision_role_key(decision, policy, 0);
}

struct assay_str assay_policy_role_entity(const struct assay_policy *policy, uint32_t index)
{
    const struct assay_schema *schema = policy->plan->schema;
    const uint32_t field = policy->roles[index];
    return schema->entities[schema->events[policy->trigger].fields[field].entity].name;
}

/* --- the JSON line --- */

static void put_hash(struct assay_writer *writer, const uint64_t hash[2])
{
    char text[ASSAY_HASH_TEXT_BYTES];
    assay_hash128_print((struct assay_hash128){.low = hash[0], .high = hash[1]}, text);
    assay_write_json_text(writer, assay_str_of(text));
}

static void put_keys(struct assay_writer *writer, const struct assay_decision *decision,
                     const struct assay_policy *policy)
{
    assay_write_plain(writer, ",\"keys\":{");
    for (uint32_t i = 0; i < policy->role_count; i++) {
        assay_write_plain(writer, i == 0 ? "" : ",");
        assay_write_json_text(writer, assay_policy_role_entity(policy, i));
        assay_write_plain(writer, ":");
        assay_write_json_text(writer, assay_decision_role_key(decision, policy, i));
    }
    assay_write_plain(writer, "}");
}

static void put_reasons(struct assay_writer *writer, const struct assay_verdict_of_policy *verdict)
{
    ASSAY_ASSERT(verdict->reason_count <= ASSAY_POLICY_REASONS_MAX);
    assay_write_plain(writer, ",\"reasons\":[");
    for (uint32_t i = 0; i < verdict->reason_count; i++) {
        const struct assay_reason *reason = &verdict->reasons[i];
        assay_write_plain(writer, i == 0 ? "{\"code\":" : ",{\"code\":");
        assay_write_json_text(writer, reason->code);
        assay_write_plain(writer, ",\"feature\":");
        assay_write_json_text(writer, reason->feature);
        assay_write_plain(writer, ",\"value\":");
        assay_write_json_number(writer, reason->value);
        assay_write_plain(writer, ",\"points\":");
        assay_write_json_number(writer, reason->points);
        assay_write_plain(writer, "}");
    }
    assay_write_plain(writer, "]");
}

static void put_versions(struct assay_writer *writer, const struct assay_policies *policies,
                         const struct assay_policy *policy)
{
    assay_write_plain(writer, ",\"plan\":");
    put_hash(writer, policies->hash);
    assay_write_plain(writer, ",\"models\":{");
    if (policy->model != NULL) {
        uint64_t hash[2] = {0};
        assay_model_hash(policy->model, hash);
        assay_write_json_text(writer, policies->model_names[policy->model_index]);
        assay_write_plain(writer, ":");
        put_hash(writer, hash);
    }
    assay_write_plain(writer, "}");
}

size_t assay_decision_json(const struct assay_decision *decision,
                           const struct assay_policies *policies, size_t size, char out[])
{
    ASSAY_ASSERT(decision->policy < policies->count);
    const struct assay_policy *policy = policies->items[decision->policy];
    const struct assay_verdict_of_policy *verdict = &decision->verdict;
    struct assay_writer writer = {.out = out, .size = size};
    char id[ASSAY_DECISION_ID_BYTES_MAX];
    const size_t id_len = assay_decision_id(decision, policies, id);
    assay_write_plain(&writer, "{\"decision_id\":");
    assay_write_json_text(&writer, (struct assay_str){.ptr = id, .len = (uint32_t)id_len});
    assay_write_plain(&writer, ",\"policy\":");
    assay_write_json_text(&writer, policy->name);
    assay_write_plain(&writer, ",\"time\":");
    assay_write_json_integer(&writer, decision->time_ms);
    put_keys(&writer, decision, policy);
    assay_write_plain(&writer, ",\"outcome\":");
    assay_write_json_text(&writer, verdict->outcome);
    assay_write_plain(&writer, ",\"score\":");
    assay_write_json_number(&writer, verdict->score);
    assay_write_plain(&writer, ",\"probability\":");
    assay_write_json_number(&writer, verdict->probability);
    assay_write_plain(&writer, ",\"raw\":");
    assay_write_json_number(&writer, verdict->raw);
    put_reasons(&writer, verdict);
    put_versions(&writer, policies, policy);
    assay_write_plain(&writer, ",\"text\":\"none\",\"epoch\":");
    assay_write_json_unsigned(&writer, decision->epoch);
    assay_write_plain(&writer, "}");
    return writer.used;
}
