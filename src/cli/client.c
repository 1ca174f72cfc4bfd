#include "cli/client.h"

#include "io/curl.h"

#include <limits.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define URL_MAX    2048
#define USER_MAX   512
#define ANSWER_MAX (256u << 20)
#define CONNECT_MS 5000

struct cli_client {
    io_curl_t curl;
    char url[URL_MAX], user[USER_MAX], ca_file[PATH_MAX]; /* the last two may be empty */
    int interrupt_fd;
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
};

/* A request under way. */
typedef struct call {
    const cli_client_t *client;
    const char *method; /* NULL: by the body */
    buf_t *text;        /* of an answer that is no stream, or failed */
    buf_t line;
    bool (*on_line)(void *env, str_t line);
    void *env;
    bool stopped;
} call_t;

cli_client_t *cli_client_new(str_t url, const char *type, int interrupt_fd)
{
    cli_client_t *c = mem_zalloc(sizeof *c);
    while (str_ends(url, STR("/")))
        url = str_sub(url, 0, url.len - 1);
    ptrdiff_t slashes = str_find(url, STR("://"));
    size_t host = slashes < 0 ? 0 : (size_t)slashes + 3;
    str_t rest = str_sub(url, host, url.len), user = STR("");
    if (str_find_char(rest, '@') >= 0) {
        user = str_sub(rest, 0, (size_t)str_find_char(rest, '@'));
        rest = str_sub(rest, user.len + 1, rest.len);
    }
    snprintf(c->url, sizeof c->url, STR_FMT STR_FMT,
             STR_ARG(host ? str_sub(url, 0, host) : STR("http://")), STR_ARG(rest));
    c->interrupt_fd = interrupt_fd;
    err_t err;
    if (io_curl_load(&c->curl, &err) != ST_OK)
        die("%s", err.msg);
    if (!(c->easy = c->curl.easy_init()) || !(c->multi = c->curl.multi_init()))
        die("libcurl cannot be started");
    char header[2][128];
    snprintf(header[0], sizeof header[0], "Accept: %s", type);
    snprintf(header[1], sizeof header[1], "Content-Type: %s", type);
    c->headers = c->curl.slist_append(NULL, header[0]);
    c->headers = c->curl.slist_append(c->headers, header[1]);
    c->headers = c->curl.slist_append(c->headers, "Expect:");
    char *plain = c->curl.easy_unescape(c->easy, user.ptr, (int)user.len, NULL);
    snprintf(c->user, sizeof c->user, "%s", user.len ? plain : "");
    c->curl.free(plain);
    return c;
}

void cli_client_login(cli_client_t *c, str_t user, str_t ca_file)
{
    if (user.len)
        snprintf(c->user, sizeof c->user, STR_FMT, STR_ARG(user));
    snprintf(c->ca_file, sizeof c->ca_file, STR_FMT, STR_ARG(ca_file));
}

void cli_client_free(cli_client_t *c)
{
    c->curl.slist_free_all(c->headers);
    c->curl.easy_cleanup(c->easy);
    c->curl.multi_cleanup(c->multi);
    c->curl.global_cleanup();
    free(c);
}

str_t cli_client_url(const cli_client_t *c)
{
    return str_of(c->url);
}

