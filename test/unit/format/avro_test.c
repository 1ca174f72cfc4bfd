#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "format/avro.c"
#include "rows.h"

/* A registry of a few schemas: id i is text[i]. */
typedef struct schemas {
    const char *text[16];
    int32_t n;
} schemas_t;

static st_t by_id(void *self, int32_t id, str_t *ret_type, str_t *ret_text, err_t *err)
{
    schemas_t *s = self;
    if (id < 1 || id > s->n)
        return err_set(err, ST_NOT_FOUND, "Schema not found");
    *ret_type = STR("AVRO");
    *ret_text = str_of(s->text[id]);
    return ST_OK;
}

static st_t put(void *self, str_t subject, str_t type, str_t text, int32_t *ret_id, err_t *err)
{
    (void)subject, (void)type, (void)text, (void)err;
    schemas_t *s = self;
    *ret_id = ++s->n;
    s->text[s->n] = "\"null\"";
    return ST_OK;
}

static serde_t *avro_of(schemas_t *all, data_columns_t c, bool wrap, int32_t id)
{
    serde_t *s;
    err_t err = {.msg = ""};
    schema_source_t source = {.self = all, .by_id = by_id, .put = put};
    serde_spec_t spec = {.format = FORMAT_AVRO, .columns = c, .wrap = wrap, .schemas = &source,
                         .subject = STR("t-value"), .schema_id = id};
    if (serde_new(&spec, &s, &err) != ST_OK)
        assert_string_equal(err.msg, "");
    return s;
}

static const char stock[] =
    "{\"type\":\"record\",\"name\":\"Stock\",\"fields\":["
    "{\"name\":\"id\",\"type\":[\"null\",\"string\"],\"default\":null},"
    "{\"name\":\"open\",\"type\":[\"null\",\"double\"],\"default\":null},"
    "{\"name\":\"volume\",\"type\":[\"null\",\"long\"],\"default\":null}]}";

static const data_column_t stock_columns[] = {{NAME("VOLUME"), &data_bigint},
                                              {NAME("ID"), &data_string},
                                              {NAME("NONE"), &data_string},
                                              {NAME("OPEN"), &data_double}};

static void reads_by_name(void **state)
{
    (void)state;
    schemas_t all = {{NULL, stock}, 1};
    serde_t *s = avro_of(&all, COLUMNS(stock_columns), true, 0);
    reads(s, STR("\0\0\0\0\1\2\6abc\2\0\0\0\0\0\0\xf8\x3f\2\x80\x01"), "64 | abc | null | 1.5");
    reads(s, STR("\0\0\0\0\1\0\0\0"), "null | null | null | null");
    reads(s, STR("\0\0\0\0\1\2\6ab"), "field id: the Avro data is cut off or damaged");
    reads(s, STR("\0\0\0\0\1\4"), "field id: the Avro data is cut off or damaged");
    reads(s, STR("\0\0\0\0\1\2\2a\2\0\0\0\0"), "field open: the Avro data is cut off or damaged");
    reads(s, STR("\0\0\0\0\1"), "field id: the Avro data is cut off or damaged");
    reads(s, STR("\1\0\0\0\1\0\0\0"), "Unknown magic byte! (0x01, not 0x00)");
    reads(s, STR("\0\0"), "2 bytes are no Avro record: a magic byte and a schema id of 4 bytes come first");
    reads(s, STR("\0\0\0\0\7\0"), "Error retrieving Avro value schema for id 7: Schema not found");
    uint64_t want = 2;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    data_value_t row[4];
    bool null;
    assert_int_equal(serde_decode(s, &a, STR("\0\0\0\0\1\2\6abc\2\0\0\0\0\0\0\xf8\x3f\2\x80\x01"), &want,
                                  row, &null, NULL), ST_OK);
    assert_true(data_is_null(row[0]) && str_eq(data_str(row[1]), STR("abc")));
    arena_done(&a);
    serde_free(s);
}

