/* users.c: users who authenticate by SCRAM: facts of the log, and their APIs.
 *
 * A fact "scram.MECHANISM.NAME" has what scram_credential_put writes; no password is kept.
 */
#include "broker/internal.h"

#include "log/local/local.h"

#define NAME_BYTES_MAX 1024

static const str_t key_prefix = {"scram.", 6};

static str_t key_of(arena_t *a, int mechanism, str_t name)
{
    return arena_printf(a, "%d." STR_FMT, mechanism, STR_ARG(name));
}

/* ---- keeping */

/* c NULL: forget it. */
static void remember(broker_t *b, str_t key, const scram_credential_t *c)
{
    pthread_rwlock_wrlock(&b->users.lock);
    free(c ? map_put(&b->users.credentials, key, mem_dup(c, sizeof *c))
           : map_remove(&b->users.credentials, key));
    pthread_rwlock_unlock(&b->users.lock);
}

static ST load_one(broker_t *b, const log_fact_t *f, err_t *err)
{
    scram_credential_t c;
    str_t key = str_sub(f->key, key_prefix.len, f->key.len), rest = key, mechanism;
    int32_t hash;
    if (!str_split(&rest, '.', &mechanism) || !str_to_i32(mechanism, &hash) ||
        (hash != SCRAM_SHA_256 && hash != SCRAM_SHA_512))
        return err_set(err, ST_CORRUPT, "the log's fact " STR_FMT " is no user", STR_ARG(f->key));
    TRY(scram_credential_read((scram_hash_t)hash, f->value, &c, err));
    remember(b, key, &c);
    return ST_OK;
}

void broker_users_init(broker_t *b)
{
    pthread_rwlock_init(&b->users.lock, NULL);
    map_init(&b->users.credentials);
}

ST broker_users_load(broker_t *b, err_t *err)
{
    arena_t a;
    log_fact_t *fact;
    size_t n;
    st_t st = ST_OK;
    arena_init(&a, ARENA_NO_LIMIT);
    log_facts(b->log, key_prefix, &a, &fact, &n);
    for (size_t i = 0; i < n && st == ST_OK; i++)
        st = load_one(b, &fact[i], err);
    arena_done(&a);
    return st;
}

void broker_users_free(broker_t *b)
{
    map_done(&b->users.credentials, free);
    pthread_rwlock_destroy(&b->users.lock);
}

bool broker_users_find(broker_t *b, scram_hash_t hash, str_t name, scram_credential_t *ret)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    str_t key = key_of(&a, (int)hash, name);
    pthread_rwlock_rdlock(&b->users.lock);
    const scram_credential_t *c = map_get(&b->users.credentials, key);
    if (c)
        *ret = *c;
    pthread_rwlock_unlock(&b->users.lock);
    arena_done(&a);
    return c != NULL;
}

/* ---- AlterUserScramCredentials. thread: admin */

typedef wire_alter_user_scram_credentials_request_upsertion_t upsertion_t;
typedef wire_alter_user_scram_credentials_request_deletion_t deletion_t;

