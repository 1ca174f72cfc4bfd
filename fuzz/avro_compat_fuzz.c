/* Two Avro schemas, parted by a zero byte: any two can be compared both ways, and the normal text
 * of one is its own normal text. */
#include "registry/avro_compat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_normal(arena_t *a, const avro_schema_t *s)
{
    const avro_schema_t *again;
    buf_t b = BUF_INIT, c = BUF_INIT;
    avro_schema_put_normal(&b, s, true);
    st_t st = avro_schema_parse(a, buf_str(&b), NULL, 0, AVRO_LENIENT, &again, NULL);
    ASSERT(st == ST_OK);
    avro_schema_put_normal(&c, again, true);
    ASSERT(str_eq(buf_str(&b), buf_str(&c)));
    buf_done(&b);
    buf_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_t a;
    str_t rest = str_n(size ? (const char *)data : "", size), first = STR("");
    const avro_schema_t *s, *t;
    arena_init(&a, ARENA_NO_LIMIT);
    str_split(&rest, 0, &first);
    if (avro_schema_parse(&a, first, NULL, 0, AVRO_LENIENT, &s, NULL) == ST_OK) {
        kind_diff_t d = {.arena = &a, .reader = "new", .writer = "old"};
        check_normal(&a, s);
        if (avro_schema_parse(&a, rest, NULL, 0, AVRO_LENIENT, &t, NULL) != ST_OK)
            t = s;
        avro_compat_diff(&d, s, t);
        avro_compat_diff(&d, t, s);
        VEC_DONE(&d.messages);
    }
    arena_done(&a);
    return 0;
}
