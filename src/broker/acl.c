#include "broker/acl.h"

typedef struct acl_list {
    acl_rule_t about; /* resource, pattern and name of all of them */
    VEC(acl_rule_t) rules;
} acl_list_t;

/* ---- the set */

static void list_free(void *p)
{
    acl_list_t *l = p;
    for (size_t i = 0; i < l->rules.len; i++)
        free((void *)(uintptr_t)l->rules.ptr[i].principal.ptr);
    free((void *)(uintptr_t)l->about.name.ptr);
    VEC_DONE(&l->rules);
    free(l);
}

void acl_set_init(acl_set_t *s)
{
    *s = (acl_set_t){0};
    map_init(&s->of_resource);
}

void acl_set_done(acl_set_t *s)
{
    map_done(&s->of_resource, list_free);
}

/* The rules about exactly this; NULL: there are none. */
static acl_list_t *list_of(const acl_set_t *s, int8_t resource, int8_t pattern, str_t name,
                           buf_t *key)
{
    buf_clear(key);
    buf_put_char(key, (char)resource);
    buf_put_char(key, (char)pattern);
    buf_put_str(key, name);
    return map_get(&s->of_resource, buf_str(key));
}

static ptrdiff_t index_of(const acl_list_t *l, const acl_rule_t *rule)
{
    for (size_t i = 0; i < l->rules.len; i++) {
        const acl_rule_t *o = &l->rules.ptr[i];
        if (o->operation == rule->operation && o->permission == rule->permission &&
            str_eq(o->principal, rule->principal) && str_eq(o->host, rule->host))
            return (ptrdiff_t)i;
    }
    return -1;
}

static str_t own(str_t s)
{
    return str_n(mem_dup(s.ptr, s.len), s.len);
}

bool acl_set_add(acl_set_t *s, const acl_rule_t *rule)
{
    buf_t key = BUF_INIT;
    acl_list_t *l = list_of(s, rule->resource, rule->pattern, rule->name, &key);
    if (!l) {
        l = mem_zalloc(sizeof *l);
        l->about = *rule;
        l->about.name = own(rule->name);
        map_put(&s->of_resource, buf_str(&key), l);
    }
    buf_done(&key);
    if (index_of(l, rule) >= 0)
        return false;
    acl_rule_t copy = *rule;
    char *texts = mem_alloc(rule->principal.len + rule->host.len + 1);
    copy.name = l->about.name;
    copy.principal = str_n(texts, rule->principal.len);
    copy.host = str_n(texts + rule->principal.len, rule->host.len);
    memcpy(texts, rule->principal.ptr, rule->principal.len);
    memcpy(texts + rule->principal.len, rule->host.ptr, rule->host.len);
    VEC_PUSH(&l->rules, copy);
    s->n++;
    s->n_prefixed += rule->pattern == ACL_PREFIXED;
    return true;
}

bool acl_set_remove(acl_set_t *s, const acl_rule_t *rule)
{
    buf_t key = BUF_INIT;
    acl_list_t *l = list_of(s, rule->resource, rule->pattern, rule->name, &key);
    ptrdiff_t i = l ? index_of(l, rule) : -1;
    if (i >= 0) {
        free((void *)(uintptr_t)l->rules.ptr[i].principal.ptr);
        VEC_REMOVE(&l->rules, i);
        s->n--;
        s->n_prefixed -= rule->pattern == ACL_PREFIXED;
    }
    if (l && !l->rules.len)
        list_free(map_remove(&s->of_resource, buf_str(&key)));
    buf_done(&key);
    return i >= 0;
}

/* ---- filters */

static bool is_star(str_t s)
{
    return str_eq(s, STR("*"));
}

static bool name_fits(const acl_rule_t *about, const acl_rule_t *filter)
{
    bool any_name = !filter->name.ptr, same = any_name || str_eq(about->name, filter->name);
    switch ((acl_pattern_t)filter->pattern) {
    case ACL_ANY_PATTERN:
        return same;
    case ACL_MATCH:
        return same || (about->pattern == ACL_PREFIXED ? str_starts(filter->name, about->name)
                                                       : is_star(about->name));
    case ACL_LITERAL:
    case ACL_PREFIXED:
        return about->pattern == filter->pattern && same;
    case ACL_PATTERNS:
        break;
    }
    return false;
}

static bool rule_fits(const acl_rule_t *rule, const acl_rule_t *filter)
{
    return (!filter->principal.ptr || str_eq(rule->principal, filter->principal)) &&
           (!filter->host.ptr || str_eq(rule->host, filter->host)) &&
           (filter->operation == ACL_ANY_OPERATION || rule->operation == filter->operation) &&
           (filter->permission == ACL_ANY_PERMISSION || rule->permission == filter->permission);
}

