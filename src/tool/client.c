#include "tool/client.h"

#include <errno.h>
#include <stdio.h>

/* What Java's clients have and librdkafka has not, or has by another name. */
static const struct {
    const char *java, *ours; /* ours NULL: has no effect here */
} names[] = {
    {"key.serializer", NULL},
    {"value.serializer", NULL},
    {"key.deserializer", NULL},
    {"value.deserializer", NULL},
    {"buffer.memory", NULL},
    {"max.block.ms", NULL},
    {"send.buffer.bytes", "socket.send.buffer.bytes"},
    {"receive.buffer.bytes", "socket.receive.buffer.bytes"},
    {"max.poll.records", NULL},
    {"delivery.timeout.ms", "delivery.timeout.ms"},
};

static ST set(rd_kafka_conf_t *conf, arena_t *a, str_t name, str_t value, err_t *err)
{
    char why[300];
    const char *n = arena_z(a, str_trim(name));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(n, names[i].java)) {
            if (!names[i].ours)
                return ST_OK;
            n = names[i].ours;
        }
    if (rd_kafka_conf_set(conf, n, arena_z(a, str_trim(value)), why, sizeof why) !=
        RD_KAFKA_CONF_OK)
        return err_set(err, ST_BAD_CONFIG, "%s", why);
    return ST_OK;
}

static ST set_pair(rd_kafka_conf_t *conf, arena_t *a, str_t pair, err_t *err)
{
    str_t rest = pair, name;
    if (!str_split(&rest, '=', &name) || name.len == pair.len)
        return err_set(err, ST_BAD_CONFIG, "'" STR_FMT "' is no NAME=VALUE", STR_ARG(pair));
    return set(conf, a, name, rest, err);
}

static ST read_file(rd_kafka_conf_t *conf, arena_t *a, str_t path, err_t *err)
{
    FILE *f = fopen(arena_z(a, path), "r");
    if (!f)
        return err_set(err, ST_BAD_CONFIG, STR_FMT ": %s", STR_ARG(path), strerror(errno));
    char line[4096];
    st_t st = ST_OK;
    while (st == ST_OK && fgets(line, sizeof line, f)) {
        str_t pair = str_trim(arena_str(a, str_of(line)));
        if (pair.len && pair.ptr[0] != '#' && pair.ptr[0] != '!')
            st = set_pair(conf, a, pair, err);
    }
    fclose(f);
    return st;
}

static ST fill(const flags_t *f, const char *file_flag, const char *property_flag,
               const char *const *own, rd_kafka_conf_t *conf, arena_t *a, err_t *err)
{
    str_t servers = flags_get(f, "bootstrap-server"), file = flags_get(f, file_flag);
    for (; *own; own += 2)
        TRY(set(conf, a, str_of(own[0]), str_of(own[1]), err));
    TRY(set(conf, a, STR("bootstrap.servers"), servers.ptr ? servers : STR("127.0.0.1:9092"), err));
    if (file.ptr)
        TRY(read_file(conf, a, file, err));
    for (size_t i = 0; flags_nth(f, property_flag, i).ptr; i++)
        TRY(set_pair(conf, a, flags_nth(f, property_flag, i), err));
    return ST_OK;
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
