#include "cli/shell.h"

#include "cli/entity.h"
#include "cli/table.h"
#include "io/text.h"
#include "sql/parse/parse.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define FILE_BYTES_MAX (16u << 20)
#define TREE_BYTES_MAX (256u << 20)
#define WIDTH_DEFAULT  80

void cli_shell_init(cli_shell_t *s)
{
    *s = (cli_shell_t){.wrap = true, .interrupt_fd = -1};
    map_init(&s->properties);
    map_init(&s->variables);
}

void cli_shell_done(cli_shell_t *s)
{
    map_done(&s->properties, free);
    map_done(&s->variables, free);
    if (s->client)
        cli_client_free(s->client);
}

st_t cli_shell_define(cli_shell_t *s, str_t assignment, err_t *err)
{
    ptrdiff_t eq = str_find_char(assignment, '=');
    if (eq <= 0)
        return err_set(err, ST_BAD_CONFIG, "expected name=value, got '" STR_FMT "'",
                       STR_ARG(assignment));
    free(map_put(&s->variables, str_sub(assignment, 0, (size_t)eq),
                 mem_z(str_sub(assignment, (size_t)eq + 1, assignment.len))));
    return ST_OK;
}

static void print(const buf_t *b)
{
    fwrite(b->ptr, 1, b->len, stdout);
    fflush(stdout);
}

static size_t terminal_width(void)
{
    struct winsize w;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col)
        return w.ws_col;
    return WIDTH_DEFAULT;
}

/* ---- requests */

static void put_map(buf_t *b, const char *name, const map_t *m)
{
    json_put_name(b, name);
    BUF_LIT(b, "{");
    for (map_entry_t *e = NULL; (e = map_next(m, e));) {
        json_put_name_str(b, e->key);
        json_put_str(b, str_of(e->value));
    }
    BUF_LIT(b, "}");
}

static void put_request(cli_shell_t *s, buf_t *b, const char *text_name,
                        const char *properties_name, str_t text)
{
    BUF_LIT(b, "{");
    json_put_name(b, text_name);
    json_put_str(b, text);
    put_map(b, properties_name, &s->properties);
    put_map(b, "sessionVariables", &s->variables);
    BUF_LIT(b, "}");
}

/* An answer that is an error: its message. */
static ST print_error(int status, str_t text)
{
    arena_t a;
    const json_value_t *v;
    arena_init(&a, TREE_BYTES_MAX);
    fflush(stdout);
    if (json_parse(&a, text, 0, &v, NULL) == ST_OK && json_get(v, "message"))
        fprintf(stderr, STR_FMT "\n", STR_ARG(json_get_text(v, "message", STR(""))));
    else
        fprintf(stderr, "the server answered with status %d: " STR_FMT "\n", status,
                STR_ARG(str_sub(text, 0, 400)));
    arena_done(&a);
    return ST_BAD_STATEMENT;
}

static ST print_failure(st_t st, const err_t *err)
{
    fflush(stdout);
    fprintf(stderr, "%s\n", err->msg);
    return st;
}

/* ---- statements */

static void print_entities(cli_shell_t *s, str_t answer)
{
    arena_t a;
    const json_value_t *v;
    buf_t b = BUF_INIT;
    arena_init(&a, TREE_BYTES_MAX);
    bool list = json_parse(&a, answer, 0, &v, NULL) == ST_OK && v->kind == JSON_ARRAY;
    if (s->json || !list) {
        buf_put_str(&b, answer);
        BUF_LIT(&b, "\n");
    }
    for (size_t i = 0; !s->json && list && i < v->n; i++)
        cli_entity_put(&b, &v->item[i]);
    print(&b);
    buf_done(&b);
    arena_done(&a);
}

static ST run_statement(cli_shell_t *s, str_t text)
{
    buf_t body = BUF_INIT, answer = BUF_INIT;
    int status = 0;
    err_t err;
    put_request(s, &body, "ksql", "streamsProperties", text);
    st_t st = cli_client_send(s->client, NULL, "/ksql", buf_str(&body), &answer, &status, &err);
    if (st != ST_OK)
        st = print_failure(st, &err);
    else if (status != 200)
        st = print_error(status, buf_str(&answer));
    else
        print_entities(s, buf_str(&answer));
    buf_done(&body);
    buf_done(&answer);
    return st;
}

/* ---- queries: StreamedRows, one a line */

typedef struct rows {
    cli_shell_t *s;
    arena_t arena; /* of one line */
    cli_grid_t grid;
    int64_t n;
    bool failed;
} rows_t;

