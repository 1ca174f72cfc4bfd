#include "data/text.h"
#include "format/avro_program.h"

#define SKIP_DEPTH_MAX 64
/* Items that take no bytes (null, empty records) are bounded apart from the input's length. */
#define FREE_ITEMS 65536

typedef enum code {
    SKIP_NOTHING, /* skips come first */
    SKIP_VARINT,
    SKIP_PREFIXED, /* a length and so many bytes */
    SKIP_BYTES,
    SKIP_ANY,
    READ_NULL,
    READ_BOOLEAN,
    READ_I32,
    READ_I64,
    READ_WHOLE_F64, /* int or long to DOUBLE */
    READ_FLOAT,
    READ_DOUBLE,
    READ_STRING,
    READ_BYTES,
    READ_FIXED,
    READ_ENUM,
    READ_DECIMAL,
    READ_DECIMAL_FIXED,
    READ_TEXT, /* a scalar to STRING: sub reads it */
    READ_ITEMS, /* array, map and array of entries: sub reads one */
    READ_RECORD,
    READ_UNION, /* sub: one op a branch */
} code_t;

typedef struct op op_t;

struct op {
    uint8_t code;
    uint8_t kind; /* of the value */
    bool nullable;
    uint8_t null_byte, other_byte; /* the branches of a nullable */
    uint8_t width;                 /* ITEMS: values an item */
    uint32_t dst;
    uint32_t n_sub;
    uint32_t n_values; /* RECORD, UNION: fields of the STRUCT; UNION: 0: the branch is the value */
    const op_t *sub;
    const avro_schema_t *schema;
    const data_type_t *type;
    str_t name; /* for messages */
};

struct avro_decoder {
    const op_t *op;
    uint32_t n;
    bool bare;
    bool raw_bytes;  /* a bare bytes stands without its length, as Confluent's serializer writes it */
    bool nullable;   /* the record itself is in a union */
    uint8_t null_byte, other_byte;
    const uint32_t *missing; /* columns that the schema has not */
    uint32_t n_missing;
};

/* Compiling. */

typedef struct compiler {
    arena_t *arena;
    err_t *err;
} compiler_t;

static ST compile(compiler_t *c, const avro_schema_t *s, const data_type_t *t, op_t *op);

static st_t mismatch(compiler_t *c, const avro_schema_t *s, const data_type_t *t)
{
    return err_set(c->err, ST_CORRUPT, "Cannot deserialize Avro %s as type %s",
                   avro_kind_name(s->kind), data_kind_name(t->kind));
}

