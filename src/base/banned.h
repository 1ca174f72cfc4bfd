/* banned.h: calls that nobody makes here; included into every file by the build. */
#ifndef ARUS_BASE_BANNED_H
#define ARUS_BASE_BANNED_H

#ifdef __GNUC__
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol atoll atof gets localtime
#pragma GCC poison asctime ctime strncpy strncat srand tmpnam mktemp
#endif

#endif
