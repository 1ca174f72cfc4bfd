#include "sql/plan/plan.h"

serde_spec_t plan_serde_spec(arena_t *a, const plan_format_t *f, data_columns_t columns,
                             bool is_key, str_t topic, const schema_source_t *schemas)
{
    return (serde_spec_t){
        .format = f->id,
        .is_key = is_key,
        .wrap = f->wrap,
        .delimiter = f->delimiter,
        .full_name = f->full_name,
        .schema_id = f->schema_id,
        .nullable_optional = f->nullable_optional,
        .nullable_wrapper = f->nullable_wrapper,
        .columns = columns,
        .schemas = schemas,
        .subject = arena_printf(a, STR_FMT "%s", STR_ARG(topic), is_key ? "-key" : "-value"),
    };
}

bool plan_has(const plan_step_t *s, plan_kind_t kind)
{
    return s && (s->kind == kind || plan_has(s->in[0], kind) || plan_has(s->in[1], kind));
}

const char *plan_step_name(const plan_step_t *s)
{
    static const char *const names[PLAN_KINDS] = {
#define X(kind, name) [PLAN_##kind] = name,
        PLAN_STEPS
#undef X
    };
    return names[s->kind];
}

static void put_step(buf_t *b, const plan_step_t *s, int depth)
{
    buf_printf(b, "%*s> [ %s ] | ", depth * 4, "", plan_step_name(s));
    if (s->kind == PLAN_SOURCE)
        buf_printf(b, STR_FMT " (topic: " STR_FMT ") | ", STR_ARG(s->source.name),
                   STR_ARG(s->source.topic));
    if (s->kind == PLAN_FILTER)
        buf_printf(b, STR_FMT " | ", STR_ARG(s->filter.text));
    if (s->kind == PLAN_SINK)
        buf_printf(b, STR_FMT " | ", STR_ARG(s->sink.topic));
    BUF_LIT(b, "Schema: ");
    bool first = true;
    for (size_t i = 0; i < s->schema.n; i++) {
        const plan_column_t *c = &s->schema.col[i];
        if (c->name.len && c->name.ptr[0] == ' ')
            continue;
        buf_printf(b, "%s`" STR_FMT "` ", first ? "" : ", ", STR_ARG(c->name));
        data_type_put(b, c->type);
        if (i < s->schema.n_key && s->kind != PLAN_RESULT)
            BUF_LIT(b, " KEY");
        first = false;
    }
    BUF_LIT(b, "\n");
    for (int i = 0; i < 2; i++)
        if (s->in[i])
            put_step(b, s->in[i], depth + 1);
}

void plan_put(buf_t *b, const plan_t *p)
{
    put_step(b, p->root, 0);
}
