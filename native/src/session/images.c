// SPDX-License-Identifier: EPL-2.0
// The images of a session.
#include "session/images.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "session/link.h"
#include "session/requests.h"
#include "session/supervisor.h"

// So many images at most build on each other, when all are kept.
enum { FULL_EVERY = 32 };

static const struct image_settings *settings(const struct session *s) { return &s->options->images; }

// ---- names ----

static bool is_folder(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static char *new_name(const struct session *s, const struct snapshot_entry *entry, const char *folder) {
  char stamp[32];
  time_t now = time(NULL);
  struct tm parts;
  (void)localtime_r(&now, &parts);
  (void)strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &parts);
  const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
  for (unsigned n = 1;; n++) {
    _cleanup_free_ char *more = n > 1 ? must_format("-%u", n) : must_strdup("");
    char *path = must_format("%s%s%s-%s-%llu%s.snapback", folder, slash, s->address->name, stamp,
                             (unsigned long long)entry->id, more);
    struct stat st;
    if (lstat(path, &st) < 0)
      return path;
    free(path);
  }
}

int images_choose_path(const struct session *s, const struct snapshot_entry *entry, const char *wanted, char **ret,
                       struct error *e) {
  const char *folder = wanted[0] ? wanted : settings(s)->folder ? settings(s)->folder : s->start_folder;
  if (is_folder(folder)) {
    *ret = new_name(s, entry, folder);
    return 0;
  }
  if (!wanted[0] || wanted[strlen(wanted) - 1] == '/')
    return error_set(e, ERROR_FAILED, "there is no folder %.900s for the image; make it first", folder);
  *ret = must_strdup(wanted);
  return 0;
}

// ---- which stay ----

static void remove_at(struct savings *all, unsigned index) {
  free(all->image[index].path);
  free(all->image[index].parent);
  all->images--;
  memmove(all->image + index, all->image + index + 1, (all->images - index) * sizeof *all->image);
}

static bool is_needed(const struct savings *all, const char *path) {
  for (unsigned i = 0; i < all->images; i++)
    if (all->image[i].parent && strcmp(all->image[i].parent, path) == 0)
      return true;
  return false;
}

static bool is_same_file(const char *a, const char *b) {
  struct stat x, y;
  return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

static bool is_among(const char *const *paths, size_t count, const char *path) {
  for (size_t i = 0; i < count; i++)
    if (is_same_file(paths[i], path))
      return true;
  return false;
}

int images_check_unused(const struct session *s, const char *const *paths, size_t count, struct error *e) {
  const struct savings *all = &s->savings;
  for (unsigned i = 0; i < all->images; i++) {
    const struct session_image *image = &all->image[i];
    if (!image->parent || access(image->path, F_OK) < 0 || access(image->parent, F_OK) < 0 ||
        !is_among(paths, count, image->parent) || is_among(paths, count, image->path))
      continue;
    return error_set(
        e, ERROR_REFUSED,
        "%.400s must stay, for %.400s builds on it: choose another file, or export or delete that one first",
        image->parent, image->path);
  }
  return 0;
}

static unsigned count_periodic(const struct savings *all) {
  unsigned n = 0;
  for (unsigned i = 0; i < all->images; i++)
    n += all->image[i].periodic;
  return n;
}

void images_remove(struct session *s, const char *path) {
  (void)unlink(path);
  for (unsigned i = 0; i < s->savings.images; i++)
    if (strcmp(s->savings.image[i].path, path) == 0) {
      remove_at(&s->savings, i);
      return;
    }
}

// An image on which others build stays until they have gone; every so many stand alone, so that this comes to an end.
static void remove_old(struct session *s) {
  struct savings *all = &s->savings;
  unsigned surplus = count_periodic(all);
  surplus = settings(s)->keep && surplus > settings(s)->keep ? surplus - settings(s)->keep : 0;
  for (unsigned i = all->images, newest = settings(s)->keep; surplus && i-- > 0;) {
    if (!all->image[i].periodic)
      continue;
    if (newest) {
      newest--;
    } else if (!is_needed(all, all->image[i].path)) {
      (void)unlink(all->image[i].path);
      remove_at(all, i);
    }
  }
}

void images_add(struct session *s, const char *path, const char *parent, bool periodic) {
  struct savings *all = &s->savings;
  for (unsigned i = 0; i < all->images; i++)
    if (strcmp(all->image[i].path, path) == 0) {
      remove_at(all, i);
      break;
    }
  array_reserve(all->image, all->images, all->image_capacity);
  all->image[all->images++] = (struct session_image){
      .path = must_strdup(path), .parent = parent[0] ? must_strdup(parent) : NULL, .periodic = periodic};
  remove_old(s);
}

void images_close(struct session *s) {
  while (s->savings.images)
    remove_at(&s->savings, s->savings.images - 1);
  free(s->savings.image);
  free(s->savings.last_refusal);
}

// ---- the interval ----

void images_refused(struct session *s, const struct error *e) {
  if (s->savings.last_refusal && strcmp(s->savings.last_refusal, e->text) == 0)
    return;  // said already
  free(s->savings.last_refusal);
  s->savings.last_refusal = must_strdup(e->text);
  struct link_report message = {.what = LINK_SAYS};
  (void)error_set(&message.error, ERROR_NONE, "no image at this interval: %.900s", e->text);
  supervisor_report(s, &message);
}

static void take_one(struct session *s) {
  struct error e = {0};
  unsigned every = settings(s)->keep ? settings(s)->keep : FULL_EVERY;
  struct save_order *order = must_alloc(sizeof *order);
  *order = (struct save_order){
      .path = must_strdup(""), .packed = false, .periodic = true, .full = s->savings.periodic++ % every == 0};
  struct request *r = must_alloc(sizeof *r);
  *r = (struct request){.name = must_strdup(""), .automatic = true, .wait_ms = settings(s)->interval_ms, .save = order};
  if (session_check_room(s, &e) == 0 && requests_add(s, NULL, 0, r))
    return;
  request_free(r);
  images_refused(s, &e);
}

static void tick(void *data) {
  struct session *s = data;
  (void)loop_alarm(s->loop, settings(s)->interval_ms, tick, s);
  // What takes longer than the interval is not overtaken.
  if (!s->over && savings_idle(s) && !s->requests.count)
    take_one(s);
}

void images_begin(struct session *s) {
  if (settings(s)->interval_ms)
    (void)loop_alarm(s->loop, settings(s)->interval_ms, tick, s);
}
