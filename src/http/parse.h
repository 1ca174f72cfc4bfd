/* parse.h: HTTP/1.1 requests from bytes, without I/O.
 *
 * Strict (RFC 9112): lines end in CRLF, no folded headers, no white space before a colon, one Host,
 * Content-Length or chunked but never both. What is not plainly right is refused, so that nobody in
 * front of us can read it otherwise.
 */
#ifndef ARUS_HTTP_PARSE_H
#define ARUS_HTTP_PARSE_H

#include "http/http.h"

#define HTTP_HEADERS_MAX 100

typedef enum http_body_kind {
    HTTP_BODY_NONE,
    HTTP_BODY_LENGTH,
    HTTP_BODY_CHUNKED
} http_body_kind_t;

typedef struct http_head {
    str_t method, path, query; /* as they came */
    http_pair_t *header;       /* names in lower case */
    size_t n_headers;
    int minor; /* HTTP/1.minor */
    bool keep_alive, expect_continue;
    http_body_kind_t body;
    uint64_t length; /* HTTP_BODY_LENGTH */
} http_head_t;

/* Where the head at the front of bytes ends (behind its empty line); 0: not yet. `seen` bytes have
 * been looked at before. */
size_t http_head_end(str_t bytes, size_t seen);
/* Parses bytes[0, http_head_end). Texts are in the arena. On failure *ret_status is the answer's
 * status: 400, 417, 431, 501, 505. */
ST http_head_parse(arena_t *a, str_t bytes, http_head_t *ret, int *ret_status, err_t *err);

typedef enum http_chunk_state {
    HTTP_CHUNK_SIZE, /* in a size line */
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_DATA_END, /* before the CRLF behind data */
    HTTP_CHUNK_TRAILER,
    HTTP_CHUNK_DONE
} http_chunk_state_t;

/* A body on its way in. */
typedef struct http_body {
    http_body_kind_t kind;
    http_chunk_state_t state;
    uint64_t left;
    size_t trailer_bytes;
} http_body_t;

void http_body_init(http_body_t *b, const http_head_t *head);
/* Takes what it can from the front of `in`: *ret_used bytes. ST_OK: the body is complete,
 * ST_PARTIAL (no message): more is needed, ST_TOO_LARGE: more than bytes_max, ST_BAD_INPUT. */
ST http_body_feed(http_body_t *b, str_t in, buf_t *out, size_t bytes_max, size_t *ret_used,
                  err_t *err);

/* Percent-decoding into the arena; plus: '+' is a space. False when a % is not followed by two hex
 * digits. */
bool http_percent_decode(arena_t *a, str_t s, bool plus, str_t *ret);
/* Cuts a request target into path and query, both as they came. False when it is none. */
bool http_target_split(str_t target, str_t *ret_path, str_t *ret_query);
/* A header's name and value as RFC 9110 allows them. */
bool http_token_valid(str_t s);
bool http_value_valid(str_t s);
/* Whether a comma-separated list has this item (any case). */
bool http_list_has(str_t list, str_t item);

#endif
