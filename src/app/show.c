#include "app/show.h"

#include "base/json.h"
#include "base/vec.h"

#include <inttypes.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ROWS_MAX       200
#define LINES_PER_TICK 10 /* where output is no terminal */

#define COLUMNS_MAX 24
#define WIDTH_MAX   28

typedef struct show_row {
    char *text; /* the columns' texts, each ended by a NUL */
    const char *cell[COLUMNS_MAX];
} show_row_t;

typedef struct show_column {
    size_t index; /* among the stream's columns */
    char name[32];
    size_t width;
    bool right;
    bool copy; /* always the same text as the first */
} show_column_t;

struct show {
    server_t *server;
    io_t *io;
    server_stream_t *stream;
    char *data_dir, *table;
    bool terminal, any_row;
    VEC(show_column_t) columns;
    VEC(show_row_t) rows; /* the newest last */
    uint64_t changes, changes_before, in_before, printed;
    int64_t drawn_ms;
    buf_t taken, page, line;
};

static void nothing(void *env)
{
    (void)env;
}

/* Which columns are shown: not the window's, and not AS_VALUE's copy of the key. */
static void choose_columns(show_t *s)
{
    data_columns_t c = server_stream_columns(s->stream);
    for (size_t i = 0; i < c.len && s->columns.len < COLUMNS_MAX; i++) {
        if (str_starts(c.ptr[i].name, STR("WINDOW")))
            continue;
        show_column_t col = {.index = i, .right = data_type_numeric(c.ptr[i].type)};
        snprintf(col.name, sizeof col.name, STR_FMT, STR_ARG(c.ptr[i].name));
        col.width = strlen(col.name);
        VEC_PUSH(&s->columns, col);
    }
}

static void open_stream(show_t *s)
{
    server_request_t r = {.kind = SERVER_QUERY, .notify = nothing};
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    r.text = arena_printf(&a, "SELECT * FROM %s EMIT CHANGES;", s->table);
    engine_session_init(&r.session);
    server_call(s->server, &r);
    if (r.st == ST_OK) {
        s->stream = r.stream;
        choose_columns(s);
    } else
        fprintf(stderr, "arus up: cannot show %s: %s\n", s->table, r.err.msg);
    engine_session_done(&r.session);
    buf_done(&r.json);
    arena_done(&a);
}

show_t *show_new(server_t *server, io_t *io, str_t table, str_t data_dir)
{
    show_t *s = mem_zalloc(sizeof *s);
    s->server = server;
    s->io = io;
    s->table = mem_z(table);
    s->data_dir = mem_z(data_dir);
    s->terminal = isatty(STDOUT_FILENO);
    s->drawn_ms = io_mono_ns(io) / 1000000;
    if (table.len)
        open_stream(s);
    return s;
}

void show_free(show_t *s)
{
    if (!s)
        return;
    if (s->stream)
        server_stream_close(s->server, s->stream);
    for (size_t i = 0; i < s->rows.len; i++)
        free(s->rows.ptr[i].text);
    VEC_DONE(&s->rows);
    VEC_DONE(&s->columns);
    buf_done(&s->taken);
    buf_done(&s->page);
    buf_done(&s->line);
    free(s->table);
    free(s->data_dir);
    free(s);
}

static show_row_t make_row(show_t *s, const json_value_t *row)
{
    buf_t b = BUF_INIT;
    size_t at[COLUMNS_MAX];
    for (size_t i = 0; i < s->columns.len; i++) {
        show_column_t *c = &s->columns.ptr[i];
        const json_value_t *v = c->index < row->n ? &row->item[c->index] : NULL;
        str_t t = v && (v->kind == JSON_STRING || v->kind == JSON_NUMBER) ? v->text : STR("-");
        at[i] = b.len;
        buf_put_str(&b, str_sub(t, 0, 200));
        buf_put_char(&b, 0);
        if (t.len > c->width)
            c->width = t.len < WIDTH_MAX ? t.len : WIDTH_MAX;
        c->copy = !s->any_row ? i > 0 && !strcmp(b.ptr + at[i], b.ptr)
                              : c->copy && !strcmp(b.ptr + at[i], b.ptr);
    }
    s->any_row = true;
    show_row_t r = {.text = buf_take(&b, NULL)};
    for (size_t i = 0; i < s->columns.len; i++)
        r.cell[i] = r.text + at[i];
    return r;
}

