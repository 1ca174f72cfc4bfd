/* entity.h: the server's answers to statements, for people. */
#ifndef ARUS_CLI_ENTITY_H
#define ARUS_CLI_ENTITY_H

#include "base/json.h"

/* One entity as tables; JSON where no table is known for its kind. */
void cli_entity_put(buf_t *b, const json_value_t *entity);

#endif
