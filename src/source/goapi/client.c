#include "source/goapi/client.h"

#include "io/curl.h"

#include <stdlib.h>

#define POLL_MS 1000

struct goapi_client {
    io_curl_t curl;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *header;
    const atomic_bool *stop;
    buf_t body, url;
    bool too_large;
};

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    goapi_client_t *c = arg;
    n *= size;
    c->too_large = c->body.len + n > GOAPI_BODY_BYTES_MAX;
    if (c->too_large)
        return 0;
    buf_put(&c->body, p, n);
    return n;
}

st_t goapi_client_new(int64_t connect_timeout_ms, int64_t request_timeout_ms,
                      const atomic_bool *stop, goapi_client_t **ret, err_t *err)
{
    io_curl_t curl;
    TRY(io_curl_load(&curl, err));
    goapi_client_t *c = mem_zalloc(sizeof *c);
    c->curl = curl;
    c->stop = stop;
    c->multi = c->curl.multi_init();
    c->easy = c->curl.easy_init();
    if (!c->multi || !c->easy)
        die("no memory for an HTTP client");
    c->curl.easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    c->curl.easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    c->curl.easy_setopt(c->easy, CURLOPT_ACCEPT_ENCODING, "");
    c->curl.easy_setopt(c->easy, CURLOPT_USERAGENT, "arus/" ARUS_VERSION);
    c->curl.easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_timeout_ms);
    c->curl.easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)request_timeout_ms);
    c->curl.easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_body);
    c->curl.easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
    *ret = c;
    return ST_OK;
}

void goapi_client_free(goapi_client_t *c)
{
    if (!c)
        return;
    c->curl.easy_cleanup(c->easy);
    c->curl.multi_cleanup(c->multi);
    c->curl.slist_free_all(c->header);
    c->curl.global_cleanup();
    buf_done(&c->body);
    buf_done(&c->url);
    free(c);
}

st_t goapi_client_key(goapi_client_t *c, str_t key, err_t *err)
{
    for (size_t i = 0; i < key.len; i++)
        if ((uint8_t)key.ptr[i] <= ' ' || key.ptr[i] == 0x7f)
            return err_set(err, ST_BAD_CONFIG, "the API key holds a space or a control character");
    c->curl.slist_free_all(c->header);
    c->header = c->curl.slist_append(NULL, "Accept: application/json");
    if (key.len) {
        buf_t b = BUF_INIT;
        BUF_LIT(&b, "X-API-KEY: ");
        buf_put(&b, key.ptr, key.len);
        buf_put_char(&b, 0);
        c->header = c->curl.slist_append(c->header, b.ptr);
        buf_done(&b);
    }
    c->curl.easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->header);
    return ST_OK;
}

void goapi_client_wake(goapi_client_t *c)
{
    c->curl.multi_wakeup(c->multi);
}

/* Until the transfer has ended or stop is set. */
static CURLcode transfer(goapi_client_t *c)
{
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    int running = 1, left;
    c->curl.multi_add_handle(c->multi, c->easy);
    while (!atomic_load(c->stop)) {
        if (c->curl.multi_perform(c->multi, &running) != CURLM_OK)
            break;
        if (!running) {
            const CURLMsg *m = c->curl.multi_info_read(c->multi, &left);
            if (m && m->msg == CURLMSG_DONE)
                code = m->data.result;
            break;
        }
        c->curl.multi_poll(c->multi, NULL, 0, POLL_MS, NULL);
    }
    c->curl.multi_remove_handle(c->multi, c->easy);
    return code;
}

static ST failure(goapi_client_t *c, CURLcode code, err_t *err)
{
    const char *text = c->curl.easy_strerror(code);
    if (c->too_large)
        return err_set(err, ST_TOO_LARGE, "the answer is larger than %u bytes",
                       GOAPI_BODY_BYTES_MAX);
    if (atomic_load(c->stop))
        return err_set(err, ST_CANCELLED, "stopped");
    if (code == CURLE_OPERATION_TIMEDOUT)
        return err_set(err, ST_TIMEOUT, "no answer in time");
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
        return err_set(err, ST_UNREACHABLE, "%s", text);
    return err_set(err, ST_IO, "%s", text);
}

st_t goapi_client_get(goapi_client_t *c, str_t url, goapi_reply_t *ret, err_t *err)
{
    long status = 0;
    curl_off_t retry_s = 0;
    buf_clear(&c->body);
    buf_clear(&c->url);
    c->too_large = false;
    buf_put_str(&c->url, url);
    buf_put_char(&c->url, 0);
    c->curl.easy_setopt(c->easy, CURLOPT_URL, c->url.ptr);
    CURLcode code = transfer(c);
    if (code != CURLE_OK)
        return failure(c, code, err);
    c->curl.easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    c->curl.easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &retry_s);
    *ret = (goapi_reply_t){(int)status, buf_str(&c->body),
                           retry_s > 86400 ? 86400000 : (int64_t)retry_s * 1000};
    return ST_OK;
}
