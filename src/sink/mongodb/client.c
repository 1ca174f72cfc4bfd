#include "sink/mongodb/client.h"

#define CONNECT_MS  5000
#define SOCKET_MS   60000 /* the slowest answer that is waited for */
#define WIRE_SETS   7     /* wire versions that have transactions: replica sets, */
#define WIRE_SHARDS 8     /* shard routers */

/* The driver's words, unless they hold what stands before the @. */
static const char *safe_words(str_t uri, const char *words)
{
    ptrdiff_t at = -1;
    for (size_t i = 0; i < uri.len; i++)
        if (uri.ptr[i] == '@')
            at = (ptrdiff_t)i;
    return at < 0 ? words : "it cannot be read (is what is special in the password %-encoded?)";
}

static ST read_uri(sink_client_t *c, str_t uri, err_t *err)
{
    if (!str_starts(uri, STR("mongodb://")) && !str_starts(uri, STR("mongodb+srv://")))
        return err_set(err, ST_BAD_CONFIG,
                       "'connection.uri' must be an address such as mongodb://127.0.0.1:27017");
    char *z = mem_z(uri);
    bson_error_t e;
    c->uri = c->mongoc.uri_new_with_error(z, &e);
    free(z);
    if (!c->uri)
        return err_set(err, ST_BAD_CONFIG, "'connection.uri' is no address of MongoDB: %s",
                       safe_words(uri, e.message));
    const char *const option[] = {MONGOC_URI_CONNECTTIMEOUTMS, MONGOC_URI_SOCKETTIMEOUTMS};
    const int32_t otherwise[] = {CONNECT_MS, SOCKET_MS};
    for (int i = 0; i < 2; i++)
        if (!c->mongoc.uri_has_option(c->uri, option[i]))
            c->mongoc.uri_set_option_as_int32(c->uri, option[i], otherwise[i]);
    if (c->mongoc.write_concern_is_default(c->mongoc.uri_get_write_concern(c->uri))) {
        mongoc_write_concern_t *safe = c->mongoc.write_concern_new();
        c->mongoc.write_concern_set_w(safe, MONGOC_WRITE_CONCERN_W_MAJORITY);
        c->mongoc.write_concern_set_journal(safe, true);
        c->mongoc.uri_set_write_concern(c->uri, safe);
        c->mongoc.write_concern_destroy(safe);
    }
    return ST_OK;
}

static ST read_api(sink_client_t *c, const connector_config_t *config, err_t *err)
{
    bool strict, deprecated;
    TRY(connector_get_bool(config, "server.api.strict", false, &strict, err));
    TRY(connector_get_bool(config, "server.api.deprecation.errors", false, &deprecated, err));
    str_t version = str_trim(connector_get(config, "server.api.version", STR("")));
    if (!version.len)
        return ST_OK;
    char *z = mem_z(version);
    mongoc_server_api_version_t v;
    bool known = c->mongoc.server_api_version_from_string(z, &v);
    free(z);
    if (!known)
        return err_set(err, ST_BAD_CONFIG, "server.api.version must be 1, not '" STR_FMT "'",
                       STR_ARG(version));
    c->api = c->mongoc.server_api_new(v);
    c->mongoc.server_api_strict(c->api, strict);
    c->mongoc.server_api_deprecation_errors(c->api, deprecated);
    return ST_OK;
}

st_t sink_client_init(sink_client_t *c, str_t uri, const connector_config_t *config, err_t *err)
{
    TRY(sink_driver_load(&c->mongoc, err));
    TRY(read_uri(c, uri, err));
    return read_api(c, config, err);
}

void sink_client_done(sink_client_t *c)
{
    sink_client_close(c);
    if (c->api)
        c->mongoc.server_api_destroy(c->api);
    if (c->uri)
        c->mongoc.uri_destroy(c->uri);
}

void sink_client_close(sink_client_t *c)
{
    if (c->session)
        c->mongoc.client_session_destroy(c->session);
    if (c->client)
        c->mongoc.client_destroy(c->client);
    c->session = NULL;
    c->client = NULL;
}

static bool has_transactions(const bson_t *hello)
{
    bson_iter_t i;
    int64_t wire = 0;
    if (bson_iter_init_find(&i, hello, "maxWireVersion"))
        wire = bson_iter_as_int64(&i);
    bool sessions = bson_iter_init_find(&i, hello, "logicalSessionTimeoutMinutes");
    bool set = bson_iter_init_find(&i, hello, "setName");
    bool shards = bson_iter_init_find(&i, hello, "msg") && BSON_ITER_HOLDS_UTF8(&i) &&
                  strcmp(bson_iter_utf8(&i, NULL), "isdbgrid") == 0;
    return sessions && ((set && wire >= WIRE_SETS) || (shards && wire >= WIRE_SHARDS));
}

static ST client_connect(sink_client_t *c, err_t *err)
{
    bson_error_t e;
    c->client = c->mongoc.client_new_from_uri_with_error(c->uri, &e);
    if (!c->client)
        return sink_mongodb_failed(NULL, &e, "cannot connect", err);
    c->mongoc.client_set_error_api(c->client, MONGOC_ERROR_API_VERSION_2);
    c->mongoc.client_set_appname(c->client, "arus");
    if (c->api && !c->mongoc.client_set_server_api(c->client, c->api, &e))
        return sink_mongodb_failed(NULL, &e, "cannot declare the API's version", err);
    bson_t hello = BSON_INITIALIZER, reply;
    BSON_APPEND_INT32(&hello, "hello", 1);
    bool ok = c->mongoc.client_command_simple(c->client, "admin", &hello, NULL, &reply, &e);
    st_t st = ok ? ST_OK : sink_mongodb_failed(&reply, &e, "cannot connect", err);
    c->transactions = ok && has_transactions(&reply);
    bson_destroy(&hello);
    bson_destroy(&reply);
    TRY(st);
    if (c->transactions) {
        c->session = c->mongoc.client_start_session(c->client, NULL, &e);
        c->transactions = c->session != NULL;
    }
    return ST_OK;
}

st_t sink_client_open(sink_client_t *c, err_t *err)
{
    if (c->client)
        return ST_OK;
    st_t st = client_connect(c, err);
    if (st != ST_OK)
        sink_client_close(c);
    return st;
}
