/* Every message in every version: random content there and back; the bytes of another
 * implementation (test/wire/vectors.inc); cut and hostile bytes. */
#include "wire/message.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char *const vectors[] = {
#include "../../wire/vectors.inc"
};

static uint64_t seed = 1;

static uint32_t chance(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

/* ---- random content */

static void fill(const wire_schema_t *s, int version, arena_t *a, void *p);

static void fill_one(const wire_field_t *f, int version, arena_t *a, void *p)
{
    size_t n = wire_item_bytes(f);
    if (f->kind == WIRE_STRUCT) {
        wire_defaults(f->item(), p, 1);
        fill(f->item(), version, a, p);
    } else if (f->kind == WIRE_STR || f->kind == WIRE_BYTES || f->kind == WIRE_RECORDS) {
        size_t len = chance(f->kind == WIRE_STR ? 20 : 300);
        char *text = arena_alloc(a, len + 1);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)('a' + chance(26));
        *(str_t *)p = str_n(text, len);
    } else if (f->kind == WIRE_BOOL) {
        *(bool *)p = chance(2);
    } else {
        for (size_t i = 0; i < n; i++)
            ((char *)p)[i] = (char)chance(256);
    }
}

static void fill_field(const wire_field_t *f, int version, arena_t *a, void *p)
{
    bool may_be_null = wire_field_null(f, version) || (f->tag && f->shape == WIRE_POINTER);
    if (may_be_null && chance(4) == 0)
        return;
    if (f->shape == WIRE_ONE) {
        fill_one(f, version, a, p);
    } else if (f->shape == WIRE_POINTER) {
        void *to = arena_alloc(a, f->item()->size_bytes);
        fill_one(f, version, a, to);
        *(void **)p = to;
    } else {
        wire_list_t list = {arena_alloc(a, wire_item_bytes(f) * 4), (int32_t)chance(4)};
        for (size_t i = 0; i < (size_t)list.len; i++)
            fill_one(f, version, a, (char *)list.ptr + i * wire_item_bytes(f));
        memcpy(p, &list, sizeof list);
    }
}

static void fill(const wire_schema_t *s, int version, arena_t *a, void *p)
{
    for (size_t i = 0; i < s->n_fields; i++) {
        const wire_field_t *f = &s->field[i];
        if (wire_field_in(f, version) && !(f->tag && chance(3) == 0))
            fill_field(f, version, a, (char *)p + f->offset);
    }
}

/* ---- helpers */

static buf_t encoded(const wire_schema_t *s, int version, bool flexible, const void *m)
{
    wire_out_t out = {0};
    buf_t flat = BUF_INIT;
    size_t at = 0;
    assert_int_equal(ST_OK, wire_encode(s, version, flexible, m, &out, NULL));
    for (size_t i = 0; i < out.splices.len; i++) {
        buf_put(&flat, out.buf.ptr + at, out.splices.ptr[i].at - at);
        buf_put_str(&flat, out.splices.ptr[i].bytes);
        at = out.splices.ptr[i].at;
    }
    buf_put(&flat, out.buf.ptr + at, out.buf.len - at);
    assert_int_equal(wire_out_bytes(&out), flat.len);
    wire_out_done(&out);
    return flat;
}

static void *decoded(const wire_schema_t *s, int version, bool flexible, str_t in, arena_t *a)
{
    err_t err = {0};
    void *m = arena_alloc(a, s->size_bytes);
    if (wire_decode(s, version, flexible, &in, a, m, &err) != ST_OK)
        fail_msg("%s version %d: %s", s->name, version, err.msg);
    if (in.len)
        fail_msg("%s version %d: %zu bytes are left", s->name, version, in.len);
    return m;
}

