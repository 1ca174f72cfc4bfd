/* .proto files: the kept text and the normalized text are their own, a descriptor never breaks what
 * reads it, and any two files can be compared. Two files in one input are parted by a zero byte;
 * the second is also a reference of the first, named "r". */
#include "format/proto_text.h"
#include "registry/proto_diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(arena_t *a, const proto_file_t *f)
{
    const proto_file_t *again;
    buf_t b = BUF_INIT, c = BUF_INIT;
    proto_text_put(&b, f);
    st_t st = proto_file_parse(a, buf_str(&b), &again, NULL);
    if (b.len <= PROTO_TEXT_MAX) {
        ASSERT(st == ST_OK);
        proto_text_put(&c, again);
        ASSERT(str_eq(buf_str(&b), buf_str(&c)));
    }
    buf_clear(&c);
    proto_text_put_plain(&c, f);
    buf_done(&b);
    buf_done(&c);
}

static void check_names(arena_t *a, const proto_file_t *f, proto_scope_t *s)
{
    buf_t b = BUF_INIT, c = BUF_INIT;
    const proto_file_t *again;
    if (proto_text_put_normalized(&b, f, s, NULL) == ST_OK && b.len <= PROTO_TEXT_MAX) {
        st_t st = proto_file_parse(a, buf_str(&b), &again, NULL);
        (void)!st;
    }
    proto_descriptor_put(&c, f, s);
    (void)!proto_file_decode(a, buf_str(&c), &again, NULL);
    buf_done(&b);
    buf_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_t a;
    str_t all = str_n(size ? (const char *)data : "", size), first = all, second = STR("");
    const proto_file_t *f, *g;
    proto_scope_t s, t;
    proto_differences_t found;
    ptrdiff_t zero = str_find_char(all, 0);
    if (zero >= 0) {
        first = str_sub(all, 0, (size_t)zero);
        second = str_sub(all, (size_t)zero + 1, all.len);
    }
    arena_init(&a, ARENA_NO_LIMIT);
    (void)!proto_file_decode(&a, all, &f, NULL);
    if (proto_file_read(&a, first, &f, NULL) == ST_OK) {
        if (proto_file_read(&a, second, &g, NULL) != ST_OK)
            g = f;
        proto_scope_init(&s, &a);
        proto_scope_init(&t, &a);
        proto_scope_add(&s, STR("r"), g);
        proto_scope_own(&s, f);
        proto_scope_own(&t, g);
        check_text(&a, f);
        check_names(&a, f, &s);
        proto_diff(&a, (proto_side_t){f, &s}, (proto_side_t){g, &t}, &found);
        VEC_DONE(&found.list);
        proto_scope_done(&s);
        proto_scope_done(&t);
    }
    arena_done(&a);
    return 0;
}
