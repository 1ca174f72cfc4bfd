/* explain.c: EXPLAIN: a query, or what a statement would run. */
#include "sql/engine/entity.h"

#define LONG_WINDOW_MS 3600000 /* a join's window that is worth a warning */

static ST explained(engine_run_t *r, arena_t *a, const engine_query_t **ret_query,
                    bind_result_t *ret, err_t *err)
{
    const sql_explain_t *x = &r->stmt->explain;
    if (!x->stmt) {
        *ret_query = engine_find_query(r->e, x->query_id);
        if (!*ret_query)
            return BAD("Query with id:" STR_FMT
                       " does not exist, use SHOW QUERIES to view the full set of queries.",
                       STR_ARG(x->query_id));
        *ret = (*ret_query)->bound;
        return ST_OK;
    }
    const sql_query_t *q = x->stmt->kind == SQL_STMT_QUERY           ? x->stmt->query
                           : x->stmt->kind == SQL_STMT_CREATE_AS     ? x->stmt->create.query
                           : x->stmt->kind == SQL_STMT_INSERT_SELECT ? x->stmt->insert.query
                                                                     : NULL;
    if (!q)
        return BAD("The provided statement does not run a ksql query");
    return bind_query(a, &r->e->bind, q, BIND_TRANSIENT, STR_NONE, ret, err);
}

/* A join of streams remembers every row for its window: rows that come again and again meet all
 * that came before them. */
static void warn_of_joins(buf_t *b, const plan_step_t *s)
{
    if (!s)
        return;
    int64_t window_ms =
        s->kind == PLAN_STREAM_STREAM_JOIN ? s->join.before_ms + s->join.after_ms : 0;
    if (window_ms >= LONG_WINDOW_MS) {
        json_put_item(b);
        BUF_LIT(b, "{\"message\":\"Each row of this stream-stream join is kept for its window of ");
        buf_printf(b,
                   "%lld hours and joined with every row of its key in that time: when rows come "
                   "again, the output grows with the square of their number. A join of the stream "
                   "with a table, which has one row a key, does not grow so.\"}",
                   (long long)(window_ms / 3600000));
    }
    warn_of_joins(b, s->in[0]);
    warn_of_joins(b, s->in[1]);
}

st_t engine_explain(engine_run_t *r, err_t *err)
{
    const engine_query_t *q = NULL;
    bind_result_t bound;
    TRY(explained(r, r->scratch, &q, &bound, err));
    buf_t *b = entity_begin(r, "queryDescription"), plan = BUF_INIT;
    plan_put(&plan, bound.plan);
    json_put_name(b, "queryDescription");
    BUF_LIT(b, "{");
    json_put_member_str(b, "id", q ? q->id : STR(""));
    json_put_member_str(b, "statementText", q ? q->statement : r->stmt->text);
    entity_put_null(b, "windowType");
    json_put_name(b, "fields");
    BUF_LIT(b, "[");
    entity_put_fields(b, bound.key, "KEY");
    entity_put_fields(b, bound.value, NULL);
    BUF_LIT(b, "]");
    json_put_name(b, "sources");
    BUF_LIT(b, "[");
    for (size_t i = 0; i < bound.n_sources; i++) {
        json_put_item(b);
        json_put_str(b, bound.source[i]->name);
    }
    BUF_LIT(b, "]");
    json_put_name(b, "sinks");
    BUF_LIT(b, "[");
    if (q && q->sink.len)
        json_put_str(b, q->sink);
    BUF_LIT(b, "]");
    json_put_member_str(b, "topology", buf_str(&plan));
    json_put_member_str(b, "executionPlan", buf_str(&plan));
    json_put_name(b, "overriddenProperties");
    BUF_LIT(b, "{}");
    json_put_name(b, "ksqlHostQueryStatus");
    BUF_LIT(b, "{}");
    json_put_member_str(b, "queryType", q ? STR("PERSISTENT") : STR("PUSH"));
    json_put_name(b, "queryErrors");
    BUF_LIT(b, "[]");
    json_put_name(b, "tasksMetadata");
    BUF_LIT(b, "[]");
    if (q)
        json_put_member_str(b, "state", str_of(entity_state_name(q)));
    else
        entity_put_null(b, "state");
    BUF_LIT(b, "}");
    json_put_name(b, "warnings");
    BUF_LIT(b, "[");
    warn_of_joins(b, bound.plan->root);
    BUF_LIT(b, "]}");
    buf_done(&plan);
    return ST_OK;
}
