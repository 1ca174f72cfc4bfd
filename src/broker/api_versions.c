/* api_versions.c: what the broker speaks: ApiVersions, UpdateFeatures. */
#include "broker/internal.h"

/* Features that tools expect to see: name, least, most; what is on is the most. */
static const struct feature {
    const char *name;
    int16_t min, max;
} features[] = {{"group.version", 0, 1},
                {"kraft.version", 0, 1},
                {"metadata.version", 7, 29},
                {"transaction.version", 0, 2}};

#define N_FEATURES (int32_t)(sizeof features / sizeof *features)

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Letters and digits, with points and dashes between them. */
static bool software_good(str_t s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_alnum(s.ptr[i]) && s.ptr[i] != '.' && s.ptr[i] != '-')
            return false;
    return s.len && is_alnum(s.ptr[0]) && is_alnum(s.ptr[s.len - 1]);
}

static int cmp_keys(const void *a, const void *b)
{
    return ((const wire_api_versions_response_api_key_t *)a)->api_key -
           ((const wire_api_versions_response_api_key_t *)b)->api_key;
}

void broker_on_api_versions(broker_request_t *r)
{
    MESSAGE(api_versions);
    RESPONSE(api_versions);
    size_t n;
    const broker_handler_t *h = broker_handler_list(&n);
    if (r->version >= 3 &&
        (!software_good(m->client_software_name) || !software_good(m->client_software_version))) {
        answer->error_code = KAFKA_INVALID_REQUEST;
        broker_answer(r, answer);
        return;
    }
    NEW_LIST(&r->arena, answer->api_keys, api_versions_response_api_key, n);
    for (size_t i = 0; i < n; i++)
        answer->api_keys.ptr[i] = (wire_api_versions_response_api_key_t){
            h[i].key, h[i].advertised_from, wire_api_find(h[i].key)->max};
    qsort(answer->api_keys.ptr, n, sizeof *answer->api_keys.ptr, cmp_keys);
    NEW_LIST(&r->arena, answer->supported_features, api_versions_response_supported_feature,
             N_FEATURES);
    NEW_LIST(&r->arena, answer->finalized_features, api_versions_response_finalized_feature,
             N_FEATURES);
    answer->supported_features.len = 0;
    for (int32_t i = 0; i < N_FEATURES; i++) {
        str_t name = str_of(features[i].name);
        /* Before version 4 clients take a least level of 0 for a fault (KIP-1022). */
        if (r->version >= 4 || features[i].min > 0)
            answer->supported_features.ptr[answer->supported_features.len++] =
                (wire_api_versions_response_supported_feature_t){name, features[i].min,
                                                                 features[i].max};
        answer->finalized_features.ptr[i] = (wire_api_versions_response_finalized_feature_t){
            name, features[i].max, features[i].max};
    }
    answer->finalized_features_epoch = 0;
    broker_answer(r, answer);
}

void broker_on_update_features(broker_request_t *r)
{
    MESSAGE(update_features);
    RESPONSE(update_features);
    NEW_LIST(&r->arena, answer->results, update_features_response_result, m->feature_updates.len);
    for (int32_t i = 0; i < m->feature_updates.len; i++) {
        const wire_update_features_request_feature_update_t *u = &m->feature_updates.ptr[i];
        wire_update_features_response_result_t *to = &answer->results.ptr[i];
        bool as_is = false;
        for (int32_t k = 0; k < N_FEATURES; k++)
            as_is |= str_eq(u->feature, str_of(features[k].name)) &&
                     u->max_version_level == features[k].max;
        to->feature = u->feature;
        if (as_is)
            continue;
        to->error_code = KAFKA_INVALID_UPDATE_VERSION;
        to->error_message = STR("features are those of this version of arus and cannot be changed");
        if (!answer->error_code) { /* from version 2 on there is only this */
            answer->error_code = r->version >= 2 ? KAFKA_INVALID_UPDATE_VERSION : KAFKA_NONE;
            answer->error_message = r->version >= 2 ? to->error_message : STR_NONE;
        }
    }
    broker_answer(r, answer);
}