static broker_failure_t check_name(broker_request_t *r, str_t name, int8_t mechanism)
{
    if (!broker_may_cluster(r->conn, ACL_ALTER))
        return (broker_failure_t){KAFKA_CLUSTER_AUTHORIZATION_FAILED, STR_NONE};
    if (!name.len || name.len > NAME_BYTES_MAX)
        return BROKER_FAIL(&r->arena, KAFKA_UNACCEPTABLE_CREDENTIAL,
                           name.len ? "The username is too long" : "Username must not be empty");
    if (mechanism != SCRAM_SHA_256 && mechanism != SCRAM_SHA_512)
        return BROKER_FAIL(&r->arena, KAFKA_UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism");
    return (broker_failure_t){0};
}

static broker_failure_t check_upsertion(broker_request_t *r, const upsertion_t *u)
{
    broker_failure_t f = check_name(r, u->name, u->mechanism);
    if (f.code)
        return f;
    if (u->iterations < SCRAM_ITERATIONS_MIN)
        return BROKER_FAIL(&r->arena, KAFKA_UNACCEPTABLE_CREDENTIAL, "Too few iterations");
    if (u->iterations > SCRAM_ITERATIONS_MAX)
        return BROKER_FAIL(&r->arena, KAFKA_UNACCEPTABLE_CREDENTIAL, "Too many iterations");
    if (!u->salt.len || u->salt.len > SCRAM_SALT_MAX)
        return BROKER_FAIL(&r->arena, KAFKA_UNACCEPTABLE_CREDENTIAL, "A salt has 1 to %d bytes",
                           SCRAM_SALT_MAX);
    if (u->salted_password.len != scram_key_bytes((scram_hash_t)u->mechanism))
        return BROKER_FAIL(&r->arena, KAFKA_UNACCEPTABLE_CREDENTIAL,
                           "The salted password has not the length of the mechanism's hash");
    return f;
}

static broker_failure_t check_deletion(broker_request_t *r, const deletion_t *d)
{
    scram_credential_t c;
    broker_failure_t f = check_name(r, d->name, d->mechanism);
    if (!f.code && !broker_users_find(broker_of(r), (scram_hash_t)d->mechanism, d->name, &c))
        f = BROKER_FAIL(&r->arena, KAFKA_RESOURCE_NOT_FOUND,
                        "Attempt to delete a user credential that does not exist");
    return f;
}

/* The answer has one result for each user: the first failure of what was asked for it. */
typedef struct outcome {
    broker_request_t *request;
    wire_alter_user_scram_credentials_response_t *answer;
    map_t of_user, seen; /* a user's result; "1.name" */
} outcome_t;

static void put_outcome(outcome_t *o, str_t name, int8_t mechanism, broker_failure_t f)
{
    arena_t *a = &o->request->arena;
    wire_alter_user_scram_credentials_response_result_t *to = map_get(&o->of_user, name);
    if (!to) {
        to = &o->answer->results.ptr[o->answer->results.len++];
        to->user = name;
        map_put(&o->of_user, name, to);
    }
    if (map_put(&o->seen, key_of(a, mechanism, name), to))
        f = BROKER_FAIL(a, KAFKA_DUPLICATE_RESOURCE,
                        "A user credential cannot be altered twice in the same request");
    if (!f.code || to->error_code)
        return;
    to->error_code = f.code;
    to->error_message = f.text;
}

static bool user_failed(const outcome_t *o, str_t name)
{
    const wire_alter_user_scram_credentials_response_result_t *to = map_get(&o->of_user, name);
    return to->error_code != KAFKA_NONE;
}

static void change(log_commit_t *commit, arena_t *a, str_t key, str_t value)
{
    log_commit_fact(commit, arena_printf(a, "scram." STR_FMT, STR_ARG(key)), value);
}

static ST apply(broker_request_t *r, const outcome_t *o, err_t *err)
{
    MESSAGE(alter_user_scram_credentials);
    broker_t *b = broker_of(r);
    log_commit_t *commit = log_commit_new(b->log);
    int32_t n = m->upsertions.len;
    scram_credential_t *c = ARENA_ARRAY(&r->arena, scram_credential_t, n + 1);
    for (int32_t i = 0; i < m->deletions.len; i++)
        if (!user_failed(o, m->deletions.ptr[i].name))
            change(commit, &r->arena,
                   key_of(&r->arena, m->deletions.ptr[i].mechanism, m->deletions.ptr[i].name),
                   STR_NONE);
    for (int32_t i = 0; i < n; i++) {
        const upsertion_t *u = &m->upsertions.ptr[i];
        buf_t text = BUF_INIT;
        if (user_failed(o, u->name))
            continue;
        scram_from_salted((scram_hash_t)u->mechanism, u->salted_password, u->salt, u->iterations,
                          &c[i]);
        scram_credential_put(&text, &c[i]);
        change(commit, &r->arena, key_of(&r->arena, u->mechanism, u->name), buf_str(&text));
        buf_done(&text);
    }
    TRY(log_commit(b->log, commit, NULL, err));
    for (int32_t i = 0; i < m->deletions.len; i++)
        if (!user_failed(o, m->deletions.ptr[i].name))
            remember(b, key_of(&r->arena, m->deletions.ptr[i].mechanism, m->deletions.ptr[i].name),
                     NULL);
    for (int32_t i = 0; i < n; i++)
        if (!user_failed(o, m->upsertions.ptr[i].name))
            remember(b,
                     key_of(&r->arena, m->upsertions.ptr[i].mechanism, m->upsertions.ptr[i].name),
                     &c[i]);
    return ST_OK;
}

void broker_on_alter_user_scram_credentials(broker_request_t *r)
{
    MESSAGE(alter_user_scram_credentials);
    RESPONSE(alter_user_scram_credentials);
    outcome_t o = {.request = r, .answer = answer};
    err_t err;
    NEW_LIST(&r->arena, answer->results, alter_user_scram_credentials_response_result,
             m->deletions.len + m->upsertions.len);
    answer->results.len = 0;
    map_init(&o.of_user);
    map_init(&o.seen);
    for (int32_t i = 0; i < m->deletions.len; i++)
        put_outcome(&o, m->deletions.ptr[i].name, m->deletions.ptr[i].mechanism,
                    check_deletion(r, &m->deletions.ptr[i]));
    for (int32_t i = 0; i < m->upsertions.len; i++)
        put_outcome(&o, m->upsertions.ptr[i].name, m->upsertions.ptr[i].mechanism,
                    check_upsertion(r, &m->upsertions.ptr[i]));
    if (apply(r, &o, &err) != ST_OK)
        for (int32_t i = 0; i < answer->results.len; i++)
            if (!answer->results.ptr[i].error_code)
                answer->results.ptr[i].error_code = KAFKA_STORAGE_ERROR;
    map_done(&o.of_user, NULL);
    map_done(&o.seen, NULL);
    broker_answer(r, answer);
}

/* ---- DescribeUserScramCredentials. thread: net */

typedef wire_describe_user_scram_credentials_response_result_t described_t;

static void describe(broker_request_t *r, str_t name, described_t *to)
{
    to->user = name;
    NEW_LIST(&r->arena, to->credential_infos,
             describe_user_scram_credentials_response_credential_info, 2);
    to->credential_infos.len = 0;
    for (int hash = SCRAM_SHA_256; hash <= SCRAM_SHA_512; hash++) {
        scram_credential_t c;
        if (!broker_users_find(broker_of(r), (scram_hash_t)hash, name, &c))
            continue;
        to->credential_infos.ptr[to->credential_infos.len++] =
            (wire_describe_user_scram_credentials_response_credential_info_t){(int8_t)hash,
                                                                              c.iterations};
    }
    if (to->credential_infos.len)
        return;
    to->error_code = KAFKA_RESOURCE_NOT_FOUND;
    to->error_message = arena_printf(
        &r->arena, "Attempt to describe a user credential that does not exist: " STR_FMT,
        STR_ARG(name));
}

/* All users there are, each once. */
static str_t *all_users(broker_request_t *r, int32_t *ret_n)
{
    broker_t *b = broker_of(r);
    map_t seen;
    int32_t n = 0;
    map_init(&seen);
    pthread_rwlock_rdlock(&b->users.lock);
    str_t *name = ARENA_ARRAY(&r->arena, str_t, b->users.credentials.len + 1);
    for (map_entry_t *e = NULL; (e = map_next(&b->users.credentials, e));) {
        str_t one = str_sub(e->key, 2, e->key.len);
        if (!map_put(&seen, one, b))
            name[n++] = arena_str(&r->arena, one);
    }
    pthread_rwlock_unlock(&b->users.lock);
    map_done(&seen, NULL);
    *ret_n = n;
    return name;
}

void broker_on_describe_user_scram_credentials(broker_request_t *r)
{
    MESSAGE(describe_user_scram_credentials);
    RESPONSE(describe_user_scram_credentials);
    int32_t n = m->users.len;
    str_t *name = n ? ARENA_ARRAY(&r->arena, str_t, n) : all_users(r, &n);
    map_t seen;
    map_init(&seen);
    for (int32_t i = 0; i < m->users.len; i++)
        name[i] = m->users.ptr[i].name;
    NEW_LIST(&r->arena, answer->results, describe_user_scram_credentials_response_result, n);
    answer->results.len = 0;
    for (int32_t i = 0; i < n; i++) {
        described_t *first = map_get(&seen, name[i]);
        if (first) {
            first->error_code = KAFKA_DUPLICATE_RESOURCE;
            first->error_message =
                arena_printf(&r->arena,
                             "Cannot describe SCRAM credentials for the same user twice in a "
                             "single request: " STR_FMT,
                             STR_ARG(name[i]));
            first->credential_infos.len = 0;
            continue;
        }
        described_t *to = &answer->results.ptr[answer->results.len++];
        describe(r, name[i], to);
        map_put(&seen, name[i], to);
    }
    map_done(&seen, NULL);
    broker_answer(r, answer);
}
