/* match.h: between JSON in case files and rows, inside cases/. */
#ifndef ARUS_CASES_MATCH_H
#define ARUS_CASES_MATCH_H

#include "base/json.h"
#include "data/schema.h"

/* A JSON node as a value of this type; ST_BAD_INPUT when it cannot be one. */
ST match_read(arena_t *a, const json_value_t *j, const data_type_t *t, data_value_t *ret,
              err_t *err);
/* The members of an object as a row, names looked up as they are, then without case; missing ones
 * are null. */
ST match_read_row(arena_t *a, const json_value_t *j, data_columns_t c, data_value_t *row,
                  err_t *err);
/* Whether a value is what the node says. */
bool match_value(const json_value_t *want, data_value_t v, const data_type_t *t);
bool match_row(const json_value_t *want, const data_value_t *row, data_columns_t c);
/* Two JSON trees: members in any order, numbers by value. */
bool match_json(const json_value_t *want, const json_value_t *got);
const json_value_t *match_member(const json_value_t *o, str_t name);

#endif
