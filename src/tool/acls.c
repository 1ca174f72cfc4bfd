/* acls.c: kafka-acls. */
#include "tool/admin.h"
#include "tool/error.h"
#include "tool/row.h"
#include "tool/tool.h"

#include <stdio.h>

static const flag_t table[] = {
    FLAGS_CONNECT,
    {"add", NULL, "adds rules"},
    {"remove", NULL, "removes rules"},
    {"list", NULL, "lists rules"},
    {"allow-principal", "TYPE:NAME",
     "who is allowed, as in User:alice; may be given more than once"},
    {"deny-principal", "TYPE:NAME", "who is denied; may be given more than once"},
    {"principal", "TYPE:NAME", "whose rules are listed"},
    {"allow-host", "HOST", "from where it is allowed (default: from everywhere)"},
    {"deny-host", "HOST", "from where it is denied (default: from everywhere)"},
    {"operation", "NAME", "Read, Write, Describe … (default: All); may be given more than once"},
    {"topic", "NAME", "the topic; * for all; may be given more than once"},
    {"group", "NAME", "the group"},
    {"transactional-id", "NAME", "the transactional id"},
    {"delegation-token", "NAME", "the delegation token"},
    {"user-principal", "NAME", "the user, as a resource"},
    {"cluster", NULL, "the cluster"},
    {"resource-pattern-type", "TYPE",
     "LITERAL (default), PREFIXED; to list or remove also MATCH, ANY"},
    {"producer", NULL, "what a producer needs, of --topic and --transactional-id"},
    {"consumer", NULL, "what a consumer needs, of --topic and --group"},
    {"idempotent", NULL, "with --producer: without a transactional id, too"},
    {"force", NULL, "does not ask before it removes"},
    {NULL, NULL, NULL}};

/* Names by the protocol's numbers. */
static const char *const operations[] = {"UNKNOWN",
                                         "ANY",
                                         "ALL",
                                         "READ",
                                         "WRITE",
                                         "CREATE",
                                         "DELETE",
                                         "ALTER",
                                         "DESCRIBE",
                                         "CLUSTER_ACTION",
                                         "DESCRIBE_CONFIGS",
                                         "ALTER_CONFIGS",
                                         "IDEMPOTENT_WRITE",
                                         "CREATE_TOKENS",
                                         "DESCRIBE_TOKENS",
                                         "TWO_PHASE_COMMIT"};
static const char *const resources[] = {
    "UNKNOWN", "ANY", "TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN", "USER"};
static const char *const patterns[] = {"UNKNOWN", "ANY", "MATCH", "LITERAL", "PREFIXED"};
static const char *const permissions[] = {"UNKNOWN", "ANY", "DENY", "ALLOW"};

enum { ANY = 1, ALL = 2, READ = 3, WRITE = 4, CREATE = 5, DESCRIBE = 8, IDEMPOTENT_WRITE = 12 };
enum { TOPIC = 2, GROUP = 3, CLUSTER = 4, TRANSACTIONAL_ID = 5 };
enum { LITERAL = 3, DENY = 2, ALLOW = 3 };

static const struct {
    const char *flag;
    int8_t type;
} resource_flags[] = {{"topic", TOPIC},
                      {"group", GROUP},
                      {"transactional-id", TRANSACTIONAL_ID},
                      {"delegation-token", 6},
                      {"user-principal", 7}};

#define COUNT(list)         (sizeof(list) / sizeof *(list))
#define NAME_OF(list, code) ((size_t)(code) < COUNT(list) ? (list)[(size_t)(code)] : (list)[0])

/* Kafka's names in any case, "DescribeConfigs" as "DESCRIBE_CONFIGS"; 0: unknown. */
static int8_t number_of(str_t name, const char *const *list, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const char *p = list[i];
        size_t k = 0;
        for (; *p && k < name.len; p++)
            if (str_upper_char(name.ptr[k]) == *p)
                k++;
            else if (*p != '_')
                break;
        if (!*p && k == name.len)
            return (int8_t)i;
    }
    return 0;
}

/* ---- what is meant */

