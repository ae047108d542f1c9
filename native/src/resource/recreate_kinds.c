// SPDX-License-Identifier: EPL-2.0
// Making inotify sets and pidfds anew from an image.
#include "resource/recreate_kinds.h"

#include <sys/stat.h>

#include "base/memory.h"
#include "resource/inotify.h"

typedef Snapback__Image__OpenFile open_file;

char *recreation_path(const struct recreation *c, const char *path) {
  return c->path_of ? c->path_of(c->path_data, path) : must_strdup(path);
}

int recreate_inotify(const struct recreation *c, const open_file *from, struct descriptor *d) {
  struct inotify_set *set = d->own = must_alloc(sizeof *set);
  d->kind = &descriptor_inotify;
  d->link = must_strdup("anon_inode:inotify");
  set->item = must_alloc((from->n_file_watch + 1) * sizeof *set->item);
  for (; set->count < from->n_file_watch; set->count++) {
    const Snapback__Image__FileWatch *w = from->file_watch[set->count];
    struct watched_file *to = &set->item[set->count];
    struct stat st;
    *to = (struct watched_file){.number = w->number, .events = w->events};
    to->file = (struct sought_file){.path = recreation_path(c, w->path), .pin = -1};
    if (stat(to->file.path, &st) == 0) {
      to->file.device = st.st_dev;
      to->file.inode = st.st_ino;
    }
  }
  return 0;
}

int recreate_pidfd(const struct recreation *c, const open_file *from, struct descriptor *d) {
  (void)c;
  d->kind = &descriptor_pidfd;
  d->link = must_strdup("anon_inode:[pidfd]");
  d->info.process = from->process;
  return 0;
}
