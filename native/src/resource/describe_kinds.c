// SPDX-License-Identifier: EPL-2.0
// What an image tells of inotify sets.
#include "resource/describe_kinds.h"

#include "base/memory.h"

void inotify_describe(const struct inotify_set *set, Snapback__Image__OpenFile *file) {
  for (size_t i = 0; i < set->count; i++) {
    Snapback__Image__FileWatch *watch = NEW(FileWatch, FILE_WATCH);
    watch->number = set->item[i].number;
    watch->events = set->item[i].events;
    watch->path = must_strdup(set->item[i].file.path);
    APPEND(file->file_watch, file->n_file_watch, watch);
  }
}
