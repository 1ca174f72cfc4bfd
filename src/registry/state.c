#include "registry/state.h"

#include "base/hash.h"
#include "registry/content.h"

#include <stdlib.h>

/* ---- looking up */

context_t *state_context(const registry_t *r, str_t name)
{
    return map_get(&r->contexts, name);
}

subject_t *state_subject(const registry_t *r, str_t name)
{
    return map_get(&r->subjects, name);
}

const setting_t *state_setting(const registry_t *r, str_t name)
{
    return map_get(&r->settings, name);
}

size_t state_id_slot(const context_t *c, int32_t id)
{
    size_t low = 0, high = c->by_id.len;
    if (!high || c->by_id.ptr[high - 1]->id < id) /* most are given in order */
        return high;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c->by_id.ptr[mid]->id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

schema_t *state_any_by_id(const context_t *c, int32_t id)
{
    size_t i = c ? state_id_slot(c, id) : 0;
    return c && i < c->by_id.len && c->by_id.ptr[i]->id == id ? c->by_id.ptr[i] : NULL;
}

schema_t *state_by_id(const context_t *c, int32_t id)
{
    schema_t *s = state_any_by_id(c, id);
    return s && s->uses ? s : NULL;
}

uint64_t state_hash(const registry_schema_t *s)
{
    uint64_t hash = hash_bytes(s->text.ptr, s->text.len);
    for (size_t i = 0; i < s->n_refs; i++)
        hash = hash * 31 + hash_bytes(s->ref[i].subject.ptr, s->ref[i].subject.len) +
               (uint64_t)s->ref[i].version;
    hash = hash * 31 + hash_bytes(s->metadata.ptr, s->metadata.len);
    return hash * 31 + hash_bytes(s->rules.ptr, s->rules.len);
}

bool state_same_content(const schema_t *x, const registry_schema_t *y)
{
    const extras_t *e = x->extras;
    bool same = str_eq(state_text(x), y->text) && e->n_refs == y->n_refs &&
                str_eq(e->metadata, y->metadata) && str_eq(e->rules, y->rules);
    for (size_t i = 0; i < e->n_refs && same; i++)
        same = str_eq(e->ref[i].name, y->ref[i].name) &&
               str_eq(e->ref[i].subject, y->ref[i].subject) &&
               e->ref[i].version == y->ref[i].version;
    return same;
}

schema_t **state_content_slot(const context_t *c, uint64_t hash, const registry_schema_t *s)
{
    for (size_t i = hash & (c->content_cap - 1);; i = (i + 1) & (c->content_cap - 1)) {
        const schema_t *there = c->by_content[i];
        if (!there || (there->hash == hash && state_same_content(there, s)))
            return &c->by_content[i];
    }
}

schema_t *state_by_content(const context_t *c, const registry_schema_t *s)
{
    schema_t *found = c && c->content_cap ? *state_content_slot(c, state_hash(s), s) : NULL;
    return found && found->uses ? found : NULL;
}

schema_t *state_by_guid(registry_t *r, context_t *c, const uint8_t guid[16])
{
    for (size_t i = 0; !c->has_guids && i < c->by_id.len; i++)
        state_put_guid(r, c, c->by_id.ptr[i]);
    c->has_guids = true;
    schema_t *s = map_get(&c->by_guid, str_n((const char *)guid, 16));
    return s && s->uses ? s : NULL;
}

version_t *state_version(const subject_t *s, int32_t version)
{
    size_t low = 0, high = s ? s->versions.len : 0;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (s->versions.ptr[mid].version == version)
            return &s->versions.ptr[mid];
        if (s->versions.ptr[mid].version < version)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

version_t *state_use(const subject_t *s, const schema_t *schema)
{
    for (const use_t *u = s && schema ? schema->uses : NULL; u; u = u->next)
        if (u->subject == s)
            return state_version(s, u->version);
    return NULL;
}

version_t *state_newest(const subject_t *s, bool deleted)
{
    for (size_t i = s ? s->versions.len : 0; i-- > 0;)
        if (deleted || !s->versions.ptr[i].deleted)
            return &s->versions.ptr[i];
    return NULL;
}

bool state_has_versions(const registry_t *r, str_t name, bool deleted)
{
    if (name_split(name).subject.len)
        return state_newest(state_subject(r, name), deleted);
    for (map_entry_t *e = NULL; (e = map_next(&r->subjects, e));)
        if (name_within(e->key, name) && state_newest(e->value, deleted))
            return true;
    return false;
}

static int compare_contexts(const void *a, const void *b)
{
    return str_cmp((*(context_t *const *)a)->name, (*(context_t *const *)b)->name);
}

context_t **state_contexts(const registry_t *r, arena_t *a, size_t *ret_n)
{
    context_t **list = ARENA_ARRAY(a, context_t *, r->contexts.len + 1);
    size_t n = 0;
    for (map_entry_t *e = NULL; (e = map_next(&r->contexts, e));)
        if (((context_t *)e->value)->known)
            list[n++] = e->value;
    qsort(list, n, sizeof *list, compare_contexts); /* "." sorts before all others */
    *ret_n = n;
    return list;
}

subject_t *state_elsewhere(const registry_t *r, arena_t *a, context_t *const *context, size_t i,
                           str_t subject)
{
    return state_subject(r, name_join(a, context[i]->name, subject));
}

registry_schema_t state_content(const schema_t *s)
{
    return (registry_schema_t){.id = s->id,
                               .type = str_of(s->type),
                               .text = state_text(s),
                               .ref = s->extras->ref,
                               .n_refs = s->extras->n_refs,
                               .metadata = s->extras->metadata,
                               .rules = s->extras->rules};
}

registry_schema_t state_describe(const subject_t *s, const version_t *v)
{
    registry_schema_t d = state_content(v->schema);
    d.subject = s->name;
    d.version = v->version;
    d.deleted = v->deleted;
    d.ts_ms = v->ts_ms;
    return d;
}

void state_put_guid(registry_t *r, context_t *c, schema_t *s)
{
    uint8_t guid[16];
    registry_schema_t content = state_content(s);
    state_guid(r, &content, guid);
    map_put(&c->by_guid, str_n((const char *)guid, sizeof guid), s);
}

void state_guid(registry_t *r, const registry_schema_t *s, uint8_t ret[16])
{
    buf_t *b = &r->hashed;
    unsigned n = 16;
    buf_clear(b);
    for (size_t i = 0; i < s->n_refs; i++) {
        buf_put_str(b, s->ref[i].name);
        buf_put_str(b, s->ref[i].subject);
        buf_put_be32(b, (uint32_t)s->ref[i].version);
    }
    content_put_hashed(b, s->metadata, s->rules);
    if (!EVP_DigestInit_ex(r->md5, NULL, NULL) ||
        !EVP_DigestUpdate(r->md5, s->text.ptr, s->text.len) ||
        !EVP_DigestUpdate(r->md5, b->ptr, b->len) || !EVP_DigestFinal_ex(r->md5, ret, &n))
        die("OpenSSL cannot make an MD5");
}

bool state_refers(arena_t *a, const schema_t *s, str_t context, str_t subject, int32_t version)
{
    str_t parent = name_join(a, context, STR(""));
    const registry_ref_t *ref = s->extras->ref;
    for (size_t i = 0; i < s->extras->n_refs; i++)
        if (ref[i].version == version && str_eq(name_of_kin(a, parent, ref[i].subject), subject))
            return true;
    return false;
}

bool state_referenced(const registry_t *r, str_t subject, int32_t version, bool deleted,
                      str_t within)
{
    arena_t a;
    bool found = false;
    arena_init(&a, ARENA_NO_LIMIT);
    for (map_entry_t *e = NULL; !found && (e = map_next(&r->contexts, e));) {
        const context_t *c = e->value;
        for (size_t i = 0; i < c->referrers.len && !found; i++) {
            const schema_t *s = c->referrers.ptr[i];
            if (!s->uses || !state_refers(&a, s, c->name, subject, version))
                continue;
            for (const use_t *u = s->uses; u && !found; u = u->next) {
                const version_t *v = state_version(u->subject, u->version);
                found = v && (deleted || !v->deleted) && !str_eq(u->subject->name, within);
            }
        }
    }
    arena_done(&a);
    return found;
}

/* ---- settings */

static const setting_t *inherited(const registry_t *r, arena_t *a, str_t name, int what)
{
    str_t context = name_join(a, name_split(name).context, STR(""));
    str_t chain[] = {name, context, NAME_GLOBAL};
    for (int i = 0; i < 3; i++) {
        const setting_t *s = state_setting(r, chain[i]);
        if (s && (what ? s->mode >= 0 : s->has_config))
            return s;
    }
    return NULL;
}

config_t state_config(const registry_t *r, arena_t *a, str_t name)
{
    const setting_t *own = state_setting(r, name), *global = state_setting(r, REGISTRY_GLOBAL);
    const setting_t *s = inherited(r, a, name, 0);
    config_t c = s ? s->config : (config_t){.value = {STR_NONE}};
    if (own && own->has_config && name.len && global && global->has_config)
        c = config_merge(&global->config, &own->config);
    if (!c.value[CONFIG_LEVEL].ptr)
        c.value[CONFIG_LEVEL] = str_of(config_level_name(CONFIG_BACKWARD));
    return c;
}

registry_mode_t state_mode(const registry_t *r, arena_t *a, str_t name)
{
    const setting_t *s = inherited(r, a, name, 1);
    return s ? (registry_mode_t)s->mode : REGISTRY_READWRITE;
}

st_t state_may_write(const registry_t *r, arena_t *a, str_t name, err_t *err)
{
    registry_mode_t mode = state_mode(r, a, name);
    if (mode != REGISTRY_READONLY && mode != REGISTRY_READONLY_OVERRIDE)
        return ST_OK;
    str_t context = name_join(a, name_split(name).context, STR(""));
    return err_set(err, ST_DENIED,
                   "Subject " STR_FMT " in context " STR_FMT " is in read-only mode",
                   STR_ARG(name.ptr ? name : STR("null")), STR_ARG(context));
}

/* ---- errors */

st_t state_no_subject(str_t subject, err_t *err)
{
    return err_set(err, ST_NO_SUBJECT, "Subject '" STR_FMT "' not found.", STR_ARG(subject));
}

st_t state_no_version(int32_t version, err_t *err)
{
    return err_set(err, ST_NO_VERSION, "Version %d not found.", version);
}

st_t state_is_referenced(str_t subject, int32_t version, err_t *err)
{
    return err_set(err, ST_REFERENCED,
                   "One or more references exist to the schema {magic=1,keytype=SCHEMA,"
                   "subject=" STR_FMT ",version=%d}.",
                   STR_ARG(subject), version);
}
