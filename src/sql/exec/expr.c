#include "sql/exec/expr.h"

#include "base/vec.h"

struct expr_builder {
    arena_t *arena;
    expr_step_t *step;
    size_t n_steps, cap_steps;
    data_value_t *reg;
    size_t n_regs, cap_regs;
    size_t n_states;
};

bool expr_run(expr_t *e, expr_ctx_t *ctx)
{
    const expr_step_t *s = e->step, *end = e->step + e->n_steps;
    while (s < end) {
        int forward = s->fn(e, s, ctx);
        if (forward < 0)
            return false;
        s += forward;
    }
    return true;
}

expr_builder_t *expr_builder_new(arena_t *a)
{
    expr_builder_t *b = ARENA_NEW(a, expr_builder_t);
    b->arena = a;
    return b;
}

/* Room for one more element of `size` bytes in an array that lives in the arena. */
static void *grow(arena_t *a, void *old, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return old;
    *cap = *cap ? *cap * 2 : 16;
    void *p = arena_zalloc(a, *cap * size);
    if (n)
        memcpy(p, old, n * size);
    return p;
}

int32_t expr_reg(expr_builder_t *b, data_value_t initial)
{
    b->reg = grow(b->arena, b->reg, b->n_regs, &b->cap_regs, sizeof *b->reg);
    b->reg[b->n_regs] = initial;
    return ~(int32_t)b->n_regs++;
}

int32_t expr_state_slot(expr_builder_t *b)
{
    return (int32_t)b->n_states++;
}

size_t expr_emit(expr_builder_t *b, expr_step_t s)
{
    b->step = grow(b->arena, b->step, b->n_steps, &b->cap_steps, sizeof *b->step);
    b->step[b->n_steps] = s;
    return b->n_steps++;
}

size_t expr_n_steps(const expr_builder_t *b)
{
    return b->n_steps;
}

void expr_patch_jump(expr_builder_t *b, size_t at)
{
    ASSERT(at < b->n_steps);
    b->step[at].jump = (int32_t)(b->n_steps - at);
}

expr_t *expr_build(expr_builder_t *b, int32_t result, const data_type_t *type)
{
    expr_t *e = ARENA_NEW(b->arena, expr_t);
    *e = (expr_t){
        .step = b->step,
        .n_steps = b->n_steps,
        .result = result,
        .type = type,
        .reg = b->reg,
        .n_regs = b->n_regs,
        .state = ARENA_ARRAY(b->arena, void *, b->n_states + 1),
        .n_states = b->n_states,
    };
    e->state_free = (void (**)(void *))arena_zalloc(b->arena, (b->n_states + 1) * sizeof(void *));
    return e;
}

void expr_done(expr_t *e)
{
    for (size_t i = 0; i < e->n_states; i++) {
        if (e->state[i] && e->state_free[i])
            e->state_free[i](e->state[i]);
        e->state[i] = NULL;
    }
}

arena_t *expr_builder_arena(expr_builder_t *b)
{
    return b->arena;
}
