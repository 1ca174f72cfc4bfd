#include "data/text.h"
#include "format/avro_ops.h"

#define SKIP_DEPTH_MAX 64
/* Items that take no bytes (null, empty records) are bounded apart from the input's length. */
#define FREE_ITEMS 65536

typedef struct run {
    arena_t *arena;
    const char *at, *end;
    size_t items_left;
    int depth;
    err_t *err;
} run_t;

static st_t cut(const run_t *r, const avro_op_t *op)
{
    return err_set(r->err, ST_CORRUPT, "field " STR_FMT ": the Avro data is cut off or damaged",
                   STR_ARG(op->name));
}

/* As load_varint; the first four bytes, which most numbers need, without a loop. */
static inline bool get_varint(const char **p, const char *end, int64_t *ret)
{
    const uint8_t *q = (const uint8_t *)*p;
    if (__builtin_expect(end - *p < 4, 0))
        return load_varint(p, end, ret);
    uint32_t u = q[0];
    if (u < 0x80) {
        *p += 1;
    } else if (u = (u & 0x7f) | (uint32_t)q[1] << 7, q[1] < 0x80) {
        *p += 2;
    } else if (u = (u & 0x3fff) | (uint32_t)q[2] << 14, q[2] < 0x80) {
        *p += 3;
    } else if (u = (u & 0x1fffff) | (uint32_t)q[3] << 21, q[3] < 0x80) {
        *p += 4;
    } else {
        return load_varint(p, end, ret);
    }
    *ret = (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
    return true;
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

static ST run(run_t *r, const avro_op_t *op, size_t n, data_value_t *dst);

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

static ST read_items(run_t *r, const avro_op_t *op, data_value_t *ret)
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

static ST read_record(run_t *r, const avro_op_t *op, data_value_t *ret)
{
    data_value_t *v = ARENA_ARRAY(r->arena, data_value_t, op->n_values);
    TRY(run(r, op->sub, op->n_sub, v));
    *ret = data_of_struct(v, op->n_values);
    return ST_OK;
}

static ST read_union(run_t *r, const avro_op_t *op, data_value_t *ret)
{
    int64_t branch;
    if (!load_varint(&r->at, r->end, &branch) || branch < 0 || branch >= op->n_sub)
        return cut(r, op);
    const avro_op_t *sub = &op->sub[branch];
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

static ST read_decimal(run_t *r, const avro_op_t *op, str_t bytes, data_value_t *ret)
{
    const data_decimal_t *d = data_decimal_bytes(r->arena, bytes, op->schema->scale);
    st_t st = data_decimal_fit(r->arena, d, op->type->precision, op->type->scale, &d, r->err);
    if (st != ST_OK)
        return err_wrap(r->err, ST_CORRUPT, "field %.*s", STR_ARG(op->name));
    *ret = data_of_decimal(d);
    return ST_OK;
}

static ST read_text(run_t *r, const avro_op_t *op, data_value_t *ret)
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
static ST run_slow(run_t *r, const avro_op_t *op, data_value_t *ret)
{
    int64_t n;
    str_t part;
    switch ((avro_code_t)op->code) {
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
static st_t run(run_t *r, const avro_op_t *op, size_t n, data_value_t *dst)
{
    const char *at = r->at, *const end = r->end;
    for (const avro_op_t *stop = op + n; op < stop; op++) {
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
        /* What records are made of most is told apart by branches: they are predicted better than
         * the switch's jump. */
        if (op->code == READ_DOUBLE) {
            if (end - at < 8)
                return cut(r, op);
            to->kind = DATA_DOUBLE;
            memcpy(&to->f64, at, 8);
            at += 8;
            continue;
        }
        if (op->code == READ_STRING || op->code == READ_BYTES) {
            if (!get_prefixed(&at, end, &part))
                return cut(r, op);
            *to = (data_value_t){.kind = op->kind, .len = (uint32_t)part.len, .ptr = part.ptr};
            continue;
        }
        if (op->code == READ_I64) {
            if (!get_varint(&at, end, &i))
                return cut(r, op);
            to->kind = op->kind;
            to->i64 = i;
            continue;
        }
        switch ((avro_code_t)op->code) {
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
        case READ_I64:
        case READ_DOUBLE:
        case READ_STRING:
        case READ_BYTES:
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
        row[0] = d->op->kind == DATA_STRING ? data_of_str(bytes) : data_of_bytes(bytes);
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
