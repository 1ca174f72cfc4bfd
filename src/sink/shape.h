/* shape.h: which columns make a document, under which names, and what identifies it.
 *
 * A row is the key columns' values, then the value columns'. A document has all of them in this
 * order, names in lower case (also inside structs); the window is in no column, so it is left out.
 */
#ifndef ARUS_SINK_SHAPE_H
#define ARUS_SINK_SHAPE_H

#include "data/schema.h"

/* document.id.strategy */
typedef enum sink_id {
    SINK_ID_KEY,      /* the key columns: the default for topics that have some */
    SINK_ID_COLUMNS,  /* PartialKey, PartialValue: the columns of a list */
    SINK_ID_PROVIDED, /* ProvidedInKey, ProvidedInValue: the column named _id */
    SINK_ID_FULL_KEY, /* FullKey: _id is a document of the key columns */
    SINK_ID_POSITION  /* KafkaMetaData: _id is topic#partition#offset, each record a document; the
                         default for topics without key columns */
} sink_id_t;

typedef struct sink_shape {
    const data_field_t *field; /* as the row has them, names as the document has them */
    size_t n, n_key;
    sink_id_t id; /* what it came to: KEY, COLUMNS and PROVIDED are fields, the others are not */
    const uint32_t *id_field; /* indexes of the fields that identify; FULL_KEY: make up _id */
    size_t n_id;
    bool in_key; /* a record's key is enough to find the document */
} sink_shape_t;

/* The document has an _id that is no field of the row. */
static inline bool sink_shape_makes_id(const sink_shape_t *s)
{
    return s->id == SINK_ID_FULL_KEY || s->id == SINK_ID_POSITION;
}

/* `list`: names for SINK_ID_COLUMNS, with commas. ST_BAD_CONFIG names what is missing. */
ST sink_shape_make(data_columns_t key, data_columns_t value, sink_id_t id, str_t list, arena_t *a,
                   sink_shape_t *ret, err_t *err);

#endif
