/* guess.h: the bytes of a topic whose formats nobody has said, as text for people (PRINT).
 *
 * Each record narrows what the format can be; a record's text is that of the first format that
 * fits all so far. A record that none of these fits begins anew. Order and names are ksqlDB's, but
 * for two guesses that are wrong more often than right: four or eight bytes that are plain text are
 * no number, and a windowed key's time must lie in this century.
 */
#ifndef ARUS_FORMAT_GUESS_H
#define ARUS_FORMAT_GUESS_H

#include "format/format.h"

typedef struct guess guess_t;

/* schemas may be NULL: then nothing is taken for a format with a registry. */
guess_t *guess_new(bool is_key, const schema_source_t *schemas);
void guess_free(guess_t *g);
/* Appends the text of a key or value on one line; bytes.ptr NULL: "<null>". True when the formats
 * that fit are others than before. */
bool guess_put(guess_t *g, str_t bytes, buf_t *b);
/* "AVRO", "KAFKA_BIGINT or KAFKA_DOUBLE". */
void guess_put_names(const guess_t *g, buf_t *b);

#endif
