/* function.h: scalar, aggregate and table functions as rows of functions.def.
 *
 * A row: name, kind, signature text, C function, category, description, example. The signature is
 * read at start:
 *   "(STRING, INTEGER...) -> STRING"    "(ARRAY<A>, A) -> BOOLEAN"    "(MAP<K, V>, (K, V) => R) ->
 * MAP<K, R>" A single capital letter (optionally with digits) is a type variable, DECIMAL without
 * arguments is any decimal, `...` after the last type makes it variadic, `(A, B) => C` is a lambda;
 * a name in small letters may follow a type. A row may be followed by further rows of the same
 * name: overloads, tried in ksqlDB's order of preference. Where the return type depends on more
 * than the variables, the row names a C function that computes it.
 */
#ifndef ARUS_SQL_FUNCTION_H
#define ARUS_SQL_FUNCTION_H

#include "data/schema.h"

typedef struct sql_fn_call sql_fn_call_t;

/* The type of a unit of time (DAYS) as an argument; its value is the STRING "DAYS". Known by its
 * address. */
extern const data_type_t sql_type_unit;

/* What a scalar function gets besides its arguments. Read-only but for `state`. */
struct sql_fn_call {
    arena_t *arena; /* results that need memory go here; lives until the end of the turn */
    const data_type_t *const *arg_type;
    size_t n_args;
    const data_type_t *ret_type;
    /* One slot a call site, NULL at first: compiled patterns and the like. Freed by state_free when
     * the query ends. */
    void **state;
    void (**state_free)(void *);
    /* Clock and randomness, for UNIX_TIMESTAMP(), UUID(), RANDOM(). */
    int64_t (*now_ms)(void *env);
    uint64_t (*random)(void *env);
    void *env;
    /* A limit from the configuration ("ksql.functions.collect_list.limit"); NULL: no limits. */
    int64_t (*limit)(void *env, const char *name);
    /* Calls lambda argument i with args. */
    ST (*lambda)
    (sql_fn_call_t *call, size_t i, const data_value_t *args, size_t n_args, data_value_t *ret,
     err_t *err);
    void *lambda_env;
};

/* A failure is a processing error: the expression's value is null and the error is counted. */
typedef st_t (*sql_scalar_fn)(sql_fn_call_t *call, const data_value_t *args, data_value_t *ret,
                              err_t *err);

/* An aggregate keeps its state in `n_slots` values, owned by the store: between turns they are
 * packed copies, within a turn a slot may point into the turn's arena. Arguments live as long as
 * that arena, so a slot may keep them as they are. All slots are NULL before init. Without `undo`
 * it cannot be used over a table. */
typedef struct sql_agg_class {
    size_t n_slots;
    st_t (*init)(sql_fn_call_t *call, data_value_t *slot, err_t *err); /* may be NULL: all null */
    st_t (*add)(sql_fn_call_t *call, data_value_t *slot, const data_value_t *args, err_t *err);
    st_t (*undo)(sql_fn_call_t *call, data_value_t *slot, const data_value_t *args,
                 err_t *err); /* or NULL */
    /* slot becomes the merge of slot (older) and other (newer): for session windows. */
    st_t (*merge)(sql_fn_call_t *call, data_value_t *slot, const data_value_t *other, err_t *err);
    st_t (*result)(sql_fn_call_t *call, const data_value_t *slot, data_value_t *ret,
                   err_t *err); /* NULL: slot[0] */
} sql_agg_class_t;

/* A table function: rows of one column. */
typedef st_t (*sql_table_fn)(sql_fn_call_t *call, const data_value_t *args,
                             const data_value_t **ret_rows, size_t *ret_n, err_t *err);

typedef enum sql_fn_kind { SQL_FN_SCALAR, SQL_FN_AGGREGATE, SQL_FN_TABLE } sql_fn_kind_t;

typedef struct sql_function {
    const char *name;
    sql_fn_kind_t kind;
    const char *signature;
    union {
        sql_scalar_fn scalar;
        const sql_agg_class_t *agg;
        sql_table_fn table;
    };
    /* Computes the return type from the arguments' types where the signature cannot say it; else
     * NULL. */
    const data_type_t *(*ret_type)(arena_t *a, const data_type_t *const *arg, size_t n_args);
    const char *category, *doc, *example;
} sql_function_t;

/* All rows, sorted by name; *ret_n of them. */
const sql_function_t *sql_functions(size_t *ret_n);
/* True when a function of this name (any case) and kind exists. */
bool sql_function_exists(str_t name, sql_fn_kind_t kind);

/* An argument of a call while it is bound. A null type is the NULL literal. For a lambda, n_params
 * > 0 and type is unknown until its parameters' types are: the resolver calls bind_lambda. */
typedef struct sql_fn_arg {
    const data_type_t *type;
    size_t n_params;
    void *lambda;
} sql_fn_arg_t;

typedef struct sql_fn_resolved {
    const sql_function_t *fn;
    const data_type_t *
        *arg_type; /* after implicit casts: what the function expects, one an argument */
    const data_type_t *ret_type;
} sql_fn_resolved_t;

/* Chooses the overload as ksqlDB does. bind_lambda gives the type of a lambda's body for given
 * parameter types. ST_BAD_STATEMENT with ksqlDB's text: "Can't find any functions with the name
 * 'X'" or "Function 'f' does not accept parameters (A, B).\nValid alternatives are:\n…". */
ST sql_function_resolve(arena_t *a, str_t name, sql_fn_kind_t kind, const sql_fn_arg_t *arg,
                        size_t n_args,
                        st_t (*bind_lambda)(void *env, void *lambda,
                                            const data_type_t *const *param, size_t n_params,
                                            const data_type_t **ret, err_t *err),
                        void *env, sql_fn_resolved_t *ret, err_t *err);

#endif
