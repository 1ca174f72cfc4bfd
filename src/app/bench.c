#include "app/verb.h"
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "usage: arus bench dedupe|join|filter|count [--records N] [--keys N] [--keys N] "
    "[--durability sync|memory] "
    "[--dir DIR]\n";

static int wrong(void)
{
    fputs(usage, stderr);
    return 2;
}

int verb_bench(int argc, char **argv)
{
    char dir[256];
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%.200s/arus-bench-%d", tmp ? tmp : "/tmp", (int)getpid());
    bench_options_t opt = {.job = BENCH_JOBS,
                           .records = 2000000,
                           .keys = 900,
                           .turn_bytes = 256u << 10,
                           .dir = str_of(dir)};
    for (int i = 1; i < argc; i++) {
        str_t a = str_of(argv[i]);
        bool more = i + 1 < argc;
        bench_job_t job = 0;
        while (job < BENCH_JOBS && !str_eq(a, str_of(bench_job_name(job))))
            job++;
        if (job < BENCH_JOBS)
            opt.job = job;
        else if (str_eq(a, STR("--records")) && more &&
                 str_to_i64(str_of(argv[i + 1]), &opt.records) && opt.records > 0)
            i++;
        else if (str_eq(a, STR("--keys")) && more && str_to_i64(str_of(argv[i + 1]), &opt.keys) &&
                 opt.keys > 0 && opt.keys <= 456976)
            i++;
        else if (str_eq(a, STR("--dir")) && more)
            opt.dir = str_of(argv[++i]);
        else if (str_eq(a, STR("--durability")) && more && str_eq(str_of(argv[i + 1]), STR("sync")))
            opt.sync = true, i++;
        else if (str_eq(a, STR("--durability")) && more &&
                 str_eq(str_of(argv[i + 1]), STR("memory")))
            opt.sync = false, i++;
        else
            return wrong();
    }
    if (opt.job == BENCH_JOBS)
        return wrong();
    err_t err;
    if (bench_run(&opt, &err) == ST_OK)
        return 0;
    fprintf(stderr, "arus bench: %s\n", err.msg);
    return 1;
}
