#include "registry/api/writer.h"

#include "io/curl.h"

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define CONNECT_MS  2000
#define TIMEOUT_MS  20000
#define PATIENCE_MS 15000 /* for a leader: it takes 10 s until one that is lost is missed */
#define PAUSE_MS    200
#define ANSWER_MAX  (64u << 20)
#define FORWARDED   "x-forward" /* Confluent's header: whoever gets it does not pass it on */

struct writer {
    writer_options_t opt;
    io_loop_t *loop;
    io_mailbox_t orders;
    io_mail_t stop;
    atomic_bool stopping; /* also while a change waits for a leader */
    pthread_t thread;
    io_curl_t curl;
    CURL *easy;
};

/* ---- passing it on */

static void put_escaped(buf_t *b, str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~')
            buf_put_char(b, s.ptr[i]);
        else
            buf_printf(b, "%%%02X", c);
    }
}

/* The route's path with what its {name}s were, and the query. */
static void put_target(buf_t *b, const http_request_t *r)
{
    str_t rest = str_of(r->route->path), part;
    while (str_split(&rest, '/', &part)) {
        if (!part.len)
            continue;
        buf_put_char(b, '/');
        if (part.ptr[0] != '{')
            buf_put_str(b, part);
        for (size_t i = 0; part.ptr[0] == '{' && i < r->n_params; i++)
            if (str_eq(r->param[i].name, str_sub(part, 1, part.len - 2)))
                put_escaped(b, r->param[i].value);
    }
    if (r->query.len) {
        buf_put_char(b, '?');
        buf_put_str(b, r->query);
    }
}

static size_t on_bytes(char *p, size_t one, size_t n, void *arg)
{
    buf_t *b = arg;
    if (b->len + one * n > ANSWER_MAX)
        return 0;
    buf_put(b, p, one * n);
    return one * n;
}

static size_t on_header(char *p, size_t one, size_t n, void *arg)
{
    str_t value = str_n(p, one * n), name;
    if (str_split(&value, ':', &name) && str_eq_nocase(name, STR(WRITER_OFFSET)))
        (void)!str_to_i64(str_trim(value), arg);
    return one * n;
}

static struct curl_slist *headers_of(writer_t *w, const http_request_t *r)
{
    static const char *const kept[] = {"content-type", "accept", "authorization"};
    struct curl_slist *list = w->curl.slist_append(NULL, FORWARDED ": true");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        str_t v = http_header(r, kept[i]);
        if (v.len)
            list = w->curl.slist_append(
                list,
                arena_z(r->arena, arena_printf(r->arena, "%s: " STR_FMT, kept[i], STR_ARG(v))));
    }
    return w->curl.slist_append(list, "Expect:");
}