typedef struct meant {
    int8_t type;
    str_t name;
} meant_t;

typedef wire_create_acls_request_creation_t rule_t;

typedef struct wanted {
    VEC(meant_t) resources;
    VEC(rule_t) rules;
    int8_t pattern;
} wanted_t;

static void wanted_done(wanted_t *w)
{
    VEC_DONE(&w->resources);
    VEC_DONE(&w->rules);
}

static ST read_resources(const flags_t *f, bool must, wanted_t *w, err_t *err)
{
    str_t pattern = flags_get(f, "resource-pattern-type");
    for (size_t i = 0; i < COUNT(resource_flags); i++)
        for (size_t k = 0; flags_nth(f, resource_flags[i].flag, k).ptr; k++)
            VEC_PUSH(&w->resources, (meant_t){resource_flags[i].type,
                                              str_trim(flags_nth(f, resource_flags[i].flag, k))});
    if (flags_has(f, "cluster") || flags_has(f, "idempotent"))
        VEC_PUSH(&w->resources, (meant_t){CLUSTER, STR("kafka-cluster")});
    if (must && !w->resources.len)
        return err_set(err, ST_BAD_INPUT,
                       "You must specify at least one resource: --topic <topic> or --cluster or "
                       "--group <group> or --delegation-token <Delegation Token ID> or "
                       "--transactional-id <Transactional Id>");
    w->pattern = pattern.ptr ? number_of(pattern, patterns, COUNT(patterns)) : LITERAL;
    if (!w->pattern)
        return err_set(err, ST_BAD_INPUT, "'" STR_FMT "' is no --resource-pattern-type",
                       STR_ARG(pattern));
    return ST_OK;
}

static void add_rules(const flags_t *f, wanted_t *w, const meant_t *m, int8_t operation, bool allow)
{
    const char *who = allow ? "allow-principal" : "deny-principal";
    str_t host = flags_get(f, allow ? "allow-host" : "deny-host");
    for (size_t i = 0; flags_nth(f, who, i).ptr; i++)
        VEC_PUSH(&w->rules, (rule_t){.resource_type = m->type,
                                     .resource_name = m->name,
                                     .resource_pattern_type = w->pattern,
                                     .principal = str_trim(flags_nth(f, who, i)),
                                     .host = host.ptr ? host : STR("*"),
                                     .operation = operation,
                                     .permission_type = allow ? ALLOW : DENY});
}

/* What a producer or a consumer does with such a resource; ends with 0. */
static const int8_t *of_client(const flags_t *f, int8_t type)
{
    static const int8_t none[] = {0}, writes[] = {WRITE, DESCRIBE, CREATE, 0};
    static const int8_t reads[] = {READ, DESCRIBE, 0}, both[] = {READ, WRITE, DESCRIBE, CREATE, 0};
    static const int8_t group[] = {READ, 0}, txn[] = {WRITE, DESCRIBE, 0};
    static const int8_t cluster[] = {IDEMPOTENT_WRITE, 0};
    bool producer = flags_has(f, "producer"), consumer = flags_has(f, "consumer");
    if (type == TOPIC)
        return producer && consumer ? both : producer ? writes : consumer ? reads : none;
    if (type == GROUP)
        return consumer ? group : none;
    if (type == TRANSACTIONAL_ID)
        return producer ? txn : none;
    return type == CLUSTER && producer ? cluster : none;
}

static ST read_rules(const flags_t *f, wanted_t *w, err_t *err)
{
    static const char *const clients[] = {"producer", "consumer", NULL};
    static const char *const who[] = {"allow-principal", "deny-principal", NULL};
    bool for_client = flags_count(f, clients) > 0;
    if (flags_has(f, "add") && !flags_count(f, who))
        return err_set(err, ST_BAD_INPUT,
                       "You must specify one of: --allow-principal, "
                       "--deny-principal when trying to add ACLs.");
    for (size_t i = 0; i < w->resources.len; i++) {
        const meant_t *m = &w->resources.ptr[i];
        const int8_t *op = of_client(f, m->type);
        for (; for_client && *op; op++)
            add_rules(f, w, m, *op, true);
        for (size_t k = 0; !for_client && (k == 0 || flags_nth(f, "operation", k).ptr); k++) {
            str_t name = flags_nth(f, "operation", k);
            int8_t operation =
                name.ptr ? number_of(str_trim(name), operations, COUNT(operations)) : (int8_t)ALL;
            if (!operation)
                return err_set(err, ST_BAD_INPUT, "'" STR_FMT "' is no --operation", STR_ARG(name));
            add_rules(f, w, m, operation, true);
            add_rules(f, w, m, operation, false);
        }
    }
    return ST_OK;
}

