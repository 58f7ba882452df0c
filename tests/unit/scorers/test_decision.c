#include "tests/unit/scorers/policy_kit.h"

/* What sinks carry, to the byte. */

static const char card[] =
    "{\"kind\":\"scorecard\",\"event\":\"bad\",\"points_for\":\"non-event\",\"points\":600,"
    "\"odds\":50,\"pdo\":20,\"base\":500,\"base_split\":\"apart\",\"features\":["
    "{\"name\":\"user.count\",\"missing\":1,\"bins\":[{\"to\":3,\"points\":10},"
    "{\"from\":3,\"points\":40}]}]}";
static const char catalogue[] = "feature,family,code,en,zh\nuser.count,history,R01,Few,少\n"
                                ",network,R07,Shared,共用\n";

struct made {
    struct kit kit;
    struct assay_event event;
    struct assay_value values[KIT_VALUES_MAX];
    struct assay_decision decision;
};

static void make(struct made *made, const char *policy_name)
{
    struct kit *kit = &made->kit;
    kit_open(kit);
    kit_model(kit, "card", ASSAY_MODEL_SCORECARD, card);
    struct assay_policy_source *source = kit_policy(kit, policy_name);
    source->model = assay_str_of("card");
    source->catalogue = assay_str_of(catalogue);
    source->catalogue_path = "reasons.csv";
    const struct kit_rule rule = {"shop.users > 5", "review", "R07"};
    kit_rules(kit, source, &rule, 1);
    struct assay_policy_source *plain = kit_policy(kit, "plain");
    plain->otherwise = assay_str_of("nichts \"ü\"");
    (void)kit_compile(kit);
    made->event = kit_pay();
    kit_nulls(kit, kit->policies->items[0], made->values);
    kit_set(kit, kit->policies->items[0], made->values, PAY_USER, "user.count", kit_number(2));
    kit_set(kit, kit->policies->items[0], made->values, PAY_SHOP, "shop.users", kit_number(9));
    made->decision = (struct assay_decision){
        .origin = {.source = assay_str_of("kafka"),
                   .topic = assay_str_of("assay.events"),
                   .partition = 3,
                   .offset = 1842},
        .time_ms = 1767606000000,
        .epoch = 911,
        .event = &made->event,
        .values = made->values,
    };
}

static void decide(struct made *made, uint32_t policy)
{
    made->decision.policy = policy;
    assay_policy_evaluate(made->kit.policies->items[policy], &made->event, made->values,
                          made->kit.arena, &made->decision.verdict);
}

/* The line with the two hashes as they are written. */
static void assert_line(const struct made *made, const char *before, const char *after)
{
    char line[4096];
    char expected[4096];
    const size_t bytes =
        assay_decision_json(&made->decision, made->kit.policies, sizeof line - 1, line);
    assert_true(bytes < sizeof line);
    line[bytes] = '\0';
    const uint64_t *hash = made->kit.policies->hash;
    (void)snprintf(expected, sizeof expected, "%s\"plan\":\"%016llx%016llx\"%s", before,
                   (unsigned long long)hash[1], (unsigned long long)hash[0], after);
    assert_string_equal(line, expected);
}

static void the_line_has_the_fields_of_the_design_in_their_order(void **state)
{
    (void)state;
    struct made made;
    make(&made, "credit");
    decide(&made, 0);
    uint64_t hash[2];
    char after[256];
    assay_model_hash(made.kit.policies->models[0], hash);
    (void)snprintf(after, sizeof after,
                   ",\"models\":{\"card\":\"%016llx%016llx\"},\"text\":\"none\",\"epoch\":911}",
                   (unsigned long long)hash[1], (unsigned long long)hash[0]);
    assert_line(&made,
                "{\"decision_id\":\"kafka:assay.events:3:1842:credit\",\"policy\":\"credit\","
                "\"time\":1767606000000,\"keys\":{\"user\":\"u7\",\"shop\":\"s1\"},"
                "\"outcome\":\"review\",\"score\":510,\"probability\":0.3115547534700584,"
                "\"raw\":510,\"reasons\":["
                "{\"code\":\"R07\",\"feature\":\"shop.users\",\"value\":9,\"points\":null},"
                "{\"code\":\"R01\",\"feature\":\"user.count\",\"value\":2,\"points\":-30}],",
                after);
    kit_close(&made.kit);
}

static void what_is_absent_is_null_and_text_is_quoted(void **state)
{
    (void)state;
    struct made made;
    make(&made, "credit");
    made.event.present &= ~(UINT64_C(1) << PAY_SHOP);
    made.event.fields[PAY_USER].text =
        assay_str_of("a\"b\\\n\t\x01\x7F\xC3\xA9\xFF\xF0\x9F\x98\x80");
    made.decision.time_ms = -1;
    made.decision.epoch = UINT64_MAX;
    decide(&made, 1);
    assert_line(&made,
                "{\"decision_id\":\"kafka:assay.events:3:1842:plain\",\"policy\":\"plain\","
                "\"time\":-1,\"keys\":{\"user\":\"a\\\"b\\\\\\n\\t\\u0001\\u007f\xC3\xA9\\ufffd"
                "\xF0\x9F\x98\x80\",\"shop\":null},\"outcome\":\"nichts \\\"\xC3\xBC\\\"\","
                "\"score\":null,\"probability\":null,\"raw\":null,\"reasons\":[],",
                ",\"models\":{},\"text\":\"none\",\"epoch\":18446744073709551615}");
    kit_close(&made.kit);
}