/* Avro resolves each into the other. */
static void text_and_bytes(void **state)
{
    (void)state;
    schemas_t all = {{NULL, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"s\",\"type\":\"string\"},"
                            "{\"name\":\"b\",\"type\":[\"null\",\"bytes\"]}]}", "\"bytes\""}, 2};
    static const data_column_t c[] = {{NAME("S"), &data_bytes}, {NAME("B"), &data_string}};
    static const data_column_t bare[] = {{NAME("V"), &data_string}};
    serde_t *s = avro_of(&all, COLUMNS(c), true, 0);
    reads(s, STR("\0\0\0\0\1\4ab\2\4cd"), "YWI= | cd");
    reads(s, STR("\0\0\0\0\1\4ab\0"), "YWI= | null");
    serde_free(s);
    s = avro_of(&all, COLUMNS(bare), false, 0);
    reads(s, STR("\0\0\0\0\2ab"), "ab");
    serde_free(s);
}

static const data_type_t dec_4_2 = {.kind = DATA_DECIMAL, .precision = 4, .scale = 2};
static const data_type_t list = {.kind = DATA_ARRAY, .elem = &data_bigint};
static const data_type_t dict = {.kind = DATA_MAP, .key = &data_string, .elem = &data_double};
static const data_field_t inner_fields[] = {{NAME("F"), &data_integer}, {NAME("G"), &dict}};
static const data_type_t inner = {.kind = DATA_STRUCT, .field = inner_fields, .n_fields = 2};
static const data_type_t int_dict = {.kind = DATA_MAP, .key = &data_integer, .elem = &data_double};

static const data_column_t all_columns[] = {
    {NAME("I"), &data_integer}, {NAME("L"), &data_bigint},    {NAME("D"), &data_double},
    {NAME("B"), &data_boolean}, {NAME("S"), &data_string},    {NAME("Y"), &data_bytes},
    {NAME("T"), &data_time},    {NAME("A"), &data_date},      {NAME("P"), &data_timestamp},
    {NAME("N"), &dec_4_2},      {NAME("LS"), &list},          {NAME("M"), &dict},
    {NAME("ST"), &inner}};

