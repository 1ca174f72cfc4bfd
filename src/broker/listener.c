/* listener.c: what each listener demands: TLS, SASL, its users. */
#include "broker/internal.h"

#include "base/trace.h"
#include "base/jaas.h"

static const char *const mechanism_names[BROKER_MECHANISMS] = {"PLAIN", "SCRAM-SHA-256",
                                                               "SCRAM-SHA-512"};

const char *broker_mechanism_name(broker_mechanism_t m)
{
    return mechanism_names[m];
}

str_t broker_listener_property(const broker_t *b, str_t listener, const char *name, str_t otherwise)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    str_t own =
        arena_printf(&a, "listener.name." STR_FMT ".%s", STR_ARG(arena_lower(&a, listener)), name);
    str_t v = broker_property(b, arena_z(&a, own), STR_NONE);
    arena_done(&a);
    return v.ptr ? v : broker_property(b, name, otherwise);
}

/* ---- protocols */

/* PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL: by the map, or the listener's own name. */
static ST read_protocol(const broker_t *b, broker_listener_t *l, bool *ret_tls, err_t *err)
{
    str_t map = broker_property(b, "listener.security.protocol.map", STR("")), one, name;
    str_t protocol = l->name;
    while (str_split(&map, ',', &one))
        if (str_split(&one, ':', &name) && str_eq_nocase(str_trim(name), l->name))
            protocol = str_trim(one);
    l->sasl = str_starts_nocase(protocol, STR("SASL_"));
    str_t rest = l->sasl ? str_sub(protocol, 5, protocol.len) : protocol;
    *ret_tls = str_eq_nocase(rest, STR("SSL"));
    if (*ret_tls || str_eq_nocase(rest, STR("PLAINTEXT")))
        return ST_OK;
    return err_set(err, ST_BAD_CONFIG,
                   "listener " STR_FMT " has no protocol: listener.security.protocol.map must "
                   "say PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
                   STR_ARG(l->name));
}

static ST open_tls(broker_t *b, broker_listener_t *l, err_t *err)
{
    static const char *const names[] = {
#define TLS(field, name) name,
#include "io/tls.def"
#undef TLS
    };
    io_tls_options_t o = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool known = io_tls_options_set(&o, str_of(names[i]),
                                        broker_listener_property(b, l->name, names[i], STR_NONE));
        ASSERT(known);
    }
    st_t st = io_tls_new(b->io, IO_TLS_SERVER, &o, &l->tls, err);
    return st == ST_OK ? ST_OK : err_wrap(err, st, "listener " STR_FMT, STR_ARG(l->name));
}

/* ---- SASL */

/* user_NAME="password" of a mechanism's JAAS line. */
static ST read_users(broker_t *b, broker_listener_t *l, broker_mechanism_t m, err_t *err)
{
    arena_t *a = &b->arena;
    str_t name = arena_printf(a, "%s.sasl.jaas.config", mechanism_names[m]);
    name = arena_lower(a, name);
    str_t line = broker_listener_property(b, l->name, arena_z(a, name), STR_NONE);
    jaas_t j;
    if (!line.ptr)
        return ST_OK;
    st_t st = jaas_parse(line, a, &j, err);
    if (st != ST_OK)
        return err_wrap(err, st, "listener.name." STR_FMT "." STR_FMT,
                        STR_ARG(arena_lower(a, l->name)), STR_ARG(name));
    for (size_t i = 0; i < j.options.len; i++) {
        jaas_option_t o = j.options.ptr[i];
        if (!str_starts(o.name, STR("user_")) || o.name.len == 5)
            continue;
        broker_user_t u = {.mechanism = m, .name = str_sub(o.name, 5, o.name.len)};
        if (m == BROKER_PLAIN) {
            u.password = o.value;
        } else {
            uint8_t salt[16];
            io_random(b->io, salt, sizeof salt);
            scram_derive((scram_hash_t)m, o.value, str_n(salt, sizeof salt), SCRAM_ITERATIONS_MIN,
                         &u.credential);
        }
        VEC_PUSH(&l->users, u);
    }
    jaas_done(&j);
    return ST_OK;
}

static ST read_sasl(broker_t *b, broker_listener_t *l, err_t *err)
{
    str_t list = broker_listener_property(b, l->name, "sasl.enabled.mechanisms", STR("")), one;
    bool any = false;
    while (str_split(&list, ',', &one)) {
        int m = 0;
        while (m < BROKER_MECHANISMS && !str_eq_nocase(str_trim(one), str_of(mechanism_names[m])))
            m++;
        if (m == BROKER_MECHANISMS)
            return err_set(err, ST_BAD_CONFIG,
                           "sasl.enabled.mechanisms has '" STR_FMT "': PLAIN, SCRAM-SHA-256 and "
                           "SCRAM-SHA-512 are served",
                           STR_ARG(str_trim(one)));
        l->mechanism[m] = any = true;
        TRY(read_users(b, l, (broker_mechanism_t)m, err));
    }
    if (!any)
        return err_set(err, ST_BAD_CONFIG,
                       "listener " STR_FMT " needs sasl.enabled.mechanisms: PLAIN, SCRAM-SHA-256 "
                       "or SCRAM-SHA-512",
                       STR_ARG(l->name));
    if (l->mechanism[BROKER_PLAIN] && !l->tls)
        trace_line(TRACE_WARN, "broker",
                   "passwords cross the network as they are by listener " STR_FMT
                   ": PLAIN without TLS",
                   STR_ARG(l->name));
    return ST_OK;
}

static ST read_number(const broker_t *b, str_t listener, const char *name, int64_t otherwise,
                      int64_t *ret, err_t *err)
{
    str_t v = broker_listener_property(b, listener, name, STR_NONE);
    *ret = otherwise;
    if (v.ptr && (!str_to_i64(str_trim(v), ret) || *ret < 0))
        return err_set(err, ST_BAD_CONFIG, "%s must be a number from 0, not '" STR_FMT "'", name,
                       STR_ARG(v));
    return ST_OK;
}

/* ---- listeners */

static ST read_listener(broker_t *b, broker_listener_t *l, err_t *err)
{
    bool tls;
    TRY(read_protocol(b, l, &tls, err));
    if (tls)
        TRY(open_tls(b, l, err));
    if (l->sasl)
        TRY(read_sasl(b, l, err));
    TRY(read_number(b, l->name, "connections.max.reauth.ms", 0, &l->reauth_ms, err));
    TRY(read_number(b, l->name, "sasl.server.max.receive.size", 65536, &l->sasl_bytes_max, err));
    return principal_rules_new(
        broker_listener_property(b, l->name, "ssl.principal.mapping.rules", STR("DEFAULT")),
        &l->rules, err);
}

ST broker_listener_find(broker_t *b, str_t name, broker_listener_t **ret, err_t *err)
{
    for (size_t i = 0; i < b->listeners.len; i++)
        if (str_eq_nocase(b->listeners.ptr[i]->name, name)) {
            *ret = b->listeners.ptr[i];
            return ST_OK;
        }
    broker_listener_t *l = ARENA_NEW(&b->arena, broker_listener_t);
    l->name = name;
    VEC_PUSH(&b->listeners, l);
    TRY(read_listener(b, l, err));
    *ret = l;
    return ST_OK;
}

void broker_listeners_free(broker_t *b)
{
    for (size_t i = 0; i < b->listeners.len; i++) {
        broker_listener_t *l = b->listeners.ptr[i];
        io_tls_free(l->tls);
        principal_rules_free(l->rules);
        VEC_DONE(&l->users);
    }
    VEC_DONE(&b->listeners);
}
