// SPDX-License-Identifier: EPL-2.0
// Parsing of /proc/PID/fdinfo and /proc/PID/status.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "proc/fdinfo.h"
#include "proc/leases.h"
#include "proc/status.h"
#include "proc/terminal.h"
#include "unit.h"

static void readsPositionFlagsAndInode(void **state) {
  (void)state;
  struct fdinfo i;
  assert_int_equal(fdinfo_parse("pos:\t17\nflags:\t02104002\nmnt_id:\t25\nino:\t99\n", &i), 0);
  assert_int_equal(i.position, 17);
  assert_int_equal(i.flags, 02104002);
  assert_int_equal(i.mount, 25);
  assert_int_equal(i.inode, 99);
  fdinfo_done(&i);
}

static void readsTheWatchesOfAnEpollSet(void **state) {
  (void)state;
  struct fdinfo i;
  assert_int_equal(fdinfo_parse("pos:\t0\ntfd:        5 events:       1f data: ffff0000aaaa5555  pos:0 ino:3b sdev:f\n"
                                "tfd:        9 events:       19 data: 7\n",
                                &i),
                   0);
  assert_int_equal(i.watches, 2);
  assert_int_equal(i.watch[0].fd, 5);
  assert_int_equal(i.watch[0].events, 0x1f);
  assert_int_equal(i.watch[0].data, 0xffff0000aaaa5555);
  assert_int_equal(i.watch[0].inode, 0x3b);
  assert_int_equal(i.watch[1].inode, 0);
  fdinfo_done(&i);
}

static void readsTheLocksOfAFile(void **state) {
  (void)state;
  struct fdinfo i;
  assert_int_equal(fdinfo_parse("pos:\t0\nlock:\t1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF\n"
                                "lock:\t2: POSIX  ADVISORY  READ  359 00:13:11691 10 19\n",
                                &i),
                   0);
  assert_int_equal(i.locks, 2);
  assert_int_equal(i.lock[0].kind, LOCK_OF_FLOCK);
  assert_true(i.lock[0].writes && i.lock[0].end == UINT64_MAX);
  assert_int_equal(i.lock[1].kind, LOCK_OF_PROCESS);
  assert_false(i.lock[1].writes);
  assert_int_equal(i.lock[1].start, 10);
  assert_int_equal(i.lock[1].end, 19);
  fdinfo_done(&i);
}

static void readsLeasesByTheirState(void **state) {
  (void)state;
  struct fdinfo i;
  assert_int_equal(fdinfo_parse("pos:\t0\nlock:\t1: LEASE  ACTIVE    READ  359 00:13:11691 0 EOF\n"
                                "lock:\t2: LEASE  BREAKING  UNLCK 359 00:13:11691 0 EOF\n",
                                &i),
                   0);
  assert_int_equal(i.locks, 2);
  assert_int_equal(i.lock[0].kind, LOCK_LEASE);
  assert_false(i.lock[0].writes);
  assert_int_equal(i.lock[1].kind, LOCK_OTHER);
  fdinfo_done(&i);
}

static void readsTheWatchesOfAnInotifySet(void **state) {
  (void)state;
  struct fdinfo i;
  assert_int_equal(fdinfo_parse("pos:\t0\ninotify wd:1f ino:2e3 sdev:800013 mask:100 ignored_mask:0 fhandle-bytes:4 "
                                "fhandle-type:1 f_handle:e302aBff\n"
                                "inotify wd:2 ino:5 sdev:fe00000 mask:2 ignored_mask:0 \n",
                                &i),
                   0);
  assert_int_equal(i.file_watches, 2);
  assert_int_equal(i.file_watch[0].number, 0x1f);
  assert_int_equal(i.file_watch[0].inode, 0x2e3);
  assert_int_equal(i.file_watch[0].device, makedev(8, 0x13));
  assert_int_equal(i.file_watch[0].events, 0x100);
  assert_int_equal(i.file_watch[0].handle_size, 4);
  assert_memory_equal(i.file_watch[0].handle, "\xe3\x02\xab\xff", 4);
  assert_int_equal(i.file_watch[1].device, makedev(0xfe, 0));
  assert_int_equal(i.file_watch[1].handle_size, 0);
  fdinfo_done(&i);
}

// What promises more bytes than there are, or than a handle can have, gives no more than there are.
static void boundsAFileHandle(void **state) {
  (void)state;
  struct fdinfo i;
  assert_int_equal(fdinfo_parse("inotify wd:1 ino:1 sdev:1 mask:1 ignored_mask:0 fhandle-bytes:8 fhandle-type:1 "
                                "f_handle:0102\ninotify wd:2 ino:1 sdev:1 mask:1 ignored_mask:0 fhandle-bytes:ffffff "
                                "fhandle-type:1 f_handle:0102\n",
                                &i),
                   0);
  assert_int_equal(i.file_watch[0].handle_size, 2);
  assert_int_equal(i.file_watch[1].handle_size, 0);
  fdinfo_done(&i);
  assert_int_equal(fdinfo_parse("inotify wd:x\n", &i), -EBADMSG);
}

