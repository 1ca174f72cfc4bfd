#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "format/proto_parse.c"
#include "format/proto_text.h"

#define THREE "syntax = \"proto3\"; "

/* NULL: can be read; else a part of the message. */
static void case_is(const char *text, const char *why)
{
    arena_t a;
    const proto_file_t *f;
    err_t err = {.msg = ""};
    arena_init(&a, ARENA_NO_LIMIT);
    st_t st = proto_file_read(&a, str_of(text), &f, &err);
    if (!why)
        assert_string_equal(st == ST_OK ? "" : err.msg, "");
    else if (st == ST_OK || !strstr(err.msg, why))
        assert_string_equal(st == ST_OK ? "valid" : err.msg, why);
    arena_done(&a);
}

static void syntax(void **state)
{
    (void)state;
    case_is("", NULL);
    case_is(THREE "message M { string a = 1; /* x */ string b = 2; } // end", NULL);
    case_is(THREE "message M { .a . b.C c = 0x1F; };;", NULL);
    case_is("message M { optional group G = 1 { optional int32 a = 1; } map<int32, M> m = 2; }",
            NULL);
    case_is(THREE "message M { string a = 1; string b = 1; }", NULL);
    case_is(THREE "message M { string optional = 1; int32 message = 2; }", NULL);
    case_is(THREE
            "extend M { int32 a = 1 [(x).y = {a: 1 b { c: \"d\" 'e' } d: [1, 2],}, z = -inf]; }",
            NULL);
    case_is(THREE "import weak \"a\"; package a.b; service S { option x = 1; rpc R (stream a.B) "
                  "returns (C) { option y = 2; }; }",
            NULL);
    case_is("CgdtLnByb3RvIgwKAU0SBwoBYRgBIAEoBWIGcHJvdG8z", NULL);

    case_is("mess", "Could not parse Protobuf - Syntax error in :1:5: unexpected label: mess");
    case_is("message M {", "unexpected end of file");
    case_is("message M { string a = 1; }", "unexpected label: string");
    case_is(THREE "message M { required string a = 1; }", "'required' label forbidden");
    case_is(THREE "message M { repeated map<string, string> a = 1; }",
            "'map' type cannot have label");
    case_is(THREE "message M { string a; }", "expected '='");
    case_is(THREE "message M { string a = x; }", "expected an integer but was x");
    case_is(THREE "message M { string a = 99999999999; }", "expected an integer");
    case_is(THREE "message M { string a = 1 }", "expected ';'");
    case_is(THREE "message M { string 1a = 1; }", "cannot start with a digit");
    case_is(THREE "message M {} message M {}", "M is already defined");
    case_is(THREE "enum E { A = 0 B = 1; }", "expected ';'");
    case_is("message M {} syntax = \"proto3\";", "must be the first declaration");
    case_is("syntax = \"proto4\";", "unexpected syntax: proto4");
    case_is("edition = \"2023\";", "edition is not currently supported");
    case_is("import x;", "expected quoted string");
    case_is("option a = \"b;", "unterminated string");
    case_is("/* a", "unterminated comment");
    case_is("AAAA", "Could not parse Protobuf");
}

static void deep(void **state)
{
    buf_t b = BUF_INIT;
    (void)state;
    for (int i = 0; i < 200; i++)
        BUF_LIT(&b, "message M {");
    buf_put_char(&b, 0);
    case_is(b.ptr, "nested deeper");
    buf_clear(&b);
    BUF_LIT(&b, "option a = ");
    for (int i = 0; i < 100000; i++)
        buf_put_char(&b, '[');
    buf_put_char(&b, 0);
    case_is(b.ptr, "nested deeper");
    buf_clear(&b);
    BUF_LIT(&b, "option (a)");
    for (int i = 0; i < 100000; i++)
        BUF_LIT(&b, ".a");
    buf_put_char(&b, 0);
    case_is(b.ptr, "nested deeper");
    buf_clear(&b);
    BUF_LIT(&b, THREE "message M { ");
    for (int i = 0; i < 100000; i++)
        BUF_LIT(&b, "map<a,");
    buf_put_char(&b, 0);
    case_is(b.ptr, "nested deeper");
    buf_done(&b);
}

typedef enum form { STORED, PLAIN, NORMAL } form_t;

static void text_is(const char *in, form_t form, const char *want)
{
    arena_t a;
    const proto_file_t *f;
    proto_scope_t s;
    buf_t b = BUF_INIT;
    arena_init(&a, ARENA_NO_LIMIT);
    assert_int_equal(proto_file_read(&a, str_of(in), &f, NULL), ST_OK);
    proto_scope_init(&s, &a);
    proto_scope_own(&s, f);
    if (form == STORED)
        proto_text_put(&b, f);
    else if (form == PLAIN)
        proto_text_put_plain(&b, f);
    else
        assert_int_equal(proto_text_put_normalized(&b, f, &s, NULL), ST_OK);
    buf_put_char(&b, 0);
    assert_string_equal(b.ptr, want);
    buf_done(&b);
    proto_scope_done(&s);
    arena_done(&a);
}

static const char *const example =
    "syntax = \"proto3\"; package p; import \"google/protobuf/duration.proto\"; option "
    "java_package = 'x';"
    "message M { reserved 9, 7 to 8; reserved 'z'; N n = 2; string s = 1 [json_name = \"S\", "
    "deprecated = true];"
    "oneof o { N.O p = 4; google.protobuf.Duration d = 3; } map<string, N> m = 5; }"
    "enum E { B = 1; A = 0 [(x) = 1]; }"
    "message N { message O { } int32 a = 1 [(x).y = 0x10]; }"
    "service S { rpc R (M) returns (stream N); }";

