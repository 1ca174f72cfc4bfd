/* shell.h: a session: properties and variables that are set, how answers are shown. Statements are
 * run one after the other; the shell's own commands and the server's statements alike. */
#ifndef ARUS_CLI_SHELL_H
#define ARUS_CLI_SHELL_H

#include "base/json.h"
#include "base/map.h"
#include "cli/client.h"

#include <stdio.h>

typedef struct cli_shell {
    cli_client_t *client;
    int interrupt_fd;
    map_t properties, variables; /* name → char * */
    bool interactive;
    bool json; /* output */
    bool wrap;
    int64_t column_width;                /* 0: by the terminal */
    int64_t row_limit, query_timeout_ms; /* 0: none */
    bool quit;
    void (*history)(void *env); /* prints it; NULL: there is none */
    void *env;
} cli_shell_t;

void cli_shell_init(cli_shell_t *s);
void cli_shell_done(cli_shell_t *s);
/* "name=value". */
ST cli_shell_define(cli_shell_t *s, str_t assignment, err_t *err);
/* Runs all statements of a text. An error is printed; the first ends it, with its status. */
ST cli_shell_run(cli_shell_t *s, str_t text);
ST cli_shell_run_file(cli_shell_t *s, str_t path);
/* A line that is one of the shell's own commands: true, and it has been run. */
bool cli_shell_command(cli_shell_t *s, str_t line);
/* Whether text ends where a statement ends, so that it can be run. */
bool cli_shell_complete(str_t text);

#endif
