#include "format/avro_ops.h"

typedef struct compiler {
    arena_t *arena;
    err_t *err;
} compiler_t;

static ST compile(compiler_t *c, const avro_schema_t *s, const data_type_t *t, avro_op_t *op);

static st_t mismatch(compiler_t *c, const avro_schema_t *s, const data_type_t *t)
{
    return err_set(c->err, ST_CORRUPT, "Cannot deserialize Avro %s as type %s",
                   avro_kind_name(s->kind), data_kind_name(t->kind));
}

static void compile_skip(const avro_schema_t *s, avro_op_t *op)
{
    static const uint8_t code[] = {
        [AVRO_NULL] = SKIP_NOTHING,   [AVRO_BOOLEAN] = SKIP_BYTES,   [AVRO_INT] = SKIP_VARINT,
        [AVRO_LONG] = SKIP_VARINT,    [AVRO_FLOAT] = SKIP_BYTES,     [AVRO_DOUBLE] = SKIP_BYTES,
        [AVRO_BYTES] = SKIP_PREFIXED, [AVRO_STRING] = SKIP_PREFIXED, [AVRO_RECORD] = SKIP_ANY,
        [AVRO_ENUM] = SKIP_VARINT,    [AVRO_ARRAY] = SKIP_ANY,       [AVRO_MAP] = SKIP_ANY,
        [AVRO_FIXED] = SKIP_BYTES,    [AVRO_UNION] = SKIP_ANY};
    op->code = code[s->kind];
    op->schema = s;
    op->n_values = s->kind == AVRO_BOOLEAN  ? 1
                   : s->kind == AVRO_FLOAT  ? 4
                   : s->kind == AVRO_DOUBLE ? 8
                                            : (uint32_t)s->size_bytes;
}

static bool scalar_code(const avro_schema_t *s, data_kind_t want, uint8_t *ret)
{
    bool i32 = want == DATA_INTEGER || want == DATA_DATE || want == DATA_TIME;
    bool i64 = want == DATA_BIGINT || want == DATA_TIMESTAMP;
    bool decimal = want == DATA_DECIMAL && s->logical == AVRO_DECIMAL;
    int code = -1;
    if (s->kind == AVRO_BOOLEAN && want == DATA_BOOLEAN)
        code = READ_BOOLEAN;
    else if (s->kind == AVRO_INT && i32)
        code = READ_I32;
    else if ((s->kind == AVRO_INT || s->kind == AVRO_LONG) && i64)
        code = READ_I64;
    else if ((s->kind == AVRO_INT || s->kind == AVRO_LONG) && want == DATA_DOUBLE)
        code = READ_WHOLE_F64;
    else if (s->kind == AVRO_FLOAT && want == DATA_DOUBLE)
        code = READ_FLOAT;
    else if (s->kind == AVRO_DOUBLE && want == DATA_DOUBLE)
        code = READ_DOUBLE;
    else if ((s->kind == AVRO_STRING || (s->kind == AVRO_BYTES && s->logical == AVRO_PLAIN)) &&
             want == DATA_STRING) /* Avro resolves text and bytes into each other */
        code = READ_STRING;
    else if (s->kind == AVRO_ENUM && want == DATA_STRING)
        code = READ_ENUM;
    else if (s->kind == AVRO_STRING && want == DATA_BYTES)
        code = READ_BYTES;
    else if (s->kind == AVRO_BYTES && (want == DATA_BYTES || decimal))
        code = decimal ? READ_DECIMAL : READ_BYTES;
    else if (s->kind == AVRO_FIXED && (want == DATA_BYTES || decimal))
        code = decimal ? READ_DECIMAL_FIXED : READ_FIXED;
    *ret = (uint8_t)code;
    return code >= 0;
}

static ST compile_text(compiler_t *c, const avro_schema_t *s, avro_op_t *op)
{
    static const data_type_t *const as[] = {[AVRO_BOOLEAN] = &data_boolean,
                                            [AVRO_INT] = &data_integer,
                                            [AVRO_LONG] = &data_bigint,
                                            [AVRO_FLOAT] = &data_double,
                                            [AVRO_DOUBLE] = &data_double};
    if (s->kind == AVRO_NULL || s->kind > AVRO_DOUBLE)
        return mismatch(c, s, &data_string);
    avro_op_t *sub = ARENA_NEW(c->arena, avro_op_t);
    sub->name = op->name;
    TRY(compile(c, s, as[s->kind], sub));
    op->code = READ_TEXT;
    op->sub = sub;
    op->n_sub = 1;
    return ST_OK;
}

static ST compile_items(compiler_t *c, const avro_schema_t *s, const data_type_t *t, avro_op_t *op)
{
    bool entries = avro_is_entries(s), map = s->kind == AVRO_MAP || entries;
    if (t->kind != (map ? DATA_MAP : DATA_ARRAY))
        return mismatch(c, s, t);
    avro_op_t *sub = ARENA_ARRAY(c->arena, avro_op_t, 2);
    sub[0].name = sub[1].name = op->name;
    op->width = map ? 2 : 1;
    op->n_sub = op->width;
    if (map)
        TRY(compile(c, entries ? s->item->field[0].type : &avro_string, t->key, &sub[0]));
    TRY(compile(c, entries ? s->item->field[1].type : s->item, t->elem, &sub[map]));
    sub[map].dst = map;
    op->code = READ_ITEMS;
    op->sub = sub;
    return ST_OK;
}

