#include "format/guess.h"

#include "data/json.h"
#include "data/text.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/vec.h"

#define FRAME_BYTES     5                      /* a zero and a schema id */
#define WINDOW_TIME_MIN INT64_C(946684800000)  /* 2000-01-01 */
#define WINDOW_TIME_MAX INT64_C(4102444800000) /* 2100-01-01 */
#define TREE_BYTES_MAX  (64u << 20)

/* A schema id that was met. serde NULL: nothing that can be shown. */
typedef struct schema {
    int32_t id;
    size_t format; /* index of formats */
    data_columns_t columns;
    bool wrapped;
    serde_t *serde;
} schema_t;

struct guess {
    bool is_key;
    const schema_source_t *schemas;
    unsigned fits; /* a bit a format */
    bool any;      /* a record that is not null has been seen */
    arena_t life, arena;
    VEC(schema_t) known;
};

/* ---- with a schema */

/* Of the first three of formats. */
static format_id_t format_of(size_t format)
{
    static const format_id_t of[] = {FORMAT_AVRO, FORMAT_PROTOBUF, FORMAT_JSON_SR};
    return of[format];
}

static void compile(guess_t *g, schema_t *s)
{
    static const char *const type_names[] = {"AVRO", "PROTOBUF", "JSON"};
    str_t type, text;
    err_t err;
    if (g->schemas->by_id(g->schemas->self, s->id, &type, &text, &err) != ST_OK)
        return;
    while (s->format < 3 && !str_eq_nocase(type, str_of(type_names[s->format])))
        s->format++;
    if (s->format == 3)
        return;
    serde_spec_t spec = {
        .format = format_of(s->format), .is_key = g->is_key, .schemas = g->schemas};
    if (format_infer(spec.format, text, g->is_key, false, &g->life, &s->columns, &s->wrapped,
                     &err) != ST_OK)
        return;
    spec.columns = s->columns;
    spec.wrap = s->wrapped;
    if (serde_new(&spec, &s->serde, &err) != ST_OK)
        s->serde = NULL;
}

static const schema_t *schema_of(guess_t *g, str_t bytes)
{
    if (!g->schemas || bytes.len < FRAME_BYTES || bytes.ptr[0] != 0)
        return NULL;
    int32_t id = (int32_t)load_be32(bytes.ptr + 1);
    for (size_t i = 0; i < g->known.len; i++)
        if (g->known.ptr[i].id == id)
            return &g->known.ptr[i];
    schema_t s = {.id = id};
    compile(g, &s);
    if (s.serde) /* an id that is not there yet may come */
        VEC_PUSH(&g->known, s);
    return s.serde ? &VEC_LAST(&g->known) : NULL;
}

static bool put_row(guess_t *g, size_t format, str_t bytes, buf_t *b)
{
    const schema_t *s = schema_of(g, bytes);
    if (!s || s->format != format)
        return false;
    data_value_t *row = arena_zalloc(&g->arena, (s->columns.len + 1) * sizeof *row);
    bool null = false;
    err_t err;
    if (serde_decode(s->serde, &g->arena, bytes, NULL, row, &null, &err) != ST_OK || null)
        return false;
    if (!s->wrapped && s->columns.len == 1) {
        data_put_json(b, row[0], s->columns.ptr[0].type, DATA_JSON_NAN_TEXT);
        return true;
    }
    buf_put_char(b, '{');
    for (size_t i = 0; i < s->columns.len; i++) {
        if (i)
            BUF_LIT(b, ", ");
        json_put_str(b, s->columns.ptr[i].name);
        BUF_LIT(b, ": ");
        data_put_json(b, row[i], s->columns.ptr[i].type, DATA_JSON_NAN_TEXT);
    }
    buf_put_char(b, '}');
    return true;
}

/* ---- without */

static bool is_text(str_t s)
{
    if (!str_is_utf8(s))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
            return false;
    }
    return true;
}

/* A text on one line. */
static void put_text(buf_t *b, str_t s)
{
    for (size_t i = 0; i < s.len; i++)
        switch (s.ptr[i]) {
        case '\t':
            BUF_LIT(b, "\\t");
            break;
        case '\n':
            BUF_LIT(b, "\\n");
            break;
        case '\r':
            BUF_LIT(b, "\\r");
            break;
        default:
            buf_put_char(b, s.ptr[i]);
        }
}

static bool put_json(guess_t *g, size_t format, str_t bytes, buf_t *b)
{
    const json_value_t *v;
    (void)format;
    if (json_parse(&g->arena, bytes, 0, &v, NULL) != ST_OK)
        return false;
    json_put_value(b, v);
    return true;
}

static bool is_window_time(str_t bytes, size_t from_end, int64_t *ret)
{
    if (bytes.len < from_end)
        return false;
    *ret = (int64_t)load_be64(bytes.ptr + bytes.len - from_end);
    return *ret >= WINDOW_TIME_MIN && *ret < WINDOW_TIME_MAX;
}

static bool put_session(guess_t *g, size_t format, str_t bytes, buf_t *b)
{
    int64_t start, end;
    (void)format;
    if (!g->is_key || !is_window_time(bytes, 16, &end) || !is_window_time(bytes, 8, &start) ||
        start > end || !is_text(str_sub(bytes, 0, bytes.len - 16)))
        return false;
    BUF_LIT(b, "[");
    put_text(b, str_sub(bytes, 0, bytes.len - 16));
    buf_printf(b, "@%lld/%lld]", (long long)start, (long long)end);
    return true;
}

