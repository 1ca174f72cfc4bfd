/* tool.h: Kafka's own tools: the same flags, the same output, as verbs of the program. argv[0] is
 * the tool's name. They return the exit code: 0 well, 1 it failed, 2 wrong usage. */
#ifndef ARUS_TOOL_TOOL_H
#define ARUS_TOOL_TOOL_H

int tool_acls(int argc, char **argv);         /* kafka-acls */
int tool_topics(int argc, char **argv);       /* kafka-topics */
int tool_configs(int argc, char **argv);      /* kafka-configs */
int tool_groups(int argc, char **argv);       /* kafka-consumer-groups */
int tool_offsets(int argc, char **argv);      /* kafka-get-offsets */
int tool_log_dump(int argc, char **argv);     /* kafka-dump-log */
int tool_records(int argc, char **argv);      /* kafka-delete-records */
int tool_produce(int argc, char **argv);      /* kafka-console-producer */
int tool_consume(int argc, char **argv);      /* kafka-console-consumer */
int tool_transactions(int argc, char **argv); /* kafka-transactions */

#endif
