/* offsets_topic.c: the topic `__consumer_offsets`. */
#include "broker/offsets_topic.h"

#include "base/trace.h"

static const str_t topic_name = {"__consumer_offsets", 18};

log_topic_t *offsets_topic_open(broker_t *b, bool *ret_made)
{
    log_topic_t *t;
    err_t err;
    const log_config_t config[] = {{STR("cleanup.policy"), STR("compact")},
                                   {STR("compression.type"), STR("producer")},
                                   {STR("segment.bytes"), STR("104857600")}};
    log_topic_spec_t spec = {.name = topic_name,
                             .partitions = (int32_t)b->config.offsets_partitions,
                             .replicas = (int32_t)b->config.replicas,
                             .config = config,
                             .n_configs = sizeof config / sizeof *config};
    *ret_made = false;
    if (log_topic_open(b->log, topic_name, &t, NULL) == ST_OK)
        return t;
    st_t st = log_topic_create(b->log, &spec, &err);
    *ret_made = st == ST_OK;
    if (st == ST_OK || st == ST_EXISTS)
        st = log_topic_open(b->log, topic_name, &t, &err);
    if (st == ST_OK)
        return t;
    trace_line(TRACE_WARN, "broker", "there is no __consumer_offsets: %s", err.msg);
    return NULL;
}

int32_t offsets_topic_partition(str_t group, int32_t partitions)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < group.len;) {
        uint8_t c = (uint8_t)group.ptr[i++];
        uint32_t point = c < 0x80 ? c : c < 0xe0 ? c & 0x1fu : c < 0xf0 ? c & 0x0fu : c & 0x07u;
        for (; c >= 0xc0 && i < group.len && ((uint8_t)group.ptr[i] & 0xc0) == 0x80; i++)
            point = point << 6 | ((uint8_t)group.ptr[i] & 0x3fu);
        if (point >= 0x10000) { /* two units of UTF-16 */
            hash = hash * 31 + (0xd800 + ((point - 0x10000) >> 10));
            point = 0xdc00 + (point & 0x3ff);
        }
        hash = hash * 31 + point;
    }
    /* Java's absolute value, but for the one number that has none */
    hash = hash == 0x80000000u ? 0 : hash > 0x80000000u ? 0u - hash : hash;
    return (int32_t)(hash % (uint32_t)partitions);
}