static void readsTheMarksOfAFanotifyGroup(void **state) {
  (void)state;
  struct fdinfo i;
  assert_int_equal(fdinfo_parse("pos:\t0\nfanotify flags:1e02 event-flags:8002\n"
                                "fanotify ino:2e3 sdev:800013 mflags:440 mask:48000300 ignored_mask:48000200 "
                                "fhandle-bytes:2 fhandle-type:81 f_handle:e302\n"
                                "fanotify ino:5 sdev:fe00000 mflags:0 mask:2 ignored_mask:0 \n",
                                &i),
                   0);
  assert_int_equal(i.fanotify.flags, 0x1e02);
  assert_int_equal(i.fanotify.event_flags, 0x8002);
  assert_false(i.fanotify.has_other_marks);
  assert_int_equal(i.file_watches, 2);
  assert_int_equal(i.file_watch[0].inode, 0x2e3);
  assert_int_equal(i.file_watch[0].device, makedev(8, 0x13));
  assert_int_equal(i.file_watch[0].flags, 0x440);
  assert_int_equal(i.file_watch[0].events, 0x48000300);
  assert_int_equal(i.file_watch[0].ignored, 0x48000200);
  assert_int_equal(i.file_watch[0].handle_type, 0x81);
  assert_memory_equal(i.file_watch[0].handle, "\xe3\x02", 2);
  assert_int_equal(i.file_watch[1].handle_size, 0);
  fdinfo_done(&i);
  assert_int_equal(fdinfo_parse("fanotify ino:2e3 sdev:8\n", &i), -EBADMSG);
}

// Of a mount, of a file system, of a namespace.
static void knowsMarksOnMoreThanFiles(void **state) {
  (void)state;
  static const char *const lines[] = {"fanotify mnt_id:1b mflags:0 mask:20 ignored_mask:0\n",
                                      "fanotify sdev:fe00000 mflags:0 mask:20 ignored_mask:0\n",
                                      "fanotify mnt_ns:4026531841 mflags:0 mask:1000000 ignored_mask:0\n"};
  for (unsigned k = 0; k < sizeof lines / sizeof *lines; k++) {
    struct fdinfo i;
    assert_int_equal(fdinfo_parse(lines[k], &i), 0);
    assert_true(i.fanotify.has_other_marks);
    assert_int_equal(i.file_watches, 0);
    fdinfo_done(&i);
  }
}

static void readsPidfdsAndMastersOfTerminals(void **state) {
  (void)state;
  struct fdinfo i;
  assert_int_equal(fdinfo_parse("pos:\t0\nPid:\t-1\nNSpid:\t0\n", &i), 0);
  assert_int_equal(i.process, -1);
  assert_int_equal(i.terminal, -1);
  assert_int_equal(fdinfo_parse("pos:\t0\ntty-index:\t7\n", &i), 0);
  assert_int_equal(i.terminal, 7);
}

static void readsTheControllingTerminal(void **state) {
  (void)state;
  struct process_terminal t;
  assert_int_equal(process_terminal_parse("12 (a) b) S 1 12 12 34821 40 4194304", &t), 0);
  assert_int_equal(t.device, makedev(PTY_MAJOR, 5));
  assert_int_equal(t.foreground, 40);
  assert_int_equal(process_terminal_parse("12 (sh) S 1 12 12 0 -1 4194304", &t), 0);
  assert_int_equal(t.device, 0);
  assert_int_equal(process_terminal_parse("12 (sh", &t), -EBADMSG);
}

static void findsLeasesAmongLocks(void **state) {
  (void)state;
  const char text[] =
      "1: FLOCK  ADVISORY  WRITE 359 fe:00:12 0 EOF\n2: LEASE  ACTIVE    READ  360 fe:01:2236422 0 EOF\n"
      "3: LEASE  BREA";
  assert_true(leases_hold(text, makedev(0xfe, 1), 2236422));
  assert_false(leases_hold(text, makedev(0xfe, 0), 2236422));
  assert_false(leases_hold(text, makedev(0xfe, 0), 12));
  assert_false(leases_hold("", 0, 0));
}

static void refusesAMutilatedWatchAndAnEmptyText(void **state) {
  (void)state;
  struct fdinfo i;
  assert_int_equal(fdinfo_parse("pos:\t0\ntfd: x\n", &i), -EBADMSG);
  assert_int_equal(fdinfo_parse("", &i), -EBADMSG);
}

