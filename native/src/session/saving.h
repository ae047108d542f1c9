// SPDX-License-Identifier: EPL-2.0
// Saves: one at a time is written, by a process of the engine's; the others wait.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct session;
struct client;
struct saving;
struct session_image;

enum { SAVINGS_MAX = 256 };

// How a snapshot is to be saved.
struct save_order {
  char *path;       // from the root: a file, or a folder; "": the session's folder of images
  bool packed;      // else as it is
  bool keep_files;  // with the contents of files that the program has open for writing
  bool full;        // refers to no older image
  bool with_debugger;
  bool by_debugger;  // its user asked, and is told how it ends
  bool periodic;     // nobody asked: the live snapshot goes when it is saved
};
void save_order_done(struct save_order *o);

struct savings {
  struct saving *active, *waiting;
  unsigned count;
  struct session_image *image;  // see session/images.h
  unsigned images, image_capacity;
  unsigned periodic;  // how many have been taken at an interval
  char *last_refusal;
};

// Checks what a client wants. -1 and `e`.
int save_order_check(const struct save_order *o, struct error *e);

// The order is taken over. With a client, the request is answered when the image is whole or the save has failed.
// False: too many wait already, nothing was taken over.
bool savings_add(struct session *s, uint64_t snapshot, struct save_order *order, struct client *client,
                 uint64_t request);
bool savings_idle(const struct session *s);

void savings_cancel(struct session *s, struct client *c, uint64_t request);
void savings_forget_client(struct session *s, struct client *c);  // what it asked for goes on
void savings_forget_snapshot(struct session *s, uint64_t snapshot);

// The program has ended by itself: what is being saved is brought to its end, for a bounded time.
void savings_finish(struct session *s);
void savings_close(struct session *s);
