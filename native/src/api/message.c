// SPDX-License-Identifier: EPL-2.0
// Protobuf's wire format, as far as it is needed: numbers, and fields with a length.
#include "api/message.h"

#include <string.h>

enum { NUMBER = 0, FIXED_64 = 1, WITH_LENGTH = 2, FIXED_32 = 5 };

static void add_bytes(struct message *m, const void *bytes, size_t size) {
  if (size > sizeof m->bytes - m->size) {
    m->too_long = true;
    return;
  }
  memcpy(m->bytes + m->size, bytes, size);
  m->size += size;
}

static void add_varint(struct message *m, uint64_t value) {
  do {
    uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    add_bytes(m, &byte, 1);
    value >>= 7;
  } while (value);
}

static void add_with_length(struct message *m, unsigned field, const void *bytes, size_t size) {
  add_varint(m, field << 3 | WITH_LENGTH);
  add_varint(m, size);
  add_bytes(m, bytes, size);
}

void message_number(struct message *m, unsigned field, uint64_t value) {
  add_varint(m, field << 3 | NUMBER);
  add_varint(m, value);
}

void message_text(struct message *m, unsigned field, const char *text) {
  add_with_length(m, field, text, strlen(text));
}

void message_inner(struct message *m, unsigned field, const struct message *inner) {
  m->too_long = m->too_long || inner->too_long;
  add_with_length(m, field, inner->bytes, inner->size);
}

static bool take_varint(struct view *v, uint64_t *ret) {
  *ret = 0;
  for (unsigned shift = 0; shift < 64 && v->size; shift += 7) {
    uint8_t byte = *v->bytes++;
    v->size--;
    *ret |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return true;
  }
  return false;
}

static bool take_bytes(struct view *v, uint64_t size, struct view *ret) {
  if (size > v->size)
    return false;
  *ret = (struct view){v->bytes, (size_t)size};
  v->bytes += size;
  v->size -= (size_t)size;
  return true;
}

struct field {
  unsigned number, type;
  uint64_t value;     // NUMBER
  struct view inner;  // all others
};

static bool take_field(struct view *v, struct field *ret) {
  uint64_t key, size;
  if (!take_varint(v, &key) || key >> 3 > UINT32_MAX)
    return false;
  *ret = (struct field){.number = (unsigned)(key >> 3), .type = key & 7};
  switch (ret->type) {
  case NUMBER:
    return take_varint(v, &ret->value);
  case WITH_LENGTH:
    return take_varint(v, &size) && take_bytes(v, size, &ret->inner);
  case FIXED_64:
    return take_bytes(v, 8, &ret->inner);
  case FIXED_32:
    return take_bytes(v, 4, &ret->inner);
  default:
    return false;
  }
}

static bool find(struct view v, unsigned number, unsigned type, struct field *ret) {
  struct field f;
  bool found = false;
  while (v.size && take_field(&v, &f))
    if (f.number == number && f.type == type) {
      *ret = f;
      found = true;
    }
  return found;
}

bool view_number(struct view v, unsigned number, uint64_t *ret) {
  struct field f;
  if (!find(v, number, NUMBER, &f))
    return false;
  *ret = f.value;
  return true;
}

bool view_inner(struct view v, unsigned number, struct view *ret) {
  struct field f;
  if (!find(v, number, WITH_LENGTH, &f))
    return false;
  *ret = f.inner;
  return true;
}

void view_text(struct view v, unsigned number, char *ret, size_t size) {
  struct view text = {0};
  (void)view_inner(v, number, &text);
  size_t n = text.size < size ? text.size : size - 1;
  if (n)
    memcpy(ret, text.bytes, n);
  ret[n] = 0;
}
