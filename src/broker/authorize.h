/* authorize.h: whether the one at the other end may: access lists (acl.h) with super users, and the
 * rules of whole requests (acl.def).
 *
 * Only with an authorizer.class.name; without, everybody may do everything. What was decided is
 * remembered with the connection until a list changes, so that the way of the data takes no lock.
 * A connection's memory is whose request is being worked on: only Produce is pipelined, and it asks
 * on the network thread alone (B1).
 */
#ifndef ARUS_BROKER_AUTHORIZE_H
#define ARUS_BROKER_AUTHORIZE_H

#include "broker/acl.h"
#include "broker/auth.h"

#include <stdatomic.h>

typedef struct broker_acls {
    pthread_rwlock_t lock;
    acl_set_t set;
    atomic_uint generation; /* 1 more with each change */
    bool on, allow_otherwise;
} broker_acls_t;

void broker_acls_init(broker_t *b);
/* Those that the log has. */
ST broker_acls_load(broker_t *b, err_t *err);
void broker_acls_free(broker_t *b);

bool broker_may(broker_conn_t *c, acl_operation_t op, acl_resource_t resource, str_t name);
bool broker_may_cluster(broker_conn_t *c, acl_operation_t op);
/* With some topic that there is or is not. */
bool broker_may_any_topic(broker_conn_t *c, acl_operation_t op);
/* What it may, a bit an operation, of those that the resource has. */
int32_t broker_operations(broker_conn_t *c, acl_resource_t resource, str_t name);
/* The error for the whole request, by acl.def; 0: none. */
int16_t broker_request_refused(const broker_request_t *r);
int16_t broker_acl_code(acl_resource_t resource);
/* An answer that only has this error_code. */
void broker_refuse(broker_request_t *r, int16_t code);

#endif
