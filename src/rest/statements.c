/* /ksql, /status, /close-query. */
#include "rest/internal.h"

#define STATUS_MAX 10000

/* ---- /status: what became of commands, by their ids */

static void remember(map_t *m, const json_value_t *entity)
{
    const json_value_t *id = json_get(entity, "commandId");
    const json_value_t *status = json_get(entity, "commandStatus");
    if (!id || id->kind != JSON_STRING || !status || m->len >= STATUS_MAX)
        return;
    buf_t b = BUF_INIT;
    json_put_value(&b, status);
    free(map_put(m, id->text, mem_z(buf_str(&b))));
    buf_done(&b);
}

static void remember_all(rest_t *r, str_t entities)
{
    arena_t a;
    arena_init(&a, REST_JSON_BYTES_MAX);
    const json_value_t *v;
    if (json_parse(&a, entities, 0, &v, NULL) == ST_OK)
        for (size_t i = 0; i < v->n; i++)
            remember(&r->status, &v->item[i]);
    arena_done(&a);
}

void rest_status_all(void *env, http_request_t *http)
{
    rest_t *r = env;
    buf_t b = BUF_INIT;
    BUF_LIT(&b, "{\"commandStatuses\":{");
    for (map_entry_t *e = NULL; (e = map_next(&r->status, e));) {
        str_t status = str_of(e->value);
        arena_reset(&r->scratch);
        const json_value_t *v;
        json_put_name_str(&b, e->key);
        if (json_parse(&r->scratch, status, 0, &v, NULL) == ST_OK)
            json_put_str(&b, json_get_text(v, "status", STR("")));
    }
    BUF_LIT(&b, "}}");
    http_reply(http, 200, REST_TYPE_KSQL, buf_str(&b));
    buf_done(&b);
}

void rest_status_one(void *env, http_request_t *http)
{
    rest_t *r = env;
    str_t id = arena_printf(http->arena, STR_FMT "/" STR_FMT "/" STR_FMT,
                            STR_ARG(http_param(http, "type")), STR_ARG(http_param(http, "entity")),
                            STR_ARG(http_param(http, "action")));
    const char *status = map_get(&r->status, id);
    if (status)
        http_reply(http, 200, REST_TYPE_KSQL, str_of(status));
    else
        rest_error_reply(http, 40400, STR("Command not found"));
}

/* ---- /ksql */

static bool is_query(str_t statement)
{
    statement = str_trim(statement);
    return str_starts_nocase(statement, STR("SELECT")) ||
           str_starts_nocase(statement, STR("PRINT"));
}

static void finish_ksql(rest_job_t *j)
{
    const server_request_t *s = &j->request;
    buf_t b = BUF_INIT;
    int status = 200;
    if (s->st == ST_OK) {
        BUF_LIT(&b, "[");
        buf_put_str(&b, buf_str(&s->json));
        BUF_LIT(&b, "]");
        remember_all(j->rest, buf_str(&b));
    } else {
        int code = is_query(s->failed) ? 40002 : rest_error_code(s->st);
        rest_error_put_statement(&b, code, str_of(s->err.msg), s->failed.ptr ? s->failed : s->text,
                                 buf_str(&s->json));
        status = code / 100;
    }
    rest_job_reply(j, status, j->type, buf_str(&b));
    buf_done(&b);
    rest_job_free(j);
}

void rest_ksql(void *env, http_request_t *http)
{
    static const char *const types[] = {REST_TYPE_KSQL, REST_TYPE_JSON};
    int type = http_accepts(http, types, 2);
    if (type < 0) {
        http_reply(http, 404, "text/plain", STR("Not Found"));
        return;
    }
    const json_value_t *body;
    rest_job_t *j = rest_job_new(env, http, http->body, &body);
    if (!j)
        return;
    j->type = types[type];
    j->finish = finish_ksql;
    j->request.kind = SERVER_STATEMENTS;
    j->request.text = json_get_text(body, "ksql", STR(""));
    rest_job_set(&j->request.session.properties, json_get(body, "streamsProperties"));
    rest_job_set(&j->request.session.variables, json_get(body, "sessionVariables"));
    rest_job_submit(j);
}

/* ---- /close-query */

static void finish_close(rest_job_t *j)
{
    if (j->request.st == ST_OK)
        rest_job_reply(j, 200, NULL, STR(""));
    else {
        rest_error_reply(j->http, 40000, str_of(j->request.err.msg));
        j->http = NULL;
    }
    rest_job_free(j);
}

void rest_close_query(void *env, http_request_t *http)
{
    const json_value_t *body;
    rest_job_t *j = rest_job_new(env, http, http->body, &body);
    if (!j)
        return;
    j->finish = finish_close;
    j->request.kind = SERVER_CLOSE_QUERY;
    j->request.text = json_get_text(body, "queryId", STR(""));
    rest_job_submit(j);
}
