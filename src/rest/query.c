/* /query-stream and /query: a query's rows, line by line, as far as the client takes them. */
#include "rest/internal.h"

/* How rows are written. */
struct rest_rows {
    const char *type;
    void (*header)(rest_job_t *j, buf_t *b);
    /* An item of the stream ('r', 'd', 'e', 'f') and its JSON; nothing is put: it is left out. */
    void (*item)(rest_job_t *j, char tag, str_t json, buf_t *b);
    enum { LINES, COMMA_BEFORE, COMMA_AFTER } frame; /* the latter two: one JSON array */
};

/* ---- delimited lines and one array: metadata, then rows */

static void put_metadata(rest_job_t *j, buf_t *b)
{
    data_columns_t c = server_stream_columns(j->stream);
    BUF_LIT(b, "{\"queryId\":");
    json_put_str(b, server_stream_id(j->stream));
    BUF_LIT(b, ",\"columnNames\":[");
    for (size_t i = 0; i < c.len; i++) {
        json_put_item(b);
        json_put_str(b, c.ptr[i].name);
    }
    BUF_LIT(b, "],\"columnTypes\":[");
    for (size_t i = 0; i < c.len; i++) {
        json_put_item(b);
        json_put_str(b, data_type_text(j->http->arena, c.ptr[i].type));
    }
    BUF_LIT(b, "]}");
}

static void put_plain(rest_job_t *j, char tag, str_t json, buf_t *b)
{
    (void)j;
    if (tag == 'r' || tag == 'e')
        buf_put_str(b, json);
}

/* ---- StreamedRows */

static void put_header(rest_job_t *j, buf_t *b)
{
    data_columns_t c = server_stream_columns(j->stream);
    size_t keys = server_stream_pull(j->stream) ? server_stream_keys(j->stream) : 0;
    buf_t schema = BUF_INIT;
    for (size_t i = 0; i < c.len; i++) {
        buf_printf(&schema, "%s`" STR_FMT "` ", i ? ", " : "", STR_ARG(c.ptr[i].name));
        data_type_put(&schema, c.ptr[i].type);
        if (i < keys)
            BUF_LIT(&schema, " KEY");
    }
    BUF_LIT(b, "{\"header\":{\"queryId\":");
    json_put_str(b, server_stream_id(j->stream));
    BUF_LIT(b, ",\"schema\":");
    json_put_str(b, buf_str(&schema));
    BUF_LIT(b, "}}");
    buf_done(&schema);
}

static void put_streamed(rest_job_t *j, char tag, str_t json, buf_t *b)
{
    if (tag == 'f' && server_stream_pull(j->stream))
        return;
    const char *open = tag == 'e'   ? "{\"errorMessage\":"
                       : tag == 'f' ? "{\"finalMessage\":"
                                    : "{\"row\":{\"columns\":";
    buf_put_str(b, str_of(open));
    buf_put_str(b, json);
    if (tag == 'd')
        BUF_LIT(b, ",\"tombstone\":true");
    buf_put_str(b, tag == 'r' || tag == 'd' ? STR("}}") : STR("}"));
}

static const struct rest_rows delimited = {REST_TYPE_DELIMITED, put_metadata, put_plain, LINES};
static const struct rest_rows array = {REST_TYPE_JSON, put_metadata, put_plain, COMMA_BEFORE};
static const struct rest_rows streamed = {REST_TYPE_KSQL, put_header, put_streamed, COMMA_AFTER};

/* ---- PRINT: text; /query tells the formats, too, as ksqlDB does */

static void put_no_header(rest_job_t *j, buf_t *b)
{
    (void)j;
    (void)b;
}

static void put_printed(rest_job_t *j, char tag, str_t text, buf_t *b)
{
    (void)j;
    if (tag == 'p' || tag == 'e')
        buf_put_str(b, text);
}

