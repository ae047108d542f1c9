// SPDX-License-Identifier: EPL-2.0
// The lines that the supervisor and gdb's Python tell each other.
#include "session/debugger_channel.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

enum { LINE_MAX_BYTES = 1024 * 1024, SEND_PATIENCE_MS = 2000 };

static const char escaped[] = "%\t\n\r";

// ---- fields ----

static int hexadecimal(char c) {
  const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;
  return at ? (int)(at - digits) : -1;
}

static void unescape(char *text) {
  char *to = text;
  for (const char *from = text; *from; from++, to++) {
    int high = *from == '%' ? hexadecimal(from[1]) : -1;
    int low = high >= 0 ? hexadecimal(from[2]) : -1;
    *to = low >= 0 ? (char)(high * 16 + low) : *from;
    if (low >= 0)
      from += 2;
  }
  *to = 0;
}

static void split(struct fields *f) {
  unsigned capacity = 0;
  for (char *at = f->text; at;) {
    array_reserve(f->item, f->count, capacity);
    f->item[f->count++] = strsep(&at, "\t");
  }
  for (unsigned i = 0; i < f->count; i++)
    unescape(f->item[i]);
}

void fields_done(struct fields *f) {
  free(f->text);
  free(f->item);
  *f = (struct fields){0};
}

const char *field(const struct fields *f, unsigned index) { return index < f->count ? f->item[index] : ""; }

uint64_t field_number(const struct fields *f, unsigned index) { return strtoull(field(f, index), NULL, 10); }

// ---- lines ----

static void add_byte(struct line *l, char c) {
  array_reserve(l->text, l->size, l->capacity);
  l->text[l->size++] = c;
}

void line_add(struct line *l, const char *text) {
  if (l->size)
    add_byte(l, '\t');
  for (; text && *text; text++) {
    if (!strchr(escaped, *text)) {
      add_byte(l, *text);
      continue;
    }
    char code[4];
    (void)snprintf(code, sizeof code, "%%%02X", (unsigned char)*text);
    for (const char *c = code; *c; c++)
      add_byte(l, *c);
  }
}

void line_add_number(struct line *l, uint64_t number) {
  char text[24];
  (void)snprintf(text, sizeof text, "%" PRIu64, number);
  line_add(l, text);
}

void line_done(struct line *l) {
  free(l->text);
  *l = (struct line){0};
}

// ---- channels ----

int channel_open(struct channel *ret, int *ret_other) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
    return -errno;
  *ret = (struct channel){.fd = ends[0]};
  *ret_other = ends[1];
  return 0;
}

void channel_close(struct channel *c) {
  if (c->fd >= 0)
    (void)close(c->fd);
  free(c->text);
  *c = (struct channel){.fd = -1};
}

int channel_receive(struct channel *c) {
  for (;;) {
    array_reserve(c->text, c->size, c->capacity);
    ssize_t n = recv(c->fd, c->text + c->size, c->capacity - c->size, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return errno == EAGAIN ? 0 : -errno;
    if (n == 0)
      return -EPIPE;
    c->size += (size_t)n;
    if (c->size > LINE_MAX_BYTES)
      return -EMSGSIZE;
  }
}

bool channel_next(struct channel *c, struct fields *ret) {
  char *end = c->size ? memchr(c->text, '\n', c->size) : NULL;
  if (!end)
    return false;
  *end = 0;
  size_t used = (size_t)(end - c->text) + 1;
  *ret = (struct fields){.text = must_strdup(c->text)};
  split(ret);
  c->size -= used;
  memmove(c->text, c->text + used, c->size);
  return true;
}

static int send_all(int fd, const char *text, size_t size) {
  for (size_t n = 0; n < size;) {
    ssize_t k = send(fd, text + n, size - n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (k >= 0) {
      n += (size_t)k;
      continue;
    }
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (errno == EAGAIN && poll(&p, 1, SEND_PATIENCE_MS) == 0)
      return -ETIMEDOUT;
    if (errno != EAGAIN && errno != EINTR)
      return -errno;
  }
  return 0;
}

int channel_send(struct channel *c, struct line *l) {
  add_byte(l, '\n');
  int r = c->fd < 0 ? -EPIPE : send_all(c->fd, l->text, l->size);
  line_done(l);
  return r;
}
