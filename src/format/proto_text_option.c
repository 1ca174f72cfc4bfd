#include "base/vec.h"
#include "format/proto_option.h"
#include "format/proto_writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void write_value(proto_writer_t *w, const proto_value_t *v);

static void write_string(proto_writer_t *w, str_t s)
{
    static const char from[] = "\a\b\f\n\r\t\v\\'\"", to[] = "abfnrtv\\'\"";
    buf_t b = BUF_INIT;
    buf_put_char(&b, '"');
    for (size_t i = 0; i < s.len; i++) {
        const char *known = s.ptr[i] ? strchr(from, s.ptr[i]) : NULL;
        if (known)
            buf_put_char(&b, '\\');
        buf_put_char(&b, known ? to[known - from] : s.ptr[i]);
    }
    buf_put_char(&b, '"');
    proto_write(w, buf_str(&b));
    buf_done(&b);
}

/* As Confluent normalizes numbers: in decimal, with three digits behind the point at most. */
static void write_number(proto_writer_t *w, str_t text)
{
    char z[64], out[512];
    int64_t i;
    double d;
    bool minus = str_starts(text, STR("-"));
    str_t digits = str_sub(text, minus ? 1 : 0, text.len);
    bool hex = str_starts_nocase(digits, STR("0x"));
    bool octal = digits.len > 1 && digits.ptr[0] == '0' && str_to_i64(digits, &i);
    if (w->scope && (hex || octal) && text.len < sizeof z) {
        snprintf(z, sizeof z, STR_FMT, STR_ARG(digits));
        char *end;
        unsigned long long u = strtoull(z, &end, hex ? 16 : 8);
        if (!*end) {
            proto_writef(w, "%s%llu", minus ? "-" : "", u);
            return;
        }
    }
    if (!w->scope || str_to_i64(text, &i) || !str_to_f64(text, &d) || !isfinite(d)) {
        proto_write(w, text);
        return;
    }
    int n = snprintf(out, sizeof out, "%.3f", d);
    while (n > 0 && out[n - 1] == '0')
        n--;
    if (n > 0 && out[n - 1] == '.')
        n--;
    proto_write(w, str_n(out, (size_t)n));
}

static void write_items(proto_writer_t *w, const proto_value_t *v)
{
    w->depth++;
    for (size_t i = 0; i < v->n_items; i++) {
        if (v->kind == PROTO_MAP) {
            proto_write(w, v->item[i].name);
            proto_write_z(w, ": ");
        }
        write_value(w, &v->item[i].value);
        proto_write_z(w, i + 1 < v->n_items ? ",\n" : "\n");
    }
    w->depth--;
}

/* A value inside of a map or a list. */
static void write_value(proto_writer_t *w, const proto_value_t *v)
{
    switch (v->kind) {
    case PROTO_STRING:
        write_string(w, v->text);
        break;
    case PROTO_NUMBER:
        write_number(w, v->text);
        break;
    case PROTO_BOOLEAN:
    case PROTO_WORD:
        proto_write(w, v->text);
        break;
    case PROTO_MAP:
    case PROTO_LIST:
        if (w->scope && v->kind == PROTO_LIST && v->n_items == 1) {
            write_value(w, &v->item[0].value);
            break;
        }
        proto_write_z(w, v->kind == PROTO_MAP ? "{\n" : "[\n");
        write_items(w, v);
        proto_write_z(w, v->kind == PROTO_MAP ? "}" : "]");
        break;
    case PROTO_OPTION:
        proto_write_option(w, v->item);
        break;
    }
}

void proto_write_option(proto_writer_t *w, const proto_option_t *o)
{
    proto_writef(w, o->is_extension ? "(" STR_FMT ")" : STR_FMT, STR_ARG(o->name));
    if (o->value.kind == PROTO_OPTION) {
        proto_write_z(w, ".");
        proto_write_option(w, o->value.item);
        return;
    }
    proto_write_z(w, " = ");
    if (o->value.kind == PROTO_LIST && o->value.n_items == 1) {
        proto_write_z(w, "[");
        write_value(w, &o->value.item[0].value);
        proto_write_z(w, "]");
    } else {
        write_value(w, &o->value);
    }
}