/* ---- printing */

static void print_pattern(const char *what, int8_t type, str_t name, int8_t pattern)
{
    printf("%s `ResourcePattern(resourceType=%s, name=" STR_FMT ", patternType=%s)`:", what,
           NAME_OF(resources, type), STR_ARG(name), NAME_OF(patterns, pattern));
}

static void print_rule(str_t principal, str_t host, int8_t operation, int8_t permission)
{
    printf("\t(principal=" STR_FMT ", host=" STR_FMT ", operation=%s, permissionType=%s)\n",
           STR_ARG(principal), STR_ARG(host), NAME_OF(operations, operation),
           NAME_OF(permissions, permission));
}

static void print_row(int8_t type, str_t name, int8_t pattern, str_t principal, str_t host,
                      int8_t operation, int8_t permission)
{
    ROW(ROW_TEXT("resourceType", str_of(NAME_OF(resources, type))), ROW_TEXT("resourceName", name),
        ROW_TEXT("patternType", str_of(NAME_OF(patterns, pattern))),
        ROW_TEXT("principal", principal), ROW_TEXT("host", host),
        ROW_TEXT("operation", str_of(NAME_OF(operations, operation))),
        ROW_TEXT("permissionType", str_of(NAME_OF(permissions, permission))));
}

/* ---- actions */

static ST list_some(admin_t *a, const flags_t *f, const meant_t *m, int8_t pattern, err_t *err)
{
    wire_describe_acls_request_t q = {.resource_type_filter = m ? m->type : ANY,
                                      .resource_name_filter = m ? m->name : STR_NONE,
                                      .pattern_type_filter = m ? pattern : ANY,
                                      .principal_filter = flags_get(f, "principal"),
                                      .operation = ANY,
                                      .permission_type = ANY};
    wire_describe_acls_response_t r;
    TRY(admin_call(a, ADMIN_ANY, WIRE_API_describe_acls, 3, &q, &r, err));
    TRY(error_check(r.error_code, r.error_message, err));
    for (int32_t i = 0; i < r.resources.len; i++) {
        const wire_describe_acls_response_resource_t *o = &r.resources.ptr[i];
        for (int32_t k = 0; row_wanted(f) && k < o->acls.len; k++) {
            const wire_describe_acls_response_acl_t *rule = &o->acls.ptr[k];
            print_row(o->resource_type, o->resource_name, o->pattern_type, rule->principal,
                      rule->host, rule->operation, rule->permission_type);
        }
        if (row_wanted(f))
            continue;
        print_pattern("Current ACLs for resource", o->resource_type, o->resource_name,
                      o->pattern_type);
        putchar('\n');
        for (int32_t k = 0; k < o->acls.len; k++) {
            const wire_describe_acls_response_acl_t *rule = &o->acls.ptr[k];
            print_rule(rule->principal, rule->host, rule->operation, rule->permission_type);
        }
        putchar('\n');
    }
    return ST_OK;
}

static ST list(admin_t *a, const flags_t *f, const wanted_t *w, err_t *err)
{
    for (size_t i = 0; i < w->resources.len; i++)
        TRY(list_some(a, f, &w->resources.ptr[i], w->pattern, err));
    return w->resources.len ? ST_OK : list_some(a, f, NULL, ANY, err);
}

