/* The Kafka output of a build without Kafka: it says so. */
#include "engine/emit/output.h"

enum assay_status assay_output_kafka_open(struct assay_output **out, struct assay_str brokers,
                                          struct assay_str topic,
                                          const struct assay_output_property properties[],
                                          size_t property_count, const _Atomic bool *stop,
                                          struct assay_err *err)
{
    (void)brokers;
    (void)topic;
    (void)properties;
    (void)property_count;
    (void)stop;
    *out = NULL;
    (void)assay_err_set(err, ASSAY_E_UNSUPPORTED, "kafka sink", "this build has no Kafka");
    assay_err_remedy(err, "build with -DASSAY_WITH_KAFKA=ON, or write to files");
    return ASSAY_E_UNSUPPORTED;
}
