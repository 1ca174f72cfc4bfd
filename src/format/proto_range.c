#include "format/proto_option.h"

st_t proto_quoted_name_parse(proto_lex_t *l, str_t *ret)
{
    TRY(proto_lex_string(l, ret));
    for (size_t i = 0; i < ret->len; i++)
        if (ret->ptr[i] == '"' || ret->ptr[i] == '\\' || (uint8_t)ret->ptr[i] < ' ')
            return proto_lex_refuse(l, "a name may not hold quotes, backslashes or line ends");
    return ST_OK;
}

static ST parse_range(proto_lex_t *l, bool names, proto_range_t *ret)
{
    proto_range_t r = {.is_name = false};
    str_t word;
    char c;
    TRY(proto_lex_peek(l, &c));
    if (names && (c == '"' || c == '\'')) {
        r.is_name = true;
        TRY(proto_quoted_name_parse(l, &r.name));
        *ret = r;
        return ST_OK;
    }
    TRY(proto_lex_int(l, &r.first));
    r.last = r.first;
    TRY(proto_lex_peek(l, &c));
    if (c != ',' && c != ';' && (names || c != '[')) {
        TRY(proto_lex_word(l, true, &word));
        if (!str_eq(word, STR("to")))
            return proto_lex_refuse(l, "expected ',', ';', or 'to'");
        r.is_range = true;
        const char *back = l->at;
        TRY(proto_lex_word(l, true, &word));
        r.last = PROTO_NUMBER_MAX;
        if (!str_eq(word, STR("max"))) {
            l->at = back;
            TRY(proto_lex_int(l, &r.last));
        }
    }
    *ret = r;
    return ST_OK;
}

st_t proto_ranges_parse(proto_lex_t *l, bool names, proto_ranges_t *ret)
{
    proto_ranges_t all = {.n = 0};
    for (bool more = true; more;) {
        proto_range_t r;
        TRY(parse_range(l, names, &r));
        PROTO_PUSH(l->arena, all.range, all.n, r);
        if (!names)
            TRY(proto_options_parse(l, &all.options));
        TRY(proto_lex_take(l, ',', &more));
    }
    TRY(proto_lex_require(l, ';'));
    *ret = all;
    return ST_OK;
}
