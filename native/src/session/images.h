// SPDX-License-Identifier: EPL-2.0
// The images of a session: their names, the snapshots that are taken and saved at an interval, and which of these stay.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct session;
struct request;
struct save_order;
struct snapshot_entry;

// From the command line.
struct image_settings {
  const char *folder;    // NULL: where the session was started
  unsigned interval_ms;  // a snapshot is taken and saved so often; 0: only when asked
  unsigned keep;         // of those so many stay; 0: all
  bool exit_after_save;
};

struct session_image {
  char *path;
  char *parent;  // the image on which it builds; NULL: it stands alone
  bool periodic;
};

// The file for a snapshot: `wanted` itself, or a new name in that folder (empty: the session's). The caller frees it.
int images_choose_path(const struct session *s, const struct snapshot_entry *entry, const char *wanted, char **ret,
                       struct error *e);

// Refuses to let go of images on which others of this session build, that are to stay.
int images_check_unused(const struct session *s, const char *const *paths, size_t count, struct error *e);
void images_remove(struct session *s, const char *path);  // the file, too

// An image is whole. Older ones that were taken at an interval go when there are more than shall stay.
void images_add(struct session *s, const char *path, const char *parent, bool periodic);
void images_close(struct session *s);

void images_begin(struct session *s);  // the interval, if there is one
void images_refused(struct session *s,
                    const struct error *e);  // a snapshot of the interval could not be taken or saved
