#include "sink/mongodb/error.h"

/* Sorted by code. */
static const struct {
    int32_t code;
    st_t st;
} codes[] = {
    {2, ST_BAD_INPUT},       /* BadValue */
    {6, ST_UNREACHABLE},     /* HostUnreachable */
    {7, ST_UNREACHABLE},     /* HostNotFound */
    {9, ST_BAD_INPUT},       /* FailedToParse */
    {13, ST_DENIED},         /* Unauthorized */
    {14, ST_BAD_INPUT},      /* TypeMismatch */
    {18, ST_DENIED},         /* AuthenticationFailed */
    {20, ST_UNSUPPORTED},    /* IllegalOperation */
    {22, ST_BAD_INPUT},      /* InvalidBSON */
    {24, ST_UNREACHABLE},    /* LockTimeout */
    {28, ST_BAD_INPUT},      /* PathNotViable */
    {46, ST_UNREACHABLE},    /* LockBusy */
    {50, ST_UNREACHABLE},    /* MaxTimeMSExpired */
    {52, ST_BAD_INPUT},      /* DollarPrefixedFieldName */
    {53, ST_BAD_INPUT},      /* InvalidIdField */
    {55, ST_BAD_INPUT},      /* InvalidDBRef */
    {56, ST_BAD_INPUT},      /* EmptyFieldName */
    {57, ST_BAD_INPUT},      /* DottedFieldName */
    {59, ST_UNSUPPORTED},    /* CommandNotFound */
    {63, ST_UNREACHABLE},    /* StaleShardVersion */
    {64, ST_UNREACHABLE},    /* WriteConcernFailed */
    {66, ST_BAD_INPUT},      /* ImmutableField */
    {72, ST_UNSUPPORTED},    /* InvalidOptions */
    {73, ST_UNSUPPORTED},    /* InvalidNamespace */
    {79, ST_UNSUPPORTED},    /* UnknownReplWriteConcern */
    {89, ST_UNREACHABLE},    /* NetworkTimeout */
    {91, ST_UNREACHABLE},    /* ShutdownInProgress */
    {100, ST_UNSUPPORTED},   /* UnsatisfiableWriteConcern */
    {112, ST_UNREACHABLE},   /* WriteConflict */
    {117, ST_UNREACHABLE},   /* ConflictingOperationInProgress */
    {121, ST_BAD_INPUT},     /* DocumentValidationFailure */
    {133, ST_UNREACHABLE},   /* FailedToSatisfyReadPreference */
    {134, ST_UNREACHABLE},   /* ReadConcernMajorityNotAvailableYet */
    {150, ST_UNREACHABLE},   /* StaleEpoch */
    {166, ST_UNSUPPORTED},   /* CommandNotSupportedOnView */
    {175, ST_UNREACHABLE},   /* QueryPlanKilled */
    {189, ST_UNREACHABLE},   /* PrimarySteppedDown */
    {202, ST_UNREACHABLE},   /* NetworkInterfaceExceededTimeLimit */
    {225, ST_UNREACHABLE},   /* TransactionTooOld */
    {239, ST_UNREACHABLE},   /* SnapshotTooOld */
    {246, ST_UNREACHABLE},   /* SnapshotUnavailable */
    {251, ST_UNREACHABLE},   /* NoSuchTransaction */
    {262, ST_UNREACHABLE},   /* ExceededTimeLimit */
    {263, ST_UNSUPPORTED},   /* OperationNotSupportedInTransaction */
    {267, ST_UNREACHABLE},   /* PreparedTransactionInProgress */
    {290, ST_UNREACHABLE},   /* TransactionExceededLifetimeLimitSeconds */
    {314, ST_UNREACHABLE},   /* ObjectIsBusy */
    {317, ST_UNREACHABLE},   /* ConnectionPoolExpired */
    {322, ST_UNSUPPORTED},   /* APIVersionError */
    {323, ST_UNSUPPORTED},   /* APIStrictError */
    {324, ST_UNSUPPORTED},   /* APIDeprecationError */
    {365, ST_UNREACHABLE},   /* TemporarilyUnavailable */
    {391, ST_DENIED},        /* ReauthenticationRequired */
    {462, ST_UNREACHABLE},   /* IngressRequestRateLimitExceeded */
    {8000, ST_DENIED},       /* AtlasError */
    {9001, ST_UNREACHABLE},  /* SocketException */
    {10058, ST_UNREACHABLE}, /* LegacyNotPrimary */
    {10107, ST_UNREACHABLE}, /* NotWritablePrimary */
    {10334, ST_BAD_INPUT},   /* BSONObjectTooLarge */
    {11000, ST_BAD_INPUT},   /* DuplicateKey */
    {11001, ST_BAD_INPUT},   /* DuplicateKey of old servers */
    {11600, ST_UNREACHABLE}, /* InterruptedAtShutdown */
    {11601, ST_UNREACHABLE}, /* Interrupted */
    {11602, ST_UNREACHABLE}, /* InterruptedDueToReplStateChange */
    {12582, ST_BAD_INPUT},   /* DuplicateKey of old shard routers */
    {13388, ST_UNREACHABLE}, /* StaleConfig */
    {13435, ST_UNREACHABLE}, /* NotPrimaryNoSecondaryOk */
    {13436, ST_UNREACHABLE}, /* NotPrimaryOrSecondary */
    {14031, ST_NO_SPACE},    /* OutOfDiskSpace */
    {17280, ST_BAD_INPUT},   /* KeyTooLong */
    {17419, ST_BAD_INPUT},   /* an update's result is too large */
    {17420, ST_BAD_INPUT},   /* the same, of a replacement */
};

