/* client.h: requests to a server, one at a time, ended by Ctrl-C. */
#ifndef ARUS_CLI_CLIENT_H
#define ARUS_CLI_CLIENT_H

#include "base/buf.h"

typedef struct cli_client cli_client_t;

#define CLI_TYPE_KSQL     "application/vnd.ksql.v1+json"
#define CLI_TYPE_REGISTRY "application/vnd.schemaregistry.v1+json"

/* url: http or https, may have "name:password@". type: of bodies and answers. interrupt_fd:
 * readable when the user wants the request to end (a signalfd); -1: none. */
cli_client_t *cli_client_new(str_t url, const char *type, int interrupt_fd);
void cli_client_free(cli_client_t *c);
/* user: "name:password"; ca_file: of authorities in PEM that are trusted in place of the system's;
 * either may be empty. */
void cli_client_login(cli_client_t *c, str_t user, str_t ca_file);
/* Without name and password. */
str_t cli_client_url(const cli_client_t *c);

/* method NULL: GET when body is empty, else POST. *ret_status is the answer's; its text is appended
 * to ret. ST_UNREACHABLE, ST_CANCELLED. */
ST cli_client_send(cli_client_t *c, const char *method, const char *path, str_t body, buf_t *ret,
                   int *ret_status, err_t *err);
/* POST; a good answer's lines (without their ends) go to on_line as they come, until it returns
 * false; another answer's text is appended to ret. timeout_ms 0: none, else ST_TIMEOUT. */
ST cli_client_stream(cli_client_t *c, const char *path, str_t body, int64_t timeout_ms,
                     bool (*on_line)(void *env, str_t line), void *env, buf_t *ret, int *ret_status,
                     err_t *err);

#endif
