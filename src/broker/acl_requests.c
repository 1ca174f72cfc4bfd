/* acl_requests.c: access lists: facts of the log, and DescribeAcls, CreateAcls, DeleteAcls.
 *
 * A fact's key is "acl." and the rule as CreateAcls 3 carries it; its value is empty.
 */
#include "broker/internal.h"

#include "log/local/local.h"

#define TEXTS_BYTES_MAX 30000 /* of a rule: it must fit a fact's key */
#define FACT_VERSION    3
#define RULES_MAX       100000

static const str_t key_prefix = {"acl.", 4};

typedef wire_create_acls_request_creation_t creation_t;

/* ---- facts */

static acl_rule_t rule_of(const creation_t *c)
{
    return (acl_rule_t){.resource = c->resource_type,
                        .pattern = c->resource_pattern_type,
                        .operation = c->operation,
                        .permission = c->permission_type,
                        .name = c->resource_name,
                        .principal = c->principal,
                        .host = c->host};
}

static void put_fact(log_commit_t *commit, const acl_rule_t *rule, str_t value)
{
    wire_out_t out = {0};
    err_t err;
    creation_t c = {.resource_type = rule->resource,
                    .resource_name = rule->name,
                    .resource_pattern_type = rule->pattern,
                    .principal = rule->principal,
                    .host = rule->host,
                    .operation = rule->operation,
                    .permission_type = rule->permission};
    buf_put_str(&out.buf, key_prefix);
    st_t st =
        wire_encode(wire_create_acls_request_creation_schema(), FACT_VERSION, true, &c, &out, &err);
    ASSERT(st == ST_OK);
    log_commit_fact(commit, buf_str(&out.buf), value);
    wire_out_done(&out);
}

static ST configure(broker_t *b, err_t *err)
{
    str_t class = str_trim(broker_property(b, "authorizer.class.name", STR("")));
    str_t otherwise = broker_property(b, "allow.everyone.if.no.acl.found", STR("false"));
    b->acls.on = class.len > 0;
    if (class.len && !str_ends(class, STR(".StandardAuthorizer")) &&
        !str_ends(class, STR(".AclAuthorizer")))
        return err_set(err, ST_BAD_CONFIG,
                       "authorizer.class.name is " STR_FMT ": only "
                       "org.apache.kafka.metadata.authorizer.StandardAuthorizer is served",
                       STR_ARG(class));
    if (!str_to_bool(str_trim(otherwise), &b->acls.allow_otherwise))
        return err_set(err, ST_BAD_CONFIG, "allow.everyone.if.no.acl.found must be true or false");
    return ST_OK;
}

void broker_acls_init(broker_t *b)
{
    pthread_rwlock_init(&b->acls.lock, NULL);
    acl_set_init(&b->acls.set);
}

ST broker_acls_load(broker_t *b, err_t *err)
{
    arena_t a;
    log_fact_t *fact;
    size_t n;
    TRY(configure(b, err));
    st_t st = ST_OK;
    arena_init(&a, ARENA_NO_LIMIT);
    log_facts(b->log, key_prefix, &a, &fact, &n);
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        creation_t c;
        str_t in = str_sub(fact[i].key, key_prefix.len, fact[i].key.len);
        st = wire_decode(wire_create_acls_request_creation_schema(), FACT_VERSION, true, &in, &a,
                         &c, err);
        if (st == ST_OK) {
            acl_rule_t rule = rule_of(&c);
            acl_set_add(&b->acls.set, &rule);
        }
    }
    arena_done(&a);
    return st;
}

void broker_acls_free(broker_t *b)
{
    acl_set_done(&b->acls.set);
    pthread_rwlock_destroy(&b->acls.lock);
}

/* After the log has it. */
static void change(broker_t *b, const acl_rule_t *rule, size_t n, bool add)
{
    pthread_rwlock_wrlock(&b->acls.lock);
    for (size_t i = 0; i < n; i++)
        if (add)
            acl_set_add(&b->acls.set, &rule[i]);
        else
            acl_set_remove(&b->acls.set, &rule[i]);
    atomic_fetch_add(&b->acls.generation, 1);
    pthread_rwlock_unlock(&b->acls.lock);
}

