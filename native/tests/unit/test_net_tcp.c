// SPDX-License-Identifier: EPL-2.0
// Parsing of /proc/net/tcp and /proc/net/tcp6.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "proc/net_tcp.h"
#include "unit.h"

static const char titles[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

static struct inet_point four(const char *text, uint16_t port) {
  struct sockaddr_storage s = {.ss_family = AF_INET};
  struct sockaddr_in *in = (struct sockaddr_in *)&s;
  in->sin_port = htons(port);
  assert_int_equal(inet_pton(AF_INET, text, &in->sin_addr), 1);
  return inet_point_of(&s);
}

static struct inet_point six(const char *text, uint16_t port) {
  struct sockaddr_storage s = {.ss_family = AF_INET6};
  struct sockaddr_in6 *in = (struct sockaddr_in6 *)&s;
  in->sin6_port = htons(port);
  assert_int_equal(inet_pton(AF_INET6, text, &in->sin6_addr), 1);
  return inet_point_of(&s);
}

static struct tcp_connections parse(const char *lines, int expected) {
  struct tcp_connections all = {0};
  char text[2048];
  (void)snprintf(text, sizeof text, "%s%s", titles, lines);
  assert_int_equal(tcp_connections_parse(text, &all), expected);
  return all;
}

static void readsAddressesPortsStateAndInode(void **state) {
  (void)state;
  struct tcp_connections all = parse(
      "   0: 0100007F:1F90 0200007F:C242 01 00000001:00000002 00:00000000 00000000  1000        0 414326 2 0 20 0\n",
      0);
  struct inet_point local = four("127.0.0.1", 8080), remote = four("127.0.0.2", 49730);
  assert_int_equal(all.count, 1);
  assert_true(inet_point_is_same(&all.item[0].local, &local));
  assert_true(inet_point_is_same(&all.item[0].remote, &remote));
  assert_int_equal(all.item[0].state, TCP_ESTABLISHED);
  assert_int_equal(all.item[0].inode, 414326);
  tcp_connections_done(&all);
}

static void readsAddressesOfIpv6(void **state) {
  (void)state;
  struct tcp_connections all = parse(
      "   1: B80D0120000000000000000001000000:0016 0000000000000000FFFF00000100007F:0017 06 0:0 03:176F 0 0 0 0 3\n",
      0);
  struct inet_point local = six("2001:db8::1", 22), mapped = four("127.0.0.1", 23);
  assert_true(inet_point_is_same(&all.item[0].local, &local));
  assert_true(inet_point_is_same(&all.item[0].remote, &mapped));
  assert_int_equal(all.item[0].state, TCP_TIME_WAIT);
  assert_int_equal(all.item[0].inode, 0);
  tcp_connections_done(&all);
}

static void findsAConnectionByBothEnds(void **state) {
  (void)state;
  struct tcp_connections all = parse("   0: 0100007F:0001 0100007F:0002 01 0:0 00:0 0 0 0 11 1\n   1: 0100007F:0002 "
                                     "0100007F:0001 01 0:0 00:0 0 0 0 12 1\n",
                                     0);
  struct inet_point a = four("127.0.0.1", 1), b = four("127.0.0.1", 2);
  assert_int_equal(tcp_connections_find(&all, &b, &a)->inode, 12);
  assert_null(tcp_connections_find(&all, &a, &a));
  tcp_connections_done(&all);
}

static void takesNoLinesForNoConnections(void **state) {
  (void)state;
  struct tcp_connections all = parse("", 0);
  assert_int_equal(all.count, 0);
  tcp_connections_done(&all);
}

static void refusesWhatIsNoTable(void **state) {
  (void)state;
  static const char *const lines[] = {"nonsense\n", "   0: 0100007F 0100007F:0002 01\n",
                                      "   0: 01:0001 0100007F:0002 01 0:0 00:0 0 0 0 11 1\n",
                                      "   0: 0100007F:0001 0100007F:0002 01 0:0\n"};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    struct tcp_connections all = parse(lines[i], -EBADMSG);
    tcp_connections_done(&all);
  }
}

static void findsTheKernelsOwnTable(void **state) {
  (void)state;
  struct tcp_connections all;
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof name;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
  assert_int_equal(listen(fd, 1), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
  assert_int_equal(tcp_connections_read(&all), 0);
  struct inet_point local = four("127.0.0.1", ntohs(name.sin_port)), none = four("0.0.0.0", 0);
  const struct tcp_connection *found = tcp_connections_find(&all, &local, &none);
  assert_non_null(found);
  assert_int_equal(found->state, TCP_LISTEN);
  tcp_connections_done(&all);
  close(fd);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readsAddressesPortsStateAndInode),
      cmocka_unit_test(readsAddressesOfIpv6),
      cmocka_unit_test(findsAConnectionByBothEnds),
      cmocka_unit_test(takesNoLinesForNoConnections),
      cmocka_unit_test(refusesWhatIsNoTable),
      cmocka_unit_test(findsTheKernelsOwnTable),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
