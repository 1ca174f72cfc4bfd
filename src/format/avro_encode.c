#include "data/text.h"
#include "format/avro_program.h"

#define SCALAR_BYTES_MAX 24 /* branch, and a varint or a double or a string's length */

typedef enum code {
    WRITE_CONSTANT, /* a field without a column: its default */
    WRITE_BOOLEAN,
    WRITE_I32,
    WRITE_I64,
    WRITE_FLOAT,
    WRITE_DOUBLE,
    WRITE_STRING, /* and bytes */
    WRITE_FIXED,
    WRITE_ENUM,
    WRITE_DECIMAL,
    WRITE_ITEMS,
    WRITE_RECORD,
    WRITE_UNION,
} code_t;

typedef struct op op_t;

struct op {
    uint8_t code;
    bool nullable;
    uint8_t null_byte, other_byte;
    uint8_t width;  /* ITEMS: values an item */
    uint8_t branch; /* below a UNION */
    uint32_t src;
    uint32_t n_sub;
    const op_t *sub;
    const avro_schema_t *schema;
    str_t fallback; /* what is written for a null or a missing column; ptr NULL: nothing can be */
    str_t name;
};

struct avro_encoder {
    const op_t *op;
    uint32_t n;
    bool raw_bytes;
    bool prefixed; /* the record is in a union: */
    uint8_t prefix_byte;
};

/* Compiling. */

typedef struct compiler {
    arena_t *arena;
    err_t *err;
} compiler_t;

static ST compile(compiler_t *c, const avro_schema_t *s, const data_type_t *t, op_t *op);

static st_t mismatch(compiler_t *c, const avro_schema_t *s, const data_type_t *t)
{
    return err_set(c->err, ST_UNSUPPORTED, "Cannot serialize type %s as Avro %s",
                   data_kind_name(t->kind), avro_kind_name(s->kind));
}

static bool scalar_code(const avro_schema_t *s, data_kind_t k, uint8_t *ret)
{
    bool i32 = k == DATA_INTEGER || k == DATA_DATE || k == DATA_TIME;
    bool i64 = k == DATA_BIGINT || k == DATA_TIMESTAMP;
    int code = -1;
    if (s->kind == AVRO_BOOLEAN && k == DATA_BOOLEAN)
        code = WRITE_BOOLEAN;
    else if ((s->kind == AVRO_INT || s->kind == AVRO_LONG) && i32)
        code = WRITE_I32;
    else if (s->kind == AVRO_LONG && i64)
        code = WRITE_I64;
    else if (s->kind == AVRO_FLOAT && k == DATA_DOUBLE)
        code = WRITE_FLOAT;
    else if (s->kind == AVRO_DOUBLE && k == DATA_DOUBLE)
        code = WRITE_DOUBLE;
    else if ((s->kind == AVRO_STRING && k == DATA_STRING) ||
             (s->kind == AVRO_BYTES && k == DATA_BYTES))
        code = WRITE_STRING;
    else if (s->kind == AVRO_FIXED && k == DATA_BYTES)
        code = WRITE_FIXED;
    else if (s->kind == AVRO_ENUM && k == DATA_STRING)
        code = WRITE_ENUM;
    else if (s->kind == AVRO_BYTES && s->logical == AVRO_DECIMAL && k == DATA_DECIMAL)
        code = WRITE_DECIMAL;
    *ret = (uint8_t)code;
    return code >= 0;
}

static str_t fallback_bytes(compiler_t *c, const avro_field_t *f)
{
    const avro_schema_t *other;
    int null = avro_nullable(f->type, &other);
    buf_t b = BUF_INIT;
    str_t s = STR_NONE;
    if (f->fallback)
        avro_put_fallback(&b, f->type, f->fallback);
    else if (null >= 0)
        buf_put_varint(&b, null);
    if (f->fallback || null >= 0)
        s = arena_str(c->arena, (str_t){b.ptr ? b.ptr : "", b.len});
    buf_done(&b);
    return s;
}