static void put_printed_all(rest_job_t *j, char tag, str_t text, buf_t *b)
{
    if (tag == 'h')
        buf_put_str(b, text);
    else
        put_printed(j, tag, text, b);
}

static const struct rest_rows printed = {REST_TYPE_DELIMITED, put_no_header, put_printed, LINES};
static const struct rest_rows printed_all = {REST_TYPE_JSON, put_no_header, put_printed_all, LINES};

/* ---- lines */

static void send_line(rest_job_t *j, str_t end)
{
    buf_put_str(&j->line, end);
    http_stream_write(j->http, buf_str(&j->line));
    buf_clear(&j->line);
    j->held = false;
}

/* A line is in j->line. With commas behind the lines, the last has none: where nothing says that
 * more will come (the rows of a pull query, the final message), it waits for what follows it. */
static void line_done(rest_job_t *j, bool wait)
{
    if (j->rows->frame == LINES)
        send_line(j, STR("\n"));
    else if (j->rows->frame == COMMA_BEFORE)
        send_line(j, STR(""));
    else if (wait || server_stream_pull(j->stream))
        j->held = true;
    else
        send_line(j, STR(",\n"));
}

static void put_item(rest_job_t *j, char tag, str_t json)
{
    buf_t b = BUF_INIT;
    j->rows->item(j, tag, json, &b);
    if (b.len) {
        if (j->held)
            send_line(j, STR(",\n"));
        if (j->rows->frame == COMMA_BEFORE)
            BUF_LIT(&j->line, ",");
        buf_put_str(&j->line, buf_str(&b));
        line_done(j, tag == 'f' || tag == 'e');
    }
    buf_done(&b);
}

static void put_first(rest_job_t *j)
{
    if (j->rows->frame != LINES)
        BUF_LIT(&j->line, "[");
    j->rows->header(j, &j->line);
    if (j->line.len)
        line_done(j, false);
}

/* The end of the array; a push query's has a final message. */
static void put_last(rest_job_t *j)
{
    if (j->rows->frame == COMMA_AFTER && !j->held)
        put_item(j, 'f', STR("\"Query Completed\""));
    if (j->rows->frame != LINES)
        send_line(j, STR("]\n"));
}

/* ---- a query's life */

static void finish_closed(rest_job_t *j)
{
    j->stream = NULL;
    rest_job_free(j);
}

/* The stream is given back; the job ends when it is. */
static void close_stream(rest_job_t *j)
{
    ASSERT(!j->closing && !j->http);
    j->closing = true;
    j->rest->n_push -= !server_stream_pull(j->stream);
    j->finish = finish_closed;
    server_stream_release(j->rest->opt.server, j->stream, &j->request);
}

static void end_answer(rest_job_t *j)
{
    put_last(j);
    http_stream_end(j->http);
    j->http = NULL;
    close_stream(j);
}

/* Writes waiting items while there is room. False when there is none any more. */
static bool write_items(rest_job_t *j)
{
    str_t rest = str_sub(buf_str(&j->items), j->items_at, j->items.len), line;
    while (http_stream_room(j->http) && str_split(&rest, '\n', &line)) {
        j->items_at += line.len + 1;
        ASSERT(line.len > 2 && line.ptr[1] == '\t');
        put_item(j, line.ptr[0], str_sub(line, 2, line.len));
    }
    return !rest.len;
}

void rest_query_pump(rest_job_t *j)
{
    if (!j->http || !j->stream || j->closing)
        return;
    while (write_items(j)) {
        buf_clear(&j->items);
        j->items_at = 0;
        bool ended = server_stream_take(j->stream, &j->items);
        if (!j->items.len && ended) {
            end_answer(j);
            return;
        }
        if (!j->items.len)
            return; /* a notice comes */
    }
}

static void on_ready(http_request_t *http)
{
    rest_query_pump(http->env);
}

static void on_gone(http_request_t *http)
{
    rest_job_t *j = http->env;
    if (!j->stream)
        return; /* its answer is under way */
    http_stream_end(http);
    j->http = NULL;
    close_stream(j);
}

