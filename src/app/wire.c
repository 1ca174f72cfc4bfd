/* arus wire: Kafka's bytes for people. */
#include "app/options.h"
#include "app/verb.h"
#include "io/text.h"
#include "wire/message.h"

#include <stdio.h>

#define FILE_BYTES_MAX (256u << 20)

static const char usage[] =
    "usage: arus wire dump FILE [--response API:VERSION]\n"
    "       arus wire make API:VERSION JSON\n"
    "\n"
    "dump prints each message of FILE as a line of JSON. FILE is what one side of a connection "
    "sent:\n"
    "a client's requests, or with --response a broker's answers to requests of that API and "
    "version.\n"
    "make writes a request, fields as dump prints them; bytes are a text or {\"hex\":\"00 ff\"}, "
    "records also\n"
    "{\"values\":[\"a\"],\"compression\":\"gzip\"}. API is its name or key.\n";

/* An API that is asked for, or NULL: each frame's own header says. */
typedef struct dump {
    const wire_api_t *api;
    int version;
    arena_t arena;
    buf_t line;
} dump_t;

static ST print_body(dump_t *d, const wire_schema_t *s, int version, bool flexible, str_t *in,
                     err_t *err)
{
    void *m = arena_alloc(&d->arena, s->size_bytes);
    TRY(wire_decode(s, version, flexible, in, &d->arena, m, err));
    wire_print(s, version, m, &d->line);
    if (in->len)
        buf_printf(&d->line, " and %zu bytes more", in->len);
    return ST_OK;
}

static ST print_response(dump_t *d, str_t in, err_t *err)
{
    int header = wire_response_header_version(d->api, d->version);
    buf_printf(&d->line, "%s response %d ", d->api->title, d->version);
    wire_response_header_t h;
    TRY(wire_decode(wire_response_header_schema(), header, header == 1, &in, &d->arena, &h, err));
    buf_printf(&d->line, "#%d ", h.correlation_id);
    return print_body(d, d->api->response(), d->version, wire_api_flexible(d->api, d->version), &in,
                      err);
}

static ST print_request(dump_t *d, str_t in, err_t *err)
{
    if (in.len < 4)
        return err_set(err, ST_CORRUPT, "a request of %zu bytes has no header", in.len);
    const wire_api_t *api = wire_api_find((int16_t)load_be16(in.ptr));
    int version = (int16_t)load_be16(in.ptr + 2);
    if (!api || version < api->min || version > api->max)
        return err_set(err, ST_UNSUPPORTED, "API key %d version %d is not known",
                       (int16_t)load_be16(in.ptr), version);
    int header = wire_request_header_version(api, version);
    wire_request_header_t h;
    TRY(wire_decode(wire_request_header_schema(), header, header == 2, &in, &d->arena, &h, err));
    buf_printf(&d->line, "%s request %d #%d by '" STR_FMT "' ", api->title, version,
               h.correlation_id, STR_ARG(h.client_id));
    return print_body(d, api->request(), version, wire_api_flexible(api, version), &in, err);
}

static ST dump(dump_t *d, str_t in, err_t *err)
{
    for (size_t at = 0; at < in.len;) {
        if (in.len - at < 4 || load_be32(in.ptr + at) > in.len - at - 4)
            return err_set(err, ST_CORRUPT, "the frame at byte %zu is cut off", at);
        str_t frame = str_n(in.ptr + at + 4, load_be32(in.ptr + at));
        buf_clear(&d->line);
        arena_reset(&d->arena);
        st_t st = d->api ? print_response(d, frame, err) : print_request(d, frame, err);
        printf(STR_FMT "%s%s\n", STR_ARG(buf_str(&d->line)), st == ST_OK ? "" : " ",
               st == ST_OK ? "" : err->msg);
        at += 4 + frame.len;
    }
    return ST_OK;
}

static bool read_api(str_t text, dump_t *d)
{
    str_t name;
    int32_t key = -1, version;
    size_t n;
    const wire_api_t *api = wire_api_list(&n);
    if (!str_split(&text, ':', &name) || !str_to_i32(text, &version))
        return false;
    (void)str_to_i32(name, &key);
    for (size_t i = 0; i < n; i++)
        if (api[i].key == key || str_eq_nocase(name, str_of(api[i].title)))
            d->api = &api[i];
    d->version = version;
    return d->api && version >= d->api->min && version <= d->api->max;
}

/* ---- make */

static ST make(dump_t *d, str_t text, err_t *err)
{
    const json_value_t *json;
    wire_out_t out = {0};
    bool flexible = wire_api_flexible(d->api, d->version);
    void *m = arena_alloc(&d->arena, d->api->request()->size_bytes);
    wire_request_header_t h = {.request_api_key = d->api->key,
                               .request_api_version = (int16_t)d->version,
                               .correlation_id = 1,
                               .client_id = STR("arus")};
    TRY(json_parse(&d->arena, text, 0, &json, err));
    TRY(wire_scan(d->api->request(), d->version, json, &d->arena, m, err));
    st_t st = wire_encode(wire_request_header_schema(), flexible ? 2 : 1, flexible, &h, &out, err);
    if (st == ST_OK)
        st = wire_encode(d->api->request(), d->version, flexible, m, &out, err);
    if (st == ST_OK) {
        char len[4];
        store_be32(len, (uint32_t)wire_out_bytes(&out));
        fwrite(len, 1, sizeof len, stdout);
        size_t at = 0;
        for (size_t i = 0; i < out.splices.len; at = out.splices.ptr[i++].at) {
            fwrite(out.buf.ptr + at, 1, out.splices.ptr[i].at - at, stdout);
            fwrite(out.splices.ptr[i].bytes.ptr, 1, out.splices.ptr[i].bytes.len, stdout);
        }
        fwrite(out.buf.ptr + at, 1, out.buf.len - at, stdout);
    }
    wire_out_done(&out);
    return st;
}

int verb_wire(int argc, char **argv)
{
    dump_t d = {0};
    const char *file = argc > 2 ? argv[2] : NULL;
    bool makes = argc == 4 && !strcmp(argv[1], "make") && read_api(str_of(file), &d);
    bool good = makes || (argc > 2 && !strcmp(argv[1], "dump") && (argc == 3 || argc == 5));
    if (good && argc == 5)
        good = !strcmp(argv[3], "--response") && read_api(str_of(argv[4]), &d);
    if (!good) {
        fputs(usage, stderr);
        return 2;
    }
    err_t err;
    str_t in;
    arena_t text;
    arena_init(&text, ARENA_NO_LIMIT);
    arena_init(&d.arena, ARENA_NO_LIMIT);
    st_t st = makes ? make(&d, str_of(argv[3]), &err)
                    : io_text_read(&text, str_of(file), FILE_BYTES_MAX, &in, &err);
    if (st == ST_OK && !makes)
        st = dump(&d, in, &err);
    if (st != ST_OK)
        fprintf(stderr, "arus wire: %s\n", err.msg);
    buf_done(&d.line);
    arena_done(&d.arena);
    arena_done(&text);
    return st == ST_OK ? 0 : 1;
}