static void compile_skip(const avro_schema_t *s, op_t *op)
{
    static const uint8_t code[] = {
        [AVRO_NULL] = SKIP_NOTHING,   [AVRO_BOOLEAN] = SKIP_BYTES, [AVRO_INT] = SKIP_VARINT,
        [AVRO_LONG] = SKIP_VARINT,    [AVRO_FLOAT] = SKIP_BYTES,   [AVRO_DOUBLE] = SKIP_BYTES,
        [AVRO_BYTES] = SKIP_PREFIXED, [AVRO_STRING] = SKIP_PREFIXED, [AVRO_RECORD] = SKIP_ANY,
        [AVRO_ENUM] = SKIP_VARINT,    [AVRO_ARRAY] = SKIP_ANY,     [AVRO_MAP] = SKIP_ANY,
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
    else if (s->kind == AVRO_STRING && want == DATA_STRING)
        code = READ_STRING;
    else if (s->kind == AVRO_ENUM && want == DATA_STRING)
        code = READ_ENUM;
    else if (s->kind == AVRO_BYTES && (want == DATA_BYTES || decimal))
        code = decimal ? READ_DECIMAL : READ_BYTES;
    else if (s->kind == AVRO_FIXED && (want == DATA_BYTES || decimal))
        code = decimal ? READ_DECIMAL_FIXED : READ_FIXED;
    *ret = (uint8_t)code;
    return code >= 0;
}

static ST compile_text(compiler_t *c, const avro_schema_t *s, op_t *op)
{
    static const data_type_t *const as[] = {[AVRO_BOOLEAN] = &data_boolean,
                                            [AVRO_INT] = &data_integer,
                                            [AVRO_LONG] = &data_bigint,
                                            [AVRO_FLOAT] = &data_double,
                                            [AVRO_DOUBLE] = &data_double};
    if (s->kind == AVRO_NULL || s->kind > AVRO_DOUBLE)
        return mismatch(c, s, &data_string);
    op_t *sub = ARENA_NEW(c->arena, op_t);
    sub->name = op->name;
    TRY(compile(c, s, as[s->kind], sub));
    op->code = READ_TEXT;
    op->sub = sub;
    op->n_sub = 1;
    return ST_OK;
}

static const avro_schema_t string_schema = {.kind = AVRO_STRING};

static ST compile_items(compiler_t *c, const avro_schema_t *s, const data_type_t *t, op_t *op)
{
    bool entries = avro_is_entries(s), map = s->kind == AVRO_MAP || entries;
    if (t->kind != (map ? DATA_MAP : DATA_ARRAY))
        return mismatch(c, s, t);
    op_t *sub = ARENA_ARRAY(c->arena, op_t, 2);
    sub[0].name = sub[1].name = op->name;
    op->width = map ? 2 : 1;
    op->n_sub = op->width;
    if (map)
        TRY(compile(c, entries ? s->item->field[0].type : &string_schema, t->key, &sub[0]));
    TRY(compile(c, entries ? s->item->field[1].type : s->item, t->elem, &sub[map]));
    sub[map].dst = map;
    op->code = READ_ITEMS;
    op->sub = sub;
    return ST_OK;
}

/* The best field or column for a name: the same, else the first that differs in case only; -1: none. */
static ptrdiff_t match(const data_field_t *f, size_t n, str_t name)
{
    ptrdiff_t found = -1;
    for (size_t i = 0; i < n; i++) {
        if (str_eq(f[i].name, name))
            return (ptrdiff_t)i;
        if (found < 0 && str_eq_nocase(f[i].name, name))
            found = (ptrdiff_t)i;
    }
    return found;
}

/* One op a field of the record. taken[i] is set for the targets that are read. */
static ST compile_fields(compiler_t *c, const avro_schema_t *s, const data_field_t *f, size_t n,
                         const uint64_t *want, bool *taken, const op_t **ret)
{
    op_t *op = ARENA_ARRAY(c->arena, op_t, s->n_fields);
    for (size_t i = 0; i < s->n_fields; i++) {
        ptrdiff_t to = match(f, n, s->field[i].name);
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

static ST compile_union(compiler_t *c, const avro_schema_t *s, const data_type_t *t, op_t *op)
{
    op_t *sub = ARENA_ARRAY(c->arena, op_t, s->n_branches);
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
        ptrdiff_t to = match(t->field, t->n_fields, avro_branch_name(s->branch[i]));
        if (to < 0) {
            compile_skip(s->branch[i], &sub[i]);
            continue;
        }
        TRY(compile(c, s->branch[i], t->field[to].type, &sub[i]));
        sub[i].dst = (uint32_t)to;
    }
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
        op_t *op = ARENA_NEW(a, op_t);
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

/* Running. */

typedef struct run {
    arena_t *arena;
    const char *at, *end;
    size_t items_left;
    int depth;
    err_t *err;
} run_t;

static st_t cut(const run_t *r, const op_t *op)
{
    return err_set(r->err, ST_CORRUPT, "field " STR_FMT ": the Avro data is cut off or damaged",
                   STR_ARG(op->name));
}

static inline bool get_varint(const char **p, const char *end, int64_t *ret)
{
    const uint8_t *q = (const uint8_t *)*p;
    if (__builtin_expect(end - *p >= 2, 1)) {
        if (q[0] < 0x80) {
            *ret = (int64_t)(q[0] >> 1) ^ -(int64_t)(q[0] & 1);
            *p += 1;
            return true;
        }
        if (q[1] < 0x80) {
            uint32_t u = (q[0] & 0x7fu) | (uint32_t)q[1] << 7;
            *ret = (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
            *p += 2;
            return true;
        }
    }
    return load_varint(p, end, ret);
}

static inline bool get_prefixed(const char **p, const char *end, str_t *ret)
{
    int64_t n;
    if (!get_varint(p, end, &n) || n < 0 || n > end - *p || n > INT32_MAX)
        return false;
    *ret = (str_t){*p, (size_t)n};
    *p += n;
    return true;
}

static inline bool get_bytes(const char **p, const char *end, size_t n, str_t *ret)
{
    if ((size_t)(end - *p) < n)
        return false;
    *ret = (str_t){*p, n};
    *p += n;
    return true;
}

static bool skip_any(run_t *r, const avro_schema_t *s);

static bool skip_items(run_t *r, const avro_schema_t *s)
{
    int64_t n, bytes;
    str_t part;
    for (;;) {
        if (!load_varint(&r->at, r->end, &n))
            return false;
        if (n == 0)
            return true;
        if (n < 0) {
            if (!load_varint(&r->at, r->end, &bytes) || bytes < 0 ||
                !get_bytes(&r->at, r->end, (size_t)bytes, &part))
                return false;
            continue;
        }
        for (; n > 0; n--) {
            if (r->items_left == 0 ||
                (s->kind == AVRO_MAP && !get_prefixed(&r->at, r->end, &part)) ||
                !skip_any(r, s->item))
                return false;
            r->items_left--;
        }
    }
}

static bool skip_fields(run_t *r, const avro_schema_t *s)
{
    for (size_t i = 0; i < s->n_fields; i++)
        if (!skip_any(r, s->field[i].type))
            return false;
    return true;
}

static bool skip_any(run_t *r, const avro_schema_t *s)
{
    int64_t n;
    str_t part;
    bool good = false;
    if (r->depth >= SKIP_DEPTH_MAX)
        return false;
    r->depth++;
    switch (s->kind) {
    case AVRO_NULL:
        good = true;
        break;
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_ENUM:
        good = get_varint(&r->at, r->end, &n);
        break;
    case AVRO_BOOLEAN:
        good = get_bytes(&r->at, r->end, 1, &part);
        break;
    case AVRO_FLOAT:
        good = get_bytes(&r->at, r->end, 4, &part);
        break;
    case AVRO_DOUBLE:
        good = get_bytes(&r->at, r->end, 8, &part);
        break;
    case AVRO_FIXED:
        good = get_bytes(&r->at, r->end, s->size_bytes, &part);
        break;
    case AVRO_BYTES:
    case AVRO_STRING:
        good = get_prefixed(&r->at, r->end, &part);
        break;
    case AVRO_ARRAY:
    case AVRO_MAP:
        good = skip_items(r, s);
        break;
    case AVRO_RECORD:
        good = skip_fields(r, s);
        break;
    case AVRO_UNION:
        good = load_varint(&r->at, r->end, &n) && n >= 0 && n < (int64_t)s->n_branches &&
               skip_any(r, s->branch[n]);
        break;
    }
    r->depth--;
    return good;
}

static ST run(run_t *r, const op_t *op, size_t n, data_value_t *dst);

/* Reads a block's count: 0 at the end. */
static bool block_count(run_t *r, int64_t *ret)
{
    int64_t n, bytes;
    if (!load_varint(&r->at, r->end, &n))
        return false;
    if (n < 0 && (n == INT64_MIN || !load_varint(&r->at, r->end, &bytes)))
        return false;
    *ret = n < 0 ? -n : n;
    if ((uint64_t)*ret > r->items_left)
        return false;
    r->items_left -= (size_t)*ret;
    return true;
}

static ST read_items(run_t *r, const op_t *op, data_value_t *ret)
{
    data_value_t *v = NULL;
    size_t len = 0, width = op->width;
    for (;;) {
        int64_t n;
        if (!block_count(r, &n))
            return cut(r, op);
        if (n == 0)
            break;
        data_value_t *to = arena_alloc_try(r->arena, (len + (size_t)n) * width * sizeof *to);
        if (!to)
            return err_set(r->err, ST_TOO_LARGE, "field " STR_FMT ": %lld items are too many",
                           STR_ARG(op->name), (long long)n);
        if (len)
            memcpy(to, v, len * width * sizeof *to);
        v = to;
        for (; n > 0; n--, len++)
            TRY(run(r, op->sub, op->n_sub, v + len * width));
    }
    *ret = width == 2 ? data_of_map(v, len) : data_of_array(v, len);
    return ST_OK;
}

static ST read_record(run_t *r, const op_t *op, data_value_t *ret)
{
    data_value_t *v = ARENA_ARRAY(r->arena, data_value_t, op->n_values);
    TRY(run(r, op->sub, op->n_sub, v));
    *ret = data_of_struct(v, op->n_values);
    return ST_OK;
}

static ST read_union(run_t *r, const op_t *op, data_value_t *ret)
{
    int64_t branch;
    if (!load_varint(&r->at, r->end, &branch) || branch < 0 || branch >= op->n_sub)
        return cut(r, op);
    const op_t *sub = &op->sub[branch];
    if (sub->code == READ_NULL) {
        *ret = DATA_NULL_VALUE;
        return ST_OK;
    }
    if (!op->n_values)
        return run(r, sub, 1, ret);
    data_value_t *v = ARENA_ARRAY(r->arena, data_value_t, op->n_values);
    TRY(run(r, sub, 1, v));
    *ret = data_of_struct(v, op->n_values);
    return ST_OK;
}

static ST read_decimal(run_t *r, const op_t *op, str_t bytes, data_value_t *ret)
{
    const data_decimal_t *d = data_decimal_bytes(r->arena, bytes, op->schema->scale);
    st_t st = data_decimal_fit(r->arena, d, op->type->precision, op->type->scale, &d, r->err);
    if (st != ST_OK)
        return err_wrap(r->err, ST_CORRUPT, "field %.*s", STR_ARG(op->name));
    *ret = data_of_decimal(d);
    return ST_OK;
}

static ST read_text(run_t *r, const op_t *op, data_value_t *ret)
{
    data_value_t v = DATA_NULL_VALUE;
    TRY(run(r, op->sub, 1, &v));
    buf_t b = BUF_INIT;
    data_put_text(&b, v, op->sub->type);
    *ret = data_of_str(arena_str(r->arena, buf_str(&b)));
    buf_done(&b);
    return ST_OK;
}

/* What does not run in the loop below. */
static ST run_slow(run_t *r, const op_t *op, data_value_t *ret)
{
    int64_t n;
    str_t part;
    switch ((code_t)op->code) {
    case READ_ITEMS:
        return read_items(r, op, ret);
    case READ_RECORD:
        return read_record(r, op, ret);
    case READ_UNION:
        return read_union(r, op, ret);
    case READ_TEXT:
        return read_text(r, op, ret);
    case READ_ENUM:
        if (!get_varint(&r->at, r->end, &n) || n < 0 || n >= (int64_t)op->schema->n_symbols)
            return cut(r, op);
        *ret = data_of_str(op->schema->symbol[n]);
        return ST_OK;
    case READ_FIXED:
    case READ_DECIMAL_FIXED:
        if (!get_bytes(&r->at, r->end, op->schema->size_bytes, &part))
            return cut(r, op);
        if (op->code == READ_DECIMAL_FIXED)
            return read_decimal(r, op, part, ret);
        *ret = data_of_bytes(part);
        return ST_OK;
    case READ_DECIMAL:
        if (!get_prefixed(&r->at, r->end, &part))
            return cut(r, op);
        return read_decimal(r, op, part, ret);
    case SKIP_ANY:
        return skip_any(r, op->schema) ? ST_OK : cut(r, op);
    case SKIP_NOTHING:
    case READ_NULL:
        return ST_OK;
    case SKIP_VARINT:
    case SKIP_PREFIXED:
    case SKIP_BYTES:
    case READ_BOOLEAN:
    case READ_I32:
    case READ_I64:
    case READ_WHOLE_F64:
    case READ_FLOAT:
    case READ_DOUBLE:
    case READ_STRING:
    case READ_BYTES:
        break;
    }
    ASSERT(!"an op of the fast loop");
    return ST_CORRUPT;
}

/* The hot loop: ops into dst[op->dst]. */
static st_t run(run_t *r, const op_t *op, size_t n, data_value_t *dst)
{
    const char *at = r->at, *const end = r->end;
    for (const op_t *stop = op + n; op < stop; op++) {
        data_value_t *to = &dst[op->dst];
        int64_t i;
        str_t part;
        if (op->nullable) {
            if (at == end)
                return cut(r, op);
            uint8_t branch = (uint8_t)*at++;
            if (branch == op->null_byte) {
                if (op->code > SKIP_ANY)
                    *to = DATA_NULL_VALUE;
                continue;
            }
            if (branch != op->other_byte)
                return cut(r, op);
        }
        switch ((code_t)op->code) {
        case READ_STRING:
        case READ_BYTES:
            if (!get_prefixed(&at, end, &part))
                return cut(r, op);
            *to = (data_value_t){.kind = op->kind, .len = (uint32_t)part.len, .ptr = part.ptr};
            break;
        case READ_DOUBLE:
            if (end - at < 8)
                return cut(r, op);
            to->kind = DATA_DOUBLE;
            memcpy(&to->f64, at, 8);
            at += 8;
            break;
        case READ_I64:
            if (!get_varint(&at, end, &i))
                return cut(r, op);
            to->kind = op->kind;
            to->i64 = i;
            break;
        case READ_I32:
            if (!get_varint(&at, end, &i) || i != (int32_t)i)
                return cut(r, op);
            to->kind = op->kind;
            to->i32 = (int32_t)i;
            break;
        case READ_WHOLE_F64:
            if (!get_varint(&at, end, &i))
                return cut(r, op);
            *to = data_of_f64((double)i);
            break;
        case READ_FLOAT: {
            float f;
            if (!get_bytes(&at, end, 4, &part))
                return cut(r, op);
            memcpy(&f, part.ptr, 4);
            *to = data_of_f64((double)f);
            break;
        }
        case READ_BOOLEAN:
            if (at == end)
                return cut(r, op);
            *to = data_of_bool(*at++ != 0);
            break;
        case SKIP_VARINT:
            if (!get_varint(&at, end, &i))
                return cut(r, op);
            break;
        case SKIP_PREFIXED:
            if (!get_prefixed(&at, end, &part))
                return cut(r, op);
            break;
        case SKIP_BYTES:
            if (!get_bytes(&at, end, op->n_values, &part))
                return cut(r, op);
            break;
        case SKIP_NOTHING:
        case SKIP_ANY:
        case READ_NULL:
        case READ_FIXED:
        case READ_ENUM:
        case READ_DECIMAL:
        case READ_DECIMAL_FIXED:
        case READ_TEXT:
        case READ_ITEMS:
        case READ_RECORD:
        case READ_UNION:
            r->at = at;
            TRY(run_slow(r, op, to));
            at = r->at;
            break;
        }
    }
    r->at = at;
    return ST_OK;
}

st_t avro_decode(const avro_decoder_t *d, arena_t *a, str_t bytes, data_value_t *row,
                 bool *ret_null, err_t *err)
{
    run_t r = {a, bytes.ptr, bytes.ptr + bytes.len, bytes.len + FREE_ITEMS, 0, err};
    if (d->raw_bytes) {
        if (d->op->code == READ_DECIMAL)
            return read_decimal(&r, d->op, bytes, &row[0]);
        row[0] = data_of_bytes(bytes);
        return ST_OK;
    }
    if (d->nullable) {
        uint8_t branch = r.at < r.end ? (uint8_t)*r.at++ : 0xff;
        *ret_null = branch == d->null_byte;
        if (*ret_null)
            return ST_OK;
        if (branch != d->other_byte)
            return err_set(err, ST_CORRUPT, "the Avro record's union is cut off or damaged");
    }
    for (uint32_t i = 0; i < d->n_missing; i++)
        row[d->missing[i]] = DATA_NULL_VALUE;
    TRY(run(&r, d->op, d->n, row));
    if (d->bare)
        *ret_null = data_is_null(row[0]);
    return ST_OK;
}
