/* Requests on their way to the SQL server and back. */
#include "rest/internal.h"

/* thread: the SQL server's */
static void job_answered(server_request_t *s)
{
    rest_job_t *j = s->env;
    io_mailbox_put(&j->rest->answers, &j->answered);
}

/* thread: the SQL server's */
static void job_noticed(void *env)
{
    rest_job_t *j = env;
    if (!atomic_exchange(&j->noticing, true))
        io_mailbox_put(&j->rest->notices, &j->noticed);
}

rest_job_t *rest_job_new(rest_t *r, http_request_t *http, str_t body, const json_value_t **ret_body)
{
    if (r->stopping) {
        rest_error_reply(http, 50303, STR("The server is shutting down"));
        return NULL;
    }
    if (!body.len) {
        rest_error_reply(http, 50000, STR("The request has no body: expected a JSON object"));
        return NULL;
    }
    rest_job_t *j = mem_zalloc(sizeof *j);
    arena_init(&j->arena, REST_JSON_BYTES_MAX);
    err_t err;
    st_t st = json_parse(&j->arena, body, 0, ret_body, &err);
    if (st == ST_OK && (*ret_body)->kind != JSON_OBJECT)
        st = err_set(&err, ST_BAD_INPUT, "expected a JSON object");
    if (st != ST_OK) {
        str_t message = arena_printf(http->arena, "Invalid JSON in request: %s", err.msg);
        rest_error_reply(http, 40000, message);
        arena_done(&j->arena);
        free(j);
        return NULL;
    }
    j->rest = r;
    j->http = http;
    http->env = j;
    j->request.done = job_answered;
    j->request.notify = job_noticed;
    j->request.env = j;
    engine_session_init(&j->request.session);
    j->next = r->jobs;
    if (j->next)
        j->next->prev = j;
    r->jobs = j;
    return j;
}

void rest_job_set(map_t *m, const json_value_t *o)
{
    for (size_t i = 0; o && o->kind == JSON_OBJECT && i < o->n; i++) {
        const json_value_t *v = &o->item[i];
        if (v->kind == JSON_STRING || v->kind == JSON_NUMBER)
            engine_session_set(m, o->name[i], v->text.len ? v->text : STR(""));
        else if (v->kind == JSON_BOOL)
            engine_session_set(m, o->name[i], v->b ? STR("true") : STR("false"));
    }
}

void rest_job_submit(rest_job_t *j)
{
    server_submit(j->rest->opt.server, &j->request);
}

void rest_job_free(rest_job_t *j)
{
    ASSERT(!j->http && !j->stream);
    if (j->prev)
        j->prev->next = j->next;
    else
        j->rest->jobs = j->next;
    if (j->next)
        j->next->prev = j->prev;
    engine_session_done(&j->request.session);
    buf_done(&j->request.json);
    buf_done(&j->items);
    buf_done(&j->line);
    arena_done(&j->arena);
    free(j);
}

void rest_job_reply(rest_job_t *j, int status, const char *type, str_t body)
{
    http_reply(j->http, status, type, body);
    j->http = NULL;
}
