/* sink.h: the sinks: tables and streams into databases.
 *
 * A class a database; options and behaviour are in README.md. All of them share the reader, the
 * thread, retries and the dead letter topic; what differs is in store.h.
 */
#ifndef ARUS_SINK_SINK_H
#define ARUS_SINK_SINK_H

#include "connect/connector.h"

extern const connector_class_t sink_mongodb;
extern const connector_class_t sink_sqlite;

#endif
