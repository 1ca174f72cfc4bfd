/* record.h: the records of _schemas, as Confluent's registry writes and reads them. Private to
 * registry/.
 *
 *   {"keytype":"SCHEMA","subject":"s","version":1,"magic":1}
 *       {"subject","version","id"[,"schemaType"][,"references"][,"metadata"][,"ruleSet"],"schema",
 *       "deleted"}; null: gone for good
 *   {"keytype":"CONFIG","subject":null or "s","magic":0}
 *       {["subject",] what config.def names}
 *   {"keytype":"MODE","subject":null or "s","magic":0}
 *       {["subject",]"mode"}
 *   {"keytype":"DELETE_SUBJECT","subject":"s","magic":0}
 *       {"subject","version"}: versions up to it are softly deleted
 *   {"keytype":"CLEAR_SUBJECT","subject":"s","magic":0}
 *       {"subject"}: what is softly deleted there is gone for good
 *   {"keytype":"CONTEXT","tenant":"default","context":".c","magic":0}
 *       {"tenant","context"}
 *   {"keytype":"NOOP","magic":0} and kinds that are not known here
 *       passed over, and kept by whoever compacts the topic
 */
#ifndef ARUS_REGISTRY_RECORD_H
#define ARUS_REGISTRY_RECORD_H

#include "registry/registry.h"

/* Records that will be written together. */
typedef struct change {
    arena_t arena;
    VEC(str_t) keys;
    VEC(str_t) values; /* ptr NULL: null */
} change_t;

void change_init(change_t *c);
void change_done(change_t *c);
/* s->subject is where; s->ts_ms is not written, the record has its own. */
void change_schema(change_t *c, const registry_schema_t *s);
void change_remove_schema(change_t *c, str_t subject, int32_t version);
void change_delete_subject(change_t *c, str_t subject, int32_t version);
void change_clear_subject(change_t *c, str_t name);
void change_config(change_t *c, str_t name, const config_t *config); /* NULL: removed */
void change_mode(change_t *c, str_t name, const char *mode);         /* NULL: removed */
void change_context(change_t *c, str_t context, bool exists);

#endif
