#include "sink/sqlite/json.h"

#include "base/json.h"
#include "data/json.h"

void sink_json_put_document(buf_t *b, const sink_shape_t *shape, const data_value_t *row, str_t id)
{
    buf_put_char(b, '{');
    if (id.ptr) {
        BUF_LIT(b, "\"_id\":");
        buf_put_str(b, id);
    }
    for (size_t i = 0; i < shape->n; i++) {
        if (i || id.ptr)
            buf_put_char(b, ',');
        json_put_str(b, shape->field[i].name);
        buf_put_char(b, ':');
        data_put_json(b, row[i], shape->field[i].type, DATA_JSON_NAN_NULL);
    }
    buf_put_char(b, '}');
}
