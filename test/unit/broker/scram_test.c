/* SCRAM: the examples of RFC 7677 and of RFC 5802's kind, and what must be refused. */
#include "broker/scram.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* RFC 7677, 3. Its server's nonce is given whole, so chance is put in its place by hand. */
static void rfc_7677(void **state)
{
    (void)state;
    scram_server_t s = {0};
    scram_credential_t c;
    uint8_t salt[64];
    size_t n = 0;
    buf_t out = BUF_INIT;
    assert_true(read_base64(STR("W22ZaJ0SNY7soEsUEjb6gQ=="), salt, sizeof salt, &n));
    scram_derive(SCRAM_SHA_256, STR("pencil"), str_n(salt, n), 4096, &c);
    assert_int_equal(ST_OK, scram_server_first(&s, STR("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"), NULL));
    assert_true(str_eq(STR("user"), buf_str(&s.user)));
    s.credential = c;
    buf_put_str(&s.nonce, STR("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"));
    buf_put_str(&s.first, STR(",r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                              "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
    assert_int_equal(
        ST_OK, scram_server_final(&s,
                                  STR("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
                                  &out, NULL));
    assert_true(str_eq(STR("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), buf_str(&out)));
    buf_done(&out);
    scram_server_done(&s);
}

/* A client as RFC 5802 describes it, for either hash; `before` its last nonce, which should be
 * nothing. */
static st_t exchange(scram_hash_t hash, const char *password, const char *tried, str_t first,
                     str_t binding, str_t before)
{
    scram_server_t s = {0};
    scram_credential_t c;
    uint8_t chance[SCRAM_NONCE_BYTES] = {1, 2, 3};
    buf_t challenge = BUF_INIT, final = BUF_INIT, auth = BUF_INIT, out = BUF_INIT;
    size_t k = scram_key_bytes(hash);
    scram_derive(hash, str_of(password), STR("salt"), 4096, &c);
    assert_int_equal(ST_OK, scram_server_first(&s, first, NULL));
    scram_server_challenge(&s, &c, chance, &challenge);
    str_t rest = buf_str(&challenge), nonce;
    assert_true(take_attribute(&rest, 'r', &nonce));
    scram_key_t salted, stored, proof, client;
    PKCS5_PBKDF2_HMAC(tried, -1, (const unsigned char *)"salt", 4, 4096, md_of(hash), (int)k,
                      salted.byte);
    client = hmac(hash, salted.byte, STR("Client Key"));
    stored = digest(hash, client.byte, k);
    buf_printf(&final, "c=" STR_FMT ",r=" STR_FMT STR_FMT, STR_ARG(binding), STR_ARG(before),
               STR_ARG(nonce));
    buf_printf(&auth, STR_FMT "," STR_FMT "," STR_FMT, STR_ARG(str_sub(first, 3, first.len)),
               STR_ARG(buf_str(&challenge)), STR_ARG(buf_str(&final)));
    proof = hmac(hash, stored.byte, buf_str(&auth));
    for (size_t i = 0; i < k; i++)
        proof.byte[i] ^= client.byte[i];
    BUF_LIT(&final, ",p=");
    put_base64(&final, proof.byte, k);
    st_t st = scram_server_final(&s, buf_str(&final), &out, NULL);
    if (st == ST_OK) {
        uint8_t theirs[SCRAM_KEY_MAX];
        size_t n;
        scram_key_t server = hmac(hash, salted.byte, STR("Server Key"));
        scram_key_t ours = hmac(hash, server.byte, buf_str(&auth));
        assert_true(read_base64(str_sub(buf_str(&out), 2, out.len), theirs, sizeof theirs, &n));
        assert_int_equal(k, n);
        assert_memory_equal(ours.byte, theirs, k);
    }
    buf_done(&challenge);
    buf_done(&final);
    buf_done(&auth);
    buf_done(&out);
    scram_server_done(&s);
    return st;
}

static void both_hashes(void **state)
{
    (void)state;
    str_t first = STR("n,,n=a=2Cb=3D,r=xyz"), binding = STR("biws");
    for (int hash = SCRAM_SHA_256; hash <= SCRAM_SHA_512; hash++) {
        scram_hash_t h = (scram_hash_t)hash;
        assert_int_equal(ST_OK, exchange(h, "pencil", "pencil", first, binding, STR("")));
        assert_int_equal(ST_DENIED, exchange(h, "pencil", "pencils", first, binding, STR("")));
        assert_int_equal(ST_BAD_INPUT,
                         exchange(h, "pencil", "pencil", first, STR("eSws"), STR("")));
        assert_int_equal(ST_OK, exchange(h, "pencil", "pencil", first, binding, STR("xyz")));
        assert_int_equal(ST_BAD_INPUT, exchange(h, "pencil", "pencil", first, binding, STR("xy")));
        assert_int_equal(ST_BAD_INPUT,
                         exchange(h, "pencil", "pencil", first, binding, STR("xyzx")));
    }
}

static void malformed_first_messages(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "n",
                                      "n,",
                                      "n,,",
                                      "n,,r=x,n=u",
                                      "n,,n=u",
                                      "n,,n=u,r=",
                                      "n,,n=,r=x",
                                      "p=tls,,n=u,r=x",
                                      "n,a=other,n=u,r=x",
                                      "n,,n=u=2,r=x",
                                      "n,,n=u=2c,r=x",
                                      "x,,n=u,r=x",
                                      ",,n=u,r=x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        scram_server_t s = {0};
        err_t err;
        assert_int_equal(ST_BAD_INPUT, scram_server_first(&s, str_of(bad[i]), &err));
        scram_server_done(&s);
    }
    scram_server_t s = {0};
    assert_int_equal(ST_OK, scram_server_first(&s, STR("y,a=u,n=u,r=x,tokenauth=false"), NULL));
    scram_server_done(&s);
}

static void malformed_final_messages(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "c=biws",
        "c=biws,r=x",
        "c=biws,r=x,p=",
        "c=biws,r=x,p=%%%%",
        "c=biws,r=y,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "c=biws,r=x,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7An",
        "c=biws,r=x,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=,z=",
        "r=x,c=biws,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        scram_server_t s = {0};
        buf_t out = BUF_INIT;
        s.credential.hash = SCRAM_SHA_256;
        buf_put_str(&s.gs2, STR("n,,"));
        buf_put_str(&s.nonce, STR("x"));
        assert_int_equal(ST_BAD_INPUT, scram_server_final(&s, str_of(bad[i]), &out, NULL));
        buf_done(&out);
        scram_server_done(&s);
    }
}

static void credentials_as_text(void **state)
{
    (void)state;
    scram_credential_t c, again;
    buf_t b = BUF_INIT;
    scram_derive(SCRAM_SHA_512, STR("secret"), STR("0123456789abcdef"), 8192, &c);
    scram_credential_put(&b, &c);
    assert_true(str_starts(buf_str(&b), STR("salt=MDEyMzQ1Njc4OWFiY2RlZg==,stored_key=")));
    assert_true(str_ends(buf_str(&b), STR(",iterations=8192")));
    assert_int_equal(ST_OK, scram_credential_read(SCRAM_SHA_512, buf_str(&b), &again, NULL));
    assert_memory_equal(&c, &again, sizeof c);
    assert_int_equal(ST_CORRUPT, scram_credential_read(SCRAM_SHA_256, buf_str(&b), &again, NULL));
    assert_int_equal(ST_CORRUPT, scram_credential_read(SCRAM_SHA_512, STR("salt=x"), &again, NULL));
    assert_int_equal(ST_CORRUPT, scram_credential_read(SCRAM_SHA_512, STR(","), &again, NULL));
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_7677),
        cmocka_unit_test(both_hashes),
        cmocka_unit_test(malformed_first_messages),
        cmocka_unit_test(malformed_final_messages),
        cmocka_unit_test(credentials_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