static void keep_row(show_t *s, const json_value_t *row)
{
    if (!row->n || !s->columns.len)
        return;
    show_row_t made = make_row(s, row);
    for (size_t i = 0; i < s->rows.len; i++)
        if (!strcmp(s->rows.ptr[i].cell[0], made.cell[0])) {
            free(s->rows.ptr[i].text);
            VEC_REMOVE(&s->rows, i);
            break;
        }
    if (s->rows.len == ROWS_MAX) {
        free(s->rows.ptr[0].text);
        VEC_REMOVE(&s->rows, 0);
    }
    VEC_PUSH(&s->rows, made);
}

/* A line of the table; no row: the columns' names. */
static void put_line(show_t *s, const show_row_t *row, buf_t *b)
{
    for (size_t i = 0; i < s->columns.len; i++) {
        const show_column_t *c = &s->columns.ptr[i];
        const char *t = row ? row->cell[i] : c->name;
        if (c->copy)
            continue;
        buf_printf(b, c->right ? "%*.*s  " : "%-*.*s  ", (int)c->width, (int)c->width, t);
    }
}

static void take_rows(show_t *s)
{
    buf_clear(&s->taken);
    bool ended = server_stream_take(s->stream, &s->taken);
    str_t all = buf_str(&s->taken), line;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    size_t lines = 0;
    for (size_t i = 0; i < all.len; i++)
        lines += all.ptr[i] == '\n';
    for (size_t i = 0; str_split(&all, '\n', &line); i++) {
        s->changes++;
        if (i + ROWS_MAX < lines || line.len < 3 || line.ptr[0] != 'r')
            continue; /* older than what fits on the page */
        const json_value_t *row;
        arena_reset(&a);
        if (json_parse(&a, str_sub(line, 2, line.len), 0, &row, NULL) == ST_OK)
            keep_row(s, row);
    }
    arena_done(&a);
    if (ended) {
        server_stream_close(s->server, s->stream);
        s->stream = NULL;
    }
}

typedef struct totals {
    uint64_t fetched, written, in, lag, failed;
    const char *error;
} totals_t;

static totals_t add_up(const server_stats_t *st)
{
    totals_t t = {0};
    for (size_t i = 0; i < st->n_queries; i++) {
        t.in += st->query[i].records_in;
        t.lag += st->query[i].lag;
        t.failed += st->query[i].failed;
    }
    for (size_t i = 0; i < st->n_connectors; i++) {
        const connector_status_t *c = &st->connector[i].status;
        *(st->connector[i].source ? &t.fetched : &t.written) += c->records;
        if (c->error[0])
            t.error = c->error;
    }
    return t;
}

static void status_line(show_t *s, const totals_t *t, double seconds, buf_t *b)
{
    double rate = seconds > 0 ? (double)(t->in - s->in_before) / seconds : 0;
    buf_printf(b,
               "fetched %" PRIu64 "  processed %" PRIu64 " (%.0f/s)  joined changes %" PRIu64
               "  written %" PRIu64 "  lag %" PRIu64 "%s",
               t->fetched, t->in, rate, s->changes, t->written, t->lag,
               t->failed ? "  failed " : "");
    if (t->failed)
        buf_printf(b, "%" PRIu64, t->failed);
    s->in_before = t->in;
}

static void draw(show_t *s, const totals_t *t, double seconds)
{
    struct winsize w = {.ws_row = 24, .ws_col = 100};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
    size_t room = w.ws_row > 6 ? (size_t)w.ws_row - 6 : 1;
    buf_clear(&s->page);
    BUF_LIT(&s->page, "\033[H");
    buf_printf(&s->page, "\033[1marus " ARUS_VERSION "\033[0m  data in %s   Ctrl-C ends\033[K\n",
               s->data_dir);
    status_line(s, t, seconds, &s->page);
    BUF_LIT(&s->page, "\033[K\n");
    if (t->error)
        buf_printf(&s->page, "\033[33m%.*s\033[0m", w.ws_col - 1, t->error);
    BUF_LIT(&s->page, "\033[K\n");
    for (size_t i = 0; i <= room && i <= s->rows.len; i++) {
        buf_clear(&s->line);
        put_line(s, i ? &s->rows.ptr[s->rows.len - i] : NULL, &s->line);
        buf_printf(&s->page, i ? "%.*s" : "\033[2m%.*s\033[0m",
                   (int)(s->line.len < w.ws_col ? s->line.len : (size_t)w.ws_col - 1), s->line.ptr);
        BUF_LIT(&s->page, "\033[K\n");
    }
    BUF_LIT(&s->page, "\033[J");
    fwrite(s->page.ptr, 1, s->page.len, stdout);
    fflush(stdout);
}