void acl_set_find(const acl_set_t *s, const acl_rule_t *filter, arena_t *a, acl_rule_t **ret,
                  size_t *ret_n)
{
    acl_rule_t *found = ARENA_ARRAY(a, acl_rule_t, s->n + 1);
    size_t n = 0;
    for (map_entry_t *e = NULL; (e = map_next(&s->of_resource, e));) {
        const acl_list_t *l = e->value;
        if ((filter->resource != ACL_ANY_RESOURCE && filter->resource != l->about.resource) ||
            !name_fits(&l->about, filter))
            continue;
        for (size_t i = 0; i < l->rules.len; i++)
            if (rule_fits(&l->rules.ptr[i], filter))
                found[n++] = l->rules.ptr[i];
    }
    *ret = found;
    *ret_n = n;
}

/* ---- deciding */

static bool operation_applies(const acl_rule_t *rule, acl_operation_t asked)
{
    int8_t has = rule->operation;
    if (has == ACL_ALL || has == (int8_t)asked)
        return true;
    if (rule->permission == ACL_DENY)
        return false;
    if (asked == ACL_DESCRIBE) /* A3 */
        return has == ACL_READ || has == ACL_WRITE || has == ACL_DELETE || has == ACL_ALTER;
    return asked == ACL_DESCRIBE_CONFIGS && has == ACL_ALTER_CONFIGS;
}

static bool applies(const acl_rule_t *rule, acl_operation_t asked, str_t principal, str_t host)
{
    return (str_eq(rule->principal, principal) || str_eq(rule->principal, STR("User:*"))) &&
           (is_star(rule->host) || str_eq(rule->host, host)) && operation_applies(rule, asked);
}

typedef struct question {
    acl_operation_t operation;
    str_t principal, host;
    bool about, allowed, denied; /* found so far */
} question_t;

static void ask(question_t *q, const acl_list_t *l)
{
    for (size_t i = 0; l && i < l->rules.len; i++) {
        q->about = true;
        if (!applies(&l->rules.ptr[i], q->operation, q->principal, q->host))
            continue;
        q->denied |= l->rules.ptr[i].permission == ACL_DENY;
        q->allowed |= l->rules.ptr[i].permission == ACL_ALLOW;
    }
}

acl_verdict_t acl_set_decide(const acl_set_t *s, acl_operation_t operation, acl_resource_t resource,
                             str_t name, str_t principal, str_t host)
{
    question_t q = {.operation = operation, .principal = principal, .host = host};
    buf_t key = BUF_INIT;
    int8_t kind = (int8_t)resource;
    ask(&q, list_of(s, kind, ACL_LITERAL, name, &key));
    if (!is_star(name))
        ask(&q, list_of(s, kind, ACL_LITERAL, STR("*"), &key));
    for (size_t n = 0; s->n_prefixed && n <= name.len; n++)
        ask(&q, list_of(s, kind, ACL_PREFIXED, str_sub(name, 0, n), &key));
    buf_done(&key);
    return q.denied ? ACL_DENIED : q.allowed ? ACL_ALLOWED : q.about ? ACL_DENIED : ACL_SILENT;
}

/* Whether a rule that denies takes away all that this one allows. */
static bool is_taken_away(const acl_rule_t *deny, const acl_rule_t *allow)
{
    if (deny->pattern == ACL_PREFIXED)
        return str_starts(allow->name, deny->name);
    return is_star(deny->name) ||
           (allow->pattern == ACL_LITERAL && str_eq(deny->name, allow->name));
}

bool acl_set_allows_any(const acl_set_t *s, acl_operation_t operation, acl_resource_t resource,
                        str_t principal, str_t host)
{
    arena_t a;
    acl_rule_t *rule, all = {.resource = (int8_t)resource,
                             .pattern = ACL_ANY_PATTERN,
                             .operation = ACL_ANY_OPERATION,
                             .permission = ACL_ANY_PERMISSION};
    size_t n;
    bool any = false;
    arena_init(&a, ARENA_NO_LIMIT);
    acl_set_find(s, &all, &a, &rule, &n);
    for (size_t i = 0; i < n && !any; i++) {
        any = rule[i].permission == ACL_ALLOW && applies(&rule[i], operation, principal, host);
        for (size_t k = 0; any && k < n; k++)
            if (rule[k].permission == ACL_DENY && is_taken_away(&rule[k], &rule[i]) &&
                applies(&rule[k], operation, principal, host))
                any = false;
    }
    arena_done(&a);
    return any;
}