void proto_write_brackets(proto_writer_t *w, const proto_options_t *o)
{
    if (!o->n)
        return;
    proto_write_z(w, o->n == 1 ? " [" : " [\n");
    w->depth += o->n > 1;
    for (size_t i = 0; i < o->n; i++) {
        proto_write_option(w, &o->ptr[i]);
        if (o->n > 1)
            proto_write_z(w, i + 1 < o->n ? ",\n" : "\n");
    }
    w->depth -= o->n > 1;
    proto_write_z(w, "]");
}

/* --- normalizing --- */

static proto_value_t normal_value(proto_writer_t *w, proto_value_t v);

static int by_name(const void *a, const void *b)
{
    const proto_option_t *x = a, *y = b;
    return str_cmp(x->name, y->name);
}

/* The names of extensions inside of a value are written in full, members stand by name, and empty
 * lists are left out. */
static proto_value_t normal_map(proto_writer_t *w, proto_value_t v)
{
    proto_option_t *items = ARENA_ARRAY(w->arena, proto_option_t, v.n_items);
    size_t n = 0;
    for (size_t i = 0; i < v.n_items; i++) {
        proto_option_t o = v.item[i];
        str_t full;
        if (o.value.kind == PROTO_LIST && !o.value.n_items)
            continue;
        if (o.name.len > 2 && o.name.ptr[0] == '[' &&
            proto_scope_extension(w->scope, w->within, str_sub(o.name, 1, o.name.len - 2), &full))
            o.name = arena_printf(w->arena, "[" STR_FMT "]", STR_ARG(full));
        o.value = normal_value(w, o.value);
        items[n++] = o;
    }
    if (n)
        qsort(items, n, sizeof *items, by_name);
    return (proto_value_t){.kind = PROTO_MAP, .item = items, .n_items = n};
}

static proto_value_t normal_value(proto_writer_t *w, proto_value_t v)
{
    if (v.kind == PROTO_MAP)
        return normal_map(w, v);
    if (v.kind != PROTO_LIST)
        return v;
    proto_option_t *items = ARENA_ARRAY(w->arena, proto_option_t, v.n_items);
    for (size_t i = 0; i < v.n_items; i++)
        items[i] = (proto_option_t){.value = normal_value(w, v.item[i].value)};
    return (proto_value_t){.kind = PROTO_LIST, .item = items, .n_items = v.n_items};
}

/* (a).b.c = 1 as (a) = { b: { c: 1 } }. */
static proto_value_t as_map(proto_writer_t *w, proto_value_t v)
{
    if (v.kind != PROTO_OPTION)
        return v;
    proto_option_t *inner = ARENA_NEW(w->arena, proto_option_t);
    *inner = *v.item;
    inner->value = as_map(w, inner->value);
    return (proto_value_t){.kind = PROTO_MAP, .item = inner, .n_items = 1};
}

static bool same_value(proto_writer_t *w, const proto_value_t *a, const proto_value_t *b)
{
    buf_t x = BUF_INIT, y = BUF_INIT;
    proto_writer_t wx = {.b = &x, .scope = w->scope}, wy = {.b = &y, .scope = w->scope};
    write_value(&wx, a);
    write_value(&wy, b);
    bool same = str_eq(buf_str(&x), buf_str(&y));
    buf_done(&x);
    buf_done(&y);
    return same;
}

/* The values of a field that repeats: those of a, and of b those that a has not. */
static proto_value_t join_values(proto_writer_t *w, proto_value_t a, proto_value_t b)
{
    const proto_option_t x = {.value = a}, y = {.value = b};
    const proto_option_t *from_a = a.kind == PROTO_LIST ? a.item : &x;
    const proto_option_t *from_b = b.kind == PROTO_LIST ? b.item : &y;
    size_t n = a.kind == PROTO_LIST ? a.n_items : 1, n_b = b.kind == PROTO_LIST ? b.n_items : 1;
    proto_option_t *items = ARENA_ARRAY(w->arena, proto_option_t, n + n_b);
    for (size_t i = 0; i < n; i++)
        items[i] = from_a[i];
    for (size_t i = 0; i < n_b; i++) {
        bool known = false;
        for (size_t k = 0; k < n && !known; k++)
            known = same_value(w, &items[k].value, &from_b[i].value);
        if (!known)
            items[n++] = from_b[i];
    }
    return (proto_value_t){.kind = PROTO_LIST, .item = items, .n_items = n};
}