/* What is going to be added. */
static void print_added(const flags_t *f, const wanted_t *w)
{
    for (size_t i = 0; i < w->rules.len; i++) { /* a resource's rules come together */
        const rule_t *o = &w->rules.ptr[i], *before = i ? o - 1 : NULL;
        if (row_wanted(f)) {
            print_row(o->resource_type, o->resource_name, o->resource_pattern_type, o->principal,
                      o->host, o->operation, o->permission_type);
            continue;
        }
        if (!before || before->resource_type != o->resource_type ||
            !str_eq(before->resource_name, o->resource_name)) {
            print_pattern(i ? "\nAdding ACLs for resource" : "Adding ACLs for resource",
                          o->resource_type, o->resource_name, o->resource_pattern_type);
            fputs(" \n ", stdout);
        }
        print_rule(o->principal, o->host, o->operation, o->permission_type);
    }
    if (!row_wanted(f))
        putchar('\n');
}

static ST add(admin_t *a, const flags_t *f, const wanted_t *w, err_t *err)
{
    wire_create_acls_request_t q = {.creations = {w->rules.ptr, (int32_t)w->rules.len}};
    wire_create_acls_response_t r;
    if (!w->rules.len)
        return err_set(err, ST_BAD_INPUT, "there is nothing to add for these resources");
    print_added(f, w);
    TRY(admin_call(a, ADMIN_ANY, WIRE_API_create_acls, 3, &q, &r, err));
    for (int32_t i = 0; i < r.results.len; i++)
        TRY(error_check(r.results.ptr[i].error_code, r.results.ptr[i].error_message, err));
    return ST_OK;
}

static bool is_sure(void)
{
    char line[16];
    fputs("Are you sure you want to remove these ACLs? (y/n) ", stdout);
    fflush(stdout);
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

/* Without principals: all rules of the resources. */
static ST remove_some(admin_t *a, const flags_t *f, const wanted_t *w, err_t *err)
{
    bool by_rule = w->rules.len > 0;
    size_t n = by_rule ? w->rules.len : w->resources.len;
    wire_delete_acls_request_t q = {0};
    wire_delete_acls_response_t r;
    if (!flags_has(f, "force") && !is_sure())
        return ST_OK;
    q.filters.ptr = WIRE_NEW(admin_arena(a), delete_acls_request_filter, n);
    q.filters.len = (int32_t)n;
    for (size_t i = 0; i < n; i++) {
        wire_delete_acls_request_filter_t *o = &q.filters.ptr[i];
        const rule_t *rule = by_rule ? &w->rules.ptr[i] : NULL;
        o->resource_type_filter = rule ? rule->resource_type : w->resources.ptr[i].type;
        o->resource_name_filter = rule ? rule->resource_name : w->resources.ptr[i].name;
        o->pattern_type_filter = w->pattern;
        o->principal_filter = rule ? rule->principal : STR_NONE;
        o->host_filter = rule ? rule->host : STR_NONE;
        o->operation = rule ? rule->operation : ANY;
        o->permission_type = rule ? rule->permission_type : ANY;
    }
    TRY(admin_call(a, ADMIN_ANY, WIRE_API_delete_acls, 3, &q, &r, err));
    for (int32_t i = 0; i < r.filter_results.len; i++)
        TRY(error_check(r.filter_results.ptr[i].error_code, r.filter_results.ptr[i].error_message,
                        err));
    return ST_OK;
}

static ST run(admin_t *a, const flags_t *f, err_t *err)
{
    wanted_t w = {0};
    bool lists = flags_has(f, "list");
    st_t st = read_resources(f, !lists, &w, err);
    if (st == ST_OK && !lists)
        st = read_rules(f, &w, err);
    if (st == ST_OK)
        st = lists                 ? list(a, f, &w, err)
             : flags_has(f, "add") ? add(a, f, &w, err)
                                   : remove_some(a, f, &w, err);
    wanted_done(&w);
    return st;
}

int tool_acls(int argc, char **argv)
{
    static const admin_action_t actions[] = {{"add", run}, {"remove", run}, {"list", run}};
    flags_t f;
    int code;
    if (!flags_read(&f, table, argv[0], argc, argv, &code))
        return code;
    return admin_run_action(&f, actions, 3, "--list, --add, --remove. ",
                            "Error while executing ACL command: ");
}
