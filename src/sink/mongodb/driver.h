/* driver.h: libmongoc, loaded when the first sink needs it (io/library.h). Its functions without
 * their prefix. libbson is small, and linked.
 */
#ifndef ARUS_SINK_MONGODB_DRIVER_H
#define ARUS_SINK_MONGODB_DRIVER_H

#include "io/library.h"

#include <mongoc/mongoc.h>

#define SINK_DRIVER_FUNCTIONS(F)                                                                   \
    F(bulk_operation_destroy)                                                                      \
    F(bulk_operation_execute)                                                                      \
    F(bulk_operation_remove_one_with_opts)                                                         \
    F(bulk_operation_replace_one_with_opts)                                                        \
    F(client_command_simple)                                                                       \
    F(client_destroy)                                                                              \
    F(client_get_collection)                                                                       \
    F(client_new_from_uri_with_error)                                                              \
    F(client_session_abort_transaction)                                                            \
    F(client_session_append)                                                                       \
    F(client_session_commit_transaction)                                                           \
    F(client_session_destroy)                                                                      \
    F(client_session_in_transaction)                                                               \
    F(client_session_start_transaction)                                                            \
    F(client_set_appname)                                                                          \
    F(client_set_error_api)                                                                        \
    F(client_set_server_api)                                                                       \
    F(client_start_session)                                                                        \
    F(client_write_command_with_opts)                                                              \
    F(collection_create_bulk_operation_with_opts)                                                  \
    F(collection_destroy)                                                                          \
    F(collection_find_with_opts)                                                                   \
    F(collection_update_one)                                                                       \
    F(cursor_destroy)                                                                              \
    F(cursor_error_document)                                                                       \
    F(cursor_next)                                                                                 \
    F(init)                                                                                        \
    F(log_set_handler)                                                                             \
    F(server_api_deprecation_errors)                                                               \
    F(server_api_destroy)                                                                          \
    F(server_api_new)                                                                              \
    F(server_api_strict)                                                                           \
    F(server_api_version_from_string)                                                              \
    F(uri_destroy)                                                                                 \
    F(uri_get_write_concern)                                                                       \
    F(uri_has_option)                                                                              \
    F(uri_new_with_error)                                                                          \
    F(uri_set_option_as_int32)                                                                     \
    F(uri_set_write_concern)                                                                       \
    F(write_concern_destroy)                                                                       \
    F(write_concern_is_default)                                                                    \
    F(write_concern_new)                                                                           \
    F(write_concern_set_journal)                                                                   \
    F(write_concern_set_w)

#define SINK_DRIVER_FIELD(name) __typeof__(mongoc_##name) *name;
typedef struct sink_driver {
    SINK_DRIVER_FUNCTIONS(SINK_DRIVER_FIELD)
} sink_driver_t;

/* Ready for use. ST_UNSUPPORTED: it is not installed. */
ST sink_driver_load(sink_driver_t *ret, err_t *err);

#endif
