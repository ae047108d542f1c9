// SPDX-License-Identifier: EPL-2.0
// Protocol messages as JSON, by their own description.
#include "cli/json.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "session/text.h"

void json_string(FILE *out, const char *text) {
  _cleanup_free_ char *clean = text_clean(must_strdup(text));
  (void)fputc('"', out);
  for (const unsigned char *p = (const unsigned char *)clean; *p; p++) {
    if (*p == '"' || *p == '\\')
      (void)fprintf(out, "\\%c", *p);
    else if (*p < 0x20 || *p == 0x7f)
      (void)fprintf(out, "\\u%04x", *p);
    else
      (void)fputc(*p, out);
  }
  (void)fputc('"', out);
}

// In base64, as protobuf's own JSON has it.
static void json_bytes(FILE *out, const ProtobufCBinaryData *b) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  (void)fputc('"', out);
  for (size_t i = 0; i < b->len; i += 3) {
    size_t left = b->len - i;
    uint32_t n =
        (uint32_t)b->data[i] << 16 | (left > 1 ? (uint32_t)b->data[i + 1] << 8 : 0) | (left > 2 ? b->data[i + 2] : 0);
    (void)fprintf(out, "%c%c%c%c", digits[n >> 18], digits[n >> 12 & 63], left > 1 ? digits[n >> 6 & 63] : '=',
                  left > 2 ? digits[n & 63] : '=');
  }
  (void)fputc('"', out);
}

// "SessionState" and "SESSION_STATE_RUNNING": "running".
static void json_enum(FILE *out, const ProtobufCEnumDescriptor *type, int number) {
  const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);
  if (!value) {
    (void)fprintf(out, "%d", number);
    return;
  }
  const char *word = value->name;
  for (const char *t = type->short_name; *t && *word; t++) {
    if (isupper((unsigned char)*t) && *word == '_')
      word++;
    if (toupper((unsigned char)*t) != *word)
      break;
    word++;
  }
  if (*word == '_')
    word++;
  (void)fputc('"', out);
  for (; *word; word++)
    (void)fputc(tolower((unsigned char)*word), out);
  (void)fputc('"', out);
}

static void json_value(FILE *out, const ProtobufCFieldDescriptor *field, const void *at) {
  switch (field->type) {
  case PROTOBUF_C_TYPE_UINT32:
    (void)fprintf(out, "%" PRIu32, *(const uint32_t *)at);
    break;
  case PROTOBUF_C_TYPE_UINT64:
    (void)fprintf(out, "%" PRIu64, *(const uint64_t *)at);
    break;
  case PROTOBUF_C_TYPE_INT32:
    (void)fprintf(out, "%" PRId32, *(const int32_t *)at);
    break;
  case PROTOBUF_C_TYPE_INT64:
    (void)fprintf(out, "%" PRId64, *(const int64_t *)at);
    break;
  case PROTOBUF_C_TYPE_BYTES:
    json_bytes(out, at);
    break;
  case PROTOBUF_C_TYPE_BOOL:
    (void)fputs(*(const protobuf_c_boolean *)at ? "true" : "false", out);
    break;
  case PROTOBUF_C_TYPE_ENUM:
    json_enum(out, field->descriptor, *(const int *)at);
    break;
  case PROTOBUF_C_TYPE_STRING:
    json_string(out, *(char *const *)at ? *(char *const *)at : "");
    break;
  case PROTOBUF_C_TYPE_MESSAGE:
    if (*(const ProtobufCMessage *const *)at)
      json_message(out, *(const ProtobufCMessage *const *)at);
    else
      (void)fputs("null", out);
    break;
  default:
    (void)fputs("null", out);  // no other type occurs in our schemas
  }
}

static size_t size_of(const ProtobufCFieldDescriptor *field) {
  switch (field->type) {
  case PROTOBUF_C_TYPE_UINT64:
  case PROTOBUF_C_TYPE_INT64:
    return sizeof(uint64_t);
  case PROTOBUF_C_TYPE_BYTES:
    return sizeof(ProtobufCBinaryData);
  case PROTOBUF_C_TYPE_STRING:
  case PROTOBUF_C_TYPE_MESSAGE:
    return sizeof(void *);
  default:
    return sizeof(uint32_t);
  }
}

static void json_array(FILE *out, const ProtobufCFieldDescriptor *field, const char *base) {
  size_t count = *(const size_t *)(base + field->quantifier_offset);
  const char *first = *(const char *const *)(base + field->offset);
  (void)fputc('[', out);
  for (size_t i = 0; i < count; i++) {
    if (i)
      (void)fputs(", ", out);
    json_value(out, field, first + i * size_of(field));
  }
  (void)fputc(']', out);
}

void json_fields(FILE *out, const ProtobufCMessage *message) {
  const char *base = (const char *)message;
  for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
    (void)fprintf(out, "%s\"%s\": ", i ? ", " : "", field->name);
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
      json_array(out, field, base);
    else
      json_value(out, field, base + field->offset);
  }
}

void json_message(FILE *out, const ProtobufCMessage *message) {
  (void)fputc('{', out);
  json_fields(out, message);
  (void)fputc('}', out);
}
