#include "broker/quota.h"

#include <math.h>

#define BUCKETS_MAX 10000 /* then all is forgotten: names come from outside */
#define DEBT_S_MAX  30.0

static const struct kind {
    const char *name;
    bool ip;
} kinds[QUOTA_KINDS] = {
#define QUOTA(kind, name, ip) {name, ip},
#include "broker/quota.def"
#undef QUOTA
};

static const char *const parts[QUOTA_PARTS] = {"user", "client-id", "ip"};

typedef struct bucket {
    double left; /* below 0: a debt */
    int64_t at_ns;
} bucket_t;

const char *quota_name(quota_kind_t kind)
{
    return kinds[kind].name;
}

quota_kind_t quota_find_kind(str_t name, bool ip)
{
    int i = 0;
    while (i < QUOTA_KINDS && !(kinds[i].ip == ip && str_eq(name, str_of(kinds[i].name))))
        i++;
    return (quota_kind_t)i;
}

quota_part_t quota_find_part(str_t name)
{
    int i = 0;
    while (i < QUOTA_PARTS && !str_eq(name, str_of(parts[i])))
        i++;
    return (quota_part_t)i;
}

const char *quota_part_name(quota_part_t part)
{
    return parts[part];
}

/* ---- the set */

static void values_free(void *p)
{
    quota_values_t *v = p;
    for (int i = 0; i < QUOTA_PARTS; i++)
        free((void *)(uintptr_t)v->entity.name[i].ptr);
    free(v);
}

void quota_set_init(quota_set_t *s, double burst_s)
{
    s->burst_s = burst_s;
    map_init(&s->values);
    map_init(&s->buckets);
}

void quota_set_done(quota_set_t *s)
{
    map_done(&s->values, values_free);
    map_done(&s->buckets, free);
}

/* Lengths before names, so that no two entities have one key. */
static void put_key(buf_t *b, const quota_entity_t *e)
{
    buf_clear(b);
    for (int i = 0; i < QUOTA_PARTS; i++) {
        buf_put_char(b, !e->has[i] ? '-' : e->name[i].ptr ? '=' : '*');
        buf_put_be32(b, (uint32_t)e->name[i].len);
        buf_put_str(b, e->name[i]);
    }
}

const quota_values_t *quota_set_get(const quota_set_t *s, const quota_entity_t *e)
{
    buf_t key = BUF_INIT;
    put_key(&key, e);
    const quota_values_t *v = map_get(&s->values, buf_str(&key));
    buf_done(&key);
    return v;
}

void quota_set_put(quota_set_t *s, const quota_entity_t *e, const bool *has, const double *value)
{
    buf_t key = BUF_INIT;
    bool any = false;
    quota_values_t *v = mem_zalloc(sizeof *v);
    put_key(&key, e);
    for (int i = 0; i < QUOTA_PARTS; i++) {
        v->entity.has[i] = e->has[i];
        if (e->has[i] && e->name[i].ptr)
            v->entity.name[i] = str_n(mem_dup(e->name[i].ptr, e->name[i].len), e->name[i].len);
    }
    for (int i = 0; i < QUOTA_KINDS; i++) {
        v->has[i] = has[i];
        v->value[i] = value[i];
        any |= has[i];
    }
    void *old = any ? map_put(&s->values, buf_str(&key), v) : map_remove(&s->values, buf_str(&key));
    if (old)
        values_free(old);
    if (!any)
        values_free(v);
    buf_done(&key);
    map_done(&s->buckets, free);
    map_init(&s->buckets);
}

/* ---- counting */

static double charge(quota_set_t *s, quota_kind_t kind, const quota_entity_t *whom, double rate,
                     double amount, int64_t now_ns)
{
    buf_t key = BUF_INIT;
    put_key(&key, whom);
    buf_put_char(&key, (char)kind);
    if (s->buckets.len >= BUCKETS_MAX) {
        map_done(&s->buckets, free);
        map_init(&s->buckets);
    }
    bucket_t *b = map_get(&s->buckets, buf_str(&key));
    if (!b) {
        b = mem_alloc(sizeof *b);
        *b = (bucket_t){rate * s->burst_s, now_ns};
        map_put(&s->buckets, buf_str(&key), b);
    }
    buf_done(&key);
    b->left += rate * (double)(now_ns - b->at_ns) / 1e9;
    b->at_ns = now_ns;
    b->left = b->left > rate * s->burst_s ? rate * s->burst_s : b->left;
    b->left -= amount;
    b->left = b->left < -rate * DEBT_S_MAX ? -rate * DEBT_S_MAX : b->left;
    return b->left < 0 ? -b->left / rate : 0;
}

/* How specific a quota is: Apache Kafka's order, the first that there is counts. U: the user by
 * name, u: the default user, C and c: the client. */
static const char *const order[] = {"UC", "Uc", "U", "uC", "uc", "u", "C", "c"};

static quota_entity_t entity_of(const char *level, str_t user, str_t client, bool by_name)
{
    quota_entity_t e = {0};
    for (; *level; level++) {
        quota_part_t part = *level == 'U' || *level == 'u' ? QUOTA_USER : QUOTA_CLIENT;
        bool named = *level == 'U' || *level == 'C' || by_name;
        e.has[part] = true;
        if (named)
            e.name[part] = part == QUOTA_USER ? user : client;
    }
    return e;
}

/* The quota that counts for them; NULL: none. *ret_whom: what is counted. */
static const quota_values_t *find(const quota_set_t *s, quota_kind_t kind, str_t user, str_t client,
                                  quota_entity_t *ret_whom)
{
    client = client.ptr ? client : STR("");
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        quota_entity_t e = entity_of(order[i], user, client, false);
        const quota_values_t *v = quota_set_get(s, &e);
        if (!v || !v->has[kind])
            continue;
        *ret_whom = entity_of(order[i], user, client, true);
        return v;
    }
    return NULL;
}

double quota_charge(quota_set_t *s, quota_kind_t kind, str_t user, str_t client, double amount,
                    int64_t now_ns)
{
    quota_entity_t whom;
    const quota_values_t *v = find(s, kind, user, client, &whom);
    return v ? charge(s, kind, &whom, v->value[kind], amount, now_ns) : 0;
}

double quota_most(const quota_set_t *s, quota_kind_t kind, str_t user, str_t client)
{
    quota_entity_t whom;
    const quota_values_t *v = find(s, kind, user, client, &whom);
    return v ? v->value[kind] * s->burst_s : HUGE_VAL;
}

double quota_charge_ip(quota_set_t *s, quota_kind_t kind, str_t ip, double amount, int64_t now_ns)
{
    quota_entity_t e = {.has[QUOTA_IP] = true, .name[QUOTA_IP] = ip};
    quota_entity_t any = {.has[QUOTA_IP] = true};
    const quota_values_t *v = quota_set_get(s, &e);
    v = v && v->has[kind] ? v : quota_set_get(s, &any);
    return v && v->has[kind] ? charge(s, kind, &e, v->value[kind], amount, now_ns) : 0;
}
