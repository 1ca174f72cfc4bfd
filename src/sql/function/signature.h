/* signature.h: the text of a function's signature, read. Internal to function/.
 *
 * "(ARRAY<A> list, (A) => R fn) -> ARRAY<R>": a type may be followed by the parameter's name in
 * small letters, `...` by nothing. Upper-case single letters are type variables.
 */
#ifndef ARUS_SQL_FUNCTION_SIGNATURE_H
#define ARUS_SQL_FUNCTION_SIGNATURE_H

#include "data/schema.h"

#define SQL_SIG_PARAMS_MAX 8

typedef enum sql_sig_kind {
    SQL_SIG_TYPE,    /* type */
    SQL_SIG_DECIMAL, /* any DECIMAL */
    SQL_SIG_VAR,     /* var */
    SQL_SIG_ARRAY,   /* part[0] */
    SQL_SIG_MAP,     /* part[0], part[1] */
    SQL_SIG_LAMBDA,  /* part[0 .. n_parts - 1) are parameters, the last is the result */
} sql_sig_kind_t;

typedef struct sql_sig_type {
    sql_sig_kind_t kind;
    const data_type_t *type;
    char var;
    size_t n_parts;
    struct sql_sig_type *part[4];
} sql_sig_type_t;

typedef struct sql_signature {
    sql_sig_type_t *param[SQL_SIG_PARAMS_MAX];
    str_t name[SQL_SIG_PARAMS_MAX]; /* empty: none */
    size_t n_params;
    bool variadic; /* the last parameter may come any number of times, none included */
    sql_sig_type_t *ret;
} sql_signature_t;

/* Reads a signature of functions.def; asserts that it is well-formed. */
void sql_signature_read(arena_t *a, const char *text, sql_signature_t *ret);
/* "ARRAY<T>", "LAMBDA". */
void sql_signature_put_type(buf_t *b, const sql_sig_type_t *t);

#endif