static void readsALivingEventfdAndEpollSet(void **state) {
  (void)state;
  int event = eventfd(3, EFD_SEMAPHORE), set = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.u64 = 0x1234};
  assert_int_equal(epoll_ctl(set, EPOLL_CTL_ADD, event, &e), 0);
  struct fdinfo i;
  assert_int_equal(fdinfo_read(getpid(), event, &i), 0);
  assert_int_equal(i.count, 3);
  fdinfo_done(&i);
  assert_int_equal(fdinfo_read(getpid(), set, &i), 0);
  assert_int_equal(i.watches, 1);
  assert_int_equal(i.watch[0].fd, event);
  assert_int_equal(i.watch[0].data, 0x1234);
  fdinfo_done(&i);
  (void)close(event);
  (void)close(set);
  assert_int_equal(fdinfo_read(getpid(), set, &i), -ENOENT);
}

static void listsDescriptorsInOrder(void **state) {
  (void)state;
  int *list;
  size_t count;
  int high = fcntl(0, F_DUPFD, 200);
  bool found = false;
  assert_int_equal(descriptor_list(getpid(), &list, &count), 0);
  for (size_t i = 0; i < count; i++) {
    assert_true(i == 0 || list[i - 1] < list[i]);
    found = found || list[i] == high;
  }
  assert_true(found);
  free(list);
  (void)close(high);
}

static void readsAStatusFile(void **state) {
  (void)state;
  struct process_status s;
  assert_int_equal(status_parse("Name:\ta name\nUmask:\t0027\nState:\tT (stopped)\nTgid:\t12\nPPid:\t3\nTracerPid:\t0\n"
                                "SigPnd:\t0000000000000001\nShdPnd:\t0000000000004000\nSigBlk:\t8000000000000000\n"
                                "Seccomp:\t2\n",
                                &s),
                   0);
  assert_string_equal(s.name, "a name");
  assert_int_equal(s.umask, 027);
  assert_int_equal(s.state, 'T');
  assert_int_equal(s.tgid, 12);
  assert_int_equal(s.parent, 3);
  assert_int_equal(s.pending, 1);
  assert_int_equal(s.shared_pending, 0x4000);
  assert_int_equal(s.blocked, 0x8000000000000000);
  assert_int_equal(s.seccomp, 2);
  assert_int_equal(status_parse("Name:\tx\n", &s), -EBADMSG);
}

static void readsWhatAThreadMay(void **state) {
  (void)state;
  struct process_status s, other;
  assert_int_equal(status_parse("State:\tR\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t10 20 \nVmLck:\t      12 kB\n"
                                "CapInh:\t0000000000000001\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000000003\n"
                                "CapBnd:\t0000000000000004\nCapAmb:\t0000000000000005\nNoNewPrivs:\t1\n",
                                &s),
                   0);
  assert_int_equal(s.uid[0], 1);
  assert_int_equal(s.uid[3], 4);
  assert_int_equal(s.gid[2], 7);
  assert_int_equal(s.locked_kb, 12);
  assert_int_equal(s.inheritable, 1);
  assert_int_equal(s.permitted, 0x1ffffffffff);
  assert_int_equal(s.effective, 3);
  assert_int_equal(s.bounding, 4);
  assert_int_equal(s.ambient, 5);
  assert_true(s.no_new_privs);
  assert_int_equal(status_parse("State:\tR\nGroups:\t10 21 \nUid:\t\n", &other), 0);
  assert_int_not_equal(s.groups, other.groups);
  assert_int_equal(other.uid[3], 0);
}

static void boundsALongName(void **state) {
  (void)state;
  char text[300] = "Name:\t";
  memset(text + 6, 'x', 200);
  strcat(text, "\nState:\tR\n");
  struct process_status s;
  assert_int_equal(status_parse(text, &s), 0);
  assert_int_equal(strlen(s.name), sizeof s.name - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readsWhatAThreadMay),
      cmocka_unit_test(readsPositionFlagsAndInode),
      cmocka_unit_test(readsTheWatchesOfAnEpollSet),
      cmocka_unit_test(readsTheLocksOfAFile),
      cmocka_unit_test(readsLeasesByTheirState),
      cmocka_unit_test(readsTheWatchesOfAnInotifySet),
      cmocka_unit_test(readsTheMarksOfAFanotifyGroup),
      cmocka_unit_test(knowsMarksOnMoreThanFiles),
      cmocka_unit_test(boundsAFileHandle),
      cmocka_unit_test(readsPidfdsAndMastersOfTerminals),
      cmocka_unit_test(readsTheControllingTerminal),
      cmocka_unit_test(findsLeasesAmongLocks),
      cmocka_unit_test(refusesAMutilatedWatchAndAnEmptyText),
      cmocka_unit_test(readsALivingEventfdAndEpollSet),
      cmocka_unit_test(listsDescriptorsInOrder),
      cmocka_unit_test(readsAStatusFile),
      cmocka_unit_test(boundsALongName),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
