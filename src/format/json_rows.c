#include "base/json.h"

#include "format/json_rows.h"
#include "format/json_text.h"
#include "format/serde.h"

#define HINTS         64
#define HINT_NAME_MAX 44

typedef struct hint {
    char name[HINT_NAME_MAX];
    uint8_t len;  /* 0: nothing known */
    uint8_t rank; /* as json_name_rank has it */
    int16_t column;
} hint_t;

struct json_rows {
    data_columns_t columns;
    bool bare;
    hint_t hint[HINTS];
    uint8_t *rank; /* a column: how well the member it was read from names it */
    str_t *prefix; /* a column: `,"NAME":` */
};

static bool has_other_keys(const data_type_t *t)
{
    if (!t)
        return false;
    if (t->kind == DATA_MAP && t->key->kind != DATA_STRING)
        return true;
    for (size_t i = 0; i < t->n_fields; i++)
        if (has_other_keys(t->field[i].type))
            return true;
    return has_other_keys(t->elem);
}

st_t json_rows_check(data_columns_t columns, bool is_key, err_t *err)
{
    (void)is_key;
    for (size_t i = 0; i < columns.len; i++)
        if (has_other_keys(columns.ptr[i].type))
            return err_set(err, ST_UNSUPPORTED, "JSON only supports MAP types with STRING keys");
    return ST_OK;
}

st_t json_rows_new(arena_t *a, data_columns_t c, bool bare, json_rows_t **ret, err_t *err)
{
    if (c.len > INT16_MAX)
        return err_set(err, ST_TOO_LARGE, "%zu columns are more than JSON can have here", c.len);
    json_rows_t *j = ARENA_NEW(a, json_rows_t);
    j->columns = c;
    j->bare = bare;
    j->rank = ARENA_ARRAY(a, uint8_t, c.len);
    j->prefix = ARENA_ARRAY(a, str_t, c.len);
    buf_t b = BUF_INIT;
    for (size_t i = 0; i < c.len; i++) {
        buf_clear(&b);
        buf_put_str(&b, i ? STR(",") : STR("{"));
        json_put_str_jackson(&b, c.ptr[i].name);
        buf_put_char(&b, ':');
        j->prefix[i] = arena_str(a, buf_str(&b));
    }
    buf_done(&b);
    *ret = j;
    return ST_OK;
}

/* The first column this name names; its rank in *ret_rank, 0 when there is none. */
static size_t find_column(data_columns_t c, str_t name, uint8_t *ret_rank)
{
    size_t found = 0;
    *ret_rank = 0;
    for (size_t i = 0; i < c.len && *ret_rank < 2; i++) {
        int rank = json_name_rank(c.ptr[i].name, name);
        if (rank > *ret_rank) {
            *ret_rank = (uint8_t)rank;
            found = i;
        }
    }
    return found;
}

static size_t member_column(json_rows_t *j, size_t place, str_t name, uint8_t *ret_rank)
{
    hint_t *h = place < HINTS ? &j->hint[place] : NULL;
    if (h && h->len && h->len == name.len && memcmp(h->name, name.ptr, name.len) == 0) {
        *ret_rank = h->rank;
        return (size_t)h->column;
    }
    size_t column = find_column(j->columns, name, ret_rank);
    if (h && name.len > 0 && name.len <= HINT_NAME_MAX) {
        memcpy(h->name, name.ptr, name.len);
        h->len = (uint8_t)name.len;
        h->rank = *ret_rank;
        h->column = (int16_t)column;
    }
    return column;
}

static ST read_member(json_rows_t *j, json_in_t *in, size_t place, const uint64_t *want,
                      data_value_t *row)
{
    json_path_t here = {.up = NULL};
    uint8_t rank;
    TRY(json_in_name(in, &here.name));
    size_t column = member_column(j, place, here.name, &rank);
    if (rank == 0 || rank < j->rank[column] || !serde_wants(want, column))
        return json_in_skip(in);
    j->rank[column] = rank;
    const data_column_t *c = &j->columns.ptr[column];
    return json_in_value(in, c->type, &here, &row[column]);
}

static ST read_object(json_rows_t *j, json_in_t *in, const uint64_t *want, data_value_t *row)
{
    for (size_t i = 0; i < j->columns.len; i++)
        row[i] = DATA_NULL_VALUE;
    memset(j->rank, 0, j->columns.len);
    in->at++;
    json_in_space(in);
    if (in->at < in->end && *in->at == '}') {
        in->at++;
        return ST_OK;
    }
    for (size_t place = 0;; place++) {
        TRY(read_member(j, in, place, want, row));
        json_in_space(in);
        if (in->at == in->end || (*in->at != ',' && *in->at != '}'))
            return json_in_bad(in, "expected ',' or '}'");
        if (*in->at++ == '}')
            return ST_OK;
        json_in_space(in);
    }
}

st_t json_rows_read(json_rows_t *j, arena_t *a, str_t bytes, const uint64_t *want,
                    data_value_t *row, bool *ret_null, err_t *err)
{
    json_in_t in = {bytes.ptr, bytes.ptr, bytes.ptr + bytes.len, a, 0, err};
    json_in_space(&in);
    if (in.at == in.end)
        return json_in_bad(&in, "there is no value");
    if (j->bare) {
        TRY(json_in_value(&in, j->columns.ptr[0].type, NULL, &row[0]));
        *ret_null = data_is_null(row[0]);
    } else if (*in.at == '{') {
        TRY(read_object(j, &in, want, row));
    } else {
        data_value_t v;
        if (*in.at != 'n')
            return json_in_mismatch(&in, "STRUCT", NULL);
        TRY(json_in_value(&in, &data_string, NULL, &v));
        *ret_null = true;
    }
    json_in_space(&in);
    if (in.at < in.end)
        return json_in_bad(&in, "nothing may follow the value,");
    return ST_OK;
}

void json_rows_write(const json_rows_t *j, const data_value_t *row, buf_t *b)
{
    data_columns_t c = j->columns;
    if (j->bare) {
        json_text_put(b, row[0], c.ptr[0].type);
        return;
    }
    if (c.len == 0)
        buf_put_char(b, '{');
    for (size_t i = 0; i < c.len; i++) {
        buf_put_str(b, j->prefix[i]);
        json_text_put(b, row[i], c.ptr[i].type);
    }
    buf_put_char(b, '}');
}
