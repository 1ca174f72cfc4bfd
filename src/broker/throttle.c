#include "broker/throttle.h"

#include "broker/internal.h"

/* ---- addresses */

bool broker_ip_enter(broker_t *b, str_t ip)
{
    broker_quotas_t *q = &b->quotas;
    pthread_mutex_lock(&q->lock);
    int *n = map_get(&q->ips, ip);
    const int64_t *own = map_get(&q->ip_limits, ip);
    int64_t most = own ? *own : b->config.connections_per_ip_max;
    bool may = (n ? *n : 0) < most &&
               quota_charge_ip(&q->set, QUOTA_CONNECTION, ip, 1, io_mono_ns(b->io)) <= 0;
    if (may && !n)
        map_put(&q->ips, ip, n = mem_zalloc(sizeof *n));
    if (may)
        ++*n;
    pthread_mutex_unlock(&q->lock);
    return may;
}

void broker_ip_leave(broker_t *b, str_t ip)
{
    broker_quotas_t *q = &b->quotas;
    pthread_mutex_lock(&q->lock);
    int *n = map_get(&q->ips, ip);
    if (--*n == 0)
        free(map_remove(&q->ips, ip));
    pthread_mutex_unlock(&q->lock);
}

/* ---- requests */

static bool is_free(const broker_request_t *r)
{
    return r->handler->key == WIRE_API_api_versions || r->handler->key == WIRE_API_sasl_handshake ||
           r->handler->key == WIRE_API_sasl_authenticate;
}

static double charge(broker_request_t *r, quota_kind_t kind, double amount, int64_t now_ns)
{
    return quota_charge(&broker_of(r)->quotas.set, kind, r->conn->auth.user, r->client_id, amount,
                        now_ns);
}

static bool is_fetch(const broker_request_t *r)
{
    return r->handler->key == WIRE_API_fetch;
}

/* How long it must wait, in seconds: the longest of its quotas says. */
static double wait_of(broker_request_t *r)
{
    int64_t now_ns = io_mono_ns(broker_of(r)->io);
    double wait = charge(r, QUOTA_REQUEST, 0, now_ns), other = 0;
    if (is_fetch(r))
        other = charge(r, QUOTA_CONSUME, 0, now_ns);
    else if (r->mutates)
        other = charge(r, QUOTA_MUTATION, 0, now_ns);
    return other > wait ? other : wait;
}

bool broker_throttle_mutations(broker_request_t *r, int32_t n, int16_t strict_from)
{
    broker_quotas_t *q = &broker_of(r)->quotas;
    if (!atomic_load_explicit(&q->any, memory_order_relaxed))
        return true;
    int64_t now_ns = io_mono_ns(broker_of(r)->io);
    r->mutates = true;
    pthread_mutex_lock(&q->lock);
    bool may = r->version < strict_from || charge(r, QUOTA_MUTATION, 0, now_ns) <= 0;
    if (may)
        charge(r, QUOTA_MUTATION, n, now_ns);
    pthread_mutex_unlock(&q->lock);
    return may;
}

int32_t broker_throttle_produce(broker_request_t *r)
{
    broker_quotas_t *q = &broker_of(r)->quotas;
    if (!atomic_load_explicit(&q->any, memory_order_relaxed))
        return 0;
    pthread_mutex_lock(&q->lock);
    double wait = charge(r, QUOTA_PRODUCE, (double)r->bytes.len, io_mono_ns(broker_of(r)->io));
    pthread_mutex_unlock(&q->lock);
    r->throttle_ms = (int32_t)(wait * 1000);
    return r->throttle_ms;
}

bool broker_throttle_fetch(broker_request_t *r)
{
    broker_quotas_t *q = &broker_of(r)->quotas;
    if (!atomic_load_explicit(&q->any, memory_order_relaxed))
        return false;
    pthread_mutex_lock(&q->lock);
    bool waits = wait_of(r) * 1000 >= 1;
    pthread_mutex_unlock(&q->lock);
    return waits;
}

size_t broker_throttle_fetch_bytes(broker_request_t *r)
{
    broker_quotas_t *q = &broker_of(r)->quotas;
    if (!atomic_load_explicit(&q->any, memory_order_relaxed))
        return SIZE_MAX;
    pthread_mutex_lock(&q->lock);
    double most = quota_most(&q->set, QUOTA_CONSUME, r->conn->auth.user, r->client_id);
    pthread_mutex_unlock(&q->lock);
    return most < (double)INT32_MAX ? (size_t)most : SIZE_MAX;
}

void broker_throttle(broker_request_t *r, void *response)
{
    broker_quotas_t *q = &broker_of(r)->quotas;
    if (!atomic_load_explicit(&q->any, memory_order_relaxed) || is_free(r))
        return;
    size_t bytes = 0; /* of records: they go out at once, and the next Fetch waits for them */
    for (size_t i = 0; i < r->chunks.len; i++)
        bytes += r->chunks.ptr[i].bytes.len;
    pthread_mutex_lock(&q->lock);
    int32_t ms = bytes ? 0 : (int32_t)(wait_of(r) * 1000);
    if (bytes)
        charge(r, QUOTA_CONSUME, (double)bytes, io_mono_ns(broker_of(r)->io));
    r->throttle_ms = ms > r->throttle_ms ? ms : r->throttle_ms;
    pthread_mutex_unlock(&q->lock);
    const wire_schema_t *s = r->api->response();
    for (size_t i = 0; r->throttle_ms && response && i < s->n_fields; i++)
        if (!strcmp(s->field[i].name, "throttle_time_ms"))
            memcpy((char *)response + s->field[i].offset, &r->throttle_ms, sizeof r->throttle_ms);
}

void broker_throttle_worked(broker_request_t *r, int64_t ns)
{
    broker_quotas_t *q = &broker_of(r)->quotas;
    if (!atomic_load_explicit(&q->any, memory_order_relaxed) || is_free(r))
        return;
    pthread_mutex_lock(&q->lock);
    charge(r, QUOTA_REQUEST, (double)ns / 1e7, io_mono_ns(broker_of(r)->io)); /* percent seconds */
    pthread_mutex_unlock(&q->lock);
}
