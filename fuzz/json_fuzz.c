/* JSON: the tree reads back what it wrote, and the one-pass reader agrees with it on what is JSON
 * for all it reads. */
#include "base/json.h"
#include "format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tree(arena_t *a, str_t text)
{
    const json_value_t *v, *again;
    buf_t b = BUF_INIT, c = BUF_INIT;
    if (json_parse(a, text, JSON_LENIENT, &v, NULL) == ST_OK) {
        json_put_value(&b, v);
        st_t st = json_parse(a, buf_str(&b), 0, &again, NULL);
        ASSERT(st == ST_OK);
        json_put_value(&c, again);
        ASSERT(str_eq(buf_str(&b), buf_str(&c)));
    }
    buf_done(&b);
    buf_done(&c);
}

static void rows(arena_t *a, str_t text, format_id_t format)
{
    data_field_t f[] = {{STR("X"), &data_integer}, {STR("Y"), &data_bytes}};
    const data_type_t *pair = data_type_struct(a, f, 2);
    const data_type_t *list = data_type_array(a, &data_timestamp);
    const data_type_t *dict = data_type_map(a, &data_string, pair);
    data_column_t c[] = {{STR("A"), &data_integer},
                         {STR("B"), &data_double},
                         {STR("C"), &data_string},
                         {STR("D"), data_type_decimal(a, 10, 3)},
                         {STR("E"), format == FORMAT_JSON ? list : &data_boolean},
                         {STR("F"), format == FORMAT_JSON ? dict : &data_bytes}};
    serde_spec_t spec = {.format = format, .wrap = true, .columns = {c, 6}};
    data_value_t row[6], back[6];
    bool null;
    serde_t *s;
    buf_t b = BUF_INIT;
    st_t st = serde_new(&spec, &s, NULL);
    ASSERT(st == ST_OK);
    if (serde_decode(s, a, text, NULL, row, &null, NULL) == ST_OK && !null) {
        st = serde_encode(s, row, &b, NULL);
        ASSERT(st == ST_OK);
        st = serde_decode(s, a, buf_str(&b), NULL, back, &null, NULL);
        ASSERT(st == ST_OK);
        for (int i = 0; i < 6 && format == FORMAT_JSON; i++)
            ASSERT(data_eq(row[i], back[i]));
    }
    buf_done(&b);
    serde_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_t a;
    arena_init(&a, 64 << 20);
    str_t text = str_n(size ? (const char *)data : "", size);
    tree(&a, text);
    rows(&a, text, FORMAT_JSON);
    rows(&a, text, FORMAT_DELIMITED);
    arena_done(&a);
    return 0;
}