/* The schema that ksqlDB generates for every type. */
static const char generated[] =
    "{\"type\":\"record\",\"name\":\"KsqlDataSourceSchema\",\"namespace\":\"io.confluent.ksql.avro_"
    "schemas\",\"fields\":[{\"name\":\"I\",\"type\":[\"null\",\"int\"],\"default\":null},"
    "{\"name\":\"L\",\"type\":[\"null\",\"long\"],\"default\":null},"
    "{\"name\":\"D\",\"type\":[\"null\",\"double\"],\"default\":null},"
    "{\"name\":\"B\",\"type\":[\"null\",\"boolean\"],\"default\":null},"
    "{\"name\":\"S\",\"type\":[\"null\",\"string\"],\"default\":null},"
    "{\"name\":\"Y\",\"type\":[\"null\",\"bytes\"],\"default\":null},"
    "{\"name\":\"T\",\"type\":[\"null\",{\"type\":\"int\",\"connect.version\":1,\"connect.name\":"
    "\"org.apache.kafka.connect.data.Time\",\"logicalType\":\"time-millis\"}],\"default\":null},"
    "{\"name\":\"A\",\"type\":[\"null\",{\"type\":\"int\",\"connect.version\":1,\"connect.name\":"
    "\"org.apache.kafka.connect.data.Date\",\"logicalType\":\"date\"}],\"default\":null},"
    "{\"name\":\"P\",\"type\":[\"null\",{\"type\":\"long\",\"connect.version\":1,\"connect.name\":"
    "\"org.apache.kafka.connect.data.Timestamp\",\"logicalType\":\"timestamp-millis\"}],\"default\":"
    "null},"
    "{\"name\":\"N\",\"type\":[\"null\",{\"type\":\"bytes\",\"scale\":2,\"precision\":4,\"connect."
    "version\":1,\"connect.parameters\":{\"scale\":\"2\",\"connect.decimal.precision\":\"4\"},"
    "\"connect.name\":\"org.apache.kafka.connect.data.Decimal\",\"logicalType\":\"decimal\"}],"
    "\"default\":null},"
    "{\"name\":\"LS\",\"type\":[\"null\",{\"type\":\"array\",\"items\":[\"null\",\"long\"]}],\"default\":"
    "null},"
    "{\"name\":\"M\",\"type\":[\"null\",{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":"
    "\"KsqlDataSourceSchema_M\",\"fields\":[{\"name\":\"key\",\"type\":[\"null\",\"string\"],\"default\":"
    "null},{\"name\":\"value\",\"type\":[\"null\",\"double\"],\"default\":null}],\"connect.internal."
    "type\":\"MapEntry\"},\"connect.name\":\"io.confluent.ksql.avro_schemas.KsqlDataSourceSchema_M\"}],"
    "\"default\":null},"
    "{\"name\":\"ST\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"KsqlDataSourceSchema_ST\","
    "\"fields\":[{\"name\":\"F\",\"type\":[\"null\",\"int\"],\"default\":null},{\"name\":\"G\",\"type\":"
    "[\"null\",{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"KsqlDataSourceSchema_ST_G\","
    "\"fields\":[{\"name\":\"key\",\"type\":[\"null\",\"string\"],\"default\":null},{\"name\":\"value\","
    "\"type\":[\"null\",\"double\"],\"default\":null}],\"connect.internal.type\":\"MapEntry\"},\"connect."
    "name\":\"io.confluent.ksql.avro_schemas.KsqlDataSourceSchema_ST_G\"}],\"default\":null}],"
    "\"connect.name\":\"io.confluent.ksql.avro_schemas.KsqlDataSourceSchema_ST\"}],\"default\":null}],"
    "\"connect.name\":\"io.confluent.ksql.avro_schemas.KsqlDataSourceSchema\"}";

static void generates_and_carries_all_types(void **state)
{
    (void)state;
    schemas_t all = {{NULL, generated}, 1};
    data_columns_t c = COLUMNS(all_columns);
    serde_t *s = avro_of(&all, c, true, 0);
    buf_t text = BUF_INIT, b = BUF_INIT;
    buf_put_str(&text, serde_schema_text(s));
    buf_put_char(&text, 0);
    assert_string_equal(text.ptr, generated);

    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const avro_schema_t *parsed;
    assert_int_equal(avro_schema_parse(&a, str_of(generated), NULL, 0, AVRO_STRICT, &parsed, NULL), ST_OK);
    buf_clear(&text);
    avro_schema_put(&text, parsed);
    buf_put_char(&text, 0);
    assert_string_equal(text.ptr, generated); /* compact text is its own compact text */

    data_value_t items[] = {data_of_i64(1), DATA_NULL_VALUE, data_of_i64(-3)};
    data_value_t kv[] = {data_of_str(STR("a")), data_of_f64(1.5), data_of_str(STR("b")), DATA_NULL_VALUE};
    data_value_t in[] = {data_of_i32(7), data_of_map(kv, 2)};
    data_value_t row[] = {data_of_i32(-1), data_of_i64(1) , data_of_f64(2.5), data_of_bool(true),
                          data_of_str(STR("x")), data_of_bytes(STR("\1\2\3")), data_of_time(36000000),
                          data_of_date(18262), data_of_timestamp(1), data_of_decimal(data_decimal_i64(&a, -123, 2)),
                          data_of_array(items, 3), data_of_map(kv, 2), data_of_struct(in, 2)};
    row[1].i64 = INT64_MIN;
    all.n = 0; /* so that the serde registers as id 1 */
    assert_int_equal(serde_encode(s, row, &b, NULL), ST_OK);
    all.text[1] = generated;
    reads(s, buf_str(&b), "-1 | -9223372036854775808 | 2.5 | true | x | AQID | 10:00 | 2020-01-01 | "
                          "1970-01-01T00:00:00.001 | -1.23 | [1, null, -3] | {a=1.5, b=null} | "
                          "Struct{F=7,G={a=1.5, b=null}}");
    for (size_t n = 5; n < b.len; n++) { /* every cut is noticed */
        data_value_t back[13];
        bool null;
        char *copy = mem_dup(b.ptr, n);
        assert_int_equal(serde_decode(s, &a, (str_t){copy, n}, NULL, back, &null, NULL), ST_CORRUPT);
        free(copy);
    }
    memset(row, 0, sizeof row);
    buf_clear(&b);
    assert_int_equal(serde_encode(s, row, &b, NULL), ST_OK);
    assert_int_equal(b.len, 5 + 13);
    arena_done(&a);
    buf_done(&text);
    buf_done(&b);
    serde_free(s);
}

