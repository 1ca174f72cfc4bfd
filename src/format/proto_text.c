#include "format/proto_writer.h"

#include <stdio.h>
#include <stdlib.h>

static void write_type(proto_writer_t *w, const proto_type_t *t);

void proto_write(proto_writer_t *w, str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!w->in_line)
            for (int k = 0; k < w->depth; k++)
                BUF_LIT(w->b, "  ");
        buf_put_char(w->b, text.ptr[i]);
        w->in_line = text.ptr[i] != '\n';
    }
}

void proto_write_z(proto_writer_t *w, const char *text)
{
    proto_write(w, str_of(text));
}

void proto_writef(proto_writer_t *w, const char *fmt, ...)
{
    char *text;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    if (n < 0)
        die("no memory");
    proto_write(w, str_n(text, (size_t)n));
    free(text);
}

/* Confluent's layout parts what a declaration holds by an empty line, indented as the declaration
 * itself. */
static void part(proto_writer_t *w)
{
    proto_write_z(w, "\n");
}

static void write_option_lines(proto_writer_t *w, const proto_options_t *o)
{
    for (size_t i = 0; i < o->n; i++) {
        proto_write_z(w, "option ");
        proto_write_option(w, &o->ptr[i]);
        proto_write_z(w, ";\n");
    }
}

/* --- sorting --- */

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const str_t *)a, *(const str_t *)b);
}

#define BY_NUMBER(type)                                                                            \
    static int by_number_##type(const void *a, const void *b)                                      \
    {                                                                                              \
        const type *x = *(const type *const *)a, *y = *(const type *const *)b;                     \
        int by = (x->number > y->number) - (x->number < y->number);                                \
        return by ? by : (x > y) - (x < y);                                                        \
    }
BY_NUMBER(proto_field_t)
BY_NUMBER(proto_group_t)

static int by_number_and_name(const void *a, const void *b)
{
    const proto_constant_t *x = *(const proto_constant_t *const *)a;
    const proto_constant_t *y = *(const proto_constant_t *const *)b;
    int by = (x->number > y->number) - (x->number < y->number);
    return by ? by : str_cmp(x->name, y->name);
}

/* Pointers to n things of a list, in order if the text is normalized. */
static const void **ordered(proto_writer_t *w, const void *list, size_t n, size_t size,
                            int (*by)(const void *, const void *))
{
    const void **p = mem_alloc((n + 1) * sizeof *p);
    for (size_t i = 0; i < n; i++)
        p[i] = (const char *)list + i * size;
    if (w->scope && n)
        qsort(p, n, sizeof *p, by);
    return p;
}

#define ORDERED(w, list, n, by) ordered((w), (list), (n), sizeof *(list), (by))

/* --- names --- */

static str_t full_type(proto_writer_t *w, str_t type)
{
    if (!w->scope)
        return type;
    const proto_named_t *t = proto_scope_type(w->scope, w->within, type);
    if (!t && w->st == ST_OK)
        w->st = err_set(w->err, ST_BAD_INPUT, "Could not resolve type: " STR_FMT, STR_ARG(type));
    return t ? arena_printf(w->arena, "." STR_FMT, STR_ARG(t->full)) : type;
}

static str_t full_map(proto_writer_t *w, str_t key, str_t value)
{
    const proto_named_t *t = proto_scope_type(w->scope, w->within, value);
    if (t)
        value = arena_printf(w->arena, "." STR_FMT, STR_ARG(t->full));
    return arena_printf(w->arena, "map<" STR_FMT ", " STR_FMT ">", STR_ARG(key), STR_ARG(value));
}

/* A field's type; *ret_map: a map, which has no label. */
static str_t field_type(proto_writer_t *w, str_t type, bool *ret_map)
{
    str_t key, value;
    *ret_map = false;
    if (!w->scope || proto_is_scalar(type))
        return type;
    if (proto_is_map(type, &key, &value)) {
        *ret_map = true;
        return full_map(w, key, value);
    }
    str_t full = full_type(w, type);
    const proto_named_t *t = proto_scope_type(w->scope, w->within, type);
    if (!t || !proto_is_entry(t->type))
        return full;
    const proto_field_t *k = proto_field_find(t->type, STR("key"));
    const proto_field_t *v = proto_field_find(t->type, STR("value"));
    if (!k || !v)
        return full;
    *ret_map = true;
    return full_map(w, k->type, v->type);
}

/* --- fields --- */

static proto_value_kind_t fallback_kind(str_t type)
{
    if (str_eq(type, STR("bool")))
        return PROTO_BOOLEAN;
    if (str_eq(type, STR("string")))
        return PROTO_STRING;
    return proto_is_scalar(type) ? PROTO_NUMBER : PROTO_WORD;
}

