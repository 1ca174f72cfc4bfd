/* expr.h: an expression compiled to a flat program.
 *
 * Operands are indexes: >= 0 is a column of the row, < 0 is register ~i. A step reads operands and
 * writes one register; jumps go forward only. A program that is just a column or a constant has no
 * steps. Programs belong to one query and so to one thread at a time; results live in the turn's
 * arena or in the row they were read from.
 */
#ifndef ARUS_SQL_EXEC_EXPR_H
#define ARUS_SQL_EXEC_EXPR_H

#include "sql/function/function.h"

typedef struct expr expr_t;
typedef struct expr_step expr_step_t;

/* What an evaluation runs in: made anew for each row, cheap. */
typedef struct expr_ctx {
    arena_t *arena;
    const data_value_t *row;
    err_t *err;
} expr_ctx_t;

/* Runs one step. Returns how many steps to go forward (1: the next one), or -1 when it failed. */
typedef int (*expr_step_fn)(expr_t *e, const expr_step_t *s, expr_ctx_t *ctx);

struct expr_step {
    expr_step_fn fn;
    int32_t out;  /* register */
    int32_t a, b; /* operands, or what the step makes of them */
    int32_t jump; /* steps forward, for the jumping ones */
    const void *data;
};

struct expr {
    expr_step_t *step;
    size_t n_steps;
    int32_t result;          /* operand */
    const data_type_t *type; /* NULL: the untyped null */
    data_value_t *reg;
    size_t n_regs;
    void **state; /* one slot a function call */
    void (**state_free)(void *);
    size_t n_states;
};

static inline const data_value_t *expr_at(const expr_t *e, const expr_ctx_t *ctx, int32_t operand)
{
    return operand >= 0 ? &ctx->row[operand] : &e->reg[~operand];
}

bool expr_run(expr_t *e, expr_ctx_t *ctx);

/* The value, valid until the next evaluation of e. On failure null, with *ctx->err filled and
 * *ret_failed set. */
static inline data_value_t expr_eval(expr_t *e, expr_ctx_t *ctx, bool *ret_failed)
{
    if (e->n_steps && !expr_run(e, ctx)) {
        *ret_failed = true;
        return DATA_NULL_VALUE;
    }
    return *expr_at(e, ctx, e->result);
}

/* Building: a builder collects steps, registers and constants; expr_build gives the finished
 * program, all of it in the arena of the builder. */
typedef struct expr_builder expr_builder_t;

expr_builder_t *expr_builder_new(arena_t *a);
/* A register; with an initial value it is a constant. */
int32_t expr_reg(expr_builder_t *b, data_value_t initial);
/* The slot number of a function call's state. */
int32_t expr_state_slot(expr_builder_t *b);
/* Appends a step and returns its index, for expr_patch_jump. */
size_t expr_emit(expr_builder_t *b, expr_step_t s);
size_t expr_n_steps(const expr_builder_t *b);
/* Makes step `at` jump to the end of what was emitted so far. */
void expr_patch_jump(expr_builder_t *b, size_t at);
arena_t *expr_builder_arena(expr_builder_t *b);
expr_t *expr_build(expr_builder_t *b, int32_t result, const data_type_t *type);
/* Frees function states. */
void expr_done(expr_t *e);

#endif
