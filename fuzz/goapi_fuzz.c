/* GoAPI's answers: whatever comes is a verdict, and rows are what they say they are. */
#include "source/goapi/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int status[] = {200, 200, 200, 401, 404, 429, 500, 0};
    arena_t a;
    if (!size)
        return 0;
    arena_init(&a, 64 << 20);
    goapi_answer_t answer =
        goapi_answer_read(&a, status[data[0] & 7], str_n((const char *)data + 1, size - 1));
    ASSERT(answer.verdict < GOAPI_VERDICTS);
    ASSERT(answer.verdict == GOAPI_FINE || !answer.n);
    for (size_t i = 0; i < answer.n; i++) {
        const goapi_row_t *r = &answer.row[i];
        ASSERT(!r->date.len || r->date.len == 10);
        ASSERT(r->ticker.len <= size && r->name.len <= size && r->logo.len <= size);
    }
    arena_done(&a);
    return 0;
}
