/* Avro schemas: a schema's compact text is its own compact text, and no schema breaks what is made
 * from it. */
#include "format/avro_program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(arena_t *a, const avro_schema_t *s)
{
    const avro_schema_t *again;
    buf_t b = BUF_INIT, c = BUF_INIT;
    avro_schema_put(&b, s);
    st_t st = avro_schema_parse(a, buf_str(&b), NULL, 0, AVRO_STRICT, &again, NULL);
    ASSERT(st == ST_OK);
    avro_schema_put(&c, again);
    ASSERT(str_eq(buf_str(&b), buf_str(&c)));
    buf_clear(&c);
    avro_schema_put_canonical(&c, s);
    buf_done(&b);
    buf_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const avro_schema_t *s;
    const data_type_t *type;
    if (avro_schema_parse(&a, str_n(size ? (const char *)data : "", size), NULL, 0, AVRO_STRICT, &s,
                          NULL) == ST_OK) {
        check_text(&a, s);
        if (avro_sql_type(&a, s, true, &type, NULL) == ST_OK) {
            data_column_t c = {STR("X"), type};
            const avro_decoder_t *d;
            const avro_encoder_t *e;
            bool null;
            data_value_t row = DATA_NULL_VALUE;
            if (avro_decoder_new(&a, s, (data_columns_t){&c, 1}, true, NULL, &d, NULL) == ST_OK)
                (void)!avro_decode(d, &a, str_n("\0\2\0\4ab\0\0", 8), &row, &null, NULL);
            (void)!avro_encoder_new(&a, s, (data_columns_t){&c, 1}, true, &e, NULL);
        }
    }
    arena_done(&a);
    return 0;
}
