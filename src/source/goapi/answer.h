/* answer.h: what GoAPI answers, read into rows. Pure; both generations, and what comes in its
 * place.
 *
 * Accepted: symbol or ticker; numbers as numbers or text ("+20", "2.5%"); nulls anywhere; members
 * that nobody knows; data.results, a bare list in data, or one object in data.
 */
#ifndef ARUS_SOURCE_GOAPI_ANSWER_H
#define ARUS_SOURCE_GOAPI_ANSWER_H

#include "base/arena.h"

typedef enum goapi_field {
    GOAPI_OPEN,
    GOAPI_HIGH,
    GOAPI_LOW,
    GOAPI_CLOSE,
    GOAPI_CHANGE,
    GOAPI_PERCENT,
    GOAPI_VOLUME, /* in `volume` */
    GOAPI_FIELDS
} goapi_field_t;

typedef struct goapi_row {
    str_t ticker, date;            /* empty: not given; date is "YYYY-MM-DD" */
    str_t name, logo, description; /* ptr NULL: not given */
    double number[GOAPI_VOLUME];   /* by goapi_field_t */
    int64_t volume;
    unsigned has; /* bit goapi_field_t: given */
} goapi_row_t;

typedef enum goapi_verdict {
    GOAPI_FINE,
    GOAPI_AGAIN,   /* try once more: a server's trouble, a cut or garbled body */
    GOAPI_LATER,   /* too many requests */
    GOAPI_QUOTA,   /* the day's or the plan's requests are spent */
    GOAPI_DENIED,  /* the key is refused */
    GOAPI_MISSING, /* there is no such thing */
    GOAPI_VERDICTS
} goapi_verdict_t;

typedef struct goapi_answer {
    goapi_verdict_t verdict;
    goapi_row_t *row;
    size_t n;
    str_t message; /* why it is not fine, shortened */
} goapi_answer_t;

/* Reads a body that came with this HTTP status. All is in the arena or points into body. */
goapi_answer_t goapi_answer_read(arena_t *a, int status, str_t body);

#endif
