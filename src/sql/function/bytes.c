/* Bytes and their texts: TO_BYTES, FROM_BYTES, ENCODE, numbers from bytes. */
#include "sql/function/fn.h"

typedef enum encoding { ENC_HEX, ENC_UTF8, ENC_ASCII, ENC_BASE64, ENC_NONE } encoding_t;

static encoding_t encoding_of(str_t name)
{
    static const char *const names[] = {"hex", "utf8", "ascii", "base64"};
    for (size_t i = 0; i < 4; i++)
        if (str_eq_nocase(name, str_of(names[i])))
            return (encoding_t)i;
    return ENC_NONE;
}

static st_t unknown(str_t name, err_t *err)
{
    return err_set(err, ST_BAD_INPUT,
                   "Unknown encoding type '" STR_FMT "': use hex, utf8, ascii or base64",
                   STR_ARG(name));
}

/* "0x4a", "X'4a'" or "4a"; an odd number of digits has a 0 before it. */
static st_t from_hex(arena_t *a, str_t s, str_t *ret, err_t *err)
{
    if (str_starts_nocase(s, STR("0x")))
        s = str_sub(s, 2, s.len);
    else if (str_starts_nocase(s, STR("x'")) && str_ends(s, STR("'")))
        s = str_sub(s, 2, s.len - 3);
    char *out = arena_alloc(a, s.len / 2 + 1);
    size_t n = 0;
    unsigned value = 0;
    for (size_t i = 0; i < s.len; i++) {
        int digit = str_hex_digit(s.ptr[i]);
        if (digit < 0)
            return err_set(err, ST_BAD_INPUT, "not hex: '" STR_FMT "'", STR_ARG(s));
        value = value << 4 | (unsigned)digit;
        if ((s.len - i) % 2 == 1)
            out[n++] = (char)value;
    }
    *ret = str_n(out, n);
    return ST_OK;
}

/* Characters that ASCII does not have become '?'. */
static str_t to_ascii(arena_t *a, str_t s)
{
    char *out = arena_alloc(a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        if ((s.ptr[i] & 0xc0) != 0x80)
            out[n++] = s.ptr[i] < 0 ? '?' : s.ptr[i];
    return str_n(out, n);
}

static st_t to_bytes(arena_t *a, str_t s, encoding_t e, str_t *ret, err_t *err)
{
    switch (e) {
    case ENC_HEX: return from_hex(a, s, ret, err);
    case ENC_ASCII: *ret = to_ascii(a, s); return ST_OK;
    case ENC_BASE64:
        if (!data_base64_decode(a, s, ret))
            return err_set(err, ST_BAD_INPUT, "not base64");
        return ST_OK;
    case ENC_UTF8:
    case ENC_NONE: break;
    }
    *ret = s;
    return ST_OK;
}

static str_t from_bytes(arena_t *a, str_t bytes, encoding_t e, bool upper)
{
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < bytes.len && e != ENC_UTF8 && e != ENC_BASE64; i++) {
        uint8_t c = (uint8_t)bytes.ptr[i];
        if (e == ENC_HEX)
            buf_printf(&b, upper ? "%02X" : "%02x", c);
        else if (c < 0x80)
            buf_put_char(&b, (char)c);
        else
            BUF_LIT(&b, "\xef\xbf\xbd");
    }
    if (e == ENC_BASE64)
        data_put_base64(&b, bytes);
    str_t s = e == ENC_UTF8 ? bytes : arena_str(a, buf_str(&b));
    buf_done(&b);
    return s;
}

FN(to_bytes)
{
    STRICT;
    encoding_t e = encoding_of(data_str(args[1]));
    str_t bytes;
    if (e == ENC_NONE)
        return unknown(data_str(args[1]), err);
    TRY(to_bytes(call->arena, data_str(args[0]), e, &bytes, err));
    RETURN(data_of_bytes(bytes));
}

FN(from_bytes)
{
    STRICT;
    encoding_t e = encoding_of(data_str(args[1]));
    if (e == ENC_NONE)
        return unknown(data_str(args[1]), err);
    RETURN(data_of_str(from_bytes(call->arena, data_str(args[0]), e, true)));
}

FN(encode)
{
    STRICT;
    encoding_t in = encoding_of(data_str(args[1])), out = encoding_of(data_str(args[2]));
    str_t bytes;
    if (in == ENC_NONE || out == ENC_NONE)
        return unknown(data_str(args[in == ENC_NONE ? 1 : 2]), err);
    TRY(to_bytes(call->arena, data_str(args[0]), in, &bytes, err));
    RETURN(data_of_str(from_bytes(call->arena, bytes, out, false)));
}

/* ---- numbers ---- */

/* The first argument's bytes as a number of `width` bytes; the second may say LITTLE_ENDIAN. */
static st_t number(const sql_fn_call_t *call, const data_value_t *args, size_t width, uint64_t *ret,
                   err_t *err)
{
    str_t order = call->n_args > 1 ? data_str(args[1]) : STR("BIG_ENDIAN");
    bool little = str_eq_nocase(order, STR("LITTLE_ENDIAN"));
    if (!little && !str_eq_nocase(order, STR("BIG_ENDIAN")))
        return err_set(err, ST_BAD_INPUT, "Byte order must be BIG_ENDIAN or LITTLE_ENDIAN");
    if (args[0].len != width)
        return err_set(err, ST_BAD_INPUT, "Number of bytes must be equal to %zu, but found %u",
                       width, args[0].len);
    uint64_t v = 0;
    for (size_t i = 0; i < width; i++)
        v = v << 8 | (uint8_t)args[0].ptr[little ? width - 1 - i : i];
    *ret = v;
    return ST_OK;
}

FN(int_from_bytes)
{
    STRICT;
    uint64_t v;
    TRY(number(call, args, 4, &v, err));
    RETURN(data_of_i32((int32_t)v));
}

FN(bigint_from_bytes)
{
    STRICT;
    uint64_t v;
    TRY(number(call, args, 8, &v, err));
    RETURN(data_of_i64((int64_t)v));
}

FN(double_from_bytes)
{
    STRICT;
    uint64_t v;
    double d;
    TRY(number(call, args, 8, &v, err));
    memcpy(&d, &v, sizeof d);
    RETURN(data_of_f64(d));
}
