#include "tool/quotas.h"

#include "base/json.h"
#include "tool/error.h"
#include "tool/row.h"
#include "tool/secure.h"

#include <openssl/crypto.h>
#include <stdio.h>

#define ITERATIONS 4096
#define SALT_BYTES 16

enum { USER, CLIENT, IP, PARTS };
enum { EXACT, DEFAULT, ANY };

static const struct {
    const char *type, *flag, *defaults, *name, *shown; /* name: the protocol's */
} parts[PARTS] = {{"users", "user", "user-defaults", "user", "user-principal"},
                  {"clients", "client", "client-defaults", "client-id", "client-id"},
                  {"ips", "ip", "ip-defaults", "ip", "ip"}};

static const char *const mechanisms[] = {"SCRAM-SHA-256", "SCRAM-SHA-512"};

/* ---- entities */

typedef struct entity {
    bool has[PARTS], any[PARTS]; /* any: without a name, to describe all */
    str_t name[PARTS];           /* ptr NULL: the default */
} entity_t;

bool quotas_meant(const flags_t *f)
{
    for (int i = 0; i < PARTS; i++) {
        if (flags_has(f, parts[i].flag) || flags_has(f, parts[i].defaults))
            return true;
        for (size_t k = 0; flags_nth(f, "entity-type", k).ptr; k++)
            if (str_eq(flags_nth(f, "entity-type", k), str_of(parts[i].type)))
                return true;
    }
    return false;
}

static ST part_of(str_t type, int *ret, err_t *err)
{
    for (int i = 0; i < PARTS; i++)
        if (str_eq(type, str_of(parts[i].type))) {
            *ret = i;
            return ST_OK;
        }
    return err_set(err, ST_BAD_INPUT, "--entity-type " STR_FMT " does not go with another",
                   STR_ARG(type));
}

/* The n-th --entity-type has the n-th --entity-name or --entity-default. */
static ST read_entity(const flags_t *f, entity_t *e, err_t *err)
{
    int order[PARTS], n = 0, named = 0;
    for (size_t k = 0; flags_nth(f, "entity-type", k).ptr; k++) {
        int i;
        TRY(part_of(flags_nth(f, "entity-type", k), &i, err));
        if (e->has[i])
            return err_set(err, ST_BAD_INPUT, "--entity-type %s is given twice", parts[i].type);
        e->has[i] = e->any[i] = true;
        order[n++] = i;
    }
    for (size_t k = 0; k < f->n_given; k++) {
        bool is_name = !strcmp(f->given[k].flag->name, "entity-name");
        if (!is_name && strcmp(f->given[k].flag->name, "entity-default") != 0)
            continue;
        if (named == n)
            return err_set(err, ST_BAD_INPUT, "there are more names than --entity-type");
        int i = order[named++];
        e->any[i] = false;
        e->name[i] = is_name ? f->given[k].value : STR_NONE;
    }
    for (int i = 0; i < PARTS; i++) {
        bool by_name = flags_has(f, parts[i].flag);
        if (!by_name && !flags_has(f, parts[i].defaults))
            continue;
        e->has[i] = true;
        e->any[i] = false;
        e->name[i] = by_name ? flags_get(f, parts[i].flag) : STR_NONE;
    }
    return ST_OK;
}

/* ---- alter: what is a mechanism's name is a credential, all else a quota */

static int8_t mechanism_of(str_t name)
{
    for (int8_t i = 0; i < 2; i++)
        if (str_eq(name, str_of(mechanisms[i])))
            return (int8_t)(i + 1);
    return 0;
}

typedef struct change {
    wire_alter_client_quotas_request_entry_t entry;
    wire_alter_user_scram_credentials_request_t scram;
} change_t;

/* "iterations=8192,password=secret" */
static ST add_credential(admin_t *a, str_t user, int8_t mechanism, str_t text, change_t *c,
                         err_t *err)
{
    str_t one, name, password = STR_NONE;
    int32_t iterations = ITERATIONS;
    size_t n = mechanism == 1 ? 32 : 64;
    uint8_t *salt = arena_alloc(admin_arena(a), SALT_BYTES), *key = arena_alloc(admin_arena(a), n);
    while (str_split(&text, ',', &one)) {
        bool good = str_split(&one, '=', &name);
        if (good && str_eq(str_trim(name), STR("password")))
            password = one;
        else if (!good || !str_eq(str_trim(name), STR("iterations")) ||
                 !str_to_i32(str_trim(one), &iterations) || iterations < 1)
            return err_set(err, ST_BAD_INPUT,
                           "a credential is %s=[iterations=8192,password=SECRET]",
                           mechanisms[mechanism - 1]);
    }
    if (!password.len)
        return err_set(err, ST_BAD_INPUT, "a credential needs a password");
    io_random(admin_io(a), salt, SALT_BYTES);
    secure_salt(str_of(mechanisms[mechanism - 1]), password, str_n(salt, SALT_BYTES), iterations,
                key);
    c->scram.upsertions.ptr[c->scram.upsertions.len++] =
        (wire_alter_user_scram_credentials_request_upsertion_t){
            user, mechanism, iterations, str_n(salt, SALT_BYTES), str_n(key, n)};
    return ST_OK;
}