st_t sink_mongodb_class(int64_t code)
{
    size_t low = 0, high = sizeof codes / sizeof *codes;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (codes[mid].code == code)
            return codes[mid].st;
        if (codes[mid].code < code)
            low = mid + 1;
        else
            high = mid;
    }
    return ST_IO;
}

bool sink_mongodb_has_label(const bson_t *reply, const char *label)
{
    static const char *const places[] = {"errorLabels", "writeConcernError.errorLabels"};
    bson_iter_t i, found, each;
    for (int k = 0; k < 2; k++)
        if (bson_iter_init(&i, reply) && bson_iter_find_descendant(&i, places[k], &found) &&
            BSON_ITER_HOLDS_ARRAY(&found) && bson_iter_recurse(&found, &each))
            while (bson_iter_next(&each))
                if (BSON_ITER_HOLDS_UTF8(&each) && !strcmp(bson_iter_utf8(&each, NULL), label))
                    return true;
    return false;
}

static bool may_pass(const bson_t *reply)
{
    return reply && (sink_mongodb_has_label(reply, "TransientTransactionError") ||
                     sink_mongodb_has_label(reply, "UnknownTransactionCommitResult") ||
                     sink_mongodb_has_label(reply, "RetryableWriteError") ||
                     sink_mongodb_has_label(reply, "RetryableError"));
}

static st_t class_of_driver(const bson_error_t *e)
{
    if (e->domain == MONGOC_ERROR_STREAM || e->domain == MONGOC_ERROR_SERVER_SELECTION)
        return ST_UNREACHABLE;
    if (e->domain == MONGOC_ERROR_PROTOCOL && e->code == MONGOC_ERROR_PROTOCOL_BAD_WIRE_VERSION)
        return ST_UNSUPPORTED;
    if (e->domain == MONGOC_ERROR_PROTOCOL)
        return ST_UNREACHABLE; /* the connection gave something else than an answer */
    if (e->domain == MONGOC_ERROR_CLIENT)
        return e->code == MONGOC_ERROR_CLIENT_AUTHENTICATE ? ST_DENIED : ST_UNSUPPORTED;
    if (e->domain == MONGOC_ERROR_SERVER || e->domain == MONGOC_ERROR_WRITE_CONCERN)
        return sink_mongodb_class((int64_t)e->code);
    if (e->domain == MONGOC_ERROR_BSON || e->domain == MONGOC_ERROR_COMMAND)
        return ST_UNSUPPORTED;
    return ST_IO;
}

st_t sink_mongodb_failed(const bson_t *reply, const bson_error_t *e, const char *doing, err_t *err)
{
    st_t st = may_pass(reply) ? ST_UNREACHABLE : class_of_driver(e);
    err_set_at(err, st, __FILE__, __LINE__, "MongoDB: %s: %s (code %u)", doing, e->message,
               e->code);
    return st;
}
