/* /inserts-stream: rows as lines of JSON, each answered with a line. A row becomes an INSERT
 * statement; the next one is sent when it is answered, so acknowledgements are in order. */
#include "rest/internal.h"

/* An identifier as clients write it: `Exact`, or any case. False when it is none. */
static bool put_name(buf_t *b, str_t name)
{
    bool quoted = name.len > 2 && name.ptr[0] == '`' && name.ptr[name.len - 1] == '`';
    str_t bare = quoted ? str_sub(name, 1, name.len - 2) : name;
    buf_put_char(b, '`');
    for (size_t i = 0; i < bare.len; i++) {
        char c = bare.ptr[i];
        if (c == '`' || c == '\0')
            return false;
        buf_put_char(b, quoted ? c : str_upper_char(c));
    }
    buf_put_char(b, '`');
    return bare.len > 0;
}

static void put_string(buf_t *b, str_t s)
{
    buf_put_char(b, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'')
            buf_put_char(b, '\'');
        buf_put_char(b, s.ptr[i]);
    }
    buf_put_char(b, '\'');
}

/* A JSON value as a SQL expression; an object is a struct. False for a name that is none. */
static bool put_value(buf_t *b, const json_value_t *v)
{
    bool good = true;
    switch (v->kind) {
    case JSON_NULL:
        BUF_LIT(b, "NULL");
        return true;
    case JSON_BOOL:
        buf_put_str(b, v->b ? STR("TRUE") : STR("FALSE"));
        return true;
    case JSON_NUMBER:
        buf_put_str(b, v->text);
        return true;
    case JSON_STRING:
        put_string(b, v->text);
        return true;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    bool object = v->kind == JSON_OBJECT;
    buf_put_str(b, object ? STR("STRUCT(") : STR("ARRAY["));
    for (size_t i = 0; good && i < v->n; i++) {
        if (i)
            BUF_LIT(b, ", ");
        if (object) {
            good = put_name(b, v->name[i]);
            BUF_LIT(b, " := ");
        }
        good = good && put_value(b, &v->item[i]);
    }
    buf_put_str(b, object ? STR(")") : STR("]"));
    return good;
}

static bool put_insert(buf_t *b, str_t target, const json_value_t *row)
{
    BUF_LIT(b, "INSERT INTO ");
    bool good = put_name(b, target) && row->kind == JSON_OBJECT && row->n > 0;
    BUF_LIT(b, " (");
    for (size_t i = 0; good && i < row->n; i++) {
        if (i)
            BUF_LIT(b, ", ");
        good = put_name(b, row->name[i]);
    }
    BUF_LIT(b, ") VALUES (");
    for (size_t i = 0; good && i < row->n; i++) {
        if (i)
            BUF_LIT(b, ", ");
        good = put_value(b, &row->item[i]);
    }
    BUF_LIT(b, ");");
    return good;
}

/* ---- acknowledgements */

static void acknowledge(rest_job_t *j, int code, str_t message)
{
    buf_t b = BUF_INIT;
    if (code) {
        rest_error_put(&b, code, message);
        b.len--; /* more members follow */
        json_put_member_str(&b, "status", STR("error"));
    } else {
        BUF_LIT(&b, "{");
        json_put_member_str(&b, "status", STR("ok"));
    }
    json_put_member_i64(&b, "seq", j->seq++);
    BUF_LIT(&b, "}\n");
    http_stream_write(j->http, buf_str(&b));
    buf_done(&b);
}

/* Sends the next row that can be one; ends the answer behind the last. */
static void insert_next(rest_job_t *j)
{
    str_t line;
    while (!http_gone(j->http) && !j->rest->stopping && str_split(&j->rows_left, '\n', &line)) {
        const json_value_t *row;
        err_t err;
        if (!str_trim(line).len)
            continue;
        arena_reset(&j->arena);
        buf_clear(&j->line);
        if (json_parse(&j->arena, line, 0, &row, &err) != ST_OK) {
            acknowledge(j, 40000, str_of(err.msg));
        } else if (!put_insert(&j->line, j->target, row)) {
            acknowledge(j, 40000, STR("a row is a JSON object of columns and values"));
        } else {
            j->request.text = buf_str(&j->line);
            rest_job_submit(j);
            return;
        }
    }
    http_stream_end(j->http);
    j->http = NULL;
    rest_job_free(j);
}

static void finish_insert(rest_job_t *j)
{
    const server_request_t *s = &j->request;
    acknowledge(j, s->st == ST_OK ? 0 : rest_error_code(s->st), str_of(s->err.msg));
    buf_clear(&j->request.json);
    insert_next(j);
}

void rest_inserts_stream(void *env, http_request_t *http)
{
    if (http->version != 2) {
        rest_error_reply(http, 40004,
                         STR("The /inserts-stream endpoint is only available when using HTTP2"));
        return;
    }
    const json_value_t *head;
    str_t lines = http->body, first = STR("");
    bool any = str_split(&lines, '\n', &first);
    (void)any; /* an empty body is refused as one that is no JSON */
    rest_job_t *j = rest_job_new(env, http, first, &head);
    if (!j)
        return;
    j->target = arena_str(http->arena, json_get_text(head, "target", STR("?")));
    j->rows_left = lines;
    j->finish = finish_insert;
    j->request.kind = SERVER_STATEMENTS;
    rest_job_set(&j->request.session.properties, json_get(head, "properties"));
    http_stream_begin(http, 200, REST_TYPE_DELIMITED);
    insert_next(j);
}
