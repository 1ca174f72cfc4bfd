/* cases.h: runs case files of ksqlDB's shape: statements, input records, expected output records or
 * an expected error.
 *
 * The shape is described in docs/cases.md. Everything runs in this thread, without a log: each
 * query takes its inputs record by record, one partition, no cache, and what it puts out is what
 * the next query reads.
 */
#ifndef ARUS_CASES_CASES_H
#define ARUS_CASES_CASES_H

#include "base/arena.h"

#include <stdio.h>

typedef struct cases_count {
    size_t passed, failed;
} cases_count_t;

/* Runs all cases of a file, or of each *.json in a directory; prints "PASS file: name" or "FAIL
 * file: name: why" a case. `only`: just the cases whose "file: name" contains it (empty: all).
 * ST_NOT_FOUND, ST_BAD_INPUT: a file that cannot be read counts as one failed case. */
ST cases_run(str_t path, str_t only, FILE *out, cases_count_t *count, err_t *err);

#endif