/* The names in "`A` INTEGER, `B` STRUCT<`C` STRING>": those in back quotes outside brackets. */
static size_t column_names(arena_t *a, str_t schema, str_t **ret)
{
    VEC(str_t) names = {0};
    int depth = 0;
    for (size_t i = 0; i < schema.len; i++) {
        char c = schema.ptr[i];
        depth += (c == '<' || c == '(') - (c == '>' || c == ')');
        if (c != '`')
            continue;
        size_t from = ++i;
        while (i < schema.len && schema.ptr[i] != '`')
            i++;
        if (depth == 0)
            VEC_PUSH(&names, str_sub(schema, from, i - from));
    }
    *ret = ARENA_ARRAY(a, str_t, names.len + 1);
    if (names.len)
        memcpy(*ret, names.ptr, names.len * sizeof(str_t));
    size_t n = names.len;
    VEC_DONE(&names);
    return n;
}

static void put_header(rows_t *r, buf_t *b, const json_value_t *header)
{
    cli_shell_t *s = r->s;
    str_t *name;
    size_t n = column_names(&r->arena, json_get_text(header, "schema", STR("")), &name);
    r->grid = cli_grid(n, terminal_width(), (size_t)s->column_width, s->wrap);
    cli_grid_put_rule(b, &r->grid);
    cli_grid_put_row(b, &r->grid, name, true);
    cli_grid_put_rule(b, &r->grid);
    if (s->interactive && !str_starts(json_get_text(header, "queryId", STR("")), STR("query_")))
        BUF_LIT(b, "Press CTRL-C to interrupt\n");
}

static void put_row(rows_t *r, buf_t *b, const json_value_t *row)
{
    const json_value_t *columns = json_get(row, "columns");
    bool gone = json_get_bool(row, "tombstone", false);
    str_t *cell = ARENA_ARRAY(&r->arena, str_t, r->grid.n_columns + 1);
    for (size_t i = 0; columns && i < columns->n && i < r->grid.n_columns; i++) {
        buf_t text = BUF_INIT;
        if (gone && columns->item[i].kind == JSON_NULL)
            BUF_LIT(&text, "<TOMBSTONE>");
        else
            cli_text_put(&text, &columns->item[i]);
        for (size_t k = 0; k < text.len; k++) /* a value does not steer the terminal */
            if ((unsigned char)text.ptr[k] < 0x20 || text.ptr[k] == 0x7f)
                text.ptr[k] = ' ';
        cell[i] = text.len ? arena_str(&r->arena, buf_str(&text)) : STR("");
        buf_done(&text);
    }
    cli_grid_put_row(b, &r->grid, cell, r->grid.wrap);
}

static void put_streamed(rows_t *r, buf_t *b, const json_value_t *v)
{
    const json_value_t *header = json_get(v, "header"), *row = json_get(v, "row");
    const json_value_t *error = json_get(v, "errorMessage");
    if (error) {
        r->failed = true;
        fprintf(stderr, STR_FMT "\n", STR_ARG(json_get_text(error, "message", STR(""))));
    } else if (r->s->json) {
        json_put_value(b, v);
        BUF_LIT(b, "\n");
    } else if (header) {
        put_header(r, b, header);
    } else if (row) {
        put_row(r, b, row);
    } else if (json_get(v, "finalMessage")) {
        buf_put_str(b, json_get_text(v, "finalMessage", STR("")));
        BUF_LIT(b, "\n");
    }
    r->n += row != NULL;
}

static bool on_line(void *env, str_t line)
{
    rows_t *r = env;
    line = str_trim(line);
    if (str_starts(line, STR("[")))
        line = str_sub(line, 1, line.len);
    if (str_ends(line, STR(",")) || str_ends(line, STR("]")))
        line = str_sub(line, 0, line.len - 1);
    if (!line.len)
        return true;
    const json_value_t *v;
    buf_t b = BUF_INIT;
    arena_reset(&r->arena);
    if (json_parse(&r->arena, line, 0, &v, NULL) == ST_OK)
        put_streamed(r, &b, v);
    else
        fprintf(stderr, "the server's answer is not understood: " STR_FMT "\n",
                STR_ARG(str_sub(line, 0, 200)));
    print(&b);
    buf_done(&b);
    return !r->s->row_limit || r->n < r->s->row_limit;
}

/* A statement whose answer comes line by line, until it ends or is ended: what is said then. */
static ST run_stream(cli_shell_t *s, const char *path, const buf_t *body,
                     bool (*take)(void *env, str_t line), void *env, const char *ended)
{
    buf_t answer = BUF_INIT;
    int status = 0;
    err_t err;
    st_t st = cli_client_stream(s->client, path, buf_str(body), s->query_timeout_ms, take, env,
                                &answer, &status, &err);
    bool cut = st == ST_CANCELLED || st == ST_TIMEOUT;
    if (!cut && st != ST_OK)
        st = print_failure(st, &err);
    else if (!cut && status != 200)
        st = print_error(status, buf_str(&answer));
    else
        st = ST_OK;
    if (st == ST_OK && !s->json)
        printf("%s%s\n", cut && s->interactive ? "\n" : "", ended);
    buf_done(&answer);
    return st;
}

