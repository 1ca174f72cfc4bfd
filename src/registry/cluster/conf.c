/* conf.c: properties to options and to librdkafka's. */
#include "registry/cluster/internal.h"

#include "base/jaas.h"

#define PREFIX STR("kafkastore.")

/* The first of this name; STR_NONE. */
static str_t get(const cluster_property_t *p, size_t n, str_t name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(p[i].name, name))
            return p[i].value;
    return STR_NONE;
}

bool cluster_wanted(const cluster_property_t *property, size_t n)
{
    return get(property, n, STR("kafkastore.bootstrap.servers")).len > 0;
}

static ST get_number(const cluster_t *c, str_t name, int64_t min, int64_t max, int64_t *ret,
                     err_t *err)
{
    str_t v = get(c->property, c->n_properties, name);
    if (v.ptr && (!str_to_i64(v, ret) || *ret < min || *ret > max))
        return err_set(err, ST_BAD_CONFIG,
                       STR_FMT " must be a number from %lld to %lld, not '" STR_FMT "'",
                       STR_ARG(name), (long long)min, (long long)max, STR_ARG(v));
    return ST_OK;
}

st_t cluster_read_options(cluster_t *c, err_t *err)
{
    str_t topic = get(c->property, c->n_properties, STR("kafkastore.topic"));
    str_t group = get(c->property, c->n_properties, STR("schema.registry.group.id"));
    str_t eligible = get(c->property, c->n_properties, STR("leader.eligibility"));
    c->topic = topic.len ? arena_z(&c->life, topic) : REGISTRY_TOPIC;
    c->group = group.len ? arena_z(&c->life, group) : "schema-registry";
    c->eligible = !str_eq_nocase(eligible, STR("false"));
    c->replicas = 3;
    c->timeout_ms = 5000;
    c->init_timeout_ms = 60000;
    TRY(get_number(c, STR("kafkastore.topic.replication.factor"), 1, 32767, &c->replicas, err));
    TRY(get_number(c, STR("kafkastore.timeout.ms"), 100, 3600000, &c->timeout_ms, err));
    return get_number(c, STR("kafkastore.init.timeout.ms"), 100, 3600000, &c->init_timeout_ms, err);
}

/* Java's names for what librdkafka calls otherwise. Stores are PEM files. */
static const struct {
    const char *java, *ours;
} names[] = {
    {"ssl.truststore.location", "ssl.ca.location"},
    {"ssl.keystore.location", "ssl.certificate.location"},
    {"ssl.keystore.key", "ssl.key.pem"},
    {"ssl.keystore.certificate.chain", "ssl.certificate.pem"},
    {"ssl.truststore.certificates", "ssl.ca.pem"},
};

static ST set(rd_kafka_conf_t *conf, arena_t *a, str_t name, str_t value, err_t *err)
{
    char why[300];
    const char *n = arena_z(a, name);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(name, str_of(names[i].java)))
            n = names[i].ours;
    if (rd_kafka_conf_set(conf, n, arena_z(a, value), why, sizeof why) != RD_KAFKA_CONF_OK)
        return err_set(err, ST_BAD_CONFIG, "kafkastore." STR_FMT ": %s", STR_ARG(name), why);
    if (str_eq(name, STR("ssl.keystore.location"))) /* the key is in the same file */
        return set(conf, a, STR("ssl.key.location"), value, err);
    return ST_OK;
}

static ST set_login(rd_kafka_conf_t *conf, arena_t *a, str_t text, err_t *err)
{
    jaas_t j = {0};
    st_t st = jaas_parse(text, a, &j, err);
    for (size_t i = 0; st == ST_OK && i < j.options.len; i++) {
        const jaas_option_t *o = &j.options.ptr[i];
        if (str_eq(o->name, STR("username")))
            st = set(conf, a, STR("sasl.username"), o->value, err);
        else if (str_eq(o->name, STR("password")))
            st = set(conf, a, STR("sasl.password"), o->value, err);
    }
    jaas_done(&j);
    return st;
}

static bool is_ours(str_t name)
{
    static const char *const own[] = {"topic", "topic.replication.factor", "timeout.ms",
                                      "init.timeout.ms", "ssl.truststore.type",
                                      "ssl.keystore.type"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (str_eq(name, str_of(own[i])))
            return true;
    return false;
}

static ST fill(const cluster_t *c, rd_kafka_conf_t *conf, arena_t *a, err_t *err)
{
    for (size_t i = c->n_properties; i > 0; i--) { /* the first of a name is set last */
        const cluster_property_t *p = &c->property[i - 1];
        if (!str_starts(p->name, PREFIX))
            continue;
        str_t name = str_sub(p->name, PREFIX.len, p->name.len);
        if (str_eq(name, STR("sasl.jaas.config")))
            TRY(set_login(conf, a, p->value, err));
        else if (!is_ours(name))
            TRY(set(conf, a, name, p->value, err));
    }
    return ST_OK;
}

void cluster_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[300];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        die("librdkafka: %s", why);
}

/* Its words go to the trace: warnings and errors only, as they come again and again. */
static void on_log(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
    (void)rk;
    trace_line(level <= 3 ? TRACE_WARN : TRACE_DEBUG, "registry", "%s: %s", fac, text);
}

st_t cluster_client(const cluster_t *c, rd_kafka_type_t type, rd_kafka_conf_t *conf,
                    rd_kafka_t **ret, err_t *err)
{
    char why[300];
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    rd_kafka_conf_set_log_cb(conf, on_log);
    st_t st = fill(c, conf, &a, err);
    arena_done(&a);
    *ret = st == ST_OK ? rd_kafka_new(type, conf, why, sizeof why) : NULL;
    if (*ret)
        return ST_OK;
    rd_kafka_conf_destroy(conf);
    if (st == ST_OK)
        err_set_at(err, st = ST_BAD_CONFIG, __FILE__, __LINE__, "kafkastore: %s", why);
    return st;
}
