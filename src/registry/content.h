/* content.h: what stands beside a schema's text: metadata and rules. Kept as JSON texts in one
 * canonical form (sorted names, defaults written out), so that equal ones have equal texts; an
 * empty text: there is none.
 */
#ifndef ARUS_REGISTRY_CONTENT_H
#define ARUS_REGISTRY_CONTENT_H

#include "base/json.h"

/* Metadata: tags {path: [tag]}, properties {name: value}, sensitive [name]. NULL or a JSON null:
 * none. ST_BAD_INPUT when it has another shape. */
ST content_metadata(arena_t *a, const json_value_t *v, str_t *ret, err_t *err);
/* `over` goes before `base`, member by member. */
str_t content_metadata_merge(arena_t *a, str_t base, str_t over);
/* A property's value; STR_NONE. */
str_t content_property(arena_t *a, str_t metadata, str_t name);
/* The metadata with this property set, or with a value of STR_NONE without it. */
str_t content_set_property(arena_t *a, str_t metadata, str_t name, str_t value);
#define CONTENT_VERSION STR("confluent:version")

/* A rule set: migrationRules, domainRules, encodingRules, enableAt. ST_BAD_INPUT for its shape,
 * ST_BAD_RULES for a rule that cannot be. */
ST content_rules(arena_t *a, const json_value_t *v, str_t *ret, err_t *err);
/* Rules of `over` replace those of the same name. */
str_t content_rules_merge(arena_t *a, str_t base, str_t over);
/* Without the rules of these names. */
str_t content_rules_without(arena_t *a, str_t rules, const str_t *name, size_t n);
bool content_has_rule_type(arena_t *a, str_t rules, str_t type);

/* Appends what an MD5 of a schema is made of. */
void content_put_hashed(buf_t *b, str_t metadata, str_t rules);

#endif
