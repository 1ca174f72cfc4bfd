/* quota.h: client quotas: how much whom may do a second, and how much has been done. Knows no
 * broker; a set is one thread's at a time.
 *
 * An entity is a user, a client id, both, or an address; each a name or the default for those that
 * have none of their own. What is done is counted for each user, client or pair whom the quota is
 * for. A second's allowance is saved up for `burst_s` seconds, as long as Apache Kafka looks back.
 */
#ifndef ARUS_BROKER_QUOTA_H
#define ARUS_BROKER_QUOTA_H

#include "base/buf.h"
#include "base/map.h"

typedef enum quota_kind {
#define QUOTA(kind, name, ip) QUOTA_##kind,
#include "broker/quota.def"
#undef QUOTA
    QUOTA_KINDS
} quota_kind_t;

const char *quota_name(quota_kind_t kind);
/* Of an entity with an address, or of one without; QUOTA_KINDS: there is none of this name. */
quota_kind_t quota_find_kind(str_t name, bool ip);

typedef enum quota_part { QUOTA_USER, QUOTA_CLIENT, QUOTA_IP, QUOTA_PARTS } quota_part_t;

/* "user", "client-id", "ip"; QUOTA_PARTS: none of them. */
quota_part_t quota_find_part(str_t name);
const char *quota_part_name(quota_part_t part);

typedef struct quota_entity {
    bool has[QUOTA_PARTS];
    str_t name[QUOTA_PARTS]; /* ptr NULL: the default */
} quota_entity_t;

typedef struct quota_values {
    quota_entity_t entity; /* texts are owned */
    bool has[QUOTA_KINDS];
    double value[QUOTA_KINDS]; /* a second; > 0 */
} quota_values_t;

typedef struct quota_set {
    map_t values;  /* of each entity: quota_values_t */
    map_t buckets; /* what was done */
    double burst_s;
} quota_set_t;

void quota_set_init(quota_set_t *s, double burst_s);
void quota_set_done(quota_set_t *s);
/* One that is not there has none. NULL: there is no such entity. */
const quota_values_t *quota_set_get(const quota_set_t *s, const quota_entity_t *e);
/* With no quota left the entity is gone. What has been done is forgotten. */
void quota_set_put(quota_set_t *s, const quota_entity_t *e, const bool *has, const double *value);
/* Counts `amount` for this user and client and returns for how many seconds they must do nothing:
 * 0 where they have no quota, or have not used it up. */
double quota_charge(quota_set_t *s, quota_kind_t kind, str_t user, str_t client, double amount,
                    int64_t now_ns);
/* The same for an address. */
double quota_charge_ip(quota_set_t *s, quota_kind_t kind, str_t ip, double amount, int64_t now_ns);
/* What they can have saved up at most; HUGE_VAL where they have no quota. */
double quota_most(const quota_set_t *s, quota_kind_t kind, str_t user, str_t client);

#endif
