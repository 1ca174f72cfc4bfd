/* avro_program.h: Avro's binary form to rows and back, by flat programs.
 *
 * A program is compiled once from (schema, columns) into an arena and is read-only then. Fields and
 * columns meet by name, in any case when reading; what the schema has and the columns have not is
 * skipped, or written as its default.
 */
#ifndef ARUS_FORMAT_AVRO_PROGRAM_H
#define ARUS_FORMAT_AVRO_PROGRAM_H

#include "format/avro_schema.h"

typedef struct avro_decoder avro_decoder_t;
typedef struct avro_encoder avro_encoder_t;

/* want: as in serde_decode. bare: the schema is the one column's, not a record of columns. The
 * schema, columns and arena must outlive the decoder. ST_CORRUPT when a wanted column cannot be
 * read from the schema's type. */
ST avro_decoder_new(arena_t *a, const avro_schema_t *writer, data_columns_t columns, bool bare,
                    const uint64_t *want, const avro_decoder_t **ret, err_t *err);
/* bytes: the datum, without framing. ST_CORRUPT, ST_TOO_LARGE; never reads outside. */
ST avro_decode(const avro_decoder_t *d, arena_t *a, str_t bytes, data_value_t *row, bool *ret_null,
               err_t *err);

/* ST_UNSUPPORTED when a column does not fit its field. */
ST avro_encoder_new(arena_t *a, const avro_schema_t *schema, data_columns_t columns, bool bare,
                    const avro_encoder_t **ret, err_t *err);
/* Appends the datum. ST_BAD_INPUT when a null meets a field that is neither nullable nor has a
 * default. */
ST avro_encode(const avro_encoder_t *e, const data_value_t *row, buf_t *b, err_t *err);

#endif
