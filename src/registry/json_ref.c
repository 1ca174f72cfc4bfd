#include "registry/json_ref.h"

#define ANCHORS_MAX 100000

/* Drafts by the URL of their meta-schema, without http: or https: and without the # at the end. */
static const struct {
    const char *url;
    jschema_draft_t draft;
} drafts[] = {
    {"//json-schema.org/draft-04/schema", JSCHEMA_4},
    {"//json-schema.org/schema", JSCHEMA_4},
    {"//json-schema.org/draft-06/schema", JSCHEMA_6},
    {"//json-schema.org/draft-07/schema", JSCHEMA_7},
    {"//json-schema.org/draft/2019-09/schema", JSCHEMA_MODERN},
    {"//json-schema.org/draft/2020-12/schema", JSCHEMA_MODERN},
};

static bool draft_of(str_t url, jschema_draft_t *ret)
{
    if (str_ends(url, STR("#")))
        url.len--;
    if (str_starts(url, STR("http:")))
        url = str_sub(url, 5, url.len);
    else if (str_starts(url, STR("https:")))
        url = str_sub(url, 6, url.len);
    for (size_t i = 0; i < sizeof drafts / sizeof *drafts; i++)
        if (str_eq(url, str_of(drafts[i].url))) {
            *ret = drafts[i].draft;
            return true;
        }
    return false;
}

/* The length of "scheme:" at the front of a URI; 0 when it is relative. */
static size_t scheme_len(str_t uri)
{
    for (size_t i = 0; i < uri.len; i++) {
        char c = str_lower_char(uri.ptr[i]);
        if (c == ':')
            return i ? i + 1 : 0;
        bool digit = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!(c >= 'a' && c <= 'z') && !(i && digit))
            return 0;
    }
    return 0;
}

/* Where the path of a URI begins: behind scheme and authority. */
static size_t path_at(str_t uri)
{
    size_t at = scheme_len(uri);
    if (uri.len - at < 2 || uri.ptr[at] != '/' || uri.ptr[at + 1] != '/')
        return at;
    ptrdiff_t slash = str_find_char(str_sub(uri, at + 2, uri.len), '/');
    return slash < 0 ? uri.len : at + 2 + (size_t)slash;
}

/* Takes "./" and "x/../" out of a path. */
static str_t without_dots(arena_t *a, str_t uri, size_t path)
{
    char *out = arena_alloc(a, uri.len + 1);
    size_t n = path, at = path;
    memcpy(out, uri.ptr, path);
    while (at < uri.len) {
        ptrdiff_t slash = str_find_char(str_sub(uri, at, uri.len), '/');
        str_t step = str_sub(uri, at, slash < 0 ? uri.len - at : (size_t)slash + 1);
        at += step.len;
        if (str_eq(step, STR("./")) || str_eq(step, STR(".")))
            continue;
        if (str_eq(step, STR("../")) || str_eq(step, STR(".."))) {
            n -= n > path + 1;
            while (n > path && out[n - 1] != '/')
                n--;
            continue;
        }
        memcpy(out + n, step.ptr, step.len);
        n += step.len;
    }
    return str_n(out, n);
}

/* RFC 3986's reference resolution, as far as schemas' URIs use it. */
static str_t resolve(arena_t *a, str_t base, str_t ref)
{
    if (scheme_len(ref) || !base.len)
        return ref;
    if (!ref.len)
        return base;
    if (ref.ptr[0] == '#')
        return arena_printf(a, STR_FMT STR_FMT, STR_ARG(base), STR_ARG(ref));
    size_t path = path_at(base);
    str_t head = str_sub(base, 0, path);
    if (ref.ptr[0] != '/') {
        size_t n = base.len;
        while (n > path && base.ptr[n - 1] != '/')
            n--;
        head = str_sub(base, 0, n);
        if (n == path && path > scheme_len(base))
            head = arena_printf(a, STR_FMT "/", STR_ARG(head));
    }
    return without_dots(a, arena_printf(a, STR_FMT STR_FMT, STR_ARG(head), STR_ARG(ref)), path);
}

static str_t without_fragment(str_t uri)
{
    ptrdiff_t hash = str_find_char(uri, '#');
    return hash < 0 ? uri : str_sub(uri, 0, (size_t)hash);
}

static const char *id_word(const jschema_docs_t *d, size_t doc)
{
    return d->docs.ptr[doc].draft == JSCHEMA_4 ? "id" : "$id";
}