static ST compile_fields(compiler_t *c, const avro_schema_t *s, const data_field_t *f, size_t n,
                         const op_t **ret)
{
    op_t *op = ARENA_ARRAY(c->arena, op_t, s->n_fields);
    for (size_t i = 0; i < s->n_fields; i++) {
        ptrdiff_t from = data_field_find(f, n, s->field[i].name);
        op[i].name = s->field[i].name;
        op[i].fallback = fallback_bytes(c, &s->field[i]);
        if (from < 0)
            continue; /* WRITE_CONSTANT */
        st_t st = compile(c, s->field[i].type, f[from].type, &op[i]);
        if (st != ST_OK)
            return err_wrap(c->err, st, "field %.*s", STR_ARG(s->field[i].name));
        op[i].src = (uint32_t)from;
    }
    *ret = op;
    return ST_OK;
}

static ST compile_items(compiler_t *c, const avro_schema_t *s, const data_type_t *t, op_t *op)
{
    bool entries = avro_is_entries(s), map = s->kind == AVRO_MAP || entries;
    if (t->kind != (map ? DATA_MAP : DATA_ARRAY))
        return mismatch(c, s, t);
    op_t *sub = ARENA_ARRAY(c->arena, op_t, 2);
    sub[0].name = sub[1].name = op->name;
    if (map)
        TRY(compile(c, entries ? s->item->field[0].type : &avro_string, t->key, &sub[0]));
    TRY(compile(c, entries ? s->item->field[1].type : s->item, t->elem, &sub[map]));
    sub[map].src = map;
    op->code = WRITE_ITEMS;
    op->width = map ? 2 : 1;
    op->n_sub = op->width;
    op->sub = sub;
    return ST_OK;
}

/* Several branches come from a STRUCT with a field each. */
static ST compile_union(compiler_t *c, const avro_schema_t *s, const data_type_t *t, op_t *op)
{
    if (t->kind != DATA_STRUCT)
        return mismatch(c, s, t);
    op_t *sub = ARENA_ARRAY(c->arena, op_t, t->n_fields);
    for (size_t i = 0; i < s->n_branches; i++) {
        const avro_schema_t *b = s->branch[i];
        ptrdiff_t from = data_field_find(t->field, t->n_fields, avro_branch_name(b));
        if (b->kind == AVRO_NULL && !op->fallback.ptr)
            op->fallback = arena_printf(c->arena, "%c", (int)(2 * i));
        if (b->kind == AVRO_NULL || from < 0)
            continue;
        TRY(compile(c, b, t->field[from].type, &sub[from]));
        sub[from].name = op->name;
        sub[from].branch = (uint8_t)i;
    }
    op->code = WRITE_UNION;
    op->n_sub = (uint32_t)t->n_fields;
    op->sub = sub;
    return ST_OK;
}

static ST compile(compiler_t *c, const avro_schema_t *s, const data_type_t *t, op_t *op)
{
    const avro_schema_t *other = s;
    int null = avro_nullable(s, &other);
    op->nullable = null >= 0;
    op->null_byte = null == 1 ? 2 : 0;
    op->other_byte = (uint8_t)(2 - op->null_byte);
    op->schema = s = other;
    if (scalar_code(s, t->kind, &op->code))
        return ST_OK;
    if (s->kind == AVRO_ARRAY || s->kind == AVRO_MAP)
        return compile_items(c, s, t, op);
    if (s->kind == AVRO_UNION && s->n_branches < 64)
        return compile_union(c, s, t, op);
    if (s->kind != AVRO_RECORD || t->kind != DATA_STRUCT)
        return mismatch(c, s, t);
    TRY(compile_fields(c, s, t->field, t->n_fields, &op->sub));
    op->code = WRITE_RECORD;
    op->n_sub = (uint32_t)s->n_fields;
    return ST_OK;
}

