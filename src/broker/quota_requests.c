/* quota_requests.c: quotas: facts of the log, DescribeClientQuotas, AlterClientQuotas.
 *
 * A fact "quota." with {"user":"alice","client-id":null} has {"producer_byte_rate":1024}; null is
 * the default.
 */
#include "broker/internal.h"

#include "base/json.h"
#include "log/local/local.h"

#define NAME_BYTES_MAX 4096

static const str_t key_prefix = {"quota.", 6};

/* ---- facts */

static void put_fact(log_commit_t *commit, const quota_entity_t *e, const bool *has,
                     const double *value)
{
    buf_t key = BUF_INIT, text = BUF_INIT;
    bool any = false;
    BUF_LIT(&key, "quota.{");
    for (int i = 0; i < QUOTA_PARTS; i++) {
        if (!e->has[i])
            continue;
        json_put_name(&key, quota_part_name((quota_part_t)i));
        if (e->name[i].ptr)
            json_put_str(&key, e->name[i]);
        else
            BUF_LIT(&key, "null");
    }
    buf_put_char(&key, '}');
    buf_put_char(&text, '{');
    for (int i = 0; i < QUOTA_KINDS; i++) {
        if (!has[i])
            continue;
        json_put_name(&text, quota_name((quota_kind_t)i));
        buf_printf(&text, "%.17g", value[i]);
        any = true;
    }
    buf_put_char(&text, '}');
    log_commit_fact(commit, buf_str(&key), any ? buf_str(&text) : STR_NONE);
    buf_done(&key);
    buf_done(&text);
}

static ST load_one(broker_t *b, const log_fact_t *f, arena_t *a, err_t *err)
{
    const json_value_t *k, *v;
    quota_entity_t e = {0};
    bool has[QUOTA_KINDS] = {0};
    double value[QUOTA_KINDS] = {0};
    TRY(json_parse(a, str_sub(f->key, key_prefix.len, f->key.len), 0, &k, err));
    TRY(json_parse(a, f->value, 0, &v, err));
    for (size_t i = 0; i < k->n; i++) {
        quota_part_t part = quota_find_part(k->name[i]);
        if (part == QUOTA_PARTS)
            return err_set(err, ST_CORRUPT, "the log's fact " STR_FMT " is no quota",
                           STR_ARG(f->key));
        e.has[part] = true;
        e.name[part] = k->item[i].kind == JSON_STRING ? k->item[i].text : STR_NONE;
    }
    for (size_t i = 0; i < v->n; i++) {
        quota_kind_t kind = quota_find_kind(v->name[i], e.has[QUOTA_IP]);
        if (kind == QUOTA_KINDS)
            continue; /* of another version */
        has[kind] = true;
        value[kind] = json_f64(&v->item[i]);
    }
    quota_set_put(&b->quotas.set, &e, has, value);
    return ST_OK;
}

/* max.connections.per.ip.overrides: address:number,… */
static ST read_ip_limits(broker_t *b, err_t *err)
{
    str_t list = broker_property(b, "max.connections.per.ip.overrides", STR("")), one;
    while (str_split(&list, ',', &one)) {
        size_t colon = one.len;
        int64_t n;
        while (colon > 0 && one.ptr[colon - 1] != ':')
            colon--;
        if (!colon || !str_to_i64(str_trim(str_sub(one, colon, one.len)), &n) || n < 0)
            return err_set(err, ST_BAD_CONFIG,
                           "max.connections.per.ip.overrides: expected ADDRESS:NUMBER, not "
                           "'" STR_FMT "'",
                           STR_ARG(one));
        free(map_put(&b->quotas.ip_limits, str_trim(str_sub(one, 0, colon - 1)),
                     mem_dup(&n, sizeof n)));
    }
    return ST_OK;
}

void broker_quotas_init(broker_t *b)
{
    pthread_mutex_init(&b->quotas.lock, NULL);
    quota_set_init(&b->quotas.set, 1);
    map_init(&b->quotas.ips);
    map_init(&b->quotas.ip_limits);
}