static ST read_changes(admin_t *a, const flags_t *f, const entity_t *e, change_t *c, err_t *err)
{
    str_t add = flags_get(f, "add-config"), del = flags_get(f, "delete-config"), name, value;
    size_t most = add.len + del.len + 2;
    c->entry.ops.ptr = WIRE_NEW(admin_arena(a), alter_client_quotas_request_op, most);
    c->scram.upsertions.ptr =
        WIRE_NEW(admin_arena(a), alter_user_scram_credentials_request_upsertion, most);
    c->scram.deletions.ptr =
        WIRE_NEW(admin_arena(a), alter_user_scram_credentials_request_deletion, most);
    while (add.len) {
        double number = 0;
        bool good = configs_next_pair(&add, &name, &value);
        int8_t mechanism = good ? mechanism_of(name) : 0;
        if (mechanism)
            TRY(add_credential(a, e->name[USER], mechanism, value, c, err));
        else if (!good || !str_to_f64(value, &number))
            return err_set(err, ST_BAD_INPUT, "--add-config: a quota is NAME=NUMBER");
        else
            c->entry.ops.ptr[c->entry.ops.len++] =
                (wire_alter_client_quotas_request_op_t){name, number, false};
    }
    while (str_split(&del, ',', &name)) {
        name = str_trim(name);
        int8_t mechanism = mechanism_of(name);
        if (mechanism)
            c->scram.deletions.ptr[c->scram.deletions.len++] =
                (wire_alter_user_scram_credentials_request_deletion_t){e->name[USER], mechanism};
        else if (name.len)
            c->entry.ops.ptr[c->entry.ops.len++] =
                (wire_alter_client_quotas_request_op_t){name, 0, true};
    }
    return ST_OK;
}

static ST send_quotas(admin_t *a, const entity_t *e, change_t *c, err_t *err)
{
    wire_alter_client_quotas_request_t q = {.entries = {&c->entry, 1}};
    wire_alter_client_quotas_response_t r;
    wire_alter_client_quotas_request_entity_t part[PARTS];
    c->entry.entity.ptr = part;
    for (int i = 0; i < PARTS; i++)
        if (e->has[i])
            part[c->entry.entity.len++] =
                (wire_alter_client_quotas_request_entity_t){str_of(parts[i].name), e->name[i]};
    TRY(admin_call(a, ADMIN_ANY, WIRE_API_alter_client_quotas, 1, &q, &r, err));
    for (int32_t i = 0; i < r.entries.len; i++)
        TRY(error_check(r.entries.ptr[i].error_code, r.entries.ptr[i].error_message, err));
    return ST_OK;
}

static ST send_credentials(admin_t *a, const change_t *c, err_t *err)
{
    wire_alter_user_scram_credentials_response_t r;
    TRY(admin_call(a, ADMIN_ANY, WIRE_API_alter_user_scram_credentials, 0, &c->scram, &r, err));
    for (int32_t i = 0; i < r.results.len; i++)
        TRY(error_check(r.results.ptr[i].error_code, r.results.ptr[i].error_message, err));
    return ST_OK;
}

static ST alter(admin_t *a, const flags_t *f, const entity_t *e, err_t *err)
{
    change_t c = {0};
    for (int i = 0; i < PARTS; i++)
        if (e->any[i])
            return err_set(err, ST_BAD_INPUT,
                           "an --entity-name or --entity-default must be specified with --alter of "
                           "%s",
                           parts[i].type);
    TRY(read_changes(a, f, e, &c, err));
    bool credentials = c.scram.deletions.len || c.scram.upsertions.len;
    if (!credentials && !c.entry.ops.len)
        return err_set(err, ST_BAD_INPUT,
                       "At least one of --add-config or --delete-config must be specified with "
                       "--alter");
    if (credentials && (!e->name[USER].len || e->has[CLIENT]))
        return err_set(err, ST_BAD_INPUT, "only a user with a name has credentials");
    if (credentials)
        TRY(send_credentials(a, &c, err));
    if (c.entry.ops.len)
        TRY(send_quotas(a, e, &c, err));
    for (int i = 0; i < PARTS; i++)
        if (e->has[i] && row_wanted(f))
            ROW(ROW_TEXT("entityType", str_of(parts[i].name)), ROW_TEXT("entityName", e->name[i]),
                ROW_BOOL("updated", true));
        else if (e->has[i])
            printf("Completed updating %sconfig for %.*s " STR_FMT ".\n",
                   e->name[i].ptr ? "" : "default ", (int)strlen(parts[i].type) - 1, parts[i].type,
                   STR_ARG(e->name[i]));
    return ST_OK;
}

/* ---- describe */

static const char *shown(str_t name)
{
    for (int i = 0; i < PARTS; i++)
        if (str_eq(name, str_of(parts[i].name)))
            return parts[i].shown;
    return "entity";
}

