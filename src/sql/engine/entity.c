/* entity.c: the parts of REST entities that several statements answer with. */
#include "sql/engine/entity.h"

buf_t *entity_begin(engine_run_t *r, const char *entity)
{
    buf_t *b = r->reply->json;
    BUF_LIT(b, "{");
    json_put_member_str(b, "@type", str_of(entity));
    json_put_member_str(b, "statementText", r->stmt->text);
    return b;
}

void entity_end(buf_t *b)
{
    json_put_name(b, "warnings");
    BUF_LIT(b, "[]}");
}

void entity_put_null(buf_t *b, const char *name)
{
    json_put_name(b, name);
    BUF_LIT(b, "null");
}

/* {"type":"ARRAY","fields":null,"memberSchema":{…}} */
void entity_put_type(buf_t *b, const data_type_t *t)
{
    BUF_LIT(b, "{");
    json_put_member_str(b, "type", str_of(data_kind_name(t->kind)));
    if (t->kind == DATA_STRUCT) {
        json_put_name(b, "fields");
        BUF_LIT(b, "[");
        for (size_t i = 0; i < t->n_fields; i++) {
            json_put_item(b);
            BUF_LIT(b, "{");
            json_put_member_str(b, "name", t->field[i].name);
            json_put_name(b, "schema");
            entity_put_type(b, t->field[i].type);
            BUF_LIT(b, "}");
        }
        BUF_LIT(b, "]");
    } else {
        entity_put_null(b, "fields");
    }
    if (t->elem) {
        json_put_name(b, "memberSchema");
        entity_put_type(b, t->elem);
    } else {
        entity_put_null(b, "memberSchema");
    }
    if (t->kind == DATA_DECIMAL) {
        json_put_name(b, "parameters");
        BUF_LIT(b, "{");
        json_put_member_i64(b, "precision", t->precision);
        json_put_member_i64(b, "scale", t->scale);
        BUF_LIT(b, "}");
    }
    BUF_LIT(b, "}");
}

void entity_put_fields(buf_t *b, data_columns_t c, const char *role)
{
    for (size_t i = 0; i < c.len; i++) {
        json_put_item(b);
        BUF_LIT(b, "{");
        json_put_member_str(b, "name", c.ptr[i].name);
        json_put_name(b, "schema");
        entity_put_type(b, c.ptr[i].type);
        if (role)
            json_put_member_str(b, "type", str_of(role));
        BUF_LIT(b, "}");
    }
}

const char *entity_window_name(sql_window_kind_t k)
{
    static const char *const names[] = {"", "TUMBLING", "HOPPING", "SESSION"};
    return names[k];
}

const char *entity_state_name(const engine_query_t *q)
{
    static const char *const names[] = {"RUNNING", "PAUSED", "ERROR"};
    return names[q->state];
}

static int by_name(const void *x, const void *y)
{
    const catalog_source_t *const *a = x, *const *b = y;
    return str_cmp((*a)->name, (*b)->name);
}

/* All streams, or all tables, by name. */
const catalog_source_t **entity_sources(engine_run_t *r, bool table, size_t *ret_n)
{
    const map_t *m = &r->e->catalog.sources;
    const catalog_source_t **list = ARENA_ARRAY(r->scratch, const catalog_source_t *, m->len + 1);
    size_t n = 0;
    for (map_entry_t *e = NULL; (e = map_next(m, e));)
        if (((const catalog_source_t *)e->value)->table == table)
            list[n++] = e->value;
    if (n)
        qsort(list, n, sizeof(void *), by_name);
    *ret_n = n;
    return list;
}

void entity_put_query(buf_t *b, const engine_query_t *q)
{
    BUF_LIT(b, "{");
    json_put_member_str(b, "queryString", q->statement);
    json_put_name(b, "sinks");
    BUF_LIT(b, "[");
    if (q->sink.len)
        json_put_str(b, q->sink);
    BUF_LIT(b, "]");
    json_put_name(b, "sinkKafkaTopics");
    BUF_LIT(b, "[");
    if (q->sink_topic.len)
        json_put_str(b, q->sink_topic);
    BUF_LIT(b, "]");
    json_put_member_str(b, "id", q->id);
    json_put_name(b, "statusCount");
    buf_printf(b, "{\"%s\":1}", entity_state_name(q));
    json_put_member_str(b, "queryType", STR("PERSISTENT"));
    json_put_member_str(b, "state", str_of(entity_state_name(q)));
    BUF_LIT(b, "}");
}
