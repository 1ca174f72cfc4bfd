#include "http/parse.h"

#define CHUNK_LINE_MAX  1024
#define TRAILER_MAX     8192
#define REFUSE(st, ...) (*ret_status = (st), err_set(err, ST_BAD_INPUT, __VA_ARGS__))

/* ---- texts */

static bool is_token_char(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c && strchr("!#$%&'*+-.^_`|~", c);
}

bool http_token_valid(str_t s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_char(s.ptr[i]))
            return false;
    return s.len > 0;
}

bool http_value_valid(str_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool http_percent_decode(arena_t *a, str_t s, bool plus, str_t *ret)
{
    char *p = arena_alloc(a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '%') {
            int hi = i + 2 < s.len ? str_hex_digit(s.ptr[i + 1]) : -1;
            int lo = i + 2 < s.len ? str_hex_digit(s.ptr[i + 2]) : -1;
            if (hi < 0 || lo < 0)
                return false;
            c = (char)(hi * 16 + lo);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        p[n++] = c;
    }
    *ret = str_n(p, n);
    return true;
}

bool http_list_has(str_t list, str_t item)
{
    str_t part;
    while (str_split(&list, ',', &part))
        if (str_eq_nocase(str_trim(part), item))
            return true;
    return false;
}

bool http_target_split(str_t target, str_t *ret_path, str_t *ret_query)
{
    for (size_t i = 0; i < target.len; i++)
        if ((unsigned char)target.ptr[i] <= 0x20 || (unsigned char)target.ptr[i] == 0x7f)
            return false;
    if (str_starts_nocase(target, STR("http://")) || str_starts_nocase(target, STR("https://"))) {
        ptrdiff_t host = str_find(target, STR("//")) + 2;
        str_t rest = str_sub(target, (size_t)host, target.len);
        ptrdiff_t slash = str_find_char(rest, '/');
        target = slash < 0 ? STR("/") : str_sub(rest, (size_t)slash, rest.len);
    }
    if (!target.len || (target.ptr[0] != '/' && !str_eq(target, STR("*"))))
        return false;
    ptrdiff_t mark = str_find_char(target, '?');
    *ret_query = mark < 0 ? STR("") : str_sub(target, (size_t)mark + 1, target.len);
    *ret_path = mark < 0 ? target : str_sub(target, 0, (size_t)mark);
    return true;
}

/* ---- the head */

size_t http_head_end(str_t bytes, size_t seen)
{
    size_t from = seen > 3 ? seen - 3 : 0;
    ptrdiff_t at = str_find(str_sub(bytes, from, bytes.len), STR("\r\n\r\n"));
    return at < 0 ? 0 : from + (size_t)at + 4;
}

/* Cuts the line that is in front, without its CRLF. */
static bool next_line(str_t *rest, str_t *ret)
{
    ptrdiff_t at = str_find(*rest, STR("\r\n"));
    if (at < 0)
        return false;
    *ret = str_sub(*rest, 0, (size_t)at);
    *rest = str_sub(*rest, (size_t)at + 2, rest->len);
    return true;
}

static ST parse_request_line(arena_t *a, str_t line, http_head_t *h, int *ret_status, err_t *err)
{
    str_t method, target;
    if (!str_split(&line, ' ', &method) || !http_token_valid(method))
        return REFUSE(400, "the request line has no method");
    if (!str_split(&line, ' ', &target) || !http_target_split(target, &h->path, &h->query))
        return REFUSE(400, "the request target is malformed");
    if (line.len != 8 || !str_starts(line, STR("HTTP/")) || line.ptr[6] != '.')
        return REFUSE(400, "the request line has no HTTP version");
    if (line.ptr[5] != '1' || (line.ptr[7] != '0' && line.ptr[7] != '1'))
        return REFUSE(505, "this server speaks HTTP/1.1, and HTTP/2 with prior knowledge");
    h->method = arena_str(a, method);
    h->path = arena_str(a, h->path);
    h->query = arena_str(a, h->query);
    h->minor = line.ptr[7] - '0';
    return ST_OK;
}

static ST parse_header(arena_t *a, str_t line, http_head_t *h, int *ret_status, err_t *err)
{
    ptrdiff_t colon = str_find_char(line, ':');
    if (colon < 0 || !http_token_valid(str_sub(line, 0, (size_t)colon)))
        return REFUSE(400, "a header is malformed");
    str_t value = str_trim(str_sub(line, (size_t)colon + 1, line.len));
    if (!http_value_valid(value))
        return REFUSE(400, "a header's value has control characters");
    if (h->n_headers == HTTP_HEADERS_MAX)
        return REFUSE(431, "more than %d headers", HTTP_HEADERS_MAX);
    h->header[h->n_headers++] =
        (http_pair_t){arena_lower(a, str_sub(line, 0, (size_t)colon)), arena_str(a, value)};
    return ST_OK;
}

/* One value of a header that may come once; STR_NONE when it did not come. */
static ST only_one(const http_head_t *h, str_t name, str_t *ret, int *ret_status, err_t *err)
{
    *ret = STR_NONE;
    for (size_t i = 0; i < h->n_headers; i++) {
        if (!str_eq(h->header[i].name, name))
            continue;
        if (ret->ptr)
            return REFUSE(400, "header " STR_FMT " comes twice", STR_ARG(name));
        *ret = h->header[i].value;
    }
    return ST_OK;
}

static bool parse_length(str_t s, uint64_t *ret)
{
    int64_t n;
    if (!s.len || s.ptr[0] < '0' || s.ptr[0] > '9' || !str_to_i64(s, &n))
        return false;
    *ret = (uint64_t)n;
    return true;
}

static ST frame_body(http_head_t *h, int *ret_status, err_t *err)
{
    str_t length, coding;
    TRY(only_one(h, STR("content-length"), &length, ret_status, err));
    TRY(only_one(h, STR("transfer-encoding"), &coding, ret_status, err));
    if (coding.ptr) {
        if (length.ptr || h->minor == 0)
            return REFUSE(400, "a transfer encoding beside a length, or in HTTP/1.0");
        if (!str_eq_nocase(coding, STR("chunked")))
            return REFUSE(501, "the only transfer encoding known here is chunked");
        h->body = HTTP_BODY_CHUNKED;
    } else if (length.ptr) {
        if (!parse_length(length, &h->length))
            return REFUSE(400, "the content length is no number");
        h->body = h->length ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
    }
    return ST_OK;
}

static ST check_headers(http_head_t *h, int *ret_status, err_t *err)
{
    str_t host, expect;
    TRY(only_one(h, STR("host"), &host, ret_status, err));
    TRY(only_one(h, STR("expect"), &expect, ret_status, err));
    if (!host.ptr && h->minor == 1)
        return REFUSE(400, "header host is missing");
    if (expect.ptr && !str_eq_nocase(expect, STR("100-continue")))
        return REFUSE(417, "the only expectation known here is 100-continue");
    h->expect_continue = expect.ptr && h->minor == 1;
    h->keep_alive = h->minor == 1;
    for (size_t i = 0; i < h->n_headers; i++) {
        if (!str_eq(h->header[i].name, STR("connection")))
            continue;
        if (http_list_has(h->header[i].value, STR("close")))
            h->keep_alive = false;
        else if (h->minor == 0 && http_list_has(h->header[i].value, STR("keep-alive")))
            h->keep_alive = true;
    }
    return frame_body(h, ret_status, err);
}

st_t http_head_parse(arena_t *a, str_t bytes, http_head_t *ret, int *ret_status, err_t *err)
{
    http_head_t h = {.header = ARENA_ARRAY(a, http_pair_t, HTTP_HEADERS_MAX)};
    str_t line;
    if (!next_line(&bytes, &line))
        return REFUSE(400, "there is no request line");
    TRY(parse_request_line(a, line, &h, ret_status, err));
    while (next_line(&bytes, &line) && line.len)
        TRY(parse_header(a, line, &h, ret_status, err));
    TRY(check_headers(&h, ret_status, err));
    *ret = h;
    return ST_OK;
}

/* ---- the body */

void http_body_init(http_body_t *b, const http_head_t *head)
{
    *b = (http_body_t){.kind = head->body, .left = head->length};
}

static ST take_data(http_body_t *b, str_t *in, buf_t *out, size_t bytes_max, err_t *err)
{
    if (b->left > bytes_max || out->len > bytes_max - b->left)
        return err_set(err, ST_TOO_LARGE, "the body is larger than %zu bytes", bytes_max);
    size_t n = b->left < in->len ? (size_t)b->left : in->len;
    buf_put(out, in->ptr, n);
    *in = str_sub(*in, n, in->len);
    b->left -= n;
    return b->left ? ST_PARTIAL : ST_OK;
}

/* A line of at most CHUNK_LINE_MAX bytes. */
static ST take_line(str_t *in, str_t *ret, err_t *err)
{
    if (next_line(in, ret) && ret->len <= CHUNK_LINE_MAX)
        return ST_OK;
    if (in->len > CHUNK_LINE_MAX || ret->len > CHUNK_LINE_MAX)
        return err_set(err, ST_BAD_INPUT, "a chunk's size line is too long");
    return ST_PARTIAL;
}

static ST take_size(http_body_t *b, str_t *in, err_t *err)
{
    str_t line = STR_NONE, size;
    TRY(take_line(in, &line, err));
    if (!str_split(&line, ';', &size) || !http_value_valid(line))
        return err_set(err, ST_BAD_INPUT, "a chunk has no size");
    size = str_trim(size);
    uint64_t n = 0;
    for (size_t i = 0; i < size.len; i++) {
        int digit = str_hex_digit(size.ptr[i]);
        if (digit < 0 || i >= 15)
            return err_set(err, ST_BAD_INPUT, "a chunk's size is no number");
        n = n * 16 + (uint64_t)digit;
    }
    if (!size.len)
        return err_set(err, ST_BAD_INPUT, "a chunk has no size");
    b->left = n;
    b->state = n ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILER;
    return ST_OK;
}

static ST take_trailer(http_body_t *b, str_t *in, err_t *err)
{
    str_t line = STR_NONE;
    TRY(take_line(in, &line, err));
    b->trailer_bytes += line.len + 2;
    if (b->trailer_bytes > TRAILER_MAX)
        return err_set(err, ST_BAD_INPUT, "the trailers are too long");
    if (!line.len)
        b->state = HTTP_CHUNK_DONE;
    return ST_OK;
}

static ST take_chunked(http_body_t *b, str_t *in, buf_t *out, size_t bytes_max, err_t *err)
{
    for (;;) {
        switch (b->state) {
        case HTTP_CHUNK_SIZE:
            TRY(take_size(b, in, err));
            break;
        case HTTP_CHUNK_DATA:
            TRY(take_data(b, in, out, bytes_max, err));
            b->state = HTTP_CHUNK_DATA_END;
            break;
        case HTTP_CHUNK_DATA_END:
            if (in->len < 2)
                return ST_PARTIAL;
            if (!str_starts(*in, STR("\r\n")))
                return err_set(err, ST_BAD_INPUT, "a chunk is longer than its size says");
            *in = str_sub(*in, 2, in->len);
            b->state = HTTP_CHUNK_SIZE;
            break;
        case HTTP_CHUNK_TRAILER:
            TRY(take_trailer(b, in, err));
            break;
        case HTTP_CHUNK_DONE:
            return ST_OK;
        }
    }
}

st_t http_body_feed(http_body_t *b, str_t in, buf_t *out, size_t bytes_max, size_t *ret_used,
                    err_t *err)
{
    str_t rest = in;
    st_t st = b->kind == HTTP_BODY_NONE     ? ST_OK
              : b->kind == HTTP_BODY_LENGTH ? take_data(b, &rest, out, bytes_max, err)
                                            : take_chunked(b, &rest, out, bytes_max, err);
    *ret_used = in.len - rest.len;
    return st;
}
