// SPDX-License-Identifier: EPL-2.0
// Reading the table of TCP connections, and parsing /proc/net/tcp and /proc/net/tcp6.
#include "proc/net_tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "kernel/tcp_diag.h"

enum { TEXT_MOST = 64 << 20, ADDRESS_DIGITS = 32, MAPPED_WORD = 2 };

struct inet_point inet_point_of(const struct sockaddr_storage *address) {
  const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
  const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
  struct inet_point p = {0};
  if (address->ss_family == AF_INET6) {
    p.address = six->sin6_addr;
    p.port = ntohs(six->sin6_port);
  } else if (address->ss_family == AF_INET) {
    p.address.s6_addr32[MAPPED_WORD] = htonl(0xffff);
    p.address.s6_addr32[MAPPED_WORD + 1] = four->sin_addr.s_addr;
    p.port = ntohs(four->sin_port);
  }
  return p;
}

int inet_point_is_same(const struct inet_point *a, const struct inet_point *b) {
  return a->port == b->port && memcmp(&a->address, &b->address, sizeof a->address) == 0;
}

// "0100007F:1F90", or the same with four words: each word is a number of this machine's byte order.
static const char *parse_point(const char *at, struct inet_point *ret) {
  char digits[ADDRESS_DIGITS + 1];
  unsigned port;
  int used = 0;
  if (sscanf(at, " %32[0-9A-Fa-f]:%4x%n", digits, &port, &used) != 2)
    return NULL;
  size_t words = strlen(digits) / 8;
  if (strlen(digits) % 8 || (words != 1 && words != 4))
    return NULL;
  *ret = (struct inet_point){.port = (uint16_t)port};
  if (words == 1)
    ret->address.s6_addr32[MAPPED_WORD] = htonl(0xffff);
  for (size_t i = 0; i < words; i++) {
    char word[9] = {0};
    memcpy(word, digits + 8 * i, 8);
    ret->address.s6_addr32[words == 1 ? MAPPED_WORD + 1 : i] = (uint32_t)strtoul(word, NULL, 16);
  }
  return at + used;
}

// "sl: local remote state queues timer retransmits uid timeout inode…"
static int parse_line(const char *line, struct tcp_connection *ret) {
  const char *at = strchr(line, ':');
  unsigned state;
  unsigned long long inode;
  *ret = (struct tcp_connection){0};
  at = at ? parse_point(at + 1, &ret->local) : NULL;
  at = at ? parse_point(at, &ret->remote) : NULL;
  if (!at || sscanf(at, " %2x %*x:%*x %*x:%*x %*x %*u %*u %llu", &state, &inode) != 2)
    return -EBADMSG;
  ret->state = (int)state;
  ret->inode = (ino_t)inode;
  return 0;
}

int tcp_connections_parse(const char *text, struct tcp_connections *ret) {
  const char *line = strchr(text, '\n');  // behind the titles
  for (; line && line[1]; line = strchr(line + 1, '\n')) {
    struct tcp_connection c;
    int r = parse_line(line + 1, &c);
    if (r < 0)
      return r;
    array_reserve(ret->item, ret->count, ret->capacity);
    ret->item[ret->count++] = c;
  }
  return 0;
}

static int read_text(struct tcp_connections *ret) {
  static const char *const files[] = {"/proc/net/tcp", "/proc/net/tcp6"};
  int r = 0;
  for (size_t i = 0; r == 0 && i < sizeof files / sizeof files[0]; i++) {
    _cleanup_free_ char *text = NULL;
    size_t size;
    r = file_read(files[i], TEXT_MOST, &text, &size);
    if (r == -ENOENT)
      r = 0;  // a kernel without IPv6
    else if (r == 0)
      r = tcp_connections_parse(text, ret);
  }
  return r;
}

static struct inet_point point_of(const struct inet_diag_msg *m, const __be32 words[4], __be16 port) {
  struct inet_point p = {.port = ntohs(port)};
  if (m->idiag_family == AF_INET6) {
    memcpy(&p.address, words, sizeof p.address);
    return p;
  }
  p.address.s6_addr32[MAPPED_WORD] = htonl(0xffff);
  p.address.s6_addr32[MAPPED_WORD + 1] = words[0];
  return p;
}

static void take(void *data, const struct inet_diag_msg *m) {
  struct tcp_connections *ret = data;
  array_reserve(ret->item, ret->count, ret->capacity);
  ret->item[ret->count++] = (struct tcp_connection){.local = point_of(m, m->id.idiag_src, m->id.idiag_sport),
                                                    .remote = point_of(m, m->id.idiag_dst, m->id.idiag_dport),
                                                    .state = m->idiag_state,
                                                    .inode = m->idiag_inode};
}

// The kernel's text has the same to tell, and takes fifty times as long on a machine with a large table.
int tcp_connections_read(struct tcp_connections *ret) {
  *ret = (struct tcp_connections){0};
  int r = tcp_diag_list(AF_INET, take, ret);
  if (r == 0)
    r = tcp_diag_list(AF_INET6, take, ret);
  if (r < 0) {
    tcp_connections_done(ret);
    r = read_text(ret);
  }
  if (r < 0)
    tcp_connections_done(ret);
  return r;
}

void tcp_connections_done(struct tcp_connections *c) {
  free(c->item);
  *c = (struct tcp_connections){0};
}

const struct tcp_connection *tcp_connections_find(const struct tcp_connections *c, const struct inet_point *local,
                                                  const struct inet_point *remote) {
  for (size_t i = 0; i < c->count; i++)
    if (inet_point_is_same(&c->item[i].local, local) && inet_point_is_same(&c->item[i].remote, remote))
      return &c->item[i];
  return NULL;
}
