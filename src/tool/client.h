/* client.h: a librdkafka client made from a tool's flags. */
#ifndef ARUS_TOOL_CLIENT_H
#define ARUS_TOOL_CLIENT_H

#include "tool/flags.h"

#include <librdkafka/rdkafka.h>

/* Takes --bootstrap-server, the properties files of --command-config and `file_flag` and the
 * name=value pairs of --command-property and `property_flag`, with librdkafka's names or Java's
 * (sasl.jaas.config, ssl.truststore.location …); and before all `own`, a NULL-terminated list of
 * names and values. */
ST client_new(const flags_t *f, rd_kafka_type_t type, const char *file_flag,
              const char *property_flag, const char *const *own, rd_kafka_conf_t *conf,
              rd_kafka_t **ret, err_t *err);

/* What --property or `flag` (reader-property, formatter-property) says of a name; \t and \n are
 * what they look like. */
str_t client_property(const flags_t *f, const char *flag, const char *name, str_t otherwise);
bool client_property_is(const flags_t *f, const char *flag, const char *name, bool otherwise);

#endif
