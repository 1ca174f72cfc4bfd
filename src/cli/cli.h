/* cli.h: the SQL shell. It talks ksqlDB's REST API, to arus or to ksqlDB itself. */
#ifndef ARUS_CLI_CLI_H
#define ARUS_CLI_CLI_H

/* `arus sql`; argv[0] is the verb. Returns the exit code: 0 all went well, 1 a statement failed or
 * the server could not be reached, 2 wrong usage. Blocks SIGINT in the calling thread. */
int cli_main(int argc, char **argv);

#endif