ST broker_quotas_load(broker_t *b, err_t *err)
{
    arena_t a;
    log_fact_t *fact;
    size_t n;
    b->quotas.set.burst_s = (double)((b->config.quota_windows - 1) * b->config.quota_window_s);
    st_t st = read_ip_limits(b, err);
    arena_init(&a, ARENA_NO_LIMIT);
    log_facts(b->log, key_prefix, &a, &fact, &n);
    for (size_t i = 0; i < n && st == ST_OK; i++)
        st = load_one(b, &fact[i], &a, err);
    atomic_store(&b->quotas.any, b->quotas.set.values.len > 0);
    arena_done(&a);
    return st;
}

void broker_quotas_free(broker_t *b)
{
    quota_set_done(&b->quotas.set);
    map_done(&b->quotas.ips, free);
    map_done(&b->quotas.ip_limits, free);
    pthread_mutex_destroy(&b->quotas.lock);
}

/* ---- AlterClientQuotas. thread: admin, the only one that changes the set */

static broker_failure_t read_entity(broker_request_t *r,
                                    const wire_alter_client_quotas_request_entry_t *from,
                                    quota_entity_t *ret)
{
    arena_t *a = &r->arena;
    for (int32_t i = 0; i < from->entity.len; i++) {
        quota_part_t part = quota_find_part(from->entity.ptr[i].entity_type);
        str_t name = from->entity.ptr[i].entity_name;
        if (part == QUOTA_PARTS || ret->has[part])
            return BROKER_FAIL(a, KAFKA_INVALID_REQUEST,
                               "Unhandled or repeated client quota entity type: " STR_FMT,
                               STR_ARG(from->entity.ptr[i].entity_type));
        if ((name.ptr && !name.len) || name.len > NAME_BYTES_MAX)
            return BROKER_FAIL(a, KAFKA_INVALID_REQUEST, "Invalid name of a quota's entity");
        ret->has[part] = true;
        ret->name[part] = name;
    }
    if (!from->entity.len || (ret->has[QUOTA_IP] && from->entity.len > 1))
        return BROKER_FAIL(a, KAFKA_INVALID_REQUEST,
                           "Invalid client quota entity: a user, a client-id, both, or an ip");
    return (broker_failure_t){0};
}

static broker_failure_t alter(broker_request_t *r,
                              const wire_alter_client_quotas_request_entry_t *from)
{
    MESSAGE(alter_client_quotas);
    broker_t *b = broker_of(r);
    quota_entity_t e = {0};
    bool has[QUOTA_KINDS] = {0};
    double value[QUOTA_KINDS] = {0};
    if (!broker_may_cluster(r->conn, ACL_ALTER_CONFIGS))
        return BROKER_FAIL(&r->arena, KAFKA_CLUSTER_AUTHORIZATION_FAILED,
                           "Cluster authorization failed.");
    broker_failure_t f = read_entity(r, from, &e);
    if (f.code)
        return f;
    const quota_values_t *old = quota_set_get(&b->quotas.set, &e);
    if (old) {
        memcpy(has, old->has, sizeof has);
        memcpy(value, old->value, sizeof value);
    }
    for (int32_t i = 0; i < from->ops.len; i++) {
        const wire_alter_client_quotas_request_op_t *op = &from->ops.ptr[i];
        quota_kind_t kind = quota_find_kind(op->key, e.has[QUOTA_IP]);
        if (kind == QUOTA_KINDS)
            return BROKER_FAIL(&r->arena, KAFKA_INVALID_REQUEST,
                               "Invalid configuration key " STR_FMT, STR_ARG(op->key));
        if (!op->remove && !(op->value > 0 && op->value < 1e18))
            return BROKER_FAIL(&r->arena, KAFKA_INVALID_REQUEST,
                               "Quota " STR_FMT " must be greater than 0", STR_ARG(op->key));
        has[kind] = !op->remove;
        value[kind] = op->value;
    }
    if (m->validate_only)
        return f;
    log_commit_t *commit = log_commit_new(b->log);
    put_fact(commit, &e, has, value);
    if (log_commit(b->log, commit, NULL, NULL) != ST_OK)
        return BROKER_FAIL(&r->arena, KAFKA_STORAGE_ERROR, "the log did not take it");
    pthread_mutex_lock(&b->quotas.lock);
    quota_set_put(&b->quotas.set, &e, has, value);
    atomic_store(&b->quotas.any, b->quotas.set.values.len > 0);
    pthread_mutex_unlock(&b->quotas.lock);
    return f;
}

