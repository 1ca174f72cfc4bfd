#include "app/show.h"

#include "base/json.h"
#include "base/vec.h"

#include <inttypes.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ROWS_MAX       200
#define LINES_PER_TICK 10 /* where output is no terminal */

typedef struct show_row {
    str_t key; /* the first column, owned */
    char *text;
} show_row_t;

struct show {
    server_t *server;
    io_t *io;
    server_stream_t *stream;
    char *data_dir, *table;
    bool terminal;
    VEC(show_row_t) rows; /* the newest last */
    uint64_t changes, changes_before, in_before, printed;
    int64_t drawn_ms;
    buf_t taken, page;
};

static void nothing(void *env)
{
    (void)env;
}

static void open_stream(show_t *s)
{
    server_request_t r = {.kind = SERVER_QUERY, .notify = nothing};
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    r.text = arena_printf(&a, "SELECT * FROM %s EMIT CHANGES;", s->table);
    engine_session_init(&r.session);
    server_call(s->server, &r);
    if (r.st == ST_OK)
        s->stream = r.stream;
    else
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

static void row_free(show_row_t *r)
{
    free((void *)(uintptr_t)r->key.ptr);
    free(r->text);
}

void show_free(show_t *s)
{
    if (!s)
        return;
    if (s->stream)
        server_stream_close(s->server, s->stream);
    for (size_t i = 0; i < s->rows.len; i++)
        row_free(&s->rows.ptr[i]);
    VEC_DONE(&s->rows);
    buf_done(&s->taken);
    buf_done(&s->page);
    free(s->table);
    free(s->data_dir);
    free(s);
}

/* A row's columns but the window's, cut to fit a line. */
static char *row_text(show_t *s, const json_value_t *row)
{
    data_columns_t c = server_stream_columns(s->stream);
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < row->n && i < c.len; i++) {
        if (str_starts(c.ptr[i].name, STR("WINDOW")))
            continue;
        const json_value_t *v = &row->item[i];
        str_t t = v->kind == JSON_STRING || v->kind == JSON_NUMBER ? v->text : STR("-");
        int width = i == 0 ? 18 : c.ptr[i].type->kind == DATA_STRING ? 12 : 11;
        buf_printf(&b, c.ptr[i].type->kind == DATA_STRING ? "%-*.*s " : "%*.*s ", width,
                   (int)(t.len < 32 ? t.len : 32), t.ptr);
    }
    buf_put_char(&b, 0);
    return buf_take(&b, NULL);
}

static void keep_row(show_t *s, const json_value_t *row)
{
    if (!row->n)
        return;
    str_t key = row->item[0].text;
    for (size_t i = 0; i < s->rows.len; i++)
        if (str_eq(s->rows.ptr[i].key, key)) {
            row_free(&s->rows.ptr[i]);
            VEC_REMOVE(&s->rows, i);
            break;
        }
    if (s->rows.len == ROWS_MAX) {
        row_free(&s->rows.ptr[0]);
        VEC_REMOVE(&s->rows, 0);
    }
    VEC_PUSH(&s->rows, (show_row_t){str_n(mem_z(key), key.len), row_text(s, row)});
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
    size_t room = w.ws_row > 6 ? (size_t)w.ws_row - 5 : 1;
    buf_clear(&s->page);
    BUF_LIT(&s->page, "\033[H");
    buf_printf(&s->page, "\033[1marus " ARUS_VERSION "\033[0m  data in %s   Ctrl-C ends\033[K\n",
               s->data_dir);
    status_line(s, t, seconds, &s->page);
    BUF_LIT(&s->page, "\033[K\n");
    if (t->error)
        buf_printf(&s->page, "\033[33m%.*s\033[0m", w.ws_col - 1, t->error);
    BUF_LIT(&s->page, "\033[K\n");
    for (size_t i = 0; i < room; i++) {
        if (i < s->rows.len)
            buf_printf(&s->page, "%.*s", w.ws_col - 1, s->rows.ptr[s->rows.len - 1 - i].text);
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
             i < s->rows.len && s->changes != s->changes_before; i++)
            printf("  %s\n", s->rows.ptr[i].text);
        s->changes_before = s->changes;
        if (t.error)
            printf("  %s\n", t.error);
        fflush(stdout);
    }
    arena_done(&a);
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
}