static void reply_error(rest_job_t *j)
{
    const server_request_t *s = &j->request;
    int code = rest_error_code(s->st);
    str_t statement = s->failed.ptr ? s->failed : s->text;
    str_t message =
        arena_printf(j->http->arena, "%s\nStatement: " STR_FMT, s->err.msg, STR_ARG(statement));
    buf_t b = BUF_INIT;
    rest_error_put_statement(&b, code, message, statement, STR(""));
    rest_job_reply(j, code / 100, REST_TYPE_JSON, buf_str(&b));
    buf_done(&b);
    rest_job_free(j);
}

static void refuse(rest_job_t *j, int code, str_t message)
{
    rest_error_reply(j->http, code, message);
    j->http = NULL;
    close_stream(j);
}

static void finish_query(rest_job_t *j)
{
    if (j->request.st != ST_OK) {
        reply_error(j);
        return;
    }
    j->stream = j->request.stream;
    j->rest->n_push += !server_stream_pull(j->stream);
    if (!server_stream_pull(j->stream) && j->rest->n_push > j->rest->opt.max_push_queries) {
        refuse(j, 40003,
               STR("Too many push queries are open: end one, or raise ksql.max.push.queries"));
        return;
    }
    if (server_stream_print(j->stream)) {
        j->rows = j->printed;
        if (!j->rows) {
            refuse(j, 40600, STR("PRINT answers as " REST_TYPE_DELIMITED " only"));
            return;
        }
    }
    http_stream_begin(j->http, 200, j->rows->type);
    if (http_gone(j->http)) {
        on_gone(j->http);
        return;
    }
    put_first(j);
    if (j->rest->stopping)
        end_answer(j);
    else
        rest_query_pump(j);
}

static void open_query(rest_t *r, http_request_t *http, const struct rest_rows *rows,
                       const struct rest_rows *print, const char *text, const char *properties)
{
    const json_value_t *body;
    rest_job_t *j = rest_job_new(r, http, http->body, &body);
    if (!j)
        return;
    j->rows = rows;
    j->printed = print;
    j->finish = finish_query;
    http->ready = on_ready;
    http->gone = on_gone;
    j->request.kind = SERVER_QUERY;
    j->request.text = json_get_text(body, text, STR(""));
    rest_job_set(&j->request.session.properties, json_get(body, properties));
    rest_job_set(&j->request.session.variables, json_get(body, "sessionVariables"));
    rest_job_submit(j);
}

static void choose_rows(rest_t *r, http_request_t *http, const struct rest_rows *const *rows,
                        const struct rest_rows *print, const char *text, const char *properties)
{
    static const char *const types[] = {REST_TYPE_DELIMITED, REST_TYPE_JSON, REST_TYPE_KSQL};
    int type = http_accepts(http, types, 3);
    if (type < 0)
        http_reply(http, 404, "text/plain", STR("Not Found"));
    else
        open_query(r, http, rows[type], rows[type] == &delimited ? &printed : print, text,
                   properties);
}

void rest_query_stream(void *env, http_request_t *http)
{
    static const struct rest_rows *const rows[] = {&delimited, &array, &streamed};
    choose_rows(env, http, rows, NULL, "sql", "properties");
}

void rest_query(void *env, http_request_t *http)
{
    static const struct rest_rows *const rows[] = {&streamed, &streamed, &streamed};
    static const struct rest_rows *const asked[] = {&delimited, &streamed, &streamed};
    bool plain = str_find(http_header(http, "accept"), STR(REST_TYPE_DELIMITED)) >= 0;
    choose_rows(env, http, plain ? asked : rows, &printed_all, "ksql", "streamsProperties");
}

void rest_queries_end(rest_t *r)
{
    for (rest_job_t *j = r->jobs; j; j = j->next)
        if (j->http && j->stream && !j->closing)
            end_answer(j);
}