static void numbers_are_shortest_and_never_nan_or_infinite(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},       {1.0 / 3, "0.3333333333333333"},
                 {NAN, "null"},      {-HUGE_VAL, "null"},
                 {HUGE_VAL, "null"}, {1e21, "1e+21"},
                 {-2.5, "-2.5"},     {9007199254740991, "9007199254740991"}};
    struct made made;
    make(&made, "credit");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[4096];
        char expected[64];
        decide(&made, 0);
        made.decision.verdict.raw = cases[i].value;
        const size_t bytes =
            assay_decision_json(&made.decision, made.kit.policies, sizeof line - 1, line);
        line[bytes] = '\0';
        (void)snprintf(expected, sizeof expected, "\"raw\":%s,", cases[i].text);
        if (strstr(line, expected) == NULL) {
            print_error("%s is not in %s\n", expected, line);
        }
        assert_non_null(strstr(line, expected));
    }
    kit_close(&made.kit);
}

static void too_little_room_gives_the_size_and_writes_nothing_past_it(void **state)
{
    (void)state;
    struct made made;
    make(&made, "credit");
    decide(&made, 0);
    const size_t bytes = assay_decision_json(&made.decision, made.kit.policies, 0, NULL);
    char *whole = malloc(bytes);
    assert_non_null(whole);
    assert_int_equal(assay_decision_json(&made.decision, made.kit.policies, bytes, whole), bytes);
    for (size_t size = 0; size < bytes; size += 7) {
        char *out = malloc(size + 1); /* an overrun is seen at the byte under AddressSanitizer */
        assert_non_null(out);
        out[size] = 'x';
        assert_int_equal(assay_decision_json(&made.decision, made.kit.policies, size, out), bytes);
        assert_int_equal(out[size], 'x');
        free(out);
    }
    free(whole);
    kit_close(&made.kit);
}

static void id_of(struct made *made, struct assay_str topic, char id[ASSAY_DECISION_ID_BYTES_MAX])
{
    made->decision.origin.topic = topic;
    const size_t bytes = assay_decision_id(&made->decision, made->kit.policies, id);
    assert_int_equal(bytes, strlen(id));
    assert_true(strlen(id) < ASSAY_DECISION_ID_BYTES_MAX);
}

static void the_longest_parts_fit_and_long_topics_stay_apart(void **state)
{
    (void)state;
    static char name[ASSAY_POLICY_NAME_BYTES_MAX + 1];
    static char topic[5000];
    struct made made;
    char ids[3][ASSAY_DECISION_ID_BYTES_MAX];
    memset(name, 'p', ASSAY_POLICY_NAME_BYTES_MAX);
    memset(topic, 't', sizeof topic);
    make(&made, name);
    decide(&made, 0);
    made.decision.origin.source = assay_str_of("0123456789abcdef0123456789abcdef");
    made.decision.origin.partition = UINT32_MAX;
    made.decision.origin.offset = UINT64_MAX;
    id_of(&made, (struct assay_str){topic, 256}, ids[0]);
    assert_non_null(strstr(ids[0], "t:4294967295:18446744073709551615:ppp"));
    assert_null(strchr(ids[0], '~'));
    id_of(&made, (struct assay_str){topic, 257}, ids[1]);
    id_of(&made, (struct assay_str){topic, 5000}, ids[2]);
    assert_non_null(strstr(ids[1], "tt~"));
    assert_string_not_equal(ids[0], ids[1]);
    assert_string_not_equal(ids[1], ids[2]);
    topic[4999] = 'u';
    id_of(&made, (struct assay_str){topic, 5000}, ids[0]);
    assert_string_not_equal(ids[0], ids[2]);
    kit_close(&made.kit);
}

static void a_cut_topic_is_still_utf8(void **state)
{
    (void)state;
    static char topic[400];
    struct made made;
    char id[ASSAY_DECISION_ID_BYTES_MAX];
    make(&made, "credit");
    decide(&made, 0);
    for (size_t shift = 0; shift < 3; shift++) {
        memset(topic, 'a', sizeof topic);
        for (size_t i = shift; i + 3 <= sizeof topic; i += 3) {
            memcpy(topic + i, "\xE4\xB8\xAD", 3);
        }
        id_of(&made, (struct assay_str){topic, sizeof topic}, id);
        const char *end = strchr(id, '~');
        assert_non_null(end);
        assert_memory_equal(end - 3, "\xE4\xB8\xAD", 3);
        assert_in_range(end - strchr(id, ':') - 1, 254, 256);
    }
    memset(topic, '\x80', sizeof topic); /* no UTF-8 at all: cut, but not to nothing */
    id_of(&made, (struct assay_str){topic, sizeof topic}, id);
    assert_in_range(strchr(id, '~') - strchr(id, ':') - 1, 250, 256);
    kit_close(&made.kit);
}

static void the_key_is_the_first_entitys_or_null(void **state)
{
    (void)state;
    struct made made;
    make(&made, "credit");
    decide(&made, 0);
    struct assay_str key = assay_decision_key(&made.decision, made.kit.policies);
    assert_true(assay_str_equal(key, assay_str_of("u7")));
    made.event.present = 0;
    assert_null(assay_decision_key(&made.decision, made.kit.policies).ptr);
    kit_close(&made.kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_has_the_fields_of_the_design_in_their_order),
        cmocka_unit_test(what_is_absent_is_null_and_text_is_quoted),
        cmocka_unit_test(numbers_are_shortest_and_never_nan_or_infinite),
        cmocka_unit_test(too_little_room_gives_the_size_and_writes_nothing_past_it),
        cmocka_unit_test(the_longest_parts_fit_and_long_topics_stay_apart),
        cmocka_unit_test(a_cut_topic_is_still_utf8),
        cmocka_unit_test(the_key_is_the_first_entitys_or_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
