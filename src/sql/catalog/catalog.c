#include "sql/catalog/catalog.h"

typedef struct catalog_type {
    arena_t arena;
    const data_type_t *type;
} catalog_type_t;

catalog_source_t *catalog_source_new(void)
{
    catalog_source_t *s = mem_zalloc(sizeof *s);
    arena_init(&s->arena, ARENA_NO_LIMIT);
    return s;
}

void catalog_source_free(catalog_source_t *s)
{
    if (!s)
        return;
    arena_done(&s->arena);
    free(s);
}

static void free_source(void *s)
{
    catalog_source_free(s);
}

static void free_type(void *t)
{
    arena_done(&((catalog_type_t *)t)->arena);
    free(t);
}

void catalog_init(catalog_t *c)
{
    *c = (catalog_t){0};
    map_init(&c->sources);
    map_init(&c->types);
}

void catalog_done(catalog_t *c)
{
    map_done(&c->sources, free_source);
    map_done(&c->types, free_type);
    for (size_t i = 0; i < c->retired.len; i++)
        catalog_source_free(c->retired.ptr[i]);
    VEC_DONE(&c->retired);
}

const catalog_source_t *catalog_get(const catalog_t *c, str_t name)
{
    return map_get(&c->sources, name);
}

void catalog_put(catalog_t *c, catalog_source_t *s)
{
    catalog_source_t *old = map_put(&c->sources, s->name, s);
    if (old)
        VEC_PUSH(&c->retired, old);
}

void catalog_drop(catalog_t *c, str_t name)
{
    catalog_source_t *old = map_remove(&c->sources, name);
    if (old)
        VEC_PUSH(&c->retired, old);
}

void catalog_put_type(catalog_t *c, str_t name, const data_type_t *t)
{
    catalog_type_t *n = mem_zalloc(sizeof *n);
    arena_init(&n->arena, ARENA_NO_LIMIT);
    n->type = data_type_copy(&n->arena, t);
    void *old = map_put(&c->types, name, n);
    if (old)
        free_type(old);
}

const data_type_t *catalog_get_type(const catalog_t *c, str_t name)
{
    const catalog_type_t *t = map_get(&c->types, name);
    return t ? t->type : NULL;
}

void catalog_drop_type(catalog_t *c, str_t name)
{
    void *old = map_remove(&c->types, name);
    if (old)
        free_type(old);
}

str_t catalog_schema_text(arena_t *a, const catalog_source_t *s)
{
    buf_t b = BUF_INIT;
    data_schema_t schema = {s->key, s->value};
    data_schema_put(&b, &schema, s->table);
    str_t text = arena_str(a, buf_str(&b));
    buf_done(&b);
    return text;
}