static broker_failure_t check_may(broker_request_t *r)
{
    if (!broker_of(r)->acls.on)
        return BROKER_FAIL(&r->arena, KAFKA_SECURITY_DISABLED, "No Authorizer is configured.");
    if (!broker_may_cluster(r->conn, ACL_ALTER))
        return BROKER_FAIL(&r->arena, KAFKA_CLUSTER_AUTHORIZATION_FAILED,
                           "Cluster authorization failed.");
    return (broker_failure_t){0};
}

/* ---- CreateAcls. thread: admin */

static bool in(int8_t n, int first, int end)
{
    return n >= first && n < end;
}

static const char *fault_of(const creation_t *c)
{
    if (!in(c->resource_type, ACL_TOPIC, ACL_RESOURCES))
        return "Invalid resource type";
    if (c->resource_pattern_type != ACL_LITERAL && c->resource_pattern_type != ACL_PREFIXED)
        return "Invalid pattern type: a rule is LITERAL or PREFIXED";
    if (!in(c->operation, ACL_ALL, ACL_OPERATIONS))
        return "Invalid operation";
    if (c->permission_type != ACL_DENY && c->permission_type != ACL_ALLOW)
        return "Invalid permission type";
    if (!c->resource_name.len)
        return "Resource name should not be empty";
    if (c->resource_type == ACL_CLUSTER && !str_eq(c->resource_name, ACL_CLUSTER_NAME))
        return "The only valid name for the CLUSTER resource is kafka-cluster";
    if (str_find_char(c->principal, ':') <= 0)
        return "Could not parse principal: expected TYPE:NAME, as in User:alice";
    if (!c->host.len)
        return "Host should not be empty";
    if (c->resource_name.len + c->principal.len + c->host.len > TEXTS_BYTES_MAX)
        return "The rule is too long";
    return NULL;
}

void broker_on_create_acls(broker_request_t *r)
{
    MESSAGE(create_acls);
    RESPONSE(create_acls);
    broker_t *b = broker_of(r);
    broker_failure_t refused = check_may(r);
    log_commit_t *commit = log_commit_new(b->log);
    int32_t n = m->creations.len;
    acl_rule_t *rule = ARENA_ARRAY(&r->arena, acl_rule_t, n + 1);
    size_t good = 0;
    NEW_LIST(&r->arena, answer->results, create_acls_response_result, n);
    for (int32_t i = 0; i < n; i++) {
        wire_create_acls_response_result_t *to = &answer->results.ptr[i];
        const char *fault = fault_of(&m->creations.ptr[i]);
        *to = (wire_create_acls_response_result_t){refused.code, refused.text};
        if (refused.code)
            continue;
        if (fault || b->acls.set.n + good >= RULES_MAX) {
            to->error_code = fault ? KAFKA_INVALID_REQUEST : KAFKA_POLICY_VIOLATION;
            to->error_message = str_of(fault ? fault : "there are 100000 rules already");
            continue;
        }
        rule[good] = rule_of(&m->creations.ptr[i]);
        put_fact(commit, &rule[good++], STR(""));
    }
    if (log_commit(b->log, commit, NULL, NULL) == ST_OK)
        change(b, rule, good, true);
    else
        for (int32_t i = 0; i < n; i++)
            answer->results.ptr[i].error_code = KAFKA_STORAGE_ERROR;
    broker_answer(r, answer);
}

/* ---- DeleteAcls. thread: admin, the only one that changes the set: it reads without the lock */

static const char *filter_fault(const acl_rule_t *f)
{
    if (!in(f->resource, ACL_ANY_RESOURCE, ACL_RESOURCES) ||
        !in(f->pattern, ACL_ANY_PATTERN, ACL_PATTERNS) ||
        !in(f->operation, ACL_ANY_OPERATION, ACL_OPERATIONS) ||
        !in(f->permission, ACL_ANY_PERMISSION, ACL_PERMISSIONS))
        return "The filter has an unknown element";
    return NULL;
}

