#include "format/proto_option.h"

#define MEMBERS_MAX 10000

void *proto_grow(arena_t *a, void *list, size_t n, size_t size)
{
    if (n & (n - 1))
        return list;
    void *more = arena_alloc(a, (n ? n * 2 : 1) * size);
    if (n)
        memcpy(more, list, n * size);
    return more;
}

static ST parse_value(proto_lex_t *l, int depth, proto_value_t *ret);
static ST parse_option(proto_lex_t *l, char separator, int depth, proto_option_t *ret);

static ST check_depth(proto_lex_t *l, int depth)
{
    if (depth < PROTO_DEPTH_MAX)
        return ST_OK;
    return err_set(l->err, ST_TOO_LARGE, "The options are nested deeper than %d", PROTO_DEPTH_MAX);
}

/* A name that is there already takes the new value into a list; a.b and a.c are one a. */
static void add_member(arena_t *a, proto_value_t *map, proto_option_t o)
{
    proto_option_t *items = (proto_option_t *)(uintptr_t)map->item;
    proto_option_t *same = NULL;
    for (size_t i = 0; i < map->n_items && !same; i++)
        if (str_eq(items[i].name, o.name))
            same = &items[i];
    bool path = o.value.kind == PROTO_OPTION;
    if (path)
        o.value.kind = PROTO_MAP;
    if (!same) {
        PROTO_PUSH(a, items, map->n_items, o);
        map->item = items;
        return;
    }
    if (path && same->value.kind == PROTO_MAP) {
        add_member(a, &same->value, o.value.item[0]);
        return;
    }
    proto_option_t *list = (proto_option_t *)(uintptr_t)same->value.item;
    size_t n = same->value.n_items;
    if (same->value.kind != PROTO_LIST) {
        list = NULL;
        n = 0;
        PROTO_PUSH(a, list, n, (proto_option_t){.value = same->value});
    }
    if (o.value.kind == PROTO_LIST)
        for (size_t i = 0; i < o.value.n_items; i++)
            PROTO_PUSH(a, list, n, o.value.item[i]);
    else
        PROTO_PUSH(a, list, n, (proto_option_t){.value = o.value});
    same->value = (proto_value_t){.kind = PROTO_LIST, .item = list, .n_items = n};
}

static ST parse_map(proto_lex_t *l, int depth, proto_value_t *ret)
{
    *ret = (proto_value_t){.kind = PROTO_MAP};
    TRY(proto_lex_require(l, '{'));
    for (bool done, parted;;) {
        proto_option_t o;
        TRY(proto_lex_take(l, '}', &done));
        if (done)
            return ST_OK;
        TRY(parse_option(l, ':', depth, &o));
        if (ret->n_items >= MEMBERS_MAX)
            return err_set(l->err, ST_TOO_LARGE, "An option has too many members");
        add_member(l->arena, ret, o);
        TRY(proto_lex_take(l, ',', &parted));
        if (!parted)
            TRY(proto_lex_take(l, ';', &parted));
    }
}

static ST parse_list(proto_lex_t *l, int depth, proto_value_t *ret)
{
    proto_option_t *items = NULL;
    size_t n = 0;
    TRY(proto_lex_require(l, '['));
    for (bool done, parted = true; parted;) {
        proto_value_t v;
        TRY(proto_lex_take(l, ']', &done));
        if (done) {
            *ret = (proto_value_t){.kind = PROTO_LIST, .item = items, .n_items = n};
            return ST_OK;
        }
        TRY(parse_value(l, depth, &v));
        PROTO_PUSH(l->arena, items, n, (proto_option_t){.value = v});
        TRY(proto_lex_take(l, ',', &parted));
    }
    TRY(proto_lex_require(l, ']'));
    *ret = (proto_value_t){.kind = PROTO_LIST, .item = items, .n_items = n};
    return ST_OK;
}

static st_t parse_value(proto_lex_t *l, int depth, proto_value_t *ret)
{
    char c;
    str_t word;
    TRY(check_depth(l, depth));
    TRY(proto_lex_peek(l, &c));
    if (c == '{')
        return parse_map(l, depth + 1, ret);
    if (c == '[')
        return parse_list(l, depth + 1, ret);
    if (c == '"' || c == '\'') {
        TRY(proto_lex_string(l, &word));
        *ret = (proto_value_t){.kind = PROTO_STRING, .text = word};
        return ST_OK;
    }
    TRY(proto_lex_word(l, true, &word));
    bool boolean = str_eq(word, STR("true")) || str_eq(word, STR("false"));
    bool number = (c >= '0' && c <= '9') || c == '-';
    *ret = (proto_value_t){.kind = number    ? PROTO_NUMBER
                                   : boolean ? PROTO_BOOLEAN
                                             : PROTO_WORD,
                           .text = word};
    return ST_OK;
}

/* The names of a path `a.b.c` wrap the value from the inside out. */
static ST parse_path(proto_lex_t *l, char separator, int depth, proto_value_t *ret)
{
    bool dot;
    char c, open;
    TRY(check_depth(l, depth));
    TRY(proto_lex_take(l, '.', &dot));
    if (dot) {
        proto_option_t *inner = ARENA_NEW(l->arena, proto_option_t);
        TRY(proto_lex_name(l, false, &inner->name, &open));
        inner->is_extension = open == '(';
        TRY(parse_path(l, separator, depth + 1, &inner->value));
        *ret = (proto_value_t){.kind = PROTO_OPTION, .item = inner, .n_items = 1};
        return ST_OK;
    }
    TRY(proto_lex_peek(l, &c));
    if (separator != ':' || c != '{')
        TRY(proto_lex_require(l, separator));
    return parse_value(l, depth, ret);
}

static st_t parse_option(proto_lex_t *l, char separator, int depth, proto_option_t *ret)
{
    char open;
    proto_option_t o = {.is_extension = false};
    TRY(proto_lex_name(l, true, &o.name, &open));
    o.is_extension = open == '(';
    if (open == '[')
        o.name = arena_printf(l->arena, "[" STR_FMT "]", STR_ARG(o.name));
    TRY(parse_path(l, separator, depth, &o.value));
    *ret = o;
    return ST_OK;
}

st_t proto_option_parse(proto_lex_t *l, proto_option_t *ret)
{
    return parse_option(l, '=', 0, ret);
}

st_t proto_options_parse(proto_lex_t *l, proto_options_t *to)
{
    bool more, done;
    TRY(proto_lex_take(l, '[', &more));
    while (more) {
        proto_option_t o;
        TRY(proto_option_parse(l, &o));
        PROTO_PUSH(l->arena, to->ptr, to->n, o);
        TRY(proto_lex_take(l, ']', &done));
        if (done)
            break;
        TRY(proto_lex_take(l, ',', &more));
        if (!more)
            return proto_lex_refuse(l, "Expected ',' or ']'");
    }
    return ST_OK;
}
