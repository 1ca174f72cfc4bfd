/* The messages of SCRAM, which come before anybody has said who they are: the first, and, behind a
 * zero byte, the last. */
#include "broker/scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str_t rest = str_n(data, size), first;
    scram_server_t s = {0};
    static const scram_credential_t credential = {.hash = SCRAM_SHA_512, .iterations = 4096};
    uint8_t chance[SCRAM_NONCE_BYTES] = {0};
    scram_credential_t read;
    buf_t out = BUF_INIT;
    err_t err;
    if (scram_credential_read(SCRAM_SHA_256, rest, &read, &err) == ST_OK)
        scram_credential_put(&out, &read);
    if (str_split(&rest, 0, &first) && scram_server_first(&s, first, &err) == ST_OK) {
        scram_server_challenge(&s, &credential, chance, &out);
        st_t st = scram_server_final(&s, rest, &out, &err);
        ASSERT(st != ST_OK); /* nobody can know a key of chance */
    }
    buf_done(&out);
    scram_server_done(&s);
    return 0;
}