str_t jschema_docs_base(const jschema_docs_t *d, size_t doc, const json_value_t *v, str_t base)
{
    str_t id = json_get_text(v, id_word(d, doc), STR(""));
    if (!id.len || id.ptr[0] == '#')
        return base;
    return without_fragment(resolve(d->arena, base, id));
}

static void add_anchor(jschema_docs_t *d, str_t uri, const json_value_t *v, size_t doc)
{
    if (str_ends(uri, STR("#")))
        uri.len--;
    if (map_get(&d->anchors, uri))
        return;
    jschema_anchor_t *anchor = ARENA_NEW(d->arena, jschema_anchor_t);
    *anchor = (jschema_anchor_t){v, doc};
    map_put(&d->anchors, uri, anchor);
}

/* Collects what can be found by a URI. Values that are data, not schemas, are left out. */
static ST collect(jschema_docs_t *d, size_t doc, const json_value_t *v, str_t base, err_t *err)
{
    if (d->anchors.len >= ANCHORS_MAX || arena_over(d->arena))
        return err_set(err, ST_TOO_LARGE, "The schema has too many $id");
    if (v->kind == JSON_OBJECT) {
        str_t id = json_get_text(v, id_word(d, doc), STR(""));
        base = jschema_docs_base(d, doc, v, base);
        if (id.len) {
            add_anchor(d, resolve(d->arena, base, id), v, doc);
            add_anchor(d, id, v, doc);
        }
        static const char *const words[] = {"$anchor", "$dynamicAnchor"};
        for (size_t i = 0; i < 2; i++) {
            str_t name = json_get_text(v, words[i], STR(""));
            if (name.len)
                add_anchor(
                    d, arena_printf(d->arena, STR_FMT "#" STR_FMT, STR_ARG(base), STR_ARG(name)), v,
                    doc);
        }
    }
    if (v->kind == JSON_OBJECT || v->kind == JSON_ARRAY)
        for (size_t i = 0; i < v->n; i++) {
            bool data = v->kind == JSON_OBJECT &&
                        (str_eq(v->name[i], STR("enum")) || str_eq(v->name[i], STR("const")));
            if (!data)
                TRY(collect(d, doc, &v->item[i], base, err));
        }
    return ST_OK;
}

/* Behind the value there may be anything, as with the reader that Confluent's registry uses. */
static ST read_json(arena_t *a, str_t text, const json_value_t **ret, err_t *err)
{
    json_value_t *v = ARENA_NEW(a, json_value_t);
    const char *p = text.ptr;
    if (!str_trim(text).len)
        return err_set(err, ST_BAD_INPUT, "Invalid JSON schema: it is empty");
    st_t st = json_read(a, &p, text.ptr + text.len, 0, v, err);
    if (st != ST_OK)
        return err_wrap(err, st, "Invalid JSON schema");
    *ret = v;
    return ST_OK;
}

static ST open_doc(jschema_docs_t *d, str_t name, str_t text, jschema_draft_t draft, err_t *err)
{
    jschema_doc_t doc = {.name = name, .base = name, .draft = draft};
    TRY(read_json(d->arena, text, &doc.json, err));
    const json_value_t *v = doc.json, *draft_url = json_get(v, "$schema");
    if (v->kind != JSON_OBJECT && v->kind != JSON_BOOL)
        return err_set(err, ST_BAD_INPUT,
                       "Invalid JSON schema: expected an object or boolean at the root");
    if (draft_url && draft_url->kind != JSON_STRING)
        return err_set(err, ST_BAD_INPUT, "Invalid JSON: $schema must be a string");
    if (draft_url)
        (void)draft_of(draft_url->text, &doc.draft);
    VEC_PUSH(&d->docs, doc);
    size_t at = d->docs.len - 1;
    d->docs.ptr[at].base = jschema_docs_base(d, at, v, name);
    return collect(d, at, v, name, err);
}

st_t jschema_docs_open(jschema_docs_t *d, arena_t *a, const kind_input_t *in, err_t *err)
{
    *d = (jschema_docs_t){.arena = a};
    map_init(&d->anchors);
    TRY(open_doc(d, STR(""), in->text, JSCHEMA_7, err));
    for (size_t i = 0; i < in->n_refs; i++)
        TRY(open_doc(d, in->ref[i].name, in->ref[i].text, d->docs.ptr[0].draft, err));
    return ST_OK;
}

