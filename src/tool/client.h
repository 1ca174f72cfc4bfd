/* client.h: a librdkafka client made from a tool's flags. */
#ifndef ARUS_TOOL_CLIENT_H
#define ARUS_TOOL_CLIENT_H

#include "tool/flags.h"

#include <librdkafka/rdkafka.h>

/* Takes --bootstrap-server, the properties file that `file_flag` names and the name=value pairs of
 * `property_flag`, Java's names included; then `own`, a NULL-terminated list of names and values
 * that only count where nothing else says so. */
ST client_new(const flags_t *f, rd_kafka_type_t type, const char *file_flag,
              const char *property_flag, const char *const *own, rd_kafka_conf_t *conf,
              rd_kafka_t **ret, err_t *err);

#endif
