/* verb.h: the program's verbs. argv[0] is the verb. They return the exit code: 0 well, 1 it failed,
 * 2 wrong usage. */
#ifndef ARUS_APP_VERB_H
#define ARUS_APP_VERB_H

#include <stddef.h>

int verb_bench(int argc, char **argv);
int verb_completion(int argc, char **argv);
int verb_links(int argc, char **argv);
int verb_broker(int argc, char **argv);
int verb_up(int argc, char **argv);
int verb_registry(int argc, char **argv);
int verb_market(int argc, char **argv);
int verb_test(int argc, char **argv);
int verb_wire(int argc, char **argv);

/* The verb that a link of this name (a path, with or without .sh) stands for; NULL. */
const char *links_verb(const char *path);
/* The i-th name of a link; NULL: there are no more. */
const char *links_name(size_t i);

#endif