void jschema_docs_done(jschema_docs_t *d)
{
    VEC_DONE(&d->docs);
    map_done(&d->anchors, NULL);
}

/* A step of a JSON pointer without its %xx, ~1 and ~0. */
static str_t unescape(arena_t *a, str_t s)
{
    char *out = arena_alloc(a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        int hi = i + 2 < s.len ? str_hex_digit(s.ptr[i + 1]) : -1;
        int lo = hi >= 0 ? str_hex_digit(s.ptr[i + 2]) : -1;
        if (c == '%' && lo >= 0) {
            c = (char)(hi * 16 + lo);
            i += 2;
        }
        if (n && out[n - 1] == '~' && (c == '0' || c == '1'))
            out[n - 1] = c == '0' ? '~' : '/';
        else
            out[n++] = c;
    }
    return str_n(out, n);
}

/* Follows a JSON pointer. At the root $defs and definitions are one place. */
static const json_value_t *follow(arena_t *a, const json_value_t *root, str_t pointer)
{
    const json_value_t *v = root;
    str_t step;
    while (v && str_split(&pointer, '/', &step)) {
        step = unescape(a, step);
        int64_t i;
        if (v->kind == JSON_OBJECT) {
            const json_value_t *next = json_get_str(v, step);
            if (!next && v == root && str_eq(step, STR("$defs")))
                next = json_get(v, "definitions");
            v = next;
        } else if (v->kind == JSON_ARRAY && str_to_i64(step, &i) && i >= 0 && (size_t)i < v->n) {
            v = &v->item[i];
        } else {
            v = NULL;
        }
    }
    return v;
}

static const jschema_anchor_t *anchor_at(const jschema_docs_t *d, str_t uri)
{
    if (str_ends(uri, STR("#")))
        uri.len--;
    return map_get(&d->anchors, uri);
}

/* The document or inner schema that a URI without fragment names. */
static const json_value_t *document(const jschema_docs_t *d, size_t from, str_t base, str_t uri,
                                    size_t *doc)
{
    str_t full = resolve(d->arena, base, uri);
    *doc = from;
    if (!uri.len || str_eq(full, d->docs.ptr[from].base))
        return d->docs.ptr[from].json;
    for (size_t i = 1; i < d->docs.len; i++) {
        str_t name = d->docs.ptr[i].name;
        str_t of_root = resolve(d->arena, d->docs.ptr[0].base, name);
        *doc = i;
        if (str_eq(name, uri) || str_eq(name, full) || str_eq(of_root, full) ||
            (str_starts(uri, STR("./")) && str_eq(name, str_sub(uri, 2, uri.len))))
            return d->docs.ptr[i].json;
    }
    const jschema_anchor_t *anchor = anchor_at(d, full);
    if (!anchor)
        return NULL;
    *doc = anchor->doc;
    return anchor->json;
}

static ST nowhere(str_t ref, err_t *err)
{
    return err_set(err, ST_BAD_INPUT, "Invalid JSON: the $ref '" STR_FMT "' leads nowhere",
                   STR_ARG(ref));
}

st_t jschema_docs_find(const jschema_docs_t *d, size_t from, str_t base, str_t ref,
                       const json_value_t **ret, size_t *ret_doc, err_t *err)
{
    jschema_draft_t draft;
    str_t uri = without_fragment(ref), fragment = str_sub(ref, uri.len, ref.len);
    const jschema_anchor_t *anchor = anchor_at(d, resolve(d->arena, base, ref));
    if (arena_over(d->arena))
        return err_set(err, ST_TOO_LARGE, "The schema has too many $ref");
    if (anchor && ref.len) {
        *ret = anchor->json;
        *ret_doc = anchor->doc;
        return ST_OK;
    }
    size_t doc;
    const json_value_t *root = document(d, from, base, uri, &doc);
    if (!root && draft_of(uri, &draft)) {
        *ret = NULL;
        *ret_doc = from;
        return ST_OK;
    }
    if (fragment.len)
        fragment = str_sub(fragment, 1, fragment.len);
    if (root && fragment.len) {
        if (fragment.ptr[0] != '/')
            return nowhere(ref, err);
        root = follow(d->arena, root, str_sub(fragment, 1, fragment.len));
    }
    if (!root)
        return nowhere(ref, err);
    *ret = root;
    *ret_doc = doc;
    return ST_OK;
}
