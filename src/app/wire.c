/* arus wire: Kafka's bytes for people. */
#include "app/options.h"
#include "app/verb.h"
#include "wire/message.h"

#include <stdio.h>

#define FILE_BYTES_MAX (256u << 20)

static const char usage[] =
    "usage: arus wire dump FILE [--response KEY:VERSION]\n"
    "\n"
    "Prints each message of FILE as a line of JSON. FILE is what one side of a connection sent: a\n"
    "client's requests, or with --response a broker's answers to requests of that API and "
    "version.\n";

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
    str_t key;
    int32_t number;
    int32_t version;
    if (!str_split(&text, ':', &key) || !str_to_i32(key, &number) || !str_to_i32(text, &version))
        return false;
    d->api = wire_api_find(number);
    d->version = version;
    return d->api && version >= d->api->min && version <= d->api->max;
}

int verb_wire(int argc, char **argv)
{
    dump_t d = {0};
    const char *file = argc > 2 ? argv[2] : NULL;
    bool good = argc > 2 && !strcmp(argv[1], "dump") && (argc == 3 || argc == 5);
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
    st_t st = options_file_text(&text, file, FILE_BYTES_MAX, &in, &err);
    if (st == ST_OK)
        st = dump(&d, in, &err);
    if (st != ST_OK)
        fprintf(stderr, "arus wire: %s\n", err.msg);
    buf_done(&d.line);
    arena_done(&d.arena);
    arena_done(&text);
    return st == ST_OK ? 0 : 1;
}
