/*
 * What jemalloc reads before main(); compiled into the programs that link it, into no library.
 *
 * Message buffers are megabytes that librdkafka fills and we read once: taken as huge pages they
 * cost a 500th of the page faults (190 of 2,500 ns an event, measured by `scripts/bench kafka`).
 * An operator's MALLOC_CONF goes over this.
 */
extern const char *malloc_conf; /* jemalloc's name */
const char *malloc_conf = "thp:always";
