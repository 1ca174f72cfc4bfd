#include "broker/authorize.h"

#include "broker/internal.h"

#define REMEMBERED_MAX  4096
#define NAME_BYTES_KEPT 256

/* ---- deciding */

static bool decide(broker_conn_t *c, acl_operation_t op, acl_resource_t resource, str_t name,
                   unsigned *ret_generation)
{
    broker_acls_t *acls = &c->net->broker->acls;
    pthread_rwlock_rdlock(&acls->lock);
    *ret_generation = atomic_load(&acls->generation);
    acl_verdict_t v = acl_set_decide(&acls->set, op, resource, name, c->auth.principal, c->host);
    pthread_rwlock_unlock(&acls->lock);
    return v == ACL_ALLOWED || (v == ACL_SILENT && acls->allow_otherwise);
}

bool broker_may(broker_conn_t *c, acl_operation_t op, acl_resource_t resource, str_t name)
{
    static const char yes, no; /* what the map points to */
    broker_acls_t *acls = &c->net->broker->acls;
    broker_auth_t *auth = &c->auth;
    char key[2 + NAME_BYTES_KEPT];
    unsigned generation = atomic_load(&acls->generation);
    if (!acls->on || auth->is_super)
        return true;
    if (name.len > NAME_BYTES_KEPT)
        return decide(c, op, resource, name, &generation);
    if (auth->decided_at != generation || auth->decided.n_entries > REMEMBERED_MAX) {
        map_done(&auth->decided, NULL);
        map_init(&auth->decided);
        auth->decided_at = generation;
    }
    key[0] = (char)op;
    key[1] = (char)resource;
    if (name.len)
        memcpy(key + 2, name.ptr, name.len);
    const void *before = map_get(&auth->decided, str_n(key, 2 + name.len));
    if (before)
        return before == &yes;
    bool may = decide(c, op, resource, name, &generation);
    if (generation == auth->decided_at)
        map_put(&auth->decided, str_n(key, 2 + name.len), (void *)(uintptr_t)(may ? &yes : &no));
    return may;
}

bool broker_may_cluster(broker_conn_t *c, acl_operation_t op)
{
    return broker_may(c, op, ACL_CLUSTER, ACL_CLUSTER_NAME);
}

bool broker_may_any_topic(broker_conn_t *c, acl_operation_t op)
{
    broker_acls_t *acls = &c->net->broker->acls;
    if (!acls->on || c->auth.is_super || acls->allow_otherwise)
        return true;
    pthread_rwlock_rdlock(&acls->lock);
    bool any = acl_set_allows_any(&acls->set, op, ACL_TOPIC, c->auth.principal, c->host);
    pthread_rwlock_unlock(&acls->lock);
    return any;
}

int32_t broker_operations(broker_conn_t *c, acl_resource_t resource, str_t name)
{
#define BIT(op) (1 << ACL_##op)
    int32_t has = 0, may = 0;
    switch (resource) {
    case ACL_TOPIC:
        has = BIT(READ) | BIT(WRITE) | BIT(CREATE) | BIT(DELETE) | BIT(ALTER) | BIT(DESCRIBE) |
              BIT(DESCRIBE_CONFIGS) | BIT(ALTER_CONFIGS);
        break;
    case ACL_GROUP:
        has = BIT(READ) | BIT(DELETE) | BIT(DESCRIBE) | BIT(DESCRIBE_CONFIGS) | BIT(ALTER_CONFIGS);
        break;
    case ACL_CLUSTER:
        has = BIT(CREATE) | BIT(ALTER) | BIT(DESCRIBE) | BIT(CLUSTER_ACTION) |
              BIT(DESCRIBE_CONFIGS) | BIT(ALTER_CONFIGS) | BIT(IDEMPOTENT_WRITE);
        break;
    case ACL_ANY_RESOURCE:
    case ACL_TRANSACTIONAL_ID:
    case ACL_DELEGATION_TOKEN:
    case ACL_USER:
    case ACL_RESOURCES:
        break;
    }
    for (int op = 0; op < ACL_OPERATIONS; op++)
        if ((has >> op & 1) && broker_may(c, (acl_operation_t)op, resource, name))
            may |= 1 << op;
    return may;
#undef BIT
}

/* ---- whole requests */

#define NO_FIELD SIZE_MAX       /* the cluster */
#define ASKED    (SIZE_MAX - 1) /* in the handler, or never */

static const struct rule {
    int16_t key;
    acl_operation_t operation;
    acl_resource_t resource;
    size_t field; /* of its name */
} rules[] = {
#define RULE(api, op, resource, field)                                                             \
    {WIRE_API_##api, ACL_##op, ACL_##resource, offsetof(wire_##api##_request_t, field)},
#define CLUSTER(api, op)  {WIRE_API_##api, ACL_##op, ACL_CLUSTER, NO_FIELD},
#define INSIDE(api, what) {WIRE_API_##api, ACL_ANY_OPERATION, ACL_ANY_RESOURCE, ASKED},
#define FREE(api)         INSIDE(api, "")
#include "broker/acl.def"
#undef RULE
#undef CLUSTER
#undef INSIDE
#undef FREE
};

int16_t broker_acl_code(acl_resource_t resource)
{
    switch (resource) {
    case ACL_TOPIC:
        return KAFKA_TOPIC_AUTHORIZATION_FAILED;
    case ACL_GROUP:
        return KAFKA_GROUP_AUTHORIZATION_FAILED;
    case ACL_TRANSACTIONAL_ID:
        return KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    case ACL_ANY_RESOURCE:
    case ACL_CLUSTER:
    case ACL_DELEGATION_TOKEN:
    case ACL_USER:
    case ACL_RESOURCES:
        break;
    }
    return KAFKA_CLUSTER_AUTHORIZATION_FAILED;
}

int16_t broker_request_refused(const broker_request_t *r)
{
    bool known = false;
    if (!broker_of(r)->acls.on)
        return KAFKA_NONE;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].key != r->api->key)
            continue;
        known = true;
        if (rules[i].field == ASKED)
            continue;
        str_t name = ACL_CLUSTER_NAME;
        if (rules[i].field != NO_FIELD)
            memcpy(&name, (const char *)r->message + rules[i].field, sizeof name);
        if (!broker_may(r->conn, rules[i].operation, rules[i].resource, name))
            return broker_acl_code(rules[i].resource);
    }
    return known ? KAFKA_NONE : KAFKA_CLUSTER_AUTHORIZATION_FAILED;
}

void broker_refuse(broker_request_t *r, int16_t code)
{
    const wire_schema_t *s = r->api->response();
    char *answer = wire_new_of(s, &r->arena, 1);
    str_t text = code == KAFKA_GROUP_AUTHORIZATION_FAILED ? STR("Group authorization failed.")
                 : code == KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED
                     ? STR("Transactional Id authorization failed.")
                     : STR("Cluster authorization failed.");
    for (size_t i = 0; i < s->n_fields; i++)
        if (!strcmp(s->field[i].name, "error_code"))
            memcpy(answer + s->field[i].offset, &code, sizeof code);
        else if (!strcmp(s->field[i].name, "error_message"))
            memcpy(answer + s->field[i].offset, &text, sizeof text);
    broker_answer(r, answer);
}