static ST run_query(cli_shell_t *s, str_t text)
{
    buf_t body = BUF_INIT;
    rows_t r = {.s = s};
    arena_init(&r.arena, TREE_BYTES_MAX);
    put_request(s, &body, "sql", "properties", text);
    st_t st = run_stream(s, "/query-stream", &body, on_line, &r, "Query terminated");
    if (st == ST_OK && r.failed)
        st = ST_BAD_STATEMENT;
    arena_done(&r.arena);
    buf_done(&body);
    return st;
}

/* A line of PRINT is text already. */
static bool on_printed(void *env, str_t line)
{
    (void)env;
    if (line.len)
        printf(STR_FMT "\n", STR_ARG(line));
    fflush(stdout);
    return true;
}

static ST run_print(cli_shell_t *s, str_t text)
{
    buf_t body = BUF_INIT;
    put_request(s, &body, "ksql", "streamsProperties", text);
    st_t st = run_stream(s, "/query", &body, on_printed, NULL, "Topic printing ceased");
    buf_done(&body);
    return st;
}

/* ---- what stays in the shell: SET, DEFINE and their likes */

static ST set_here(cli_shell_t *s, const sql_stmt_t *stmt)
{
    bool property = stmt->kind == SQL_STMT_SET || stmt->kind == SQL_STMT_UNSET;
    bool gives = stmt->kind == SQL_STMT_SET || stmt->kind == SQL_STMT_DEFINE;
    map_t *m = property ? &s->properties : &s->variables;
    if (gives) {
        free(map_put(m, stmt->set.name, mem_z(stmt->set.value)));
        if (property && !s->json)
            printf("Successfully changed local property '" STR_FMT "' to '" STR_FMT "'.\n",
                   STR_ARG(stmt->set.name), STR_ARG(stmt->set.value));
        return ST_OK;
    }
    char *old = map_remove(m, stmt->set.name);
    if (!old) {
        fprintf(stderr, "Cannot unset '" STR_FMT "': it was not set\n", STR_ARG(stmt->set.name));
        return ST_BAD_STATEMENT;
    }
    free(old);
    return ST_OK;
}

static bool get_variable(void *env, str_t name, str_t *ret)
{
    for (map_entry_t *e = NULL; (e = map_next(env, e));)
        if (str_eq_nocase(e->key, name)) {
            *ret = str_of(e->value);
            return true;
        }
    return false;
}

static ST run_one(cli_shell_t *s, arena_t *a, sql_piece_t piece)
{
    sql_variables_t vars = {get_variable, &s->variables};
    sql_stmt_t *stmt;
    if (sql_parse_piece(a, piece, &vars, &stmt, NULL) != ST_OK)
        return run_statement(s, piece.text); /* the server says what is wrong with it */
    switch ((int)stmt->kind) {               /* those that are not the server's */
    case SQL_STMT_SET:
    case SQL_STMT_UNSET:
    case SQL_STMT_DEFINE:
    case SQL_STMT_UNDEFINE:
        return set_here(s, stmt);
    case SQL_STMT_RUN_SCRIPT:
        return cli_shell_run_file(s, stmt->set.value);
    case SQL_STMT_QUERY:
        return run_query(s, piece.text);
    case SQL_STMT_PRINT:
        return run_print(s, piece.text);
    default:
        return run_statement(s, piece.text);
    }
}

st_t cli_shell_run(cli_shell_t *s, str_t text)
{
    arena_t a;
    const sql_piece_t *piece;
    size_t n = 0;
    err_t err;
    arena_init(&a, ARENA_NO_LIMIT);
    st_t st = sql_parse_split(&a, text, &piece, &n, &err);
    if (st != ST_OK)
        st = print_failure(st, &err);
    for (size_t i = 0; i < n && st == ST_OK && !s->quit; i++)
        if (!cli_shell_command(s, piece[i].text))
            st = run_one(s, &a, piece[i]);
    arena_done(&a);
    return st;
}

st_t cli_shell_run_file(cli_shell_t *s, str_t path)
{
    arena_t a;
    err_t err;
    str_t text;
    arena_init(&a, ARENA_NO_LIMIT);
    st_t st = io_text_read(&a, path, FILE_BYTES_MAX, &text, &err);
    if (st == ST_OK)
        st = cli_shell_run(s, text);
    else
        fprintf(stderr, "%s\n", err.msg);
    arena_done(&a);
    return st;
}

bool cli_shell_complete(str_t text)
{
    arena_t a;
    const sql_piece_t *piece;
    size_t n = 0;
    arena_init(&a, ARENA_NO_LIMIT);
    bool good = sql_parse_split(&a, text, &piece, &n, NULL) == ST_OK;
    bool complete = good && (n == 0 || str_ends(str_trim(piece[n - 1].text), STR(";")));
    arena_done(&a);
    return complete;
}