void show_tick(show_t *s)
{
    if (s->stream)
        take_rows(s);
    int64_t now = io_mono_ns(s->io) / 1000000;
    int64_t every = s->terminal ? 250 : 1000;
    if (now - s->drawn_ms < every)
        return;
    double seconds = (double)(now - s->drawn_ms) / 1000.0;
    s->drawn_ms = now;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    server_stats_t st;
    server_stats(s->server, &a, &st);
    totals_t t = add_up(&st);
    if (s->terminal) {
        draw(s, &t, seconds);
    } else {
        buf_clear(&s->page);
        status_line(s, &t, seconds, &s->page);
        printf(STR_FMT "\n", STR_ARG(buf_str(&s->page)));
        for (size_t i = s->rows.len > LINES_PER_TICK ? s->rows.len - LINES_PER_TICK : 0;
             i < s->rows.len && s->changes != s->changes_before; i++) {
            buf_clear(&s->line);
            put_line(s, &s->rows.ptr[i], &s->line);
            printf("  " STR_FMT "\n", STR_ARG(buf_str(&s->line)));
        }
        s->changes_before = s->changes;
        if (t.error)
            printf("  %s\n", t.error);
        fflush(stdout);
    }
    arena_done(&a);
}

/* Seconds of work a part of the data's way; they overlap where parts have threads of their own. */
static void put_times(const server_stats_t *st, FILE *out)
{
    int64_t query[SERVER_WORKS] = {0}, fetch = 0, sink = 0;
    for (size_t i = 0; i < st->n_queries; i++)
        query[st->query[i].work] += st->query[i].busy_ns;
    for (size_t i = 0; i < st->n_connectors; i++)
        *(st->connector[i].source ? &fetch : &sink) += st->connector[i].status.busy_ns;
    fprintf(
        out, "time fetch_s=%.3f log_s=%.3f select_s=%.3f dedupe_s=%.3f join_s=%.3f sink_s=%.3f\n",
        (double)fetch / 1e9, (double)st->commit_ns / 1e9, (double)query[SERVER_SELECTS] / 1e9,
        (double)query[SERVER_GROUPS] / 1e9, (double)query[SERVER_JOINS] / 1e9, (double)sink / 1e9);
}

void show_stats(const server_stats_t *st, FILE *out)
{
    for (size_t i = 0; i < st->n_connectors; i++) {
        const server_connector_stats_t *c = &st->connector[i];
        fprintf(out,
                "%s=" STR_FMT " records=%" PRIu64 " batches=%" PRIu64 " errors=%" PRIu64
                " busy_s=%.3f\n",
                c->source ? "source" : "sink", STR_ARG(c->name), c->status.records,
                c->status.batches, c->status.errors, (double)c->status.busy_ns / 1e9);
    }
    for (size_t i = 0; i < st->n_queries; i++) {
        const server_query_stats_t *q = &st->query[i];
        fprintf(out,
                "query=" STR_FMT " records_in=%" PRIu64 " records_out=%" PRIu64 " failed=%" PRIu64
                " state_bytes=%zu busy_s=%.3f\n",
                STR_ARG(q->id), q->records_in, q->records_out, q->failed, q->state_bytes,
                (double)q->busy_ns / 1e9);
    }
    fprintf(out, "rounds=%" PRIu64 " busy_s=%.3f commit_s=%.3f\n", st->rounds,
            (double)st->busy_ns / 1e9, (double)st->commit_ns / 1e9);
    put_times(st, out);
}