static void bare_values(void **state)
{
    (void)state;
    static const data_column_t i[] = {{NAME("K"), &data_integer}}, y[] = {{NAME("K"), &data_bytes}};
    schemas_t all = {{NULL, "\"int\"", "\"bytes\"", "[\"null\",\"int\"]", "\"string\""}, 4};
    serde_t *s = avro_of(&all, COLUMNS(i), false, 1);
    reads_and_writes(s, STR("\0\0\0\0\1\x14"), "10", STR("\0\0\0\0\1\x14"));
    reads(s, STR("\0\0\0\0\3\0"), "(null)");
    reads(s, STR("\0\0\0\0\4\0"), "Cannot deserialize Avro string as type INTEGER");
    serde_free(s);
    s = avro_of(&all, COLUMNS(y), false, 2);
    reads_and_writes(s, STR("\0\0\0\0\2xyz"), "eHl6", STR("\0\0\0\0\2xyz"));
    assert_true(str_eq(serde_schema_text(s), STR("\"bytes\"")));
    serde_free(s);
}

/* Other people's schemas: enums, fixed, maps, unions of many, floats, aliases of nothing, named references. */
static void foreign_schemas(void **state)
{
    (void)state;
    static const char text[] =
        "{\"type\":\"record\",\"name\":\"a.b.R\",\"fields\":["
        "{\"name\":\"skipped\",\"type\":{\"type\":\"map\",\"values\":[\"null\",\"a.b.R\"]}},"
        "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"X\",\"Y\"]}},"
        "{\"name\":\"e2\",\"type\":[\"E\",\"null\"]},"
        "{\"name\":\"f\",\"type\":\"float\"},"
        "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"X\",\"size\":2}},"
        "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"int\"}},"
        "{\"name\":\"u\",\"type\":[\"null\",\"int\",\"string\"]},"
        "{\"name\":\"t\",\"type\":\"long\"}]}";
    schemas_t all = {{NULL, text}, 1};
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    data_columns_t c;
    bool wrapped;
    err_t err;
    assert_int_equal(format_infer(FORMAT_AVRO, str_of(text), false, true, &a, &c, &wrapped, &err),
                     ST_UNSUPPORTED);
    assert_string_equal(err.msg, "The Avro schema holds itself or is too large for a SQL type");
    static const data_field_t union_fields[] = {{NAME("int"), &data_integer}, {NAME("STRING"), &data_string}};
    static const data_type_t any = {.kind = DATA_STRUCT, .field = union_fields, .n_fields = 2};
    static const data_type_t ints = {.kind = DATA_MAP, .key = &data_string, .elem = &data_bigint};
    static const data_column_t columns[] = {{NAME("E"), &data_string},  {NAME("E2"), &data_string},
                                            {NAME("F"), &data_double},  {NAME("X"), &data_bytes},
                                            {NAME("M"), &ints},         {NAME("U"), &any},
                                            {NAME("T"), &data_string}};
    serde_t *s = avro_of(&all, COLUMNS(columns), true, 0);
    reads(s, STR("\0\0\0\0\1\2\2k\0\0" "\2" "\0\0" "\0\0\xc0\x3f" "zz" "\1\x06\2k\5\0" "\4\4hi" "\x07"),
          "Y | X | 1.5 | eno= | {k=-3} | Struct{STRING=hi} | -4");
    reads(s, STR("\0\0\0\0\1\0" "\4"), "field e: the Avro data is cut off or damaged");
    serde_free(s);
    arena_done(&a);
}