static void there_and_back(const wire_schema_t *s, int version, bool flexible, arena_t *a)
{
    arena_reset(a);
    void *m = wire_new_of(s, a, 1);
    fill(s, version, a, m);
    buf_t first = encoded(s, version, flexible, m), shown = BUF_INIT, shown_again = BUF_INIT;
    void *again = decoded(s, version, flexible, buf_str(&first), a);
    buf_t second = encoded(s, version, flexible, again);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.ptr, second.ptr, first.len);
    wire_print(s, version, again, &shown);
    wire_print(s, version, decoded(s, version, flexible, buf_str(&second), a), &shown_again);
    assert_true(str_eq(buf_str(&shown), buf_str(&shown_again)));
    for (size_t cut = 0; cut < first.len; cut += 1 + first.len / 40) { /* any end but its own */
        str_t in = str_n(first.ptr, cut);
        st_t st = wire_decode(s, version, flexible, &in, a, again, NULL);
        assert_int_equal(ST_CORRUPT, st);
    }
    buf_done(&first);
    buf_done(&second);
    buf_done(&shown);
    buf_done(&shown_again);
}

static void every_message_there_and_back(void **state)
{
    (void)state;
    size_t n;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const wire_api_t *api = wire_api_list(&n);
    for (size_t i = 0; i < n; i++)
        for (int v = api[i].min; v <= api[i].max; v++)
            for (int round = 0; round < 5; round++) {
                there_and_back(api[i].request(), v, wire_api_flexible(&api[i], v), &a);
                there_and_back(api[i].response(), v, wire_api_flexible(&api[i], v), &a);
            }
    const wire_inner_t *other = wire_inner_list(&n);
    for (size_t i = 0; i < n; i++)
        for (int v = other[i].min; v <= other[i].max; v++)
            there_and_back(other[i].schema(), v, v >= other[i].flexible_from, &a);
    arena_done(&a);
}

static const wire_api_t *api_of(str_t title)
{
    size_t n;
    const wire_api_t *api = wire_api_list(&n);
    for (size_t i = 0; i < n; i++)
        if (str_eq(str_of(api[i].title), title))
            return &api[i];
    return NULL;
}

static size_t unhex(str_t hex, char *to)
{
    for (size_t i = 0; i + 1 < hex.len; i += 2) {
        unsigned byte;
        char z[3] = {hex.ptr[i], hex.ptr[i + 1], 0};
        assert_int_equal(1, sscanf(z, "%x", &byte));
        to[i / 2] = (char)byte;
    }
    return hex.len / 2;
}

static void bytes_of_another_implementation(void **state)
{
    (void)state;
    static char bytes[1 << 15];
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        str_t rest = str_of(vectors[i]), title = {0}, kind = {0}, number;
        int32_t v = 0;
        assert_true(str_split(&rest, ' ', &title) && str_split(&rest, ' ', &kind) &&
                    str_split(&rest, ' ', &number) && str_to_i32(number, &v));
        const wire_api_t *api = api_of(title);
        assert_non_null(api);
        const wire_schema_t *s = str_eq(kind, STR("request")) ? api->request() : api->response();
        str_t in = str_n(bytes, unhex(rest, bytes));
        bool flexible = wire_api_flexible(api, v);
        buf_t again = encoded(s, v, flexible, decoded(s, v, flexible, in, &a));
        if (!str_eq(in, buf_str(&again)))
            fail_msg("%s: %.60s: %zu bytes become %zu others", s->name, vectors[i], in.len,
                     again.len);
        buf_done(&again);
        arena_reset(&a);
    }
    arena_done(&a);
}

static st_t decode_metadata(str_t in, int version, arena_t *a, wire_metadata_request_t *m)
{
    return wire_decode(wire_metadata_request_schema(), version, version >= 9, &in, a, m, NULL);
}