static void delete_some(broker_request_t *r, const acl_rule_t *filter,
                        wire_delete_acls_response_filter_result_t *to)
{
    broker_t *b = broker_of(r);
    acl_rule_t *rule;
    size_t n;
    acl_set_find(&b->acls.set, filter, &r->arena, &rule, &n);
    log_commit_t *commit = log_commit_new(b->log);
    NEW_LIST(&r->arena, to->matching_acls, delete_acls_response_matching_acl, n);
    for (size_t i = 0; i < n; i++) {
        rule[i].name = arena_str(&r->arena, rule[i].name);
        rule[i].principal = arena_str(&r->arena, rule[i].principal);
        rule[i].host = arena_str(&r->arena, rule[i].host);
        put_fact(commit, &rule[i], STR_NONE);
        to->matching_acls.ptr[i] =
            (wire_delete_acls_response_matching_acl_t){.resource_type = rule[i].resource,
                                                       .resource_name = rule[i].name,
                                                       .pattern_type = rule[i].pattern,
                                                       .principal = rule[i].principal,
                                                       .host = rule[i].host,
                                                       .operation = rule[i].operation,
                                                       .permission_type = rule[i].permission};
    }
    if (log_commit(b->log, commit, NULL, NULL) == ST_OK) {
        change(b, rule, n, false);
    } else {
        to->error_code = KAFKA_STORAGE_ERROR;
        to->matching_acls.len = 0;
    }
}

void broker_on_delete_acls(broker_request_t *r)
{
    MESSAGE(delete_acls);
    RESPONSE(delete_acls);
    broker_failure_t refused = check_may(r);
    NEW_LIST(&r->arena, answer->filter_results, delete_acls_response_filter_result, m->filters.len);
    for (int32_t i = 0; i < m->filters.len && !broker_answer_full(r); i++) {
        const wire_delete_acls_request_filter_t *f = &m->filters.ptr[i];
        wire_delete_acls_response_filter_result_t *to = &answer->filter_results.ptr[i];
        acl_rule_t filter = {.resource = f->resource_type_filter,
                             .pattern = f->pattern_type_filter,
                             .operation = f->operation,
                             .permission = f->permission_type,
                             .name = f->resource_name_filter,
                             .principal = f->principal_filter,
                             .host = f->host_filter};
        const char *fault = filter_fault(&filter);
        to->error_code = refused.code ? refused.code : fault ? KAFKA_INVALID_REQUEST : KAFKA_NONE;
        to->error_message = refused.code ? refused.text : str_of(fault);
        if (!to->error_code)
            delete_some(r, &filter, to);
    }
    broker_answer(r, answer);
}

/* ---- DescribeAcls. thread: admin, as above */

static bool same_resource(const acl_rule_t *a, const acl_rule_t *b)
{
    return a->resource == b->resource && a->pattern == b->pattern && str_eq(a->name, b->name);
}

/* The set gives a resource's rules one after the other. */
static void put_rules(broker_request_t *r, const acl_rule_t *rule, size_t n,
                      wire_describe_acls_response_t *answer)
{
    NEW_LIST(&r->arena, answer->resources, describe_acls_response_resource, n);
    answer->resources.len = 0;
    for (size_t i = 0, end; i < n; i = end) {
        wire_describe_acls_response_resource_t *to =
            &answer->resources.ptr[answer->resources.len++];
        for (end = i; end < n && same_resource(&rule[i], &rule[end]); end++)
            ;
        to->resource_type = rule[i].resource;
        to->resource_name = rule[i].name;
        to->pattern_type = rule[i].pattern;
        NEW_LIST(&r->arena, to->acls, describe_acls_response_acl, end - i);
        for (size_t k = i; k < end; k++)
            to->acls.ptr[k - i] =
                (wire_describe_acls_response_acl_t){.principal = rule[k].principal,
                                                    .host = rule[k].host,
                                                    .operation = rule[k].operation,
                                                    .permission_type = rule[k].permission};
    }
}

void broker_on_describe_acls(broker_request_t *r)
{
    MESSAGE(describe_acls);
    RESPONSE(describe_acls);
    broker_t *b = broker_of(r);
    acl_rule_t filter = {.resource = m->resource_type_filter,
                         .pattern = m->pattern_type_filter,
                         .operation = m->operation,
                         .permission = m->permission_type,
                         .name = m->resource_name_filter,
                         .principal = m->principal_filter,
                         .host = m->host_filter};
    const char *fault = filter_fault(&filter);
    if (!b->acls.on || fault) {
        answer->error_code = b->acls.on ? KAFKA_INVALID_REQUEST : KAFKA_SECURITY_DISABLED;
        answer->error_message =
            str_of(b->acls.on ? fault : "No Authorizer is configured on the broker");
    } else {
        acl_rule_t *rule;
        size_t n;
        acl_set_find(&b->acls.set, &filter, &r->arena, &rule, &n);
        put_rules(r, rule, n, answer);
    }
    broker_answer(r, answer);
}
