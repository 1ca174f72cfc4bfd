/* goapi.h: the source of market data: GoAPI, or what answers like it. Options: README.md. */
#ifndef ARUS_SOURCE_GOAPI_GOAPI_H
#define ARUS_SOURCE_GOAPI_GOAPI_H

#include "connect/connector.h"

extern const connector_class_t source_goapi;

#endif
