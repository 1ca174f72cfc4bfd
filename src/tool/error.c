#include "tool/error.h"

static const struct {
    int16_t code;
    const char *text;
} error_texts[] = {
    {1, "The requested offset is not within the range of offsets maintained by the server."},
    {3, "This server does not host this topic-partition."},
    {5, "There is no leader for this topic-partition as we are in the middle of a leadership "
        "election."},
    {7, "The request timed out."},
    {10, "The request included a message larger than the max message size the server will accept."},
    {15, "The coordinator is not available."},
    {16, "This is not the correct coordinator."},
    {17, "The request attempted to perform an operation on an invalid topic."},
    {22, "Specified group generation id is not valid."},
    {24, "The configured groupId is invalid."},
    {25, "The coordinator is not aware of this member."},
    {27, "The group is rebalancing, so a rejoin is needed."},
    {29, "Topic authorization failed."},
    {30, "Group authorization failed."},
    {31, "Cluster authorization failed."},
    {35, "The version of API is not supported."},
    {36, "Topic with this name already exists."},
    {37, "Number of partitions is below 1."},
    {38, "Replication factor is below 1 or larger than the number of available brokers."},
    {39, "Replica assignment is invalid."},
    {40, "Configuration is invalid."},
    {41, "This is not the correct controller for this cluster."},
    {42, "This most likely occurs because of a request being malformed by the client library or "
         "the message was sent to an incompatible broker."},
    {56, "Disk error when trying to access log file on the disk."},
    {68, "The group is not empty."},
    {69, "The group id does not exist."},
    {86, "The group is subscribed to the topic: its offsets stay."},
    {89, "The throttling quota has been exceeded."},
    {100, "This server does not host this topic ID."},
    {47, "The producer has an old epoch."},
    {48, "The transaction is not in a state that allows this."},
    {51, "The transaction is being ended: try again."},
    {53, "Transactional Id authorization failed."},
    {90, "The producer is fenced by a newer one."},
    {105, "The transactionalId could not be found."},
};

const char *error_text(int16_t code)
{
    for (size_t i = 0; i < sizeof error_texts / sizeof *error_texts; i++)
        if (error_texts[i].code == code)
            return error_texts[i].text;
    return NULL;
}

ST error_check(int16_t code, str_t message, err_t *err)
{
    if (code == 0)
        return ST_OK;
    st_t st = code == 36 ? ST_EXISTS : code == 3 || code == 69 ? ST_NOT_FOUND : ST_IO;
    if (message.len)
        return err_set(err, st, STR_FMT, STR_ARG(message));
    const char *text = error_text(code);
    if (text)
        return err_set(err, st, "%s", text);
    return err_set(err, st, "the broker answers with error %d", code);
}
