/* quotas.h: the part of kafka-configs that is about users, clients and addresses. */
#ifndef ARUS_TOOL_QUOTAS_H
#define ARUS_TOOL_QUOTAS_H

#include "tool/admin.h"

/* Rows for the tool's table. */
#define FLAGS_QUOTAS                                                                               \
    {"user", "NAME", "--entity-type users --entity-name NAME"},                                    \
        {"user-defaults", NULL, "--entity-type users --entity-default"},                           \
        {"client", "ID", "--entity-type clients --entity-name ID"},                                \
        {"client-defaults", NULL, "--entity-type clients --entity-default"},                       \
        {"ip", "ADDRESS", "--entity-type ips --entity-name ADDRESS"},                              \
    {                                                                                              \
        "ip-defaults", NULL, "--entity-type ips --entity-default"                                  \
    }

/* Whether the flags name such an entity. */
bool quotas_meant(const flags_t *f);
/* --describe or --alter. */
ST quotas_run(admin_t *a, const flags_t *f, err_t *err);
/* Takes "a=b" or "a=[b,c]" off *in; configs.c. */
bool configs_next_pair(str_t *in, str_t *ret_name, str_t *ret_value);

#endif