/* The end of such a window is not in the key. */
static bool put_window(guess_t *g, size_t format, str_t bytes, buf_t *b)
{
    int64_t start;
    (void)format;
    if (!g->is_key || !is_window_time(bytes, 8, &start) ||
        !is_text(str_sub(bytes, 0, bytes.len - 8)))
        return false;
    BUF_LIT(b, "[");
    put_text(b, str_sub(bytes, 0, bytes.len - 8));
    buf_printf(b, "@%lld/-]", (long long)start);
    return true;
}

static bool put_int(guess_t *g, size_t format, str_t bytes, buf_t *b)
{
    (void)g;
    (void)format;
    if (bytes.len != 4 || is_text(bytes))
        return false;
    buf_printf(b, "%d", (int32_t)load_be32(bytes.ptr));
    return true;
}

static bool put_bigint(guess_t *g, size_t format, str_t bytes, buf_t *b)
{
    (void)g;
    (void)format;
    if (bytes.len != 8 || is_text(bytes))
        return false;
    buf_printf(b, "%lld", (long long)load_be64(bytes.ptr));
    return true;
}

static bool put_double(guess_t *g, size_t format, str_t bytes, buf_t *b)
{
    (void)g;
    (void)format;
    if (bytes.len != 8 || is_text(bytes))
        return false;
    uint64_t bits = load_be64(bytes.ptr);
    double d;
    memcpy(&d, &bits, sizeof d);
    data_put_f64(b, d);
    return true;
}

static bool put_string(guess_t *g, size_t format, str_t bytes, buf_t *b)
{
    (void)g;
    (void)format;
    if (!is_text(bytes))
        return false;
    put_text(b, bytes);
    return true;
}

static bool put_bytes(guess_t *g, size_t format, str_t bytes, buf_t *b)
{
    (void)g;
    (void)format;
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        if (c >= ' ' && c < 0x7f && c != '\\')
            buf_put_char(b, (char)c);
        else
            buf_printf(b, "\\x%02X", c);
    }
    return true;
}

/* In ksqlDB's order; the last one fits anything. Those with a schema stand first, as format_of has
 * them. put appends the text and says whether the bytes are of the format. */
static const struct {
    const char *name;
    bool (*put)(guess_t *g, size_t format, str_t bytes, buf_t *b);
} formats[] = {
    {"AVRO", put_row},
    {"PROTOBUF", put_row},
    {"JSON_SR", put_row},
    {"JSON", put_json},
    {"SESSION(KAFKA_STRING)", put_session},
    {"HOPPING(KAFKA_STRING) or TUMBLING(KAFKA_STRING)", put_window},
    {"KAFKA_INT", put_int},
    {"KAFKA_BIGINT", put_bigint},
    {"KAFKA_DOUBLE", put_double},
    {"KAFKA_STRING", put_string},
    {"UNRECOGNISED_BYTES", put_bytes},
};

#define N_FORMATS (sizeof formats / sizeof *formats)
#define ANYTHING  (1u << (N_FORMATS - 1))

/* ---- */

guess_t *guess_new(bool is_key, const schema_source_t *schemas)
{
    guess_t *g = mem_zalloc(sizeof *g);
    g->is_key = is_key;
    g->schemas = schemas;
    arena_init(&g->life, ARENA_NO_LIMIT);
    arena_init(&g->arena, TREE_BYTES_MAX);
    return g;
}

void guess_free(guess_t *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->known.len; i++)
        serde_free(g->known.ptr[i].serde);
    VEC_DONE(&g->known);
    arena_done(&g->arena);
    arena_done(&g->life);
    free(g);
}

bool guess_put(guess_t *g, str_t bytes, buf_t *b)
{
    if (!bytes.ptr) {
        BUF_LIT(b, "<null>");
        return false;
    }
    buf_t text[N_FORMATS] = {0};
    unsigned fits = 0;
    for (size_t i = 0; i < N_FORMATS; i++) {
        arena_reset(&g->arena);
        if (formats[i].put(g, i, bytes, &text[i]))
            fits |= 1u << i;
    }
    unsigned both = g->any ? fits & g->fits : fits;
    if (!(both & ~ANYTHING))
        both = fits; /* another format begins */
    size_t first = 0;
    while (!(both >> first & 1))
        first++;
    buf_put_str(b, buf_str(&text[first]));
    for (size_t i = 0; i < N_FORMATS; i++)
        buf_done(&text[i]);
    bool changed = !g->any || both != g->fits;
    g->fits = both;
    g->any = true;
    return changed;
}

void guess_put_names(const guess_t *g, buf_t *b)
{
    if (!g->any) {
        BUF_LIT(b, "unknown: no data yet");
        return;
    }
    bool more = false;
    for (size_t i = 0; i < N_FORMATS; i++) {
        bool last = 1u << i == ANYTHING;
        if (!(g->fits >> i & 1) || (last && more))
            continue;
        buf_printf(b, "%s%s", more ? " or " : "", formats[i].name);
        more = true;
    }
}
