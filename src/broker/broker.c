/* broker.c: properties, start and stop. */
#include "broker/broker.h"

#include "broker/internal.h"

/* ---- properties */

typedef struct option_row {
    const char *name;
    bool is_bool;
    size_t offset;
    int64_t otherwise, min, max;
} option_row_t;

static const option_row_t rows[] = {
#define INT(field, name, otherwise, min, max)                                                      \
    {name, false, offsetof(broker_config_t, field), otherwise, min, max},
#define BOOL(field, name, otherwise)                                                               \
    {name, true, offsetof(broker_config_t, field), otherwise, 0, 1},
#include "broker/options.def"
#undef INT
#undef BOOL
};

static ST read_row(broker_t *b, const option_row_t *row, err_t *err)
{
    int64_t n = row->otherwise;
    bool yes = n != 0;
    str_t v = broker_property(b, row->name, STR_NONE);
    if (!v.ptr && !strcmp(row->name, "broker.id"))
        v = broker_property(b, "node.id", STR_NONE);
    if (v.ptr && row->is_bool && !str_to_bool(str_trim(v), &yes))
        return err_set(err, ST_BAD_CONFIG, "%s must be true or false, not '" STR_FMT "'", row->name,
                       STR_ARG(v));
    if (v.ptr && !row->is_bool && (!str_to_i64(str_trim(v), &n) || n < row->min || n > row->max))
        return err_set(err, ST_BAD_CONFIG,
                       "%s must be a number from %lld to %lld, not '" STR_FMT "'", row->name,
                       (long long)row->min, (long long)row->max, STR_ARG(v));
    char *at = (char *)&b->config + row->offset;
    if (row->is_bool)
        *(bool *)at = yes;
    else
        *(int64_t *)at = n;
    return ST_OK;
}

static ST read_properties(broker_t *b, const broker_options_t *opt, err_t *err)
{
    broker_property_t *p = ARENA_ARRAY(&b->arena, broker_property_t, opt->n_properties + 1);
    for (size_t i = 0; i < opt->n_properties; i++)
        p[i] = (broker_property_t){arena_str(&b->arena, opt->property[i].name),
                                   arena_str(&b->arena, opt->property[i].value)};
    b->property = p;
    b->n_properties = opt->n_properties;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        TRY(read_row(b, &rows[i], err));
    return ST_OK;
}

/* ---- changes of topics: the admin thread */

static void on_admin(void *arg, io_mail_t *list)
{
    (void)arg;
    for (io_mail_t *mail = list, *next; mail; mail = next) {
        broker_request_t *r = (broker_request_t *)mail;
        next = mail->next;
        if (r->work)
            r->work(r);
        else
            r->handler->run(r);
    }
}

/* ---- start and stop */

static void free_broker(broker_t *b)
{
    broker_ports_close(b);
    broker_listeners_free(b);
    broker_users_free(b);
    broker_acls_free(b);
    broker_quotas_free(b);
    arena_done(&b->arena);
    free(b);
}

/* All that the log and the properties say of it. */
static ST load(broker_t *b, const broker_options_t *opt, err_t *err)
{
    b->io = opt->io;
    b->log = opt->log;
    arena_init(&b->arena, ARENA_NO_LIMIT);
    b->cluster_id = wire_id_text(&b->arena, log_id(b->log).byte);
    io_random(b->io, b->secret, sizeof b->secret);
    broker_users_init(b);
    broker_acls_init(b);
    broker_quotas_init(b);
    TRY(read_properties(b, opt, err));
    TRY(broker_users_load(b, err));
    TRY(broker_acls_load(b, err));
    return broker_quotas_load(b, err);
}

/* What works behind the network's threads; no thread runs yet. */
static ST make_workers(broker_t *b, err_t *err)
{
    broker_worker_init(&b->commit, b, "commit", broker_commit_requests);
    broker_worker_init(&b->admin, b, "admin", on_admin);
    broker_worker_init(&b->group, b, "group", broker_group_requests);
    return broker_coordinator_new(b, &b->coordinator, err);
}

ST broker_start(const broker_options_t *opt, broker_t **ret, err_t *err)
{
    broker_t *b = mem_zalloc(sizeof *b);
    st_t st = load(b, opt, err);
    if (st == ST_OK)
        st = broker_ports_open(b, err);
    if (st != ST_OK) {
        free_broker(b);
        return st;
    }
    st = make_workers(b, err);
    if (st == ST_OK) {
        broker_worker_start(&b->commit);
        broker_worker_start(&b->admin);
        broker_worker_start(&b->group);
        st = broker_net_start(b, err);
    }
    if (st != ST_OK) {
        broker_stop(b);
        return st;
    }
    *ret = b;
    return ST_OK;
}

void broker_stop(broker_t *b)
{
    if (!b)
        return;
    broker_net_stop(b);
    broker_worker_stop(&b->commit);
    broker_worker_stop(&b->admin);
    broker_worker_stop(&b->group);
    broker_coordinator_free(b->coordinator);
    broker_net_free(b);
    broker_worker_free(&b->commit);
    broker_worker_free(&b->admin);
    broker_worker_free(&b->group);
    free_broker(b);
}

size_t broker_listeners(const broker_t *b)
{
    return b->ports.len;
}

str_t broker_listener(const broker_t *b, size_t i)
{
    return b->ports.ptr[i]->text;
}
