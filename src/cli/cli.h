/* cli.h: verbs that talk to a server: the SQL shell with ksqlDB's REST API, and schemas with the
 * Schema Registry's, to arus or to the originals. */
#ifndef ARUS_CLI_CLI_H
#define ARUS_CLI_CLI_H

/* `arus sql`; argv[0] is the verb. Returns the exit code: 0 all went well, 1 a statement failed or
 * the server could not be reached, 2 wrong usage. Blocks SIGINT in the calling thread. */
int cli_main(int argc, char **argv);
/* `arus schema`: a Schema Registry, ours or Confluent's. Returns 0; 1: it was refused, or a schema
 * is not compatible; 2: wrong usage. */
int cli_schema(int argc, char **argv);

#endif
