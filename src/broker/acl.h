/* acl.h: access lists: who may do what with which resource from where, as Kafka's
 * StandardAuthorizer decides. Knows no broker. A set is one thread's at a time.
 *
 * A1 A rule for a resource's literal name, for "*" or (prefixed) for what its name begins with
 *    applies to it, if its principal ("User:name", or "User:*") and host ("*") do.
 * A2 One rule that denies wins over any that allow.
 * A3 To be allowed READ, WRITE, DELETE or ALTER is to be allowed DESCRIBE, to be allowed
 *    ALTER_CONFIGS is to be allowed DESCRIBE_CONFIGS. To be denied is only what it says.
 */
#ifndef ARUS_BROKER_ACL_H
#define ARUS_BROKER_ACL_H

#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"

/* Numbered as in the protocol. */
typedef enum acl_operation {
    ACL_ANY_OPERATION = 1,
    ACL_ALL,
    ACL_READ,
    ACL_WRITE,
    ACL_CREATE,
    ACL_DELETE,
    ACL_ALTER,
    ACL_DESCRIBE,
    ACL_CLUSTER_ACTION,
    ACL_DESCRIBE_CONFIGS,
    ACL_ALTER_CONFIGS,
    ACL_IDEMPOTENT_WRITE,
    ACL_CREATE_TOKENS,
    ACL_DESCRIBE_TOKENS,
    ACL_TWO_PHASE_COMMIT,
    ACL_OPERATIONS
} acl_operation_t;

typedef enum acl_resource {
    ACL_ANY_RESOURCE = 1,
    ACL_TOPIC,
    ACL_GROUP,
    ACL_CLUSTER,
    ACL_TRANSACTIONAL_ID,
    ACL_DELEGATION_TOKEN,
    ACL_USER,
    ACL_RESOURCES
} acl_resource_t;

typedef enum acl_pattern {
    ACL_ANY_PATTERN = 1,
    ACL_MATCH, /* of filters: whatever applies to the name */
    ACL_LITERAL,
    ACL_PREFIXED,
    ACL_PATTERNS
} acl_pattern_t;

typedef enum acl_permission {
    ACL_ANY_PERMISSION = 1,
    ACL_DENY,
    ACL_ALLOW,
    ACL_PERMISSIONS
} acl_permission_t;

#define ACL_CLUSTER_NAME STR("kafka-cluster")

/* A rule; or a filter, where ANY and a ptr of NULL fit all. */
typedef struct acl_rule {
    int8_t resource, pattern, operation, permission;
    str_t name, principal, host;
} acl_rule_t;

typedef struct acl_set {
    map_t of_resource; /* resource, pattern, name: its rules */
    size_t n, n_prefixed;
} acl_set_t;

void acl_set_init(acl_set_t *s);
void acl_set_done(acl_set_t *s);
/* Copies the rule. False: it is there already. */
bool acl_set_add(acl_set_t *s, const acl_rule_t *rule);
/* False: it is not there. */
bool acl_set_remove(acl_set_t *s, const acl_rule_t *rule);
/* The rules that fit the filter, in the arena; texts are the set's. */
void acl_set_find(const acl_set_t *s, const acl_rule_t *filter, arena_t *a, acl_rule_t **ret,
                  size_t *ret_n);

typedef enum acl_verdict {
    ACL_SILENT, /* no rule is about the resource */
    ACL_ALLOWED,
    ACL_DENIED
} acl_verdict_t;

acl_verdict_t acl_set_decide(const acl_set_t *s, acl_operation_t operation, acl_resource_t resource,
                             str_t name, str_t principal, str_t host);
/* Whether there may be any resource of the kind with which it is allowed. */
bool acl_set_allows_any(const acl_set_t *s, acl_operation_t operation, acl_resource_t resource,
                        str_t principal, str_t host);

#endif