static void write_field(proto_writer_t *w, const proto_field_t *f)
{
    static const char *const labels[] = {"", "optional ", "required ", "repeated "};
    bool is_map;
    str_t type = field_type(w, f->type, &is_map);
    proto_write_z(w, is_map ? "" : labels[f->label]);
    proto_writef(w, STR_FMT " " STR_FMT " = %d", STR_ARG(type), STR_ARG(f->name), f->number);
    proto_options_t all = {.ptr = mem_alloc((f->options.n + 2) * sizeof *all.ptr)};
    if (f->options.n)
        memcpy(all.ptr, f->options.ptr, f->options.n * sizeof *all.ptr);
    all.n = f->options.n;
    if (f->has_fallback)
        all.ptr[all.n++] = (proto_option_t){
            .name = STR("default"), .value = {fallback_kind(f->type), f->fallback, NULL, 0}};
    if (f->has_json_name)
        all.ptr[all.n++] = (proto_option_t){.name = STR("json_name"),
                                            .value = {PROTO_STRING, f->json_name, NULL, 0}};
    proto_options_t kept = proto_write_filter(w, &all);
    proto_write_brackets(w, &kept);
    proto_write_z(w, ";\n");
    free(all.ptr);
}

static void write_fields(proto_writer_t *w, const proto_field_t *field, size_t n)
{
    if (!n)
        return;
    const void **p = ORDERED(w, field, n, by_number_proto_field_t);
    part(w);
    w->depth++;
    for (size_t i = 0; i < n; i++)
        write_field(w, p[i]);
    w->depth--;
    free(p);
}

static void write_group(proto_writer_t *w, const proto_group_t *g)
{
    static const char *const labels[] = {"", "optional ", "required ", "repeated "};
    proto_writef(w, "%sgroup " STR_FMT " = %d {", labels[g->label], STR_ARG(g->name), g->number);
    write_fields(w, g->field, g->n_fields);
    proto_write_z(w, "}\n");
}

static void write_groups(proto_writer_t *w, const proto_group_t *group, size_t n)
{
    if (!n)
        return;
    const void **p = ORDERED(w, group, n, by_number_proto_group_t);
    part(w);
    w->depth++;
    for (size_t i = 0; i < n; i++)
        write_group(w, p[i]);
    w->depth--;
    free(p);
}

static void write_options(proto_writer_t *w, const proto_options_t *o)
{
    proto_options_t kept = proto_write_filter(w, o);
    if (!kept.n)
        return;
    part(w);
    w->depth++;
    write_option_lines(w, &kept);
    w->depth--;
}

static int32_t first_number(const proto_oneof_t *o)
{
    int32_t first = INT32_MAX;
    for (size_t i = 0; i < o->n_fields; i++)
        if (o->field[i].number < first)
            first = o->field[i].number;
    return first;
}

static int by_first_number(const void *a, const void *b)
{
    const proto_oneof_t *x = *(const proto_oneof_t *const *)a,
                        *y = *(const proto_oneof_t *const *)b;
    int32_t i = first_number(x), k = first_number(y);
    int by = (i > k) - (i < k);
    return by ? by : (x > y) - (x < y);
}

static void write_oneofs(proto_writer_t *w, const proto_type_t *t)
{
    if (!t->n_oneofs)
        return;
    const void **p = ORDERED(w, t->oneof, t->n_oneofs, by_first_number);
    part(w);
    w->depth++;
    for (size_t i = 0; i < t->n_oneofs; i++) {
        const proto_oneof_t *o = p[i];
        if (w->scope && !o->n_fields)
            continue;
        proto_writef(w, "oneof " STR_FMT " {", STR_ARG(o->name));
        write_options(w, &o->options);
        write_fields(w, o->field, o->n_fields);
        write_groups(w, o->group, o->n_groups);
        proto_write_z(w, "}\n");
    }
    w->depth--;
    free(p);
}

/* --- ranges --- */

static void write_range(proto_writer_t *w, const proto_range_t *r)
{
    if (r->is_name)
        proto_writef(w, "\"" STR_FMT "\"", STR_ARG(r->name));
    else if (!r->is_range || (w->scope && r->first == r->last))
        proto_writef(w, "%d", r->first);
    else if (r->last >= PROTO_NUMBER_MAX)
        proto_writef(w, "%d to max", r->first);
    else
        proto_writef(w, "%d to %d", r->first, r->last);
}

typedef struct placed_range {
    proto_range_t range;
    const proto_options_t *options;
    size_t at;
} placed_range_t;