st_t avro_encoder_new(arena_t *a, const avro_schema_t *schema, data_columns_t columns, bool bare,
                      const avro_encoder_t **ret, err_t *err)
{
    compiler_t c = {a, err};
    avro_encoder_t *e = ARENA_NEW(a, avro_encoder_t);
    if (bare) {
        ASSERT(columns.len == 1);
        op_t *op = ARENA_NEW(a, op_t);
        op->name = columns.ptr[0].name;
        TRY(compile(&c, schema, columns.ptr[0].type, op));
        e->raw_bytes = schema->kind == AVRO_BYTES;
        e->op = op;
        e->n = 1;
        *ret = e;
        return ST_OK;
    }
    const avro_schema_t *record = schema;
    int null = avro_nullable(schema, &record);
    if (record->kind != AVRO_RECORD)
        return err_set(err, ST_UNSUPPORTED, "Cannot serialize columns as Avro %s",
                       avro_kind_name(record->kind));
    e->prefixed = null >= 0;
    e->prefix_byte = null == 1 ? 0 : 2;
    e->n = (uint32_t)record->n_fields;
    TRY(compile_fields(&c, record, (const data_field_t *)(const void *)columns.ptr, columns.len,
                       &e->op));
    *ret = e;
    return ST_OK;
}

/* Running. */

static ST run(const op_t *op, size_t n, const data_value_t *src, buf_t *b, err_t *err);

static st_t cannot(const op_t *op, const char *why, err_t *err)
{
    return err_set(err, ST_BAD_INPUT, "Unable to serialize record: field " STR_FMT " %s",
                   STR_ARG(op->name), why);
}

static inline char *put_varint(char *p, int64_t v)
{
    uint64_t u = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
    for (; u >= 0x80; u >>= 7)
        *p++ = (char)(u | 0x80);
    *p++ = (char)u;
    return p;
}

/* memcpy for the short strings that records are made of. */
static inline char *put_bytes(char *p, const char *from, size_t n)
{
    if (n > 16) {
        memcpy(p, from, n);
    } else if (n >= 8) {
        memcpy(p, from, 8);
        memcpy(p + n - 8, from + n - 8, 8);
    } else if (n >= 4) {
        memcpy(p, from, 4);
        memcpy(p + n - 4, from + n - 4, 4);
    } else {
        for (size_t i = 0; i < n; i++)
            p[i] = from[i];
    }
    return p + n;
}

static ST write_items(const op_t *op, data_value_t v, buf_t *b, err_t *err)
{
    if (v.len)
        buf_put_varint(b, v.len);
    for (size_t i = 0; i < v.len; i++)
        TRY(run(op->sub, op->n_sub, v.v + i * op->width, b, err));
    buf_put_char(b, 0);
    return ST_OK;
}

static ST write_union(const op_t *op, data_value_t v, buf_t *b, err_t *err)
{
    for (uint32_t i = 0; i < v.len && i < op->n_sub; i++) {
        const op_t *sub = &op->sub[i];
        if (data_is_null(v.v[i]) || sub->code == WRITE_CONSTANT)
            continue;
        buf_put_varint(b, sub->branch);
        return run(sub, 1, &v.v[i], b, err);
    }
    return cannot(op, "has no value for its union", err);
}

static ST write_enum(const op_t *op, str_t symbol, buf_t *b, err_t *err)
{
    for (size_t i = 0; i < op->schema->n_symbols; i++)
        if (str_eq(op->schema->symbol[i], symbol)) {
            buf_put_varint(b, (int64_t)i);
            return ST_OK;
        }
    return cannot(op, "is not a symbol of its enum", err);
}

static ST write_decimal(const op_t *op, data_value_t v, buf_t *b, err_t *err)
{
    if (v.dec->scale != op->schema->scale)
        return cannot(op, "has another scale than its schema", err);
    buf_t bytes = BUF_INIT;
    data_decimal_put_bytes(&bytes, v.dec);
    buf_put_varint(b, (int64_t)bytes.len);
    buf_put_str(b, buf_str(&bytes));
    buf_done(&bytes);
    return ST_OK;
}