/* ST_UNREACHABLE: it has not got the request. ST_TIMEOUT: it may have. */
static ST forward(writer_t *w, http_request_t *r, str_t leader, int *ret_status,
                  int64_t *ret_offset, buf_t *body, err_t *err)
{
    buf_t url = BUF_INIT;
    long status = 0;
    buf_put_str(&url, leader);
    put_target(&url, r);
    struct curl_slist *headers = headers_of(w, r);
    w->curl.easy_reset(w->easy);
    w->curl.easy_setopt(w->easy, CURLOPT_URL, arena_z(r->arena, buf_str(&url)));
    w->curl.easy_setopt(w->easy, CURLOPT_HTTPHEADER, headers);
    w->curl.easy_setopt(w->easy, CURLOPT_NOSIGNAL, 1L);
    w->curl.easy_setopt(w->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    w->curl.easy_setopt(w->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    w->curl.easy_setopt(w->easy, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    if (w->opt.ca_file.len)
        w->curl.easy_setopt(w->easy, CURLOPT_CAINFO, arena_z(r->arena, w->opt.ca_file));
    w->curl.easy_setopt(w->easy, CURLOPT_POSTFIELDSIZE, (long)r->body.len);
    w->curl.easy_setopt(w->easy, CURLOPT_POSTFIELDS, r->body.len ? r->body.ptr : "");
    w->curl.easy_setopt(w->easy, CURLOPT_CUSTOMREQUEST, arena_z(r->arena, r->method));
    w->curl.easy_setopt(w->easy, CURLOPT_WRITEFUNCTION, on_bytes);
    w->curl.easy_setopt(w->easy, CURLOPT_WRITEDATA, body);
    w->curl.easy_setopt(w->easy, CURLOPT_HEADERFUNCTION, on_header);
    w->curl.easy_setopt(w->easy, CURLOPT_HEADERDATA, ret_offset);
    CURLcode code = w->curl.easy_perform(w->easy);
    w->curl.easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &status);
    w->curl.slist_free_all(headers);
    buf_done(&url);
    *ret_status = (int)status;
    if (code == CURLE_OK)
        return ST_OK;
    return err_set(err, code == CURLE_COULDNT_CONNECT ? ST_UNREACHABLE : ST_TIMEOUT,
                   "Error while forwarding the request to the leader: %s",
                   w->curl.easy_strerror(code));
}

static bool leads_not(int status, str_t body)
{
    return status == 500 && str_find(body, STR("\"error_code\":50004")) >= 0;
}

static ST no_leader(err_t *err)
{
    return err_set(err, ST_BUSY, "The leader is not known: try again");
}

/* By the registry that leads, as soon as one does. */
static ST pass_on(writer_t *w, http_request_t *r, int *ret_status, buf_t *body, err_t *err)
{
    int64_t until = io_mono_ns(w->opt.io) + PATIENCE_MS * INT64_C(1000000);
    for (bool anew = false;; anew = true) {
        str_t leader;
        int64_t offset = 0;
        st_t st = cluster_leader(w->opt.cluster, anew, r->arena, &leader, err);
        if (st == ST_OK)
            st = forward(w, r, leader, ret_status, &offset, body, err);
        if (st == ST_OK && !leads_not(*ret_status, buf_str(body))) {
            (void)!cluster_catch_up(w->opt.cluster, offset, err); /* else reads are a bit behind */
            return ST_OK;
        }
        if (st != ST_OK && st != ST_BUSY && st != ST_UNREACHABLE)
            return st;
        buf_clear(body);
        if (cluster_leads(w->opt.cluster) || atomic_load(&w->stopping) ||
            io_mono_ns(w->opt.io) > until)
            return no_leader(err);
        io_sleep_ms(w->opt.io, PAUSE_MS);
    }
}

/* ---- the thread */

static void answer(writer_t *w, writer_order_t *o)
{
    err_t err;
    http_request_t *r = o->request;
    bool passed = http_header(r, FORWARDED).ptr; /* it led when this came: try, and say if not */
    st_t st = ST_BUSY;
    if (!passed && !cluster_leads(w->opt.cluster))
        st = pass_on(w, r, &o->status, &o->body, &err);
    if (st == ST_BUSY && (passed || cluster_leads(w->opt.cluster))) {
        o->status = w->opt.answer(w->opt.env, r, &o->body);
        o->offset = passed ? cluster_written(w->opt.cluster) : 0;
    } else if (st != ST_OK) {
        buf_clear(&o->body);
        o->status = w->opt.fail(w->opt.env, st, str_of(err.msg), &o->body);
    }
}

static void on_orders(void *arg, io_mail_t *list)
{
    writer_t *w = arg;
    for (io_mail_t *m = list, *next; m; m = next) {
        next = m->next;
        if (m == &w->stop) {
            io_loop_stop(w->loop);
            continue;
        }
        if (!atomic_load(&w->stopping))
            answer(w, (writer_order_t *)m);
        io_mailbox_put(w->opt.answers, m);
    }
}

static void *run(void *arg)
{
    io_loop_run(((writer_t *)arg)->loop);
    return NULL;
}

writer_t *writer_start(const writer_options_t *opt)
{
    writer_t *w = mem_zalloc(sizeof *w);
    w->opt = *opt;
    w->loop = io_loop_new(opt->io);
    err_t err;
    if (io_curl_load(&w->curl, &err) != ST_OK)
        die("%s", err.msg);
    if (!(w->easy = w->curl.easy_init()))
        die("libcurl does not start");
    io_mailbox_init(&w->orders, w->loop, on_orders, w);
    if (pthread_create(&w->thread, NULL, run, w))
        die("cannot start a thread");
    return w;
}

st_t writer_put(writer_t *w, http_request_t *r, err_t *err)
{
    if (http_header(r, FORWARDED).ptr && !cluster_leads(w->opt.cluster))
        return no_leader(err);
    writer_order_t *o = ARENA_NEW(r->arena, writer_order_t);
    *o = (writer_order_t){.request = r, .body = BUF_INIT};
    io_mailbox_put(&w->orders, &o->mail);
    return ST_OK;
}

void writer_stop(writer_t *w)
{
    if (!w)
        return;
    atomic_store(&w->stopping, true);
    io_mailbox_put(&w->orders, &w->stop);
    pthread_join(w->thread, NULL);
    for (io_mail_t *m = io_mailbox_done(&w->orders), *next; m; m = next) {
        next = m->next;
        io_mailbox_put(w->opt.answers, m);
    }
    io_loop_free(w->loop);
    w->curl.easy_cleanup(w->easy);
    free(w);
}
