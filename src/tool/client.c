#include "tool/client.h"

#include "base/jaas.h"

/* What Java's clients have and librdkafka has not, or has by another name. */
static const struct {
    const char *java, *ours; /* ours NULL: has no effect here */
} names[] = {
    {"buffer.memory", NULL},
    {"key.deserializer", NULL},
    {"key.serializer", NULL},
    {"max.block.ms", NULL},
    {"max.poll.records", NULL},
    {"receive.buffer.bytes", "socket.receive.buffer.bytes"},
    {"sasl.client.callback.handler.class", NULL},
    {"send.buffer.bytes", "socket.send.buffer.bytes"},
    {"ssl.keystore.certificate.chain", "ssl.certificate.pem"},
    {"ssl.keystore.key", "ssl.key.pem"},
    {"ssl.keystore.type", NULL},
    {"ssl.truststore.certificates", "ssl.ca.pem"},
    {"ssl.truststore.location", "ssl.ca.location"},
    {"ssl.truststore.password", NULL},
    {"ssl.truststore.type", NULL},
    {"value.deserializer", NULL},
    {"value.serializer", NULL},
};

static ST set_own(rd_kafka_conf_t *conf, arena_t *a, const char *name, str_t value, err_t *err)
{
    char why[300];
    if (rd_kafka_conf_set(conf, name, arena_z(a, value), why, sizeof why) != RD_KAFKA_CONF_OK)
        return err_set(err, ST_BAD_CONFIG, "%s", why);
    return ST_OK;
}

/* username and password of the line, which also says the mechanism where nothing else does. */
static ST set_login(rd_kafka_conf_t *conf, arena_t *a, str_t line, err_t *err)
{
    jaas_t j;
    TRY(jaas_parse(line, a, &j, err));
    st_t st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < j.options.len; i++) {
        jaas_option_t o = j.options.ptr[i];
        if (str_eq(o.name, STR("username")))
            st = set_own(conf, a, "sasl.username", o.value, err);
        else if (str_eq(o.name, STR("password")))
            st = set_own(conf, a, "sasl.password", o.value, err);
    }
    jaas_done(&j);
    return st;
}

/* A file of PEM has the certificates and the key; else it is PKCS #12. */
static ST set_keystore(rd_kafka_conf_t *conf, arena_t *a, str_t path, err_t *err)
{
    bool packed = str_ends(path, STR(".p12")) || str_ends(path, STR(".pfx"));
    if (packed)
        return set_own(conf, a, "ssl.keystore.location", path, err);
    TRY(set_own(conf, a, "ssl.certificate.location", path, err));
    return set_own(conf, a, "ssl.key.location", path, err);
}

static st_t set(void *arg, arena_t *a, str_t name, str_t value, err_t *err)
{
    rd_kafka_conf_t *conf = arg;
    if (str_eq(name, STR("sasl.jaas.config")))
        return set_login(conf, a, value, err);
    if (str_eq(name, STR("ssl.keystore.location")))
        return set_keystore(conf, a, value, err);
    if (str_eq(name, STR("ssl.endpoint.identification.algorithm")) && !value.len)
        value = STR("none");
    if (str_ends(name, STR("store.type")) && str_eq_nocase(value, STR("JKS")))
        return err_set(err, ST_BAD_CONFIG, STR_FMT ": JKS cannot be read, only PEM and PKCS12",
                       STR_ARG(name));
    const char *n = arena_z(a, name);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(n, names[i].java)) {
            if (!names[i].ours)
                return ST_OK;
            n = names[i].ours;
            break;
        }
    return set_own(conf, a, n, value, err);
}

static ST set_pair(rd_kafka_conf_t *conf, arena_t *a, str_t pair, err_t *err)
{
    str_t rest = pair, name;
    if (!str_split(&rest, '=', &name) || name.len == pair.len)
        return err_set(err, ST_BAD_CONFIG, "'" STR_FMT "' is no NAME=VALUE", STR_ARG(pair));
    return set(conf, a, str_trim(name), str_trim(rest), err);
}

static ST fill(const flags_t *f, const char *file_flag, const char *property_flag,
               const char *const *own, rd_kafka_conf_t *conf, arena_t *a, err_t *err)
{
    const char *const files[] = {"command-config", file_flag};
    const char *const properties[] = {"command-property", property_flag};
    str_t servers = flags_get(f, "bootstrap-server");
    if (!servers.ptr)
        servers = flags_get(f, "broker-list");
    for (; *own; own += 2)
        TRY(set(conf, a, str_of(own[0]), str_of(own[1]), err));
    TRY(set(conf, a, STR("bootstrap.servers"), servers.ptr ? servers : STR("127.0.0.1:9092"), err));
    for (size_t k = 0; k < 2; k++)
        if (flags_has(f, files[k]))
            TRY(flags_properties(flags_get(f, files[k]), a, set, conf, err));
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; flags_nth(f, properties[k], i).ptr; i++)
            TRY(set_pair(conf, a, flags_nth(f, properties[k], i), err));
    return ST_OK;
}

str_t client_property(const flags_t *f, const char *flag, const char *name, str_t otherwise)
{
    const char *const flags[] = {"property", flag};
    str_t found = otherwise;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; flags_nth(f, flags[k], i).ptr; i++) {
            str_t rest = flags_nth(f, flags[k], i), n;
            if (str_split(&rest, '=', &n) && str_eq(n, str_of(name)))
                found = str_eq(rest, STR("\\t"))   ? STR("\t")
                        : str_eq(rest, STR("\\n")) ? STR("\n")
                                                   : rest;
        }
    return found;
}

bool client_property_is(const flags_t *f, const char *flag, const char *name, bool otherwise)
{
    str_t text = client_property(f, flag, name, STR_NONE);
    bool b = otherwise;
    return text.ptr && str_to_bool(text, &b) ? b : otherwise;
}

st_t client_new(const flags_t *f, rd_kafka_type_t type, const char *file_flag,
                const char *property_flag, const char *const *own, rd_kafka_conf_t *conf,
                rd_kafka_t **ret, err_t *err)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    st_t st = fill(f, file_flag, property_flag, own, conf, &a, err);
    arena_done(&a);
    if (st != ST_OK) {
        rd_kafka_conf_destroy(conf);
        return st;
    }
    char why[300];
    *ret = rd_kafka_new(type, conf, why, sizeof why);
    if (*ret)
        return ST_OK;
    rd_kafka_conf_destroy(conf);
    return err_set(err, ST_BAD_CONFIG, "%s", why);
}