static long status_of(const cli_client_t *c)
{
    long status = 0;
    c->curl.easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static void take_lines(call_t *call, str_t bytes)
{
    ptrdiff_t end;
    while (!call->stopped && (end = str_find_char(bytes, '\n')) >= 0) {
        buf_put(&call->line, bytes.ptr, (size_t)end);
        bytes = str_sub(bytes, (size_t)end + 1, bytes.len);
        call->stopped = !call->on_line(call->env, buf_str(&call->line));
        buf_clear(&call->line);
    }
    buf_put_str(&call->line, bytes);
}

static size_t on_bytes(char *p, size_t one, size_t n, void *arg)
{
    call_t *call = arg;
    buf_t *to = call->on_line ? &call->line : call->text;
    if (to->len + one * n > ANSWER_MAX)
        return 0;
    if (call->on_line && status_of(call->client) == 200)
        take_lines(call, str_n(p, one * n));
    else
        buf_put(call->text, p, one * n);
    return call->stopped ? 0 : n;
}

static void prepare(cli_client_t *c, call_t *call, const char *path, str_t body, int64_t timeout_ms)
{
    char url[URL_MAX + 256];
    snprintf(url, sizeof url, "%s%s", c->url, path);
    c->curl.easy_reset(c->easy);
    c->curl.easy_setopt(c->easy, CURLOPT_URL, url);
    c->curl.easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
    c->curl.easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    if (c->user[0]) {
        c->curl.easy_setopt(c->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        c->curl.easy_setopt(c->easy, CURLOPT_USERPWD, c->user);
    }
    if (c->ca_file[0])
        c->curl.easy_setopt(c->easy, CURLOPT_CAINFO, c->ca_file);
    c->curl.easy_setopt(c->easy, CURLOPT_USERAGENT, "arus/" ARUS_VERSION);
    c->curl.easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    c->curl.easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    if (timeout_ms)
        c->curl.easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    if (body.len) {
        c->curl.easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE, (long)body.len);
        c->curl.easy_setopt(c->easy, CURLOPT_COPYPOSTFIELDS, body.ptr);
    }
    if (call->method)
        c->curl.easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, call->method);
    c->curl.easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_bytes);
    c->curl.easy_setopt(c->easy, CURLOPT_WRITEDATA, call);
}

/* Takes the signal that is waiting. */
static bool interrupted(int fd)
{
    struct signalfd_siginfo s;
    return fd >= 0 && read(fd, &s, sizeof s) == sizeof s;
}

/* Runs the request until it ends; true when the user has ended it. */
static bool run(cli_client_t *c, CURLcode *ret_code)
{
    int running = 1;
    *ret_code = CURLE_OK;
    while (interrupted(c->interrupt_fd))
        ; /* those that came before it */
    while (running) {
        c->curl.multi_perform(c->multi, &running);
        int left;
        for (CURLMsg *m; (m = c->curl.multi_info_read(c->multi, &left));)
            if (m->msg == CURLMSG_DONE)
                *ret_code = m->data.result;
        if (!running)
            break;
        struct curl_waitfd w = {.fd = c->interrupt_fd, .events = CURL_WAIT_POLLIN};
        c->curl.multi_poll(c->multi, &w, c->interrupt_fd >= 0, 1000, NULL);
        if (interrupted(c->interrupt_fd))
            return true;
    }
    return false;
}

static ST perform(cli_client_t *c, call_t *call, const char *path, str_t body, int64_t timeout_ms,
                  int *ret_status, err_t *err)
{
    call->client = c;
    prepare(c, call, path, body, timeout_ms);
    c->curl.multi_add_handle(c->multi, c->easy);
    CURLcode code;
    bool cancelled = run(c, &code);
    long status = status_of(c);
    c->curl.multi_remove_handle(c->multi, c->easy);
    if (code == CURLE_OK && call->line.len && !call->stopped)
        call->on_line(call->env, buf_str(&call->line));
    buf_done(&call->line);
    if (cancelled)
        return err_set(err, ST_CANCELLED, "interrupted");
    *ret_status = (int)status;
    if (code == CURLE_OK || call->stopped)
        return ST_OK;
    if (code == CURLE_OPERATION_TIMEDOUT && status)
        return err_set(err, ST_TIMEOUT, "the query took longer than %lld ms",
                       (long long)timeout_ms);
    return err_set(err, ST_UNREACHABLE, "%s %s: %s",
                   status ? "the connection was lost to" : "cannot reach a server at", c->url,
                   c->curl.easy_strerror(code));
}

st_t cli_client_send(cli_client_t *c, const char *method, const char *path, str_t body, buf_t *ret,
                     int *ret_status, err_t *err)
{
    call_t call = {.method = method, .text = ret};
    return perform(c, &call, path, body, 0, ret_status, err);
}

st_t cli_client_stream(cli_client_t *c, const char *path, str_t body, int64_t timeout_ms,
                       bool (*on_line)(void *env, str_t line), void *env, buf_t *ret,
                       int *ret_status, err_t *err)
{
    call_t call = {.text = ret, .on_line = on_line, .env = env};
    return perform(c, &call, path, body, timeout_ms, ret_status, err);
}
