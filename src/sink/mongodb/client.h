/* client.h: the connection: address, options, transactions or not. Belongs to the sink's thread.
 *
 * A failed connection is thrown away whole and made anew at the next try: the driver's own client
 * would wait five seconds before it looks again.
 */
#ifndef ARUS_SINK_MONGODB_CLIENT_H
#define ARUS_SINK_MONGODB_CLIENT_H

#include "connect/connector.h"
#include "sink/mongodb/driver.h"
#include "sink/mongodb/error.h"

typedef struct sink_client {
    sink_driver_t mongoc;
    mongoc_uri_t *uri;
    mongoc_server_api_t *api; /* NULL: none declared */
    mongoc_client_t *client;  /* NULL: not connected */
    mongoc_client_session_t *session;
    bool transactions; /* the server has them */
} sink_client_t;

/* Loads the driver, reads connection.uri and server.api.*. ST_BAD_CONFIG, without the address in
 * its text; ST_UNSUPPORTED: no driver. sink_client_done after a failure, too. */
ST sink_client_init(sink_client_t *c, str_t uri, const connector_config_t *config, err_t *err);
void sink_client_done(sink_client_t *c);
/* Connects unless it is connected. */
ST sink_client_open(sink_client_t *c, err_t *err);
void sink_client_close(sink_client_t *c);

#endif
