/* JSON Schemas: the kept text is its own kept text, and any two can be compared. Two schemas in one
 * input are parted by a zero byte; the second is also a reference of the first, named "r". */
#include "registry/json_diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(arena_t *a, const json_value_t *v, const kind_input_t *in, bool sorted)
{
    const json_value_t *again;
    const jschema_t *s;
    buf_t b = BUF_INIT, c = BUF_INIT;
    jschema_put_text(&b, v, sorted);
    kind_input_t input = *in;
    input.text = buf_str(&b);
    st_t st = jschema_parse(a, &input, &again, &s, NULL);
    ASSERT(st == ST_OK);
    jschema_put_text(&c, again, sorted);
    ASSERT(str_eq(buf_str(&b), buf_str(&c)));
    buf_done(&b);
    buf_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_t a;
    str_t all = str_n(size ? (const char *)data : "", size), first = all, second = all;
    const json_value_t *v, *w;
    const jschema_t *s, *t;
    jschema_differences_t found;
    ptrdiff_t zero = str_find_char(all, 0);
    if (zero >= 0) {
        first = str_sub(all, 0, (size_t)zero);
        second = str_sub(all, (size_t)zero + 1, all.len);
    }
    arena_init(&a, ARENA_NO_LIMIT);
    kind_ref_t ref = {STR("r"), second};
    kind_input_t in = {.text = first, .ref = &ref, .n_refs = zero >= 0 ? 1 : 0};
    if (jschema_parse(&a, &in, &v, &s, NULL) == ST_OK) {
        check_text(&a, v, &in, false);
        check_text(&a, v, &in, true);
        if (jschema_parse(&a, &(kind_input_t){.text = second}, &w, &t, NULL) != ST_OK)
            t = s;
        jschema_diff(&a, s, t, JSCHEMA_DIFF_ALL, &found);
        VEC_DONE(&found.list);
        jschema_diff(&a, t, s, JSCHEMA_DIFF_LENIENT, &found);
        VEC_DONE(&found.list);
    }
    arena_done(&a);
    return 0;
}