static int by_first(const void *a, const void *b)
{
    const placed_range_t *x = a, *y = b;
    int by = (x->range.is_name > y->range.is_name) - (x->range.is_name < y->range.is_name);
    if (!by && x->range.is_name)
        by = str_cmp(x->range.name, y->range.name);
    else if (!by)
        by = (x->range.first > y->range.first) - (x->range.first < y->range.first);
    return by ? by : (x->at > y->at) - (x->at < y->at);
}

static void write_ranges_end(proto_writer_t *w, const proto_options_t *o)
{
    proto_options_t kept = proto_write_filter(w, o);
    proto_write_brackets(w, &kept);
    proto_write_z(w, ";\n");
}

/* Normalized: a line for each range, by number, then the names. */
static void write_sorted_ranges(proto_writer_t *w, const char *word, const proto_ranges_t *list,
                                size_t n)
{
    size_t count = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        count += list[i].n;
    placed_range_t *all = mem_alloc((count + 1) * sizeof *all);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < list[i].n; k++, at++)
            all[at] = (placed_range_t){list[i].range[k], &list[i].options, at};
    qsort(all, count, sizeof *all, by_first);
    for (size_t i = 0; i < count; i++) {
        proto_write_z(w, word);
        write_range(w, &all[i].range);
        write_ranges_end(w, all[i].options);
    }
    free(all);
}

static void write_ranges(proto_writer_t *w, const char *word, const proto_ranges_t *list, size_t n)
{
    if (!n)
        return;
    part(w);
    w->depth++;
    for (size_t i = 0; i < n && !w->scope; i++) {
        proto_write_z(w, word);
        for (size_t k = 0; k < list[i].n; k++) {
            proto_write_z(w, k ? ", " : "");
            write_range(w, &list[i].range[k]);
        }
        write_ranges_end(w, &list[i].options);
    }
    if (w->scope)
        write_sorted_ranges(w, word, list, n);
    w->depth--;
}

/* --- extensions --- */

static void write_extend(proto_writer_t *w, str_t type, const proto_field_t *field, size_t n)
{
    proto_writef(w, "extend " STR_FMT " {", STR_ARG(type));
    write_fields(w, field, n);
    proto_write_z(w, "}\n");
}

/* Normalized: all fields of one message together, where its first stood. */
static void write_joined_extends(proto_writer_t *w, const proto_extend_t *e, size_t n)
{
    bool *done = mem_zalloc(n * sizeof *done);
    str_t *type = mem_alloc(n * sizeof *type);
    for (size_t i = 0; i < n; i++) {
        done[i] = !e[i].n_fields;
        if (!done[i])
            type[i] = full_type(w, e[i].type);
    }
    for (size_t i = 0; i < n; i++) {
        proto_field_t *all = NULL;
        size_t n_all = 0;
        for (size_t k = i; k < n && !done[i]; k++) {
            if (done[k] || !str_eq(type[k], type[i]))
                continue;
            all = mem_realloc(all, (n_all + e[k].n_fields) * sizeof *all);
            memcpy(all + n_all, e[k].field, e[k].n_fields * sizeof *all);
            n_all += e[k].n_fields;
            done[k] = k != i;
        }
        if (n_all)
            write_extend(w, type[i], all, n_all);
        free(all);
    }
    free(type);
    free(done);
}

static void write_extends(proto_writer_t *w, const proto_extend_t *e, size_t n, int depth)
{
    if (w->plain || !n)
        return;
    part(w);
    w->depth += depth;
    if (w->scope)
        write_joined_extends(w, e, n);
    else
        for (size_t i = 0; i < n; i++)
            write_extend(w, e[i].type, e[i].field, e[i].n_fields);
    w->depth -= depth;
}

/* --- types --- */

static void write_enum(proto_writer_t *w, const proto_type_t *t)
{
    proto_options_t kept = proto_write_filter(w, &t->options);
    const void **p = ORDERED(w, t->constant, t->n_constants, by_number_and_name);
    write_ranges(w, "reserved ", t->reserved, t->n_reserved);
    if (!t->n_reserved && (t->options.n || t->n_constants))
        part(w);
    w->depth++;
    write_option_lines(w, &kept);
    for (size_t i = 0; i < t->n_constants; i++) {
        const proto_constant_t *c = p[i];
        proto_options_t options = proto_write_filter(w, &c->options);
        proto_writef(w, STR_FMT " = %d", STR_ARG(c->name), c->number);
        proto_write_brackets(w, &options);
        proto_write_z(w, ";\n");
    }
    w->depth--;
    free(p);
}

static bool is_written(const proto_writer_t *w, const proto_type_t *t)
{
    return !w->scope || !proto_is_entry(t);
}

