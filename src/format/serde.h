/* serde.h: what a format implements. Private to format/.
 *
 * A format is one format_class_t. serde_new copies the spec into the serde's arena, checks the
 * columns and opens the class, which keeps its compiled program in `state`, in the same arena or
 * freed by close.
 */
#ifndef ARUS_FORMAT_SERDE_H
#define ARUS_FORMAT_SERDE_H

#include "format/format.h"

typedef struct format_class {
    st_t (*check)(data_columns_t columns, bool is_key, err_t *err);
    st_t (*open)(serde_t *s, err_t *err);
    void (*close)(serde_t *s); /* NULL: nothing to free */
    st_t (*decode)(serde_t *s, arena_t *a, str_t bytes, const uint64_t *want, data_value_t *row,
                   bool *ret_null, err_t *err);
    st_t (*encode)(serde_t *s, const data_value_t *row, buf_t *b, err_t *err);
    /* Formats with schemas; else NULL. */
    st_t (*enroll)(serde_t *s, int32_t *ret_id, err_t *err);
    str_t (*schema_text)(serde_t *s);
    st_t (*infer)(str_t schema_text, bool is_key, bool upper, arena_t *a, data_columns_t *ret,
                  bool *ret_wrapped, err_t *err);
} format_class_t;

struct serde {
    const format_class_t *class;
    serde_spec_t spec;
    arena_t arena;
    void *state;
};

#define FORMAT(name, class, features) extern const format_class_t class;
#include "format/formats.def"
#undef FORMAT

static inline bool serde_wants(const uint64_t *want, size_t column)
{
    return !want || want[column / 64] >> column % 64 & 1;
}

/* True when the one column stands bare: its value is the whole record. */
static inline bool serde_bare(const serde_t *s)
{
    return s->spec.columns.len == 1 && !s->spec.wrap;
}

#endif