static const proto_type_t *message_of(proto_writer_t *w, const proto_field_t *f)
{
    const proto_named_t *t = f ? proto_scope_type(w->scope, w->within, f->type) : NULL;
    return t && !t->type->is_enum ? t->type : NULL;
}

/* One message of two that were written in parts; `f` is the field that holds it. */
static proto_value_t merge_maps(proto_writer_t *w, const proto_field_t *f, proto_value_t a,
                                proto_value_t b)
{
    const proto_type_t *t = message_of(w, f);
    proto_option_t *items = NULL;
    size_t n = 0;
    for (size_t i = 0; i < a.n_items; i++)
        PROTO_PUSH(w->arena, items, n, a.item[i]);
    for (size_t i = 0; i < b.n_items; i++) {
        const proto_option_t *o = &b.item[i];
        const proto_field_t *inner = t ? proto_field_find(t, o->name) : NULL;
        bool single = inner && inner->label != PROTO_REPEATED;
        size_t k = 0;
        while (k < n && !str_eq(items[k].name, o->name))
            k++;
        if (k == n)
            PROTO_PUSH(w->arena, items, n, *o);
        else if (!single)
            items[k].value = join_values(w, items[k].value, o->value);
        else if (items[k].value.kind == PROTO_MAP && o->value.kind == PROTO_MAP)
            items[k].value = merge_maps(w, inner, items[k].value, o->value);
        else
            items[k].value = o->value;
    }
    return (proto_value_t){.kind = PROTO_MAP, .item = items, .n_items = n};
}

typedef struct ranked {
    proto_option_t option;
    const proto_field_t *field; /* of an extension that the scope knows */
    size_t at;
} ranked_t;

static int by_name_and_place(const void *a, const void *b)
{
    const ranked_t *x = a, *y = b;
    int by = str_cmp(x->option.name, y->option.name);
    return by ? by : (x->at > y->at) - (x->at < y->at);
}

#define MERGED_MAX 300 /* options of one declaration that are written in parts */

static proto_options_t normal_options(proto_writer_t *w, const proto_options_t *from)
{
    ranked_t *ranked = ARENA_ARRAY(w->arena, ranked_t, from->n);
    proto_options_t to = {.ptr = ARENA_ARRAY(w->arena, proto_option_t, from->n)};
    for (size_t i = 0; i < from->n; i++) {
        ranked[i] = (ranked_t){from->ptr[i], NULL, i};
        proto_option_t *o = &ranked[i].option;
        str_t full;
        if (o->is_extension)
            ranked[i].field = proto_scope_extension(w->scope, w->within, o->name, &full);
        if (ranked[i].field) {
            o->name = full;
            o->value = as_map(w, o->value);
        }
    }
    if (from->n)
        qsort(ranked, from->n, sizeof *ranked, by_name_and_place);
    for (size_t i = 0; i < from->n; i++) {
        const proto_field_t *f = ranked[i].field;
        proto_option_t *last = to.n ? &to.ptr[to.n - 1] : NULL;
        bool again = last && f && f->label != PROTO_REPEATED && from->n <= MERGED_MAX &&
                     str_eq(last->name, ranked[i].option.name);
        if (again && last->value.kind == PROTO_MAP && ranked[i].option.value.kind == PROTO_MAP)
            last->value = merge_maps(w, f, last->value, ranked[i].option.value);
        else if (again)
            *last = ranked[i].option;
        else
            to.ptr[to.n++] = ranked[i].option;
    }
    for (size_t i = 0; i < to.n; i++)
        to.ptr[i].value = normal_value(w, to.ptr[i].value);
    return to;
}

proto_options_t proto_write_filter(proto_writer_t *w, const proto_options_t *o)
{
    if (w->scope)
        return normal_options(w, o);
    if (!w->plain)
        return *o;
    proto_options_t to = {.ptr = ARENA_ARRAY(w->arena, proto_option_t, o->n)};
    for (size_t i = 0; i < o->n; i++)
        if (!o->ptr[i].is_extension || str_starts(o->ptr[i].name, STR("confluent.")))
            to.ptr[to.n++] = o->ptr[i];
    return to;
}
