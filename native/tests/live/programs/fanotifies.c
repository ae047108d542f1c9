// SPDX-License-Identifier: EPL-2.0
// fanotify groups of the kind that anybody may make, against a model: groups and marks come and go, and whatever is
// done to a file is told with its handle.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watched.h"

#ifndef FAN_REPORT_TARGET_FID
#define FAN_REPORT_TARGET_FID 0x1000
#endif
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x200
#endif
#ifndef FAN_MARK_IGNORE
#define FAN_MARK_IGNORE 0x400
#endif

enum { GROUPS = 3, HELD = 0 /* of the files, the one that stays open */, HANDLE_MAX = 128 };

static bool has_targets, has_evictable, has_ignore;  // Linux 5.17, 5.19, 6.0
static struct mark {
  uint64_t events, ignored;
  unsigned flags;
} unmarked;
static struct group {
  int fd;  // -1: closed
  unsigned flags, event_flags;
  struct mark mark[FILES];  // without events: none
} groups[GROUPS];

// ---- changing ----

static void open_group(struct group *g) {
  static const unsigned kinds[] = {FAN_REPORT_FID, FAN_REPORT_FID | FAN_NONBLOCK, FAN_REPORT_DFID_NAME | FAN_CLOEXEC,
                                   FAN_REPORT_DFID_NAME | FAN_REPORT_FID,
                                   FAN_REPORT_DFID_NAME | FAN_REPORT_FID | FAN_REPORT_TARGET_FID};
  *g = (struct group){.flags = kinds[live_random(has_targets ? 5 : 4)],
                      .event_flags = live_random(2) ? O_RDWR : O_RDONLY | O_CLOEXEC};
  g->fd = fanotify_init(g->flags, g->event_flags);
  CHECK(g->fd >= 0 && fcntl(g->fd, F_SETFL, O_NONBLOCK) == 0);
}

static int change_mark(const struct group *g, unsigned how, uint64_t mask, unsigned i) {
  return fanotify_mark(g->fd, how | FAN_MARK_DONT_FOLLOW, mask, AT_FDCWD, path_of(i));
}

static void add(struct group *g, unsigned i) {
  static const uint64_t kinds[] = {FAN_MODIFY, FAN_ATTRIB, FAN_MODIFY | FAN_ATTRIB};
  struct mark *m = &g->mark[i];
  uint64_t events = i == FOLDER ? FAN_CREATE | FAN_DELETE | FAN_ONDIR : i == LINK ? FAN_ATTRIB : kinds[live_random(3)];
  if (!m->events && i == HELD && has_evictable && live_random(2))
    m->flags = FAN_MARK_EVICTABLE;
  CHECK(change_mark(g, FAN_MARK_ADD | (m->flags & FAN_MARK_EVICTABLE), events, i) == 0);
  m->events |= events;
}

static void ignore(struct group *g, unsigned i) {
  struct mark *m = &g->mark[i];
  unsigned how = i == LINK && has_ignore ? FAN_MARK_IGNORE : FAN_MARK_IGNORED_MASK;
  if (!m->events)
    return;
  CHECK(change_mark(g, FAN_MARK_ADD | how | FAN_MARK_IGNORED_SURV_MODIFY | m->flags, FAN_OPEN, i) == 0);
  m->flags |= FAN_MARK_IGNORED_SURV_MODIFY | (how & FAN_MARK_IGNORE);
  m->ignored = FAN_OPEN;
}

static void take_away(struct group *g, unsigned i) {
  struct mark *m = &g->mark[i];
  unsigned how = m->flags & FAN_MARK_IGNORE ? FAN_MARK_IGNORE | FAN_MARK_IGNORED_SURV_MODIFY : FAN_MARK_IGNORED_MASK;
  if (!m->events)
    return;
  CHECK(!m->ignored || change_mark(g, FAN_MARK_REMOVE | how, m->ignored, i) == 0);
  CHECK(change_mark(g, FAN_MARK_REMOVE, m->events | (i == FOLDER ? 0 : FAN_EVENT_ON_CHILD), i) == 0);
  *m = unmarked;
}

static void take_all_away(struct group *g) {
  CHECK(fanotify_mark(g->fd, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL) == 0);
  for (unsigned i = 0; i < FILES; i++)
    g->mark[i] = unmarked;
}

static void change_group(struct group *g) {
  unsigned what = live_random(16), i = live_random(FILES);
  if (g->fd < 0) {
    open_group(g);
  } else if (what == 0) {
    CHECK(close(g->fd) == 0);
    *g = (struct group){.fd = -1};
  } else if (what == 1) {
    take_all_away(g);
  } else if (what < 9) {
    add(g, i);
  } else if (what < 12) {
    ignore(g, i);
  } else {
    take_away(g, i);
  }
}

// ---- what /proc tells ----

static bool is_as_modelled(const char *line, unsigned i, const struct mark *m) {
  struct stat st;
  uint64_t inode, mask, ignored;
  unsigned flags;
  if (sscanf(line, "fanotify ino:%" SCNx64 " sdev:%*x mflags:%x mask:%" SCNx64 " ignored_mask:%" SCNx64, &inode, &flags,
             &mask, &ignored) != 4)
    return false;
  CHECK(lstat(path_of(i), &st) == 0);
  // The kernel sets FAN_EVENT_ON_CHILD by itself.
  mask &= ~(i == FOLDER ? 0 : (uint64_t)FAN_EVENT_ON_CHILD);
  return inode == st.st_ino && mask == m->events && ignored == m->ignored && flags == m->flags;
}

