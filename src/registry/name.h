/* name.h: subjects' names. A subject lies in a context: ":.context:subject"; without that it is in
 * the default context, which is called ".".
 *
 * A normal name is the one that everything is kept under: the default context is left out. A name
 * without a subject stands for all of its context: "" and ":.context:".
 */
#ifndef ARUS_REGISTRY_NAME_H
#define ARUS_REGISTRY_NAME_H

#include "base/arena.h"

#define NAME_DEFAULT_CONTEXT STR(".")
#define NAME_ALL_CONTEXTS    STR(":*:")         /* as the beginning of a prefix */
#define NAME_GLOBAL          STR(":.__GLOBAL:") /* settings of all contexts */

typedef struct name {
    str_t context; /* begins with a point; "*" for ":*:…" */
    str_t subject; /* may be empty */
} name_t;

/* Views of the text. */
name_t name_split(str_t text);
bool name_is_default(name_t n);
/* The normal name; in the arena, or a part of what was given. */
str_t name_join(arena_t *a, str_t context, str_t subject);
str_t name_normal(arena_t *a, str_t text);
/* What a subject or an alias means when one of this parent names it: it lies in the parent's
 * context, unless it says its own. */
str_t name_of_kin(arena_t *a, str_t parent, str_t text);
/* Whether the text may be a subject (setting: may have a level or a mode). */
bool name_valid(str_t text, bool setting);
/* The context in a path, "ctx", ".ctx" or ":.ctx:", as the beginning of a name: "" or ":.ctx:".
 * ST_BAD_INPUT. */
ST name_context(arena_t *a, str_t text, str_t *ret, err_t *err);
/* Whether the name lies in what `whole` stands for: a context, all contexts, or the very subject.
 */
bool name_within(str_t name, str_t whole);

#endif