static void counts_are_not_believed(void **state)
{
    (void)state;
    wire_metadata_request_t m;
    arena_t a;
    arena_init(&a, 1 << 16);
    assert_int_equal(ST_CORRUPT, decode_metadata(STR("\x7f\xff\xff\xff\0\1a"), 1, &a, &m));
    assert_int_equal(ST_CORRUPT, decode_metadata(STR("\xff\xff\xff\xfe"), 1, &a, &m)); /* -2 */
    assert_int_equal(ST_CORRUPT, decode_metadata(STR("\xff\xff\xff\xff\x0f\1\1\1"), 9, &a, &m));
    assert_int_equal(0, arena_used(&a));
    assert_int_equal(ST_CORRUPT, decode_metadata(STR("\xff\xff\xff\xff"), 0, &a, &m)); /* null */
    assert_int_equal(ST_OK, decode_metadata(STR("\xff\xff\xff\xff"), 1, &a, &m));
    assert_null(m.topics.ptr);
    assert_int_equal(ST_OK, decode_metadata(STR("\0\0\0\0"), 1, &a, &m));
    assert_non_null(m.topics.ptr);
    assert_true(m.allow_auto_topic_creation); /* the default of what does not travel */
    char many[1 << 15] = {0, 0, 0x3f};        /* so many empty names are there, but take 640 KiB */
    assert_int_equal(ST_TOO_LARGE, decode_metadata(str_n(many, sizeof many), 0, &a, &m));
    arena_done(&a);
}

static void tags_come_in_order(void **state)
{
    (void)state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    wire_response_header_t h;
    const wire_schema_t *s = wire_response_header_schema();
    str_t in = STR("\0\0\0\7\2\5\1x\6\0");
    assert_int_equal(ST_OK, wire_decode(s, 1, true, &in, &a, &h, NULL)); /* unknown: passed over */
    assert_int_equal(7, h.correlation_id);
    in = STR("\0\0\0\7\2\5\1x\5\0");
    assert_int_equal(ST_CORRUPT, wire_decode(s, 1, true, &in, &a, &h, NULL));
    in = STR("\0\0\0\7\1\5\2x");
    assert_int_equal(ST_CORRUPT, wire_decode(s, 1, true, &in, &a, &h, NULL));
    assert_int_equal(8, in.len); /* unmoved */
    arena_done(&a);
}

static void a_text_too_long_for_the_version(void **state)
{
    (void)state;
    char text[40000] = {0};
    wire_heartbeat_request_t m;
    wire_defaults(wire_heartbeat_request_schema(), &m, 1);
    m.group_id = str_n(text, sizeof text);
    wire_out_t out = {0};
    assert_int_equal(ST_TOO_LARGE,
                     wire_encode(wire_heartbeat_request_schema(), 0, false, &m, &out, NULL));
    wire_out_clear(&out);
    assert_int_equal(ST_OK, wire_encode(wire_heartbeat_request_schema(), 4, true, &m, &out, NULL));
    wire_out_done(&out);
}

static void apis_are_found(void **state)
{
    (void)state;
    size_t n;
    const wire_api_t *api = wire_api_list(&n);
    assert_int_equal(54, n);
    for (size_t i = 0; i < n; i++)
        assert_ptr_equal(&api[i], wire_api_find(api[i].key));
    assert_null(wire_api_find(4));
    assert_null(wire_api_find(-1));
    assert_null(wire_api_find(1000));
    assert_int_equal(0, wire_response_header_version(wire_api_find(WIRE_API_api_versions), 3));
    assert_int_equal(2, wire_request_header_version(wire_api_find(WIRE_API_api_versions), 3));
    assert_int_equal(1, wire_response_header_version(wire_api_find(WIRE_API_produce), 9));
    assert_int_equal(0, wire_response_header_version(wire_api_find(WIRE_API_sasl_handshake), 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_there_and_back),
        cmocka_unit_test(bytes_of_another_implementation),
        cmocka_unit_test(counts_are_not_believed),
        cmocka_unit_test(tags_come_in_order),
        cmocka_unit_test(a_text_too_long_for_the_version),
        cmocka_unit_test(apis_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
