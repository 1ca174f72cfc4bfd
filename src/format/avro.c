/* AVRO: 00, the schema's id in four bytes, the datum.
 *
 * A decoder is compiled for each (writer's schema, wanted columns) that is met and kept; as a rule
 * there is one. */
#include "base/vec.h"

#include "format/avro_program.h"
#include "format/serde.h"

#include <stdlib.h>

#define FRAME_BYTES 5
#define WANT_WORDS  8 /* programs for some columns only: up to so many words of bits */
#define PROGRAMS_MAX                                                                               \
    1000 /* then they are forgotten, so that ids made up by a stranger cannot fill the memory */

typedef struct program {
    int32_t id;
    bool all;                  /* all columns are wanted */
    uint64_t want[WANT_WORDS]; /* else these */
    const avro_decoder_t *decoder;
} program_t;

typedef struct avro_state {
    str_t text; /* of the schema that is written */
    int32_t id; /* its id; 0: not registered yet */
    const avro_encoder_t *encoder;
    arena_t programs_arena;
    VEC(program_t) programs;
    size_t last; /* the program used last */
} avro_state_t;

static st_t check(data_columns_t columns, bool is_key, err_t *err)
{
    (void)is_key;
    return avro_check(columns, err);
}

static ST need_registry(const serde_t *s, err_t *err)
{
    if (s->spec.schemas)
        return ST_OK;
    return err_set(err, ST_BAD_CONFIG, "AVRO needs a schema registry");
}

static ST schema_by_id(serde_t *s, arena_t *a, int32_t id, str_t *ret_text,
                       const avro_schema_t **ret, err_t *err)
{
    str_t type, text;
    TRY(need_registry(s, err));
    st_t st = s->spec.schemas->by_id(s->spec.schemas->self, id, &type, &text, err);
    if (st != ST_OK)
        return err_wrap(err, st, "Error retrieving Avro %s schema for id %d",
                        s->spec.is_key ? "key" : "value", id);
    if (!str_eq(type, STR("AVRO")))
        return err_set(err, ST_CORRUPT, "The schema of id %d is %.*s, not AVRO", id, STR_ARG(type));
    text = arena_str(a, text);
    TRY(avro_schema_parse(a, text, NULL, 0, AVRO_STRICT, ret, err));
    *ret_text = text;
    return ST_OK;
}

static ST open_writer(serde_t *s, avro_state_t *state, err_t *err)
{
    const avro_schema_t *schema;
    data_columns_t c = s->spec.columns;
    bool bare = serde_bare(s);
    if (s->spec.schema_id) {
        TRY(schema_by_id(s, &s->arena, s->spec.schema_id, &state->text, &schema, err));
        state->id = s->spec.schema_id;
    } else {
        buf_t b = BUF_INIT;
        avro_generate(&b, c, bare, s->spec.full_name);
        state->text = arena_str(&s->arena, buf_str(&b));
        buf_done(&b);
        TRY(avro_schema_parse(&s->arena, state->text, NULL, 0, AVRO_STRICT, &schema, err));
    }
    return avro_encoder_new(&s->arena, schema, c, bare, &state->encoder, err);
}

static st_t open_avro(serde_t *s, err_t *err)
{
    avro_state_t *state = ARENA_NEW(&s->arena, avro_state_t);
    arena_init(&state->programs_arena, ARENA_NO_LIMIT);
    s->state = state;
    return open_writer(s, state, err);
}

static void close_avro(serde_t *s)
{
    avro_state_t *state = s->state;
    if (!state)
        return;
    VEC_DONE(&state->programs);
    arena_done(&state->programs_arena);
}

static bool program_is(const program_t *p, int32_t id, const uint64_t *want, size_t n_words)
{
    return p->id == id &&
           (want ? !p->all && memcmp(p->want, want, n_words * sizeof *want) == 0 : p->all);
}

static ST add_program(serde_t *s, int32_t id, const uint64_t *want, size_t n_words, err_t *err)
{
    avro_state_t *state = s->state;
    if (state->programs.len >= PROGRAMS_MAX) {
        VEC_CLEAR(&state->programs);
        arena_reset(&state->programs_arena);
    }
    const avro_schema_t *schema;
    str_t text;
    arena_t *a = &state->programs_arena;
    program_t p = {.id = id, .all = !want};
    if (want)
        memcpy(p.want, want, n_words * sizeof *want);
    TRY(schema_by_id(s, a, id, &text, &schema, err));
    TRY(avro_decoder_new(a, schema, s->spec.columns, serde_bare(s), want, &p.decoder, err));
    VEC_PUSH(&state->programs, p);
    state->last = state->programs.len - 1;
    return ST_OK;
}

