/* proto_text.h: a .proto file's tree as text and as a serialized descriptor. */
#ifndef ARUS_FORMAT_PROTO_TEXT_H
#define ARUS_FORMAT_PROTO_TEXT_H

#include "format/proto_scope.h"

/* The text as the registry keeps it, in Confluent's layout: without comments, messages before
 * enums. */
void proto_text_put(buf_t *b, const proto_file_t *f);
/* The same without extensions and without options of others than Confluent. */
void proto_text_put_plain(buf_t *b, const proto_file_t *f);
/* The text that files of one meaning share: types by their full names, fields by number, imports
 * and options by name. The scope is the file's. ST_BAD_INPUT: a type's name means nothing; the
 * buffer then holds part of the text. */
ST proto_text_put_normalized(buf_t *b, const proto_file_t *f, proto_scope_t *s, err_t *err);

/* The file as a google.protobuf.FileDescriptorProto named "default"; options that
 * descriptor.proto knows. */
void proto_descriptor_put(buf_t *b, const proto_file_t *f, proto_scope_t *s);

#endif