/* Messages, then enums. */
static void write_types(proto_writer_t *w, const proto_type_t *t, size_t n, int depth)
{
    size_t n_written = 0;
    for (size_t i = 0; i < n; i++)
        n_written += is_written(w, &t[i]);
    if (!n_written)
        return;
    part(w);
    w->depth += depth;
    for (int enums = 0; enums < 2; enums++)
        for (size_t i = 0; i < n; i++)
            if (t[i].is_enum == enums && is_written(w, &t[i]))
                write_type(w, &t[i]);
    w->depth -= depth;
}

static void write_type(proto_writer_t *w, const proto_type_t *t)
{
    str_t outside = w->within;
    if (w->scope)
        w->within = proto_join(w->arena, outside, t->name);
    proto_writef(w, "%s " STR_FMT " {", t->is_enum ? "enum" : "message", STR_ARG(t->name));
    if (t->is_enum) {
        write_enum(w, t);
    } else {
        write_ranges(w, "reserved ", t->reserved, t->n_reserved);
        write_options(w, &t->options);
        write_fields(w, t->field, t->n_fields);
        write_oneofs(w, t);
        write_groups(w, t->group, t->n_groups);
        write_ranges(w, "extensions ", t->extension, w->plain ? 0 : t->n_extensions);
        write_extends(w, t->extend, t->n_extends, 1);
        write_types(w, t->type, t->n_types, 1);
    }
    proto_write_z(w, "}\n");
    w->within = outside;
}

/* --- the file --- */

static void write_service(proto_writer_t *w, const proto_service_t *s)
{
    proto_writef(w, "service " STR_FMT " {", STR_ARG(s->name));
    write_options(w, &s->options);
    if (s->n_methods)
        part(w);
    w->depth++;
    for (size_t i = 0; i < s->n_methods; i++) {
        const proto_method_t *m = &s->method[i];
        str_t request = full_type(w, m->request), response = full_type(w, m->response);
        proto_options_t kept = proto_write_filter(w, &m->options);
        proto_writef(w, "rpc " STR_FMT " (%s" STR_FMT ") returns (%s" STR_FMT ")", STR_ARG(m->name),
                     m->streams_request ? "stream " : "", STR_ARG(request),
                     m->streams_response ? "stream " : "", STR_ARG(response));
        if (kept.n) {
            proto_write_z(w, " {\n");
            w->depth++;
            write_option_lines(w, &kept);
            w->depth--;
            proto_write_z(w, "}");
        }
        proto_write_z(w, ";\n");
    }
    w->depth--;
    proto_write_z(w, "}\n");
}

static void write_imports(proto_writer_t *w, const char *word, const str_t *name, size_t n)
{
    str_t *list = mem_alloc((n + 1) * sizeof *list);
    if (n)
        memcpy(list, name, n * sizeof *list);
    if (w->scope && n)
        qsort(list, n, sizeof *list, by_text);
    for (size_t i = 0; i < n; i++)
        if (!w->scope || !i || !str_eq(list[i], list[i - 1]))
            proto_writef(w, "%s \"" STR_FMT "\";\n", word, STR_ARG(list[i]));
    free(list);
}

static void write_file(proto_writer_t *w, const proto_file_t *f)
{
    w->within = f->package;
    if (f->syntax == PROTO_3 || (f->syntax == PROTO_2 && !w->scope))
        proto_writef(w, "syntax = \"%s\";\n", f->syntax == PROTO_3 ? "proto3" : "proto2");
    if (f->package.len)
        proto_writef(w, "package " STR_FMT ";\n", STR_ARG(f->package));
    if (f->n_imports + f->n_public_imports)
        part(w);
    write_imports(w, "import", f->import, f->n_imports);
    write_imports(w, "import public", f->public_import, f->n_public_imports);
    proto_options_t kept = proto_write_filter(w, &f->options);
    if (kept.n)
        part(w);
    write_option_lines(w, &kept);
    write_types(w, f->type, f->n_types, 0);
    write_extends(w, f->extend, f->n_extends, 0);
    if (f->n_services)
        part(w);
    for (size_t i = 0; i < f->n_services; i++)
        write_service(w, &f->service[i]);
}

void proto_text_put(buf_t *b, const proto_file_t *f)
{
    write_file(&(proto_writer_t){.b = b}, f);
}

void proto_text_put_plain(buf_t *b, const proto_file_t *f)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    write_file(&(proto_writer_t){.b = b, .arena = &a, .plain = true}, f);
    arena_done(&a);
}

st_t proto_text_put_normalized(buf_t *b, const proto_file_t *f, proto_scope_t *s, err_t *err)
{
    proto_writer_t w = {.b = b, .arena = s->arena, .scope = s, .err = err};
    write_file(&w, f);
    return w.st;
}