static ST find_program(serde_t *s, int32_t id, const uint64_t *want, const avro_decoder_t **ret,
                       err_t *err)
{
    avro_state_t *state = s->state;
    size_t n_words = (s->spec.columns.len + 63) / 64;
    if (n_words > WANT_WORDS || serde_bare(s))
        want = NULL;
    bool found = state->last < state->programs.len &&
                 program_is(&state->programs.ptr[state->last], id, want, n_words);
    for (size_t i = 0; i < state->programs.len && !found; i++) {
        state->last = i;
        found = program_is(&state->programs.ptr[i], id, want, n_words);
    }
    if (!found)
        TRY(add_program(s, id, want, n_words, err));
    *ret = state->programs.ptr[state->last].decoder;
    return ST_OK;
}

static st_t decode(serde_t *s, arena_t *a, str_t bytes, const uint64_t *want, data_value_t *row,
                   bool *ret_null, err_t *err)
{
    if (bytes.len < FRAME_BYTES)
        return err_set(err, ST_CORRUPT,
                       "%zu bytes are no Avro record: a magic byte and a schema "
                       "id of 4 bytes come first",
                       bytes.len);
    if (bytes.ptr[0] != 0)
        return err_set(err, ST_CORRUPT, "Unknown magic byte! (0x%02x, not 0x00)",
                       (uint8_t)bytes.ptr[0]);
    const avro_decoder_t *d;
    TRY(find_program(s, (int32_t)load_be32(bytes.ptr + 1), want, &d, err));
    str_t datum = {bytes.ptr + FRAME_BYTES, bytes.len - FRAME_BYTES};
    return avro_decode(d, a, datum, row, ret_null, err);
}

static st_t enroll(serde_t *s, int32_t *ret_id, err_t *err)
{
    avro_state_t *state = s->state;
    if (!state->id) {
        TRY(need_registry(s, err));
        const schema_source_t *schemas = s->spec.schemas;
        TRY(schemas->put(schemas->self, s->spec.subject, STR("AVRO"), state->text, &state->id,
                         err));
    }
    *ret_id = state->id;
    return ST_OK;
}

static st_t encode(serde_t *s, const data_value_t *row, buf_t *b, err_t *err)
{
    avro_state_t *state = s->state;
    int32_t id = state->id;
    if (__builtin_expect(id == 0, 0))
        TRY(enroll(s, &id, err));
    char *p = buf_reserve(b, FRAME_BYTES);
    uint32_t be = __builtin_bswap32((uint32_t)id);
    p[0] = 0;
    memcpy(p + 1, &be, sizeof be);
    b->len += FRAME_BYTES;
    return avro_encode(state->encoder, row, b, err);
}

static str_t schema_text(serde_t *s)
{
    return ((avro_state_t *)s->state)->text;
}

static st_t infer(str_t schema_text_in, bool is_key, bool upper, arena_t *a, data_columns_t *ret,
                  bool *ret_wrapped, err_t *err)
{
    const avro_schema_t *schema, *record;
    const data_type_t *type;
    TRY(avro_schema_parse(a, arena_str(a, schema_text_in), NULL, 0, AVRO_STRICT, &schema, err));
    TRY(avro_sql_type(a, schema, upper, &type, err));
    record = schema;
    (void)avro_nullable(schema, &record);
    bool wrapped = record->kind == AVRO_RECORD && !is_key;
    data_column_t *c;
    if (wrapped) {
        c = ARENA_ARRAY(a, data_column_t, type->n_fields);
        for (size_t i = 0; i < type->n_fields; i++)
            c[i] = (data_column_t){type->field[i].name, type->field[i].type};
        *ret = (data_columns_t){c, type->n_fields};
    } else {
        c = ARENA_NEW(a, data_column_t);
        *c = (data_column_t){is_key ? STR("ROWKEY") : STR("ROWVAL"), type};
        *ret = (data_columns_t){c, 1};
    }
    *ret_wrapped = wrapped;
    return ST_OK;
}

const format_class_t format_avro = {.check = check,
                                    .open = open_avro,
                                    .close = close_avro,
                                    .decode = decode,
                                    .encode = encode,
                                    .enroll = enroll,
                                    .schema_text = schema_text,
                                    .infer = infer};