static void print_quota(const wire_describe_client_quotas_response_entry_t *q)
{
    fputs("Quota configs for ", stdout);
    for (int32_t i = 0; i < q->entity.len; i++) {
        const wire_describe_client_quotas_response_entity_t *e = &q->entity.ptr[i];
        fputs(i ? ", " : "", stdout);
        if (e->entity_name.ptr)
            printf("%s '" STR_FMT "'", shown(e->entity_type), STR_ARG(e->entity_name));
        else
            printf("the default %s", shown(e->entity_type));
    }
    fputs(" are ", stdout);
    for (int32_t i = 0; i < q->values.len; i++)
        printf("%s" STR_FMT "=%.1f", i ? ", " : "", STR_ARG(q->values.ptr[i].key),
               q->values.ptr[i].value);
    putchar('\n');
}

/* The parts of the entity by their names, null: the default; and a row a quota. */
static void print_rows(const wire_describe_client_quotas_response_entry_t *q)
{
    buf_t entity = BUF_INIT;
    BUF_LIT(&entity, "{");
    for (int32_t i = 0; i < q->entity.len; i++) {
        json_put_name_str(&entity, q->entity.ptr[i].entity_type);
        row_put_text(&entity, q->entity.ptr[i].entity_name);
    }
    BUF_LIT(&entity, "}");
    for (int32_t i = 0; i < q->values.len; i++) {
        buf_t value = BUF_INIT;
        buf_printf(&value, "%.17g", q->values.ptr[i].value);
        ROW(ROW_JSON("entity", buf_str(&entity)), ROW_TEXT("name", q->values.ptr[i].key),
            ROW_JSON("value", buf_str(&value)));
        buf_done(&value);
    }
    buf_done(&entity);
}

static ST describe_quotas(admin_t *a, const flags_t *f, const entity_t *e, err_t *err)
{
    wire_describe_client_quotas_request_component_t part[PARTS];
    wire_describe_client_quotas_request_t q = {.components = {part, 0}, .strict = true};
    wire_describe_client_quotas_response_t r;
    for (int i = 0; i < PARTS; i++)
        if (e->has[i])
            part[q.components.len++] =
                (wire_describe_client_quotas_request_component_t){str_of(parts[i].name),
                                                                  e->any[i]        ? ANY
                                                                  : e->name[i].ptr ? EXACT
                                                                                   : DEFAULT,
                                                                  e->name[i]};
    TRY(admin_call(a, ADMIN_ANY, WIRE_API_describe_client_quotas, 1, &q, &r, err));
    TRY(error_check(r.error_code, r.error_message, err));
    for (int32_t i = 0; i < r.entries.len; i++)
        if (row_wanted(f))
            print_rows(&r.entries.ptr[i]);
        else
            print_quota(&r.entries.ptr[i]);
    return ST_OK;
}

/* A user who has none is not told of. */
static ST describe_credentials(admin_t *a, const flags_t *f, const entity_t *e, err_t *err)
{
    wire_describe_user_scram_credentials_request_user_t user = {e->name[USER]};
    wire_describe_user_scram_credentials_request_t q = {.users = {&user, !e->any[USER]}};
    wire_describe_user_scram_credentials_response_t r;
    TRY(admin_call(a, ADMIN_ANY, WIRE_API_describe_user_scram_credentials, 0, &q, &r, err));
    TRY(error_check(r.error_code, r.error_message, err));
    for (int32_t i = 0; i < r.results.len; i++) {
        const wire_describe_user_scram_credentials_response_result_t *u = &r.results.ptr[i];
        for (int32_t k = 0; k < u->credential_infos.len; k++) {
            int8_t number = u->credential_infos.ptr[k].mechanism;
            const char *mechanism = number == 1 || number == 2 ? mechanisms[number - 1] : "?";
            if (row_wanted(f)) {
                ROW(ROW_TEXT("user", u->user), ROW_TEXT("mechanism", str_of(mechanism)),
                    ROW_INT("iterations", u->credential_infos.ptr[k].iterations));
                continue;
            }
            if (k == 0)
                printf("SCRAM credential configs for user-principal '" STR_FMT "' are ",
                       STR_ARG(u->user));
            printf("%s%s=iterations=%d", k ? ", " : "", mechanism,
                   u->credential_infos.ptr[k].iterations);
        }
        if (u->credential_infos.len && !row_wanted(f))
            putchar('\n');
    }
    return ST_OK;
}

ST quotas_run(admin_t *a, const flags_t *f, err_t *err)
{
    entity_t e = {0};
    TRY(read_entity(f, &e, err));
    if (flags_has(f, "alter"))
        return alter(a, f, &e, err);
    TRY(describe_quotas(a, f, &e, err));
    bool users = e.has[USER] && !e.has[CLIENT] && (e.any[USER] || e.name[USER].len);
    return users ? describe_credentials(a, f, &e, err) : ST_OK;
}
