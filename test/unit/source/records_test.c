/* Records: the article's bytes and partitions; what has not changed is left out. */
#include "source/goapi/records.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static goapi_out_t out_of(goapi_kind_t kind, goapi_partitioner_t partitioner)
{
    goapi_out_t o = {.kind = kind, .schema_id = 1, .n = 9, .partitioner = partitioner};
    o.writer = mem_zalloc(9 * sizeof *o.writer);
    o.batch = mem_zalloc(9 * sizeof *o.batch);
    return o;
}

static goapi_row_t row(const char *date, double close)
{
    return (goapi_row_t){.ticker = STR("TLKM"),
                         .date = str_of(date),
                         .name = STR("TLKM Tbk."),
                         .logo = STR("l"),
                         .number = {1, 2, 0.5, close},
                         .volume = 3,
                         .has = 1u << GOAPI_OPEN | 1u << GOAPI_HIGH | 1u << GOAPI_CLOSE |
                                1u << GOAPI_VOLUME};
}

static void stock(void **state)
{
    (void)state;
    goapi_out_t o = out_of(GOAPI_STOCK, GOAPI_CONSISTENT_RANDOM);
    goapi_row_t r = row("2023-09-05", 1.5);
    goapi_out_add(&o, 1000, &r, STR(""));
    static const char want[] = "\0\0\0\0\1"
                               "\2\x1eTLKM_2023-09-05"
                               "\2\x8TLKM"
                               "\2\x14"
                               "2023-09-05"
                               "\2\0\0\0\0\0\0\xf0\x3f"
                               "\2\0\0\0\0\0\0\0\x40"
                               "\0"
                               "\2\0\0\0\0\0\0\xf8\x3f"
                               "\2\6";
    assert_int_equal(sizeof want - 1, o.value.len);
    assert_memory_equal(want, o.value.ptr, o.value.len);
    uint32_t p = hash_crc32(0, "TLKM_2023-09-05", 15) % 9;
    assert_non_null(o.writer[p].out);
    assert_int_equal(1, o.writer[p].count);
    err_t err;
    assert_int_equal(ST_OK, wire_batch_finish(&o.writer[p], &err));
    goapi_out_close(&o);
}

static void company(void **state)
{
    (void)state;
    goapi_out_t o = out_of(GOAPI_COMPANY, GOAPI_MURMUR2_RANDOM);
    goapi_row_t r = row("", 0);
    goapi_out_add(&o, 1000, &r, STR("2026-11-23 13:15:29"));
    static const char want[] = "\0\0\0\0\1"
                               "\x8TLKM"
                               "\x8TLKM"
                               "\x12TLKM Tbk."
                               "\2l"
                               "\2\x26"
                               "2026-11-23 13:15:29";
    assert_int_equal(sizeof want - 1, o.value.len);
    assert_memory_equal(want, o.value.ptr, o.value.len);
    assert_non_null(o.writer[hash_partition("TLKM", 4, 9)].out);
    goapi_out_close(&o);
}

static void changed(void **state)
{
    (void)state;
    goapi_seen_t seen = {0};
    goapi_out_t stocks = out_of(GOAPI_STOCK, GOAPI_MURMUR2_RANDOM),
                companies = out_of(GOAPI_COMPANY, GOAPI_MURMUR2_RANDOM);
    stocks.seen = companies.seen = &seen;
    for (int round = 0; round < 3; round++)
        for (int day = 0; day < 9000; day++) {
            char date[16];
            snprintf(date, sizeof date, "%04d-%02d-%02d", 2000 + day / 372, day / 31 % 12 + 1,
                     day % 31 + 1);
            goapi_row_t r = row(date, round == 2 && day == 17 ? 8 : 7);
            goapi_out_add(&stocks, 1000, &r, STR(""));
            goapi_out_add(&companies, 1000, &r,
                          round ? STR("2026-11-23 13:15:30") : STR("2026-11-23 13:15:29"));
        }
    assert_int_equal(9001, stocks.added);
    assert_int_equal(1, companies.added);
    goapi_out_close(&stocks);
    goapi_out_close(&companies);
    goapi_seen_done(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stock), cmocka_unit_test(company),
                                       cmocka_unit_test(changed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