void broker_on_alter_client_quotas(broker_request_t *r)
{
    MESSAGE(alter_client_quotas);
    RESPONSE(alter_client_quotas);
    NEW_LIST(&r->arena, answer->entries, alter_client_quotas_response_entry, m->entries.len);
    for (int32_t i = 0; i < m->entries.len; i++) {
        const wire_alter_client_quotas_request_entry_t *from = &m->entries.ptr[i];
        wire_alter_client_quotas_response_entry_t *to = &answer->entries.ptr[i];
        broker_failure_t f = alter(r, from);
        to->error_code = f.code;
        to->error_message = f.text;
        NEW_LIST(&r->arena, to->entity, alter_client_quotas_response_entity, from->entity.len);
        for (int32_t k = 0; k < from->entity.len; k++)
            to->entity.ptr[k] = (wire_alter_client_quotas_response_entity_t){
                from->entity.ptr[k].entity_type, from->entity.ptr[k].entity_name};
    }
    broker_answer(r, answer);
}

/* ---- DescribeClientQuotas. thread: admin, as above */

enum { MATCH_EXACT, MATCH_DEFAULT, MATCH_ANY };

static bool fits(const wire_describe_client_quotas_request_t *m, const quota_entity_t *e)
{
    int32_t n = 0;
    for (int i = 0; i < QUOTA_PARTS; i++)
        n += e->has[i];
    for (int32_t i = 0; i < m->components.len; i++) {
        const wire_describe_client_quotas_request_component_t *c = &m->components.ptr[i];
        quota_part_t part = quota_find_part(c->entity_type);
        str_t name = e->name[part];
        if (!e->has[part] || (c->match_type == MATCH_DEFAULT && name.ptr) ||
            (c->match_type == MATCH_EXACT && !(name.ptr && str_eq(name, c->match))))
            return false;
    }
    return !m->strict || n == m->components.len;
}

static void put_quota(broker_request_t *r, const quota_values_t *v,
                      wire_describe_client_quotas_response_entry_t *to)
{
    NEW_LIST(&r->arena, to->entity, describe_client_quotas_response_entity, QUOTA_PARTS);
    NEW_LIST(&r->arena, to->values, describe_client_quotas_response_value, QUOTA_KINDS);
    to->entity.len = to->values.len = 0;
    for (int i = 0; i < QUOTA_PARTS; i++)
        if (v->entity.has[i])
            to->entity.ptr[to->entity.len++] = (wire_describe_client_quotas_response_entity_t){
                str_of(quota_part_name((quota_part_t)i)), v->entity.name[i]};
    for (int i = 0; i < QUOTA_KINDS; i++)
        if (v->has[i])
            to->values.ptr[to->values.len++] = (wire_describe_client_quotas_response_value_t){
                str_of(quota_name((quota_kind_t)i)), v->value[i]};
}

void broker_on_describe_client_quotas(broker_request_t *r)
{
    MESSAGE(describe_client_quotas);
    RESPONSE(describe_client_quotas);
    const map_t *all = &broker_of(r)->quotas.set.values;
    for (int32_t i = 0; i < m->components.len; i++)
        if (quota_find_part(m->components.ptr[i].entity_type) == QUOTA_PARTS ||
            m->components.ptr[i].match_type < MATCH_EXACT ||
            m->components.ptr[i].match_type > MATCH_ANY) {
            broker_refuse(r, KAFKA_INVALID_REQUEST);
            return;
        }
    NEW_LIST(&r->arena, answer->entries, describe_client_quotas_response_entry, all->len + 1);
    answer->entries.len = 0;
    for (map_entry_t *e = NULL; (e = map_next(all, e));) {
        const quota_values_t *v = e->value;
        if (fits(m, &v->entity))
            put_quota(r, v, &answer->entries.ptr[answer->entries.len++]);
    }
    broker_answer(r, answer);
}
