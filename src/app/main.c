/* The program: a verb, and what it needs. */
#include "app/verb.h"
#include "cases/cases.h"
#include "cli/cli.h"
#include "tool/tool.h"

#include <stdlib.h>

typedef struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage, *help;
} verb_t;

static int verb_version(int argc, char **argv);
static int verb_help(int argc, char **argv);

static const verb_t verbs[] = {
    {"acl", tool_acls,
     "arus acl --add|--list|--remove --allow-principal USER --operation NAME --topic NAME",
     "access lists, as kafka-acls"},
    {"bench", verb_bench, "arus bench dedupe|join|filter|count [--records N] [--keys N]",
     "a query over a preloaded log, beside the same job as a bare loop"},
    {"broker", verb_broker,
     "arus broker [FILE.properties] [--listen HOST:PORT] [--data DIR] [-D name=value]...",
     "serves a log to Kafka clients"},
    {"completion", verb_completion, "arus completion bash|zsh",
     "prints what makes a shell complete verbs and flags"},
    {"configs", tool_configs,
     "arus configs --entity-type topics --entity-name NAME --describe|--alter",
     "shows and changes configs, as kafka-configs"},
    {"consume", tool_consume, "arus consume --topic NAME [--from-beginning]",
     "prints records, as kafka-console-consumer"},
    {"delete-records", tool_records, "arus delete-records --offset-json-file FILE",
     "deletes a partition's first records, as kafka-delete-records"},
    {"group", tool_groups, "arus group --list|--describe|--delete|--reset-offsets",
     "consumer groups, as kafka-consumer-groups"},
    {"help", verb_help, "arus help [VERB]", "says what a verb does"},
    {"links", verb_links, "arus links DIR", "makes kafka-topics, ksql, … in DIR: links to this"},
    {"log-dump", tool_log_dump, "arus log-dump --files FILE.log,... [--print-data-log]",
     "what a segment's file holds, as kafka-dump-log"},
    {"market", verb_market, "arus market [--listen HOST:PORT] [--prices FILE --companies FILE]...",
     "answers as GoAPI does: a synthetic market, or price files replayed"},
    {"offsets", tool_offsets, "arus offsets [--topic NAME] [--time T]",
     "partitions' ends, as kafka-get-offsets"},
    {"produce", tool_produce, "arus produce --topic NAME",
     "a record a line, as kafka-console-producer"},
    {"registry", verb_registry, "arus registry [FILE.properties] [--listen HOST:PORT] [--data DIR]",
     "runs the Schema Registry"},
    {"schema", cli_schema, "arus schema [--url URL] register|get|list|check|delete|config|mode …",
     "works with the schemas of a registry"},
    {"sql", cli_main, "arus sql [URL] [-e STATEMENTS] [-f FILE] [--output JSON|TABULAR]",
     "runs SQL on a server: a shell, or what -e and -f give"},
    {"test", verb_test, "arus test [--only TEXT] --cases PATH…",
     "runs case files of ksqlDB's shape: statements, inputs, expected outputs"},
    {"topic", tool_topics, "arus topic --create|--list|--describe|--delete|--alter",
     "topics, as kafka-topics"},
    {"txn", tool_transactions,
     "arus txn list|describe|describe-producers|forceTerminateTransaction",
     "transactions, as kafka-transactions"},
    {"up", verb_up, "arus up [FILE.properties] [--data DIR] [-D name=value]...",
     "runs the log, the registry, the SQL server and its connectors in one process"},
    {"version", verb_version, "arus version", "prints the version"},
    {"wire", verb_wire, "arus wire dump FILE | make API:VERSION JSON",
     "prints what a Kafka client or broker has sent, or makes a request"},
};

#define N_VERBS (sizeof verbs / sizeof *verbs)

static int verb_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("arus " ARUS_VERSION);
    return 0;
}

static int verb_help(int argc, char **argv)
{
    for (size_t i = 0; i < N_VERBS; i++)
        if (argc < 2 || !strcmp(argv[1], verbs[i].name))
            printf("%-48s %s\n", verbs[i].usage, verbs[i].help);
    return 0;
}

int verb_test(int argc, char **argv)
{
    cases_count_t count = {0};
    str_t only = STR("");
    bool any = false;
    for (int i = 1; i < argc; i++) {
        err_t err = {0};
        if (!strcmp(argv[i], "--cases"))
            continue;
        if (!strcmp(argv[i], "--only") && i + 1 < argc) {
            only = str_of(argv[++i]);
            continue;
        }
        any = true;
        if (cases_run(str_of(argv[i]), only, stdout, &count, &err) == ST_NOT_FOUND) {
            fprintf(stderr, "arus test: %s\n", err.msg);
            return 2;
        }
    }
    if (!any) {
        fputs("usage: arus test [--only TEXT] --cases PATH...\n", stderr);
        return 2;
    }
    printf("%zu passed, %zu failed\n", count.passed, count.failed);
    return count.failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    mem_keep();
    const char *linked = links_verb(argv[0]);
    const char *name = linked ? linked : argc > 1 ? argv[1] : "help";
    if (!strcmp(name, "--help") || !strcmp(name, "-h"))
        name = "help";
    if (!strcmp(name, "--version"))
        name = "version";
    for (size_t i = 0; i < N_VERBS; i++)
        if (!strcmp(name, verbs[i].name))
            return linked ? verbs[i].run(argc, argv)
                          : verbs[i].run(argc - 1 > 0 ? argc - 1 : 1, argv + (argc > 1));
    fprintf(stderr, "arus: there is no verb '%s'; 'arus help' lists them\n", name);
    return 2;
}
