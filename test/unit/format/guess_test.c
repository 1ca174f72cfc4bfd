#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "format/guess.c"

static st_t by_id(void *self, int32_t id, str_t *ret_type, str_t *ret_text, err_t *err)
{
    static const char *const texts[] = {
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},"
        "{\"name\":\"v\",\"type\":\"double\"}]}",
        "\"string\""};
    (void)self;
    if (id < 1 || id > 2)
        return err_set(err, ST_NOT_FOUND, "no schema %d", id);
    *ret_type = STR("AVRO");
    *ret_text = str_of(texts[id - 1]);
    return ST_OK;
}

static const schema_source_t schemas = {.by_id = by_id};

/* One record after the other; each line: its text and what the formats can be then. */
static void check(bool is_key, const str_t *bytes, size_t n, const char *expected)
{
    guess_t *g = guess_new(is_key, &schemas);
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        guess_put(g, bytes[i], &b);
        BUF_LIT(&b, " : ");
        guess_put_names(g, &b);
        BUF_LIT(&b, "\n");
    }
    buf_put_char(&b, 0);
    assert_string_equal(b.ptr, expected);
    buf_done(&b);
    guess_free(g);
}

#define CHECK(is_key, expected, ...)                                                               \
    do {                                                                                           \
        static const str_t bytes[] = {__VA_ARGS__};                                                \
        check(is_key, bytes, sizeof bytes / sizeof *bytes, expected);                              \
    } while (0)
#define B(s) {s, sizeof s - 1}

static void texts_and_numbers(void **state)
{
    (void)state;
    CHECK(true, "GOTO : KAFKA_STRING\n", B("GOTO"));
    CHECK(true, "a\\nb : KAFKA_STRING\n", B("a\nb"));
    CHECK(true, "7 : KAFKA_INT\n", B("\0\0\0\7"));
    CHECK(true, "-2 : KAFKA_BIGINT or KAFKA_DOUBLE\n", B("\xff\xff\xff\xff\xff\xff\xff\xfe"));
    CHECK(false, "{\"a\":1} : JSON or KAFKA_STRING\n", B("{\"a\": 1}"));
    CHECK(false, "\\xFF\\x00a : UNRECOGNISED_BYTES\n", B("\xff\0a"));
}

static void each_record_narrows(void **state)
{
    (void)state;
    CHECK(false,
          "<null> : unknown: no data yet\n"
          "1 : JSON or KAFKA_STRING\n"
          "one : KAFKA_STRING\n"
          "2 : KAFKA_STRING\n"
          "9 : KAFKA_INT\n"
          "x : KAFKA_STRING\n",
          {NULL, 0}, B("1"), B("one"), B("2"), B("\0\0\0\t"), B("x"));
}

static void windowed_keys(void **state)
{
    (void)state;
    /* 2026-11-23 */
    CHECK(true, "[k@1795398961152/-] : HOPPING(KAFKA_STRING) or TUMBLING(KAFKA_STRING)\n",
          B("k\x00\x00\x01\xa2\x06\x1e\x08\x00"));
    CHECK(true,
          "[k@1795398961152/1795398961408] : SESSION(KAFKA_STRING)\n",
          B("k\x00\x00\x01\xa2\x06\x1e\x09\x00\x00\x00\x01\xa2\x06\x1e\x08\x00"));
    CHECK(true, "a key of text : KAFKA_STRING\n", B("a key of text"));
    CHECK(false, "k\\x00\\x00\\x01\\xA2\\x06\\x1E\\x08\\x00 : UNRECOGNISED_BYTES\n",
          B("k\x00\x00\x01\xa2\x06\x1e\x08\x00"));
}

static void with_a_schema(void **state)
{
    (void)state;
    CHECK(false, "{\"id\": \"a\", \"v\": 1.0} : AVRO\nhi : KAFKA_STRING\n",
          B("\0\0\0\0\1\2a\0\0\0\0\0\0\xf0\x3f"), B("hi"));
    CHECK(false, "\"b\" : AVRO\n", B("\0\0\0\0\2\2b"));
    CHECK(false, "\\x00\\x00\\x00\\x00\\x09\\x02b : UNRECOGNISED_BYTES\n", B("\0\0\0\0\x09\2b"));
    CHECK(false, "\\x00\\x00\\x00\\x00\\x01\\x7F : UNRECOGNISED_BYTES\n", B("\0\0\0\0\1\x7f"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_numbers),
        cmocka_unit_test(each_record_narrows),
        cmocka_unit_test(windowed_keys),
        cmocka_unit_test(with_a_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