static ST run_slow(const op_t *op, data_value_t v, buf_t *b, err_t *err)
{
    switch ((code_t)op->code) {
    case WRITE_ITEMS:
        return write_items(op, v, b, err);
    case WRITE_RECORD:
        return run(op->sub, op->n_sub, v.v, b, err);
    case WRITE_UNION:
        return write_union(op, v, b, err);
    case WRITE_ENUM:
        return write_enum(op, data_str(v), b, err);
    case WRITE_DECIMAL:
        return write_decimal(op, v, b, err);
    case WRITE_FIXED:
        if (v.len != op->schema->size_bytes)
            return cannot(op, "has not the length of its fixed", err);
        buf_put_str(b, data_str(v));
        return ST_OK;
    case WRITE_CONSTANT:
    case WRITE_BOOLEAN:
    case WRITE_I32:
    case WRITE_I64:
    case WRITE_FLOAT:
    case WRITE_DOUBLE:
    case WRITE_STRING:
        break;
    }
    ASSERT(!"an op of the fast loop");
    return ST_BAD_INPUT;
}

static ST write_fallback(const op_t *op, buf_t *b, err_t *err)
{
    if (!op->fallback.ptr)
        return cannot(op, "is null or missing, and its schema has neither null nor a default", err);
    buf_put_str(b, op->fallback);
    return ST_OK;
}

static inline void sync_to(buf_t *b, const char *p)
{
    b->len = (size_t)(p - b->ptr);
}

/* The hot loop: the place to write is kept in registers, and told to b where something else writes.
 */
static st_t run(const op_t *op, size_t n, const data_value_t *src, buf_t *b, err_t *err)
{
    char *p = buf_reserve(b, SCALAR_BYTES_MAX), *limit = b->ptr + b->cap;
    for (const op_t *stop = op + n; op < stop; op++) {
        const data_value_t *v = &src[op->src];
        bool constant = op->code == WRITE_CONSTANT, empty = constant || v->kind == DATA_NULL;
        size_t room = SCALAR_BYTES_MAX + (op->code == WRITE_STRING && !empty ? v->len : 0);
        if (__builtin_expect((size_t)(limit - p) < room, 0)) {
            sync_to(b, p);
            p = buf_reserve(b, room);
            limit = b->ptr + b->cap;
        }
        if (empty) {
            if (!constant && op->nullable) {
                *p++ = (char)op->null_byte;
                continue;
            }
            sync_to(b, p);
            TRY(write_fallback(op, b, err));
            p = b->ptr + b->len;
            limit = b->ptr + b->cap;
            continue;
        }
        *p = (char)op->other_byte;
        p += op->nullable;
        /* What records are made of most is told apart by branches: they are predicted better than
         * the switch's jump. */
        if (op->code == WRITE_DOUBLE) {
            memcpy(p, &v->f64, 8);
            p += 8;
            continue;
        }
        if (op->code == WRITE_STRING) {
            p = put_bytes(put_varint(p, v->len), v->ptr, v->len);
            continue;
        }
        if (op->code == WRITE_I64) {
            p = put_varint(p, v->i64);
            continue;
        }
        switch ((code_t)op->code) {
        case WRITE_I32:
            p = put_varint(p, v->i32);
            break;
        case WRITE_FLOAT: {
            float f = (float)v->f64;
            memcpy(p, &f, 4);
            p += 4;
            break;
        }
        case WRITE_BOOLEAN:
            *p++ = v->b;
            break;
        case WRITE_CONSTANT:
        case WRITE_STRING:
        case WRITE_DOUBLE:
        case WRITE_I64:
        case WRITE_FIXED:
        case WRITE_ENUM:
        case WRITE_DECIMAL:
        case WRITE_ITEMS:
        case WRITE_RECORD:
        case WRITE_UNION:
            sync_to(b, p);
            TRY(run_slow(op, *v, b, err));
            p = b->ptr + b->len;
            limit = b->ptr + b->cap;
            break;
        }
    }
    sync_to(b, p);
    return ST_OK;
}

st_t avro_encode(const avro_encoder_t *e, const data_value_t *row, buf_t *b, err_t *err)
{
    if (e->raw_bytes && !data_is_null(row[0])) {
        if (row[0].kind == DATA_DECIMAL)
            data_decimal_put_bytes(b, row[0].dec);
        else
            buf_put_str(b, data_str(row[0]));
        return ST_OK;
    }
    if (e->prefixed)
        buf_put_char(b, (char)e->prefix_byte);
    return run(e->op, e->n, row, b, err);
}
