/* rows.h: helpers of the format tests: rows as text. */
#ifndef ARUS_TEST_FORMAT_ROWS_H
#define ARUS_TEST_FORMAT_ROWS_H

#include "data/text.h"
#include "format/serde.h"

#define COLUMNS(c) ((data_columns_t){(c), sizeof(c) / sizeof *(c)})
#define NAME(lit) {"" lit, sizeof(lit) - 1} /* a str_t in a static initializer */

static const char *row_text(buf_t *b, const data_value_t *row, data_columns_t c)
{
    buf_clear(b);
    for (size_t i = 0; i < c.len; i++) {
        if (i)
            BUF_LIT(b, " | ");
        data_put_text(b, row[i], c.ptr[i].type);
    }
    buf_put_char(b, 0);
    return b->ptr;
}

/* bytes decode to a row of this text, or fail with this message. */
static void reads(serde_t *s, str_t bytes, const char *expected)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    data_value_t row[16] = {DATA_NULL_VALUE};
    bool null;
    err_t err;
    buf_t b = BUF_INIT;
    char *copy = mem_dup(bytes.ptr, bytes.len); /* so that a sanitizer sees reads beyond it */
    if (serde_decode(s, &a, (str_t){copy, bytes.len}, NULL, row, &null, &err) != ST_OK)
        assert_string_equal(err.msg, expected);
    else
        assert_string_equal(null ? "(null)" : row_text(&b, row, s->spec.columns), expected);
    free(copy);
    buf_done(&b);
    arena_done(&a);
}

static void reads_and_writes(serde_t *s, str_t bytes, const char *expected, str_t written)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    data_value_t row[16] = {DATA_NULL_VALUE};
    bool null;
    err_t err;
    buf_t b = BUF_INIT, out = BUF_INIT;
    reads(s, bytes, expected);
    assert_int_equal(serde_decode(s, &a, bytes, NULL, row, &null, &err), ST_OK);
    assert_int_equal(serde_encode(s, row, &out, &err), ST_OK);
    if (!str_eq(buf_str(&out), written)) {
        buf_put_char(&out, 0);
        assert_string_equal(out.ptr, written.ptr);
    }
    buf_done(&b);
    buf_done(&out);
    arena_done(&a);
}

static inline serde_t *serde_of(format_id_t format, data_columns_t c, bool wrap)
{
    serde_t *s;
    err_t err;
    serde_spec_t spec = {.format = format, .columns = c, .wrap = wrap};
    assert_int_equal(serde_new(&spec, &s, &err), ST_OK);
    return s;
}

static inline void refuses(format_id_t format, data_columns_t c, bool is_key, const char *message)
{
    err_t err = {.msg = ""};
    if (format_check(format, c, is_key, &err) != ST_UNSUPPORTED || !strstr(err.msg, message))
        assert_string_equal(err.msg, message);
}

#endif
