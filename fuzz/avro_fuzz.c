/* Avro data: whatever the bytes, the decoder stays inside them; and what it reads is written and
 * read the same. */
#include "format/avro_program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const schemas[] = {
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
    "{\"name\":\"s\",\"type\":[\"null\",\"string\"]},{\"name\":\"i\",\"type\":\"int\"},"
    "{\"name\":\"l\",\"type\":[\"long\",\"null\"]},{\"name\":\"d\",\"type\":\"double\"},"
    "{\"name\":\"b\",\"type\":\"boolean\"},{\"name\":\"y\",\"type\":\"bytes\"}]}",
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
    "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"map\",\"values\":"
    "\"long\"}]}},"
    "{\"name\":\"n\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"fixed\",\"name\":\"Z\","
    "\"size\":0}}},"
    "{\"name\":\"m\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"E\","
    "\"connect.internal.type\":\"MapEntry\",\"fields\":[{\"name\":\"key\",\"type\":\"string\"},"
    "{\"name\":\"value\",\"type\":[\"null\",\"float\"]}]}}}]}",
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
    "{\"name\":\"u\",\"type\":[\"null\",\"int\",\"string\",{\"type\":\"enum\",\"name\":\"E\","
    "\"symbols\":[\"A\",\"B\"]}]},"
    "{\"name\":\"p\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":30,"
    "\"scale\":5}},"
    "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}},"
    "{\"name\":\"r\",\"type\":{\"type\":\"record\",\"name\":\"I\",\"fields\":[{\"name\":\"x\","
    "\"type\":\"int\"}]}}]}"};

static data_columns_t columns_of(const data_type_t *t)
{
    return (data_columns_t){(const data_column_t *)(const void *)t->field, t->n_fields};
}

static void round_trip(arena_t *a, const char *schema, str_t bytes)
{
    const avro_schema_t *s;
    const data_type_t *type;
    const avro_decoder_t *d, *none;
    const avro_encoder_t *e;
    data_value_t row[8], back[8];
    bool null = false;
    uint64_t want = 0;
    buf_t b = BUF_INIT;
    st_t st = avro_schema_parse(a, str_of(schema), NULL, 0, AVRO_STRICT, &s, NULL);
    st |= avro_sql_type(a, s, false, &type, NULL);
    st |= avro_decoder_new(a, s, columns_of(type), false, NULL, &d, NULL);
    st |= avro_decoder_new(a, s, columns_of(type), false, &want, &none, NULL);
    st |= avro_encoder_new(a, s, columns_of(type), false, &e, NULL);
    ASSERT(st == ST_OK);
    (void)!avro_decode(none, a, bytes, back, &null, NULL);
    if (avro_decode(d, a, bytes, row, &null, NULL) == ST_OK &&
        avro_encode(e, row, &b, NULL) == ST_OK) {
        /* how many items without bytes are allowed goes by the input's length */
        while (b.len < bytes.len)
            buf_put_char(&b, 0);
        st = avro_decode(d, a, buf_str(&b), back, &null, NULL);
        ASSERT(st == ST_OK);
        for (size_t i = 0; i < type->n_fields; i++)
            ASSERT(data_hash(row[i]) == data_hash(back[i]));
    }
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_t a;
    arena_init(&a, 64 << 20);
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
        round_trip(&a, schemas[i], str_n(size ? (const char *)data : "", size));
    arena_done(&a);
    return 0;
}