static void infers(void **state)
{
    (void)state;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    data_columns_t c;
    bool wrapped;
    buf_t b = BUF_INIT;
    assert_int_equal(format_infer(FORMAT_AVRO, str_of(generated), false, true, &a, &c, &wrapped, NULL),
                     ST_OK);
    assert_true(wrapped && data_columns_eq(c, COLUMNS(all_columns)));
    assert_int_equal(format_infer(FORMAT_AVRO, str_of(stock), true, true, &a, &c, &wrapped, NULL), ST_OK);
    data_schema_put(&b, &(data_schema_t){.key = c}, false);
    buf_put_char(&b, 0);
    assert_string_equal(b.ptr, "`ROWKEY` STRUCT<`ID` STRING, `OPEN` DOUBLE, `VOLUME` BIGINT> KEY");
    buf_clear(&b);
    assert_int_equal(format_infer(FORMAT_AVRO, STR("[\"null\",\"int\",\"string\"]"), false, true, &a, &c,
                                  &wrapped, NULL), ST_OK);
    data_schema_put(&b, &(data_schema_t){.value = c}, false);
    buf_put_char(&b, 0);
    assert_string_equal(b.ptr, "`ROWVAL` STRUCT<`INT` INTEGER, `STRING` STRING>");
    buf_done(&b);
    arena_done(&a);
}

static void defaults_fill_missing_columns(void **state)
{
    (void)state;
    schemas_t all = {{NULL,
                      "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
                      "{\"name\":\"s\",\"type\":\"string\",\"default\":\"foo\"},"
                      "{\"name\":\"n\",\"type\":\"int\",\"default\":-1}]}",
                      "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
                      "{\"name\":\"s\",\"type\":\"string\"}]}"},
                     2};
    static const data_column_t columns[] = {{NAME("a"), &data_integer}, {NAME("n"), &data_integer}};
    serde_t *s = avro_of(&all, COLUMNS(columns), true, 1);
    data_value_t row[] = {data_of_i32(1), DATA_NULL_VALUE};
    buf_t b = BUF_INIT;
    assert_int_equal(serde_encode(s, row, &b, NULL), ST_OK);
    assert_true(str_eq(buf_str(&b), STR("\0\0\0\0\1\2\6foo\1")));
    serde_free(s);
    s = avro_of(&all, COLUMNS(columns), true, 2);
    err_t err;
    buf_clear(&b);
    assert_int_equal(serde_encode(s, row, &b, &err), ST_BAD_INPUT);
    assert_int_equal(b.len, 0);
    assert_string_equal(err.msg, "Unable to serialize record: field s is null or missing, and its "
                                 "schema has neither null nor a default");
    serde_free(s);
    buf_done(&b);
}

static void parse_gives(const char *text, const char *expected)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const avro_schema_t *s;
    err_t err;
    buf_t b = BUF_INIT;
    if (avro_schema_parse(&a, str_of(text), NULL, 0, AVRO_STRICT, &s, &err) == ST_OK)
        avro_schema_put(&b, s);
    else
        buf_put_str(&b, str_of(err.msg));
    buf_put_char(&b, 0);
    assert_string_equal(b.ptr, expected);
    buf_done(&b);
    arena_done(&a);
}

