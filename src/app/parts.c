#include "app/parts.h"

#include "io/text.h"
#include "log/local/local.h"
#include "wire/message.h"

#include <stdio.h>

#define USERS_BYTES_MAX (1u << 20)

str_t parts_data_dir(const options_t *opt)
{
    return options_get(opt, "log.dirs", options_get(opt, "log.dir", STR("arus-data")));
}

st_t parts_open_log(const options_t *opt, io_t *io, log_t **ret, err_t *err)
{
    log_local_options_t lo;
    log_local_options_init(&lo);
    lo.dir = parts_data_dir(opt);
    str_t durability = options_get(opt, "acks.durability", STR("sync"));
    if (!log_durability_parse(durability, &lo.durability))
        return err_set(err, ST_BAD_CONFIG,
                       "acks.durability must be sync or memory, not '" STR_FMT "'",
                       STR_ARG(durability));
    TRY(options_i64(opt, "log.segment.bytes", lo.segment_bytes, 1 << 16, INT32_MAX,
                    &lo.segment_bytes, err));
    TRY(options_i64(opt, "log.retention.bytes", lo.retention_bytes, -1, INT64_MAX,
                    &lo.retention_bytes, err));
    int64_t hours;
    TRY(options_i64(opt, "log.retention.hours", lo.retention_ms / 3600000, -1, INT32_MAX, &hours,
                    err));
    lo.retention_ms = hours < 0 ? -1 : hours * 3600000;
    TRY(options_i64(opt, "log.retention.ms", lo.retention_ms, -1, INT64_MAX, &lo.retention_ms,
                    err));
    TRY(options_i64(opt, "log.retention.check.interval.ms", lo.retention_check_ms, 1, INT32_MAX,
                    &lo.retention_check_ms, err));
    TRY(options_i64(opt, "producer.id.expiration.ms", lo.producer_ms, 1, INT32_MAX,
                    &lo.producer_ms, err));
    int64_t tail;
    TRY(options_i64(opt, "arus.tail.bytes", (int64_t)lo.tail_bytes, 1 << 20, INT64_MAX, &tail,
                    err));
    lo.tail_bytes = (size_t)tail;
    return log_local_open(io, &lo, ret, err);
}

str_t parts_cluster_id(log_t *log, arena_t *a, str_t topic)
{
    log_topic_info_t info;
    if (log_topic_describe(log, topic, a, &info, NULL) != ST_OK)
        return STR("arus");
    return wire_id_text(a, info.id.byte);
}

/* ---- who may come by HTTP, and by TLS */

static ST open_auth(const options_t *opt, arena_t *a, http_auth_t **ret, err_t *err)
{
    str_t method = options_get(opt, "authentication.method", STR("NONE"));
    str_t file = options_get(opt, "authentication.users.file", STR(""));
    http_auth_options_t ao = {.roles = options_get(opt, "authentication.roles", STR("*")),
                              .realm = options_get(opt, "authentication.realm", STR("arus")),
                              .skip_paths = options_get(opt, "authentication.skip.paths", STR(""))};
    if (str_eq_nocase(method, STR("NONE")))
        return ST_OK;
    if (!str_eq_nocase(method, STR("BASIC")))
        return err_set(err, ST_BAD_CONFIG,
                       "authentication.method must be NONE or BASIC, not '" STR_FMT "'",
                       STR_ARG(method));
    if (!file.len)
        return err_set(err, ST_BAD_CONFIG,
                       "authentication.method=BASIC needs authentication.users.file: a file of "
                       "lines \"name: password,role\"");
    if (file.ptr[0] != '/')
        file = arena_printf(a, STR_FMT "/" STR_FMT, STR_ARG(opt->dir), STR_ARG(file));
    TRY(io_text_read(a, file, USERS_BYTES_MAX, &ao.users, err));
    st_t st = http_auth_new(&ao, ret, err);
    return st == ST_OK ? st : err_wrap(err, st, STR_FMT, STR_ARG(file));
}

static ST open_tls(const options_t *opt, io_t *io, io_tls_t **ret, err_t *err)
{
    static const char *const names[] = {
#define TLS(field, name) name,
#include "io/tls.def"
#undef TLS
    };
    io_tls_options_t o = {.alpn = http_alpn, .n_alpn = 2};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool known = io_tls_options_set(&o, str_of(names[i]), options_get(opt, names[i], STR("")));
        ASSERT(known);
    }
    if (!o.keystore_location.len && !o.keystore_key.len)
        return ST_OK;
    return io_tls_new(io, IO_TLS_SERVER, &o, ret, err);
}

st_t parts_open_web(const options_t *opt, io_t *io, parts_web_t *ret, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    st_t st =
        options_bool(opt, "schema.registry.anonymous.reads", false, &ret->anonymous_reads, err);
    if (st == ST_OK)
        st = open_auth(opt, &a, &ret->auth, err);
    if (st == ST_OK)
        st = open_tls(opt, io, &ret->tls, err);
    arena_done(&a);
    return st;
}

void parts_close_web(parts_web_t *web)
{
    http_auth_free(web->auth);
    io_tls_free(web->tls);
}

/* ---- servers */

st_t parts_open_api(api_options_t ao, str_t listeners, const parts_web_t *web, api_t **ret,
                    err_t *err)
{
    VEC(str_t) listener = {0};
    str_t one;
    st_t st = ST_OK;
    while (str_split(&listeners, ',', &one))
        if (str_trim(one).len)
            VEC_PUSH(&listener, str_trim(one));
    if (listener.len) {
        ao.listener = listener.ptr;
        ao.n_listeners = listener.len;
        ao.tls = web->tls;
        ao.auth = web->auth;
        ao.anonymous_reads = web->anonymous_reads;
        st = api_start(&ao, ret, err);
    }
    for (size_t i = 0; st == ST_OK && i < listener.len; i++)
        printf("ready registry " STR_FMT "\n", STR_ARG(api_listener(*ret, i)));
    fflush(stdout);
    VEC_DONE(&listener);
    return st;
}

bool parts_is_for_kafka(str_t listener)
{
    str_t s = str_trim(listener);
    return str_find(s, STR("://")) > 0 && !str_starts_nocase(s, STR("http"));
}

st_t parts_open_broker(const options_t *opt, io_t *io, log_t *log, broker_t **ret, err_t *err)
{
    VEC(broker_property_t) p = {0};
    for (size_t i = opt->list.len; i > 0; i--) /* the last one given counts, there the first */
        VEC_PUSH(&p, (broker_property_t){opt->list.ptr[i - 1].name, opt->list.ptr[i - 1].value});
    broker_options_t bo = {.io = io, .log = log, .property = p.ptr, .n_properties = p.len};
    st_t st = broker_start(&bo, ret, err);
    VEC_DONE(&p);
    for (size_t i = 0; st == ST_OK && i < broker_listeners(*ret); i++)
        printf("ready broker " STR_FMT "\n", STR_ARG(broker_listener(*ret, i)));
    fflush(stdout);
    return st;
}