static void texts(void **state)
{
    (void)state;
    text_is(example, STORED,
            "syntax = \"proto3\";\npackage p;\n\nimport \"google/protobuf/duration.proto\";\n\n"
            "option java_package = \"x\";\n\n"
            "message M {\n  reserved 9, 7 to 8;\n  reserved \"z\";\n\n  N n = 2;\n"
            "  string s = 1 [\n    deprecated = true,\n    json_name = \"S\"\n  ];\n  map<string, "
            "N> m = 5;\n\n"
            "  oneof o {\n    N.O p = 4;\n    google.protobuf.Duration d = 3;\n  }\n}\n"
            "message N {\n  int32 a = 1 [(x).y = 0x10];\n\n  message O {}\n}\n"
            "enum E {\n  B = 1;\n  A = 0 [(x) = 1];\n}\n\n"
            "service S {\n  rpc R (M) returns (stream N);\n}\n");
    text_is(example, NORMAL,
            "syntax = \"proto3\";\npackage p;\n\nimport \"google/protobuf/duration.proto\";\n\n"
            "option java_package = \"x\";\n\n"
            "message M {\n  reserved 7 to 8;\n  reserved 9;\n  reserved \"z\";\n\n"
            "  string s = 1 [\n    deprecated = true,\n    json_name = \"S\"\n  ];\n  .p.N n = 2;\n"
            "  map<string, .p.N> m = 5;\n\n"
            "  oneof o {\n    .google.protobuf.Duration d = 3;\n    .p.N.O p = 4;\n  }\n}\n"
            "message N {\n  int32 a = 1 [(x).y = 16];\n\n  message O {}\n}\n"
            "enum E {\n  A = 0 [(x) = 1];\n  B = 1;\n}\n\n"
            "service S {\n  rpc R (.p.M) returns (stream .p.N);\n}\n");
    text_is("message M { optional int32 a = 1 [(x) = 1, default = 2]; } extend M { optional int32 "
            "b = 2; }",
            PLAIN, "\nmessage M {\n  optional int32 a = 1 [default = 2];\n}\n");
    text_is("CgdtLnByb3RvIgwKAU0SBwoBYRgBIAEoBWIGcHJvdG8z", STORED,
            "syntax = \"proto3\";\n\nmessage M {\n  double a = 1;\n}\n");
}

static void names(void **state)
{
    arena_t a;
    const proto_file_t *f;
    proto_scope_t s;
    buf_t b = BUF_INIT;
    err_t err = {.msg = ""};
    (void)state;
    arena_init(&a, ARENA_NO_LIMIT);
    assert_int_equal(
        proto_file_read(&a, STR(THREE "package p; message M { Other o = 1; }"), &f, NULL), ST_OK);
    proto_scope_init(&s, &a);
    proto_scope_own(&s, f);
    assert_int_equal(proto_text_put_normalized(&b, f, &s, &err), ST_BAD_INPUT);
    assert_string_equal(err.msg, "Could not resolve type: Other");
    assert_non_null(proto_scope_type(&s, STR("p.M"), STR("google.type.Money")));
    assert_non_null(proto_scope_type(&s, STR("p.M"), STR("M")));
    assert_null(proto_scope_type(&s, STR("p.M"), STR(".M")));
    proto_scope_done(&s);
    buf_done(&b);
    arena_done(&a);
}

/* What is written as a descriptor is read back as the same text. */
static void descriptors(void **state)
{
    arena_t a;
    const proto_file_t *f, *again;
    proto_scope_t s;
    buf_t b = BUF_INIT, x = BUF_INIT, y = BUF_INIT;
    (void)state;
    arena_init(&a, ARENA_NO_LIMIT);
    const char *text =
        "syntax = \"proto3\"; package p; import public \"a\"; import \"b\"; option optimize_for = "
        "SPEED;"
        "message M { reserved 7 to 8; reserved \"z\"; optional N n = 2; repeated int32 r = 9 "
        "[packed = false];"
        "message N { enum I { X = 0; } extend M { string e = 100 [json_name = \"E\"]; } } }"
        "enum E { option allow_alias = true; reserved 5; A = 0 [deprecated = true, "
        "(confluent.enum_value_meta) = {doc: 'd', params: [{key: 'k', value: 'v'}], tags: ['PII', "
        "'x']}]; B = 0; }"
        "service S { rpc R (M) returns (stream M.N) { option idempotency_level = IDEMPOTENT; } }";
    assert_int_equal(proto_file_parse(&a, str_of(text), &f, NULL), ST_OK);
    proto_scope_init(&s, &a);
    proto_scope_own(&s, f);
    proto_descriptor_put(&b, f, &s);
    assert_int_equal(proto_file_decode(&a, buf_str(&b), &again, NULL), ST_OK);
    proto_text_put(&x, f);
    proto_text_put(&y, again);
    buf_put_char(&x, 0);
    buf_put_char(&y, 0);
    assert_string_equal(y.ptr, x.ptr);
    proto_scope_done(&s);
    buf_done(&b);
    buf_done(&x);
    buf_done(&y);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(syntax), cmocka_unit_test(deep),
                                       cmocka_unit_test(texts), cmocka_unit_test(names),
                                       cmocka_unit_test(descriptors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
