// SPDX-License-Identifier: EPL-2.0
// Saving: live snapshots are written to an image by a process of its own, which the supervisor forks. It has the state
// of the snapshots by copy-on-write and reads the memory of their templates; the supervisor only hears from it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "engine/engine.h"
#include "image/image.h"

enum { SAVE_STANDARD_FILES = 3, SAVE_PATH_MAX = 4096 };

struct save_options {
  const char *path;  // the final name, from the root
  enum image_compression compression;
  bool keep_files;  // with the contents of regular files that the program has open for writing
  bool full;        // refers to no older image
  // What only the session knows.
  uint64_t id, taken_ms;
  const char *name, *session;
  char *const *command;
  size_t command_length;
  const Snapback__Image__Place *place;  // NULL: unknown
  int channel[2];                       // a debugger's descriptors of its link to us: calls, orders; -1: none
  const struct stat *outside;           // 0, 1 and 2 of whoever started the session; mode 0: closed
};

struct save_result {
  uint64_t bytes;         // of the file
  uint64_t memory_bytes;  // that it stands for
  uint8_t image[IMAGE_ID];
  char parent[SAVE_PATH_MAX];  // the image on which it builds; empty: it stands alone
};

enum save_what { SAVE_PROGRESS, SAVE_DONE, SAVE_FAILED };
struct save_news {
  enum save_what what;
  uint64_t done, total;       // bytes of memory
  struct save_result result;  // SAVE_DONE
  struct error error;         // SAVE_FAILED
};

// A save under way.
struct save;

// Begins to save the snapshots (a debugger's before its inferior's) to one image. The options are not needed any more
// when this returns.
int engine_save_begin(struct engine *g, struct snapshot *const *list, size_t snapshots,
                      const struct save_options *options, struct save **ret, struct error *e);
int save_descriptor(const struct save *save);  // ready to be read: there is news
// Takes what is new, without waiting. False: nothing. After SAVE_DONE and SAVE_FAILED there is no more.
bool save_take_news(struct save *save, struct save_news *ret);
// Ends it, whatever it is doing, without waiting for that: unless it was done, no trace is left of the file. NULL is
// fine.
void save_end(struct save *save);