static bool has_line(const char *text, unsigned i, const struct mark *m) {
  for (const char *at = strstr(text, "fanotify ino:"); at; at = strstr(at + 1, "fanotify ino:"))
    if (is_as_modelled(at, i, m))
      return true;
  return false;
}

static void check_marks(const struct group *g) {
  char path[64], text[4000] = "";
  unsigned found = 0, wanted = 0, flags = 0, event_flags = 0;
  if (g->fd < 0)
    return;
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", g->fd);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0 && close(fd) == 0);
  const char *first = strstr(text, "fanotify flags:");
  CHECK(first && sscanf(first, "fanotify flags:%x event-flags:%x", &flags, &event_flags) == 2);
  CHECK(flags == g->flags && (event_flags & (O_ACCMODE | O_CLOEXEC)) == g->event_flags);
  CHECK(fcntl(g->fd, F_GETFL) & O_NONBLOCK);
  CHECK(fcntl(g->fd, F_GETFD) == (flags & FAN_CLOEXEC ? FD_CLOEXEC : 0));
  for (const char *at = strstr(text, "fanotify ino:"); at; at = strstr(at + 1, "fanotify ino:"))
    found++;
  for (unsigned i = 0; i < FILES; i++) {
    wanted += g->mark[i].events != 0;
    CHECK(!g->mark[i].events || has_line(text, i, &g->mark[i]));
  }
  CHECK(found == wanted);
}

// ---- what the group tells ----

static bool has_handle(const struct file_handle *told, unsigned i) {
  union {
    struct file_handle handle;
    unsigned char space[sizeof(struct file_handle) + HANDLE_MAX];
  } of = {.handle.handle_bytes = HANDLE_MAX};
  int mount;
  CHECK(name_to_handle_at(AT_FDCWD, path_of(i), &of.handle, &mount, 0) == 0);
  return told->handle_type == of.handle.handle_type && told->handle_bytes == of.handle.handle_bytes &&
         memcmp(told->f_handle, of.handle.f_handle, told->handle_bytes) == 0;
}

// By its own handle, or by its folder's and its name.
static bool is_named(const struct fanotify_event_info_fid *info, unsigned i, uint64_t mask) {
  const struct file_handle *handle = (const struct file_handle *)info->handle;
  const char *name = (const char *)handle->f_handle + handle->handle_bytes;
  bool has_name = info->hdr.info_type == FAN_EVENT_INFO_TYPE_DFID_NAME;
  CHECK(!has_name || !(mask & (FAN_CREATE | FAN_DELETE)) || strcmp(name, "made") == 0);
  if (has_handle(handle, i))
    return true;
  return has_name && has_handle(handle, FOLDER) && strcmp(name, strrchr(path_of(i), '/') + 1) == 0;
}

static bool is_told(const struct group *g, unsigned i) {
  static _Alignas(struct fanotify_event_metadata) char bytes[16384];
  ssize_t n = read(g->fd, bytes, sizeof bytes);
  bool told = false;
  CHECK(n > 0 || errno == EAGAIN);
  for (ssize_t at = 0; at < n;) {
    const struct fanotify_event_metadata *event = (const struct fanotify_event_metadata *)(bytes + at);
    CHECK(event->vers == FANOTIFY_METADATA_VERSION && event->fd == FAN_NOFD);
    for (uint32_t k = event->metadata_len; k < event->event_len;) {
      const struct fanotify_event_info_fid *info = (const struct fanotify_event_info_fid *)(bytes + at + k);
      told |= (event->mask & g->mark[i].events & ~(uint64_t)FAN_ONDIR) && is_named(info, i, event->mask);
      k += info->hdr.len;
    }
    at += (ssize_t)event->event_len;
  }
  return told;
}

// What a rewind has taken out of the queue happens again.
static void check_events(const struct group *g) {
  unsigned i = live_random(FILES), tries = PATIENCE;
  if (g->fd < 0 || !g->mark[i].events)
    return;
  do
    touch(i);
  while (!is_told(g, i) && --tries);
  CHECK(tries);
}

static void drop(const struct group *g) {
  char bytes[16384];
  while (g->fd >= 0 && read(g->fd, bytes, sizeof bytes) > 0)
    ;
}

// ---- the program ----

// Else the kernel might forget it, and a mark that does not hold it.
static void hold_file(void) { CHECK(open(path_of(HELD), O_PATH | O_CLOEXEC) >= 0); }

static void probe(void) {
  struct group g;
  int fd = fanotify_init(FAN_REPORT_DFID_NAME | FAN_REPORT_FID | FAN_REPORT_TARGET_FID, 0);
  has_targets = fd >= 0 && close(fd) == 0;
  open_group(&g);
  has_evictable = change_mark(&g, FAN_MARK_ADD | FAN_MARK_EVICTABLE, FAN_OPEN, HELD) == 0;
  has_ignore = change_mark(&g, FAN_MARK_ADD | FAN_MARK_IGNORE | FAN_MARK_IGNORED_SURV_MODIFY, FAN_OPEN, LINK) == 0;
  CHECK(close(g.fd) == 0);
}

int main(void) {
  live_begin();
  make_files("fanotify");
  hold_file();
  probe();
  for (unsigned k = 0; k < GROUPS; k++)
    open_group(&groups[k]);
  do {
    struct group *g = &groups[live_random(GROUPS)];
    change_group(g);
    check_marks(g);
    check_events(g);
    drop(g);
  } while (live_tick());
  remove_files();
  live_pass();
}