static void parses(void **state)
{
    (void)state;
    parse_gives("{\"type\":\"string\"}", "\"string\"");
    parse_gives("{\"type\":{\"type\":\"string\",\"x\":1}}", "No type in schema");
    /* used before it is defined; numbers as Java writes them */
    parse_gives("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"F\"},"
                "{\"name\":\"b\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}},"
                "{\"name\":\"c\",\"type\":\"double\",\"default\":\"1e2\"}]}",
                "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":\"fixed\","
                "\"name\":\"F\",\"size\":4}},{\"name\":\"b\",\"type\":\"F\"},"
                "{\"name\":\"c\",\"type\":\"double\",\"default\":100.0}]}");
    parse_gives("{\"namespace\":\"n\",\"doc\":\"d\",\"name\":\"R\",\"type\":\"record\",\"p\":[1],\"fields\":["
                "{\"type\":{\"type\":\"fixed\",\"name\":\"n.F\",\"size\":4},\"name\":\"f\"},"
                "{\"type\":\"n.F\",\"name\":\"g\",\"order\":\"ignore\"},"
                "{\"name\":\"h\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"namespace\":\"m\",\"symbols\":[\"A\"]}}]}",
                "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n\",\"doc\":\"d\",\"fields\":["
                "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}},"
                "{\"name\":\"g\",\"type\":\"F\",\"order\":\"ignore\"},"
                "{\"name\":\"h\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"namespace\":\"m\",\"symbols\":[\"A\"]}}],"
                "\"p\":[1]}");
    parse_gives("\"nosuch\"", "Undefined name: \"nosuch\"");
    parse_gives("[\"int\",\"int\"]", "Duplicate in union:int");
    parse_gives("[[\"int\"]]", "Nested union");
    parse_gives("{\"type\":\"record\",\"name\":\"1R\",\"fields\":[]}", "Illegal initial character: 1R");
    parse_gives("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":\"int\",\"default\":\"x\"}]}",
                "Invalid default for field f: \"x\" not a \"int\"");
    parse_gives("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":\"R\",\"default\":{}}]}",
                "Invalid default for field f: {} not a {\"type\":\"record\",\"name\":\"R\",\"fields\":["
                "{\"name\":\"f\",\"type\":\"R\",\"default\":{}}]}");
    parse_gives("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}", "Duplicate enum symbol: A");
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const avro_schema_t *s;
    buf_t b = BUF_INIT;
    assert_int_equal(avro_schema_parse(&a, STR("{\"type\":\"record\",\"name\":\"R\",\"doc\":\"x\",\"namespace\":\"n\","
                                               "\"fields\":[{\"name\":\"f\",\"type\":{\"type\":\"int\",\"z\":1},\"default\":1}]}"),
                                       NULL, 0, AVRO_STRICT, &s, NULL), ST_OK);
    avro_schema_put_canonical(&b, s);
    buf_put_char(&b, 0);
    assert_string_equal(b.ptr, "{\"name\":\"n.R\",\"type\":\"record\",\"fields\":[{\"name\":\"f\",\"type\":\"int\"}]}");
    buf_done(&b);
    arena_done(&a);
}

static void refused(void **state)
{
    (void)state;
    static const data_column_t m[] = {{NAME("M"), &int_dict}}, n[] = {{NAME("1x"), &data_double}};
    refuses(FORMAT_AVRO, COLUMNS(m), false, "Avro only supports MAPs with STRING keys");
    refuses(FORMAT_AVRO, COLUMNS(n), false,
            "Schema is not compatible with Avro: Illegal initial character: 1x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_by_name),
        cmocka_unit_test(text_and_bytes),
        cmocka_unit_test(generates_and_carries_all_types),
        cmocka_unit_test(bare_values),
        cmocka_unit_test(foreign_schemas),
        cmocka_unit_test(infers),
        cmocka_unit_test(defaults_fill_missing_columns),
        cmocka_unit_test(parses),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
