/* step.h: the steps that expressions are made of. Each function appends steps to a builder and
 * gives the operand that holds their result. Types were checked by the caller (bind/). */
#ifndef ARUS_SQL_EXEC_STEP_H
#define ARUS_SQL_EXEC_STEP_H

#include "data/text.h"
#include "sql/exec/expr.h"

typedef enum step_compare {
    STEP_EQ,
    STEP_NE,
    STEP_LT,
    STEP_LE,
    STEP_GT,
    STEP_GE,
    STEP_DISTINCT,
    STEP_NOT_DISTINCT
} step_compare_t;

/* Both operands have been cast to `type` (numeric; or STRING for ADD, which joins). */
int32_t step_arith(expr_builder_t *b, data_arith_t op, int32_t x, int32_t y,
                   const data_type_t *type);
int32_t step_negate(expr_builder_t *b, int32_t x, const data_type_t *type);
/* Both operands are of one kind. A null operand gives false, but for the DISTINCT ones. */
int32_t step_compare(expr_builder_t *b, step_compare_t op, int32_t x, int32_t y);
int32_t step_is_null(expr_builder_t *b, int32_t x, bool negated);
int32_t step_not(expr_builder_t *b, int32_t x);
/* x LIKE pattern ESCAPE escape (0: none). */
int32_t step_like(expr_builder_t *b, int32_t x, int32_t pattern, char escape);
int32_t step_cast(expr_builder_t *b, int32_t x, const data_type_t *from, const data_type_t *to);
/* x[index] of an ARRAY (from 1; negative from the end) or a MAP. */
int32_t step_subscript(expr_builder_t *b, int32_t x, int32_t index, const data_type_t *type);
/* Field number i of a STRUCT; null of null. */
int32_t step_field(expr_builder_t *b, int32_t x, size_t i);
/* ARRAY[…], STRUCT(…) of n operands; MAP(…) of 2 * n. */
int32_t step_make(expr_builder_t *b, arena_t *a, data_kind_t kind, const int32_t *operand,
                  size_t n);

/* Jumps: a target register, and steps to patch with expr_patch_jump. */
void step_move(expr_builder_t *b, int32_t to, int32_t from);
size_t step_jump(expr_builder_t *b);
/* Jumps when x is true / not true (false or null). */
size_t step_jump_unless(expr_builder_t *b, int32_t x);
size_t step_jump_if(expr_builder_t *b, int32_t x);

/* A scalar function. Lambdas are programs of their own: n_params registers of theirs, filled before
 * each run. */
typedef struct step_lambda {
    expr_t *body;
    const int32_t *param; /* registers of body */
    size_t n_params;
    const int32_t *captured, *captured_to; /* operands of the outer program, registers of body */
    size_t n_captured;
} step_lambda_t;

typedef struct step_env {
    int64_t (*now_ms)(void *env);
    uint64_t (*random)(void *env);
    void *env;
} step_env_t;

int32_t step_call(expr_builder_t *b, arena_t *a, const sql_fn_resolved_t *fn,
                  const int32_t *operand, step_lambda_t *const *lambda, size_t n_args,
                  const step_env_t *env);

#endif