/* One op a field of the record. taken[i] is set for the targets that are read. */
static ST compile_fields(compiler_t *c, const avro_schema_t *s, const data_field_t *f, size_t n,
                         const uint64_t *want, bool *taken, const avro_op_t **ret)
{
    avro_op_t *op = ARENA_ARRAY(c->arena, avro_op_t, s->n_fields);
    for (size_t i = 0; i < s->n_fields; i++) {
        ptrdiff_t to = data_field_find(f, n, s->field[i].name);
        op[i].name = s->field[i].name;
        bool wanted = to >= 0 && (!want || want[to / 64] >> to % 64 & 1);
        if (!wanted || taken[to]) {
            const avro_schema_t *other = s->field[i].type;
            int null = avro_nullable(other, &other);
            compile_skip(other, &op[i]);
            op[i].nullable = null >= 0;
            op[i].null_byte = null == 1 ? 2 : 0;
            op[i].other_byte = (uint8_t)(2 - op[i].null_byte);
            continue;
        }
        taken[to] = true;
        st_t st = compile(c, s->field[i].type, f[to].type, &op[i]);
        if (st != ST_OK)
            return err_wrap(c->err, st, "field %.*s", STR_ARG(s->field[i].name));
        op[i].dst = (uint32_t)to;
    }
    *ret = op;
    return ST_OK;
}

static ST compile_union(compiler_t *c, const avro_schema_t *s, const data_type_t *t, avro_op_t *op)
{
    avro_op_t *sub = ARENA_ARRAY(c->arena, avro_op_t, s->n_branches);
    size_t values = 0;
    for (size_t i = 0; i < s->n_branches; i++)
        values += s->branch[i]->kind != AVRO_NULL;
    if (values > 1 && t->kind != DATA_STRUCT)
        return mismatch(c, s, t);
    op->code = READ_UNION;
    op->n_values = values > 1 ? (uint32_t)t->n_fields : 0;
    op->n_sub = (uint32_t)s->n_branches;
    op->sub = sub;
    for (size_t i = 0; i < s->n_branches; i++) {
        sub[i].name = op->name;
        if (s->branch[i]->kind == AVRO_NULL) {
            sub[i].code = READ_NULL;
            continue;
        }
        if (values < 2) {
            TRY(compile(c, s->branch[i], t, &sub[i]));
            continue;
        }
        ptrdiff_t to = data_field_find(t->field, t->n_fields, avro_branch_name(s->branch[i]));
        if (to < 0) {
            compile_skip(s->branch[i], &sub[i]);
            continue;
        }
        TRY(compile(c, s->branch[i], t->field[to].type, &sub[i]));
        sub[i].dst = (uint32_t)to;
    }
    return ST_OK;
}

static ST compile(compiler_t *c, const avro_schema_t *s, const data_type_t *t, avro_op_t *op)
{
    const avro_schema_t *other = s;
    int null = avro_nullable(s, &other);
    op->nullable = null >= 0;
    op->null_byte = null == 1 ? 2 : 0;
    op->other_byte = (uint8_t)(2 - op->null_byte);
    op->schema = s = other;
    op->type = t;
    op->kind = (uint8_t)t->kind;
    if (scalar_code(s, t->kind, &op->code))
        return ST_OK;
    if (s->kind == AVRO_ARRAY || s->kind == AVRO_MAP)
        return compile_items(c, s, t, op);
    if (s->kind == AVRO_UNION)
        return compile_union(c, s, t, op);
    if (t->kind == DATA_STRING)
        return compile_text(c, s, op);
    if (s->kind != AVRO_RECORD || t->kind != DATA_STRUCT)
        return mismatch(c, s, t);
    bool *taken = ARENA_ARRAY(c->arena, bool, t->n_fields);
    TRY(compile_fields(c, s, t->field, t->n_fields, NULL, taken, &op->sub));
    op->code = READ_RECORD;
    op->n_sub = (uint32_t)s->n_fields;
    op->n_values = (uint32_t)t->n_fields;
    return ST_OK;
}

static ST compile_row(compiler_t *c, const avro_schema_t *s, data_columns_t columns,
                      const uint64_t *want, avro_decoder_t *d)
{
    const avro_schema_t *record = s;
    int null = avro_nullable(s, &record);
    if (record->kind != AVRO_RECORD)
        return err_set(c->err, ST_CORRUPT,
                       "Cannot deserialize Avro %s as a record of columns; with WRAP_SINGLE_VALUE "
                       "false its one column may be read",
                       avro_kind_name(record->kind));
    d->nullable = null >= 0;
    d->null_byte = null == 1 ? 2 : 0;
    d->other_byte = (uint8_t)(2 - d->null_byte);
    d->n = (uint32_t)record->n_fields;
    bool *taken = ARENA_ARRAY(c->arena, bool, columns.len);
    TRY(compile_fields(c, record, (const data_field_t *)(const void *)columns.ptr, columns.len,
                       want, taken, &d->op));
    uint32_t *missing = ARENA_ARRAY(c->arena, uint32_t, columns.len);
    for (uint32_t i = 0; i < columns.len; i++)
        if (!taken[i])
            missing[d->n_missing++] = i;
    d->missing = missing;
    return ST_OK;
}

st_t avro_decoder_new(arena_t *a, const avro_schema_t *writer, data_columns_t columns, bool bare,
                      const uint64_t *want, const avro_decoder_t **ret, err_t *err)
{
    compiler_t c = {a, err};
    avro_decoder_t *d = ARENA_NEW(a, avro_decoder_t);
    d->bare = bare;
    if (bare) {
        ASSERT(columns.len == 1);
        avro_op_t *op = ARENA_NEW(a, avro_op_t);
        op->name = columns.ptr[0].name;
        TRY(compile(&c, writer, columns.ptr[0].type, op));
        d->raw_bytes = writer->kind == AVRO_BYTES;
        d->op = op;
        d->n = 1;
    } else {
        TRY(compile_row(&c, writer, columns, want, d));
    }
    *ret = d;
    return ST_OK;
}
