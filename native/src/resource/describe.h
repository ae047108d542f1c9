// SPDX-License-Identifier: EPL-2.0
// What an image tells of a process's resources: their captured state as messages of proto/image.proto.
//
// All messages and texts are allocated singly, so that snapback__image__image__free_unpacked frees the whole.
#pragma once

#include <stddef.h>
#include <sys/stat.h>

#include "proc/maps.h"
#include "proto/image.pb-c.h"
#include "resource/attributes.h"
#include "resource/descriptors.h"
#include "resource/pending.h"
#include "resource/shared_memory.h"
#include "resource/system_v.h"
#include "resource/timers.h"

struct content;

// A file whose contents travel with the image, in the order of Image.kept_file.
struct kept_pin {
  dev_t device;
  ino_t inode;
  int pin;                        // belongs to a descriptor of the snapshot
  const struct content *content;  // what it held at the snapshot; NULL: the file is read
};

// What an image has under a number, and how the kernel tells it: a shared object or a pipe, at its number - 1.
struct described {
  uint64_t device, inode;
};

// An image under construction.
enum { OUTSIDE_FILES = 3 };
struct describing {
  Snapback__Image__Image *image;
  const struct stat *outside;  // 0, 1 and 2 of whoever started the session; mode 0: closed
  const int *channel;          // a debugger's link to the supervisor: calls, orders; -1: none
  uint32_t spaces;             // numbers given out
  struct kept_pin *kept;
  size_t kept_count;
  struct described *object, *pipe;  // as many as the image has
  struct described *queue;          // message queues, by id
  size_t queue_count;
  size_t objects, pipes;
  uint32_t *file;  // the id of an open file that several processes share, by its number; 0: not described yet
  size_t files;
  const struct sockets *socket_table;  // that has been described
  uint32_t *socket_file;               // by place in the table: the id of its open file
  uint32_t *socket_number;             // by place in the table: its id in the image
  uint32_t sockets;                    // numbers given out
};
void describing_done(struct describing *d);  // not the image

// A new message with its defaults: NEW(Pipe, PIPE).
#define NEW(type, TYPE)                                               \
  ({                                                                  \
    Snapback__Image__##type *new_ = must_alloc(sizeof *new_);         \
    *new_ = (Snapback__Image__##type)SNAPBACK__IMAGE__##TYPE##__INIT; \
    new_;                                                             \
  })
// Adds a message to a repeated field.
#define APPEND(array, count, item)                                 \
  do {                                                             \
    (array) = must_realloc((array), (count) + 1, sizeof *(array)); \
    (array)[(count)++] = (item);                                   \
  } while (0)
void set_bytes(ProtobufCBinaryData *field, const void *bytes, size_t size);

// An open file as it was at the snapshot; `link` as /proc shows it.
Snapback__Image__FileIdentity *describe_file(const char *link, const struct stat *st);
// A mapped file, found by its name: one that has another inode now has been replaced, and counts as deleted.
Snapback__Image__FileIdentity *describe_named_file(const char *link, uint64_t inode);
bool link_is_deleted(const char *link);

// The objects; first of all, for descriptors and mappings refer to them.
void shared_memory_describe(struct describing *d, const struct shared_memory *s, const struct mappings *maps,
                            const struct descriptors *files);
uint32_t shared_object_id(const struct describing *d, uint64_t device, uint64_t inode);  // 0: there is none

void pending_describe(const struct pending_signals *p, ProtobufCBinaryData **ret, size_t *ret_count);
void process_attributes_describe(const struct process_attributes *a, Snapback__Image__Process *process);
void thread_attributes_describe(const struct thread_attributes *a, Snapback__Image__Thread *thread);
// After all other spaces have their numbers.
void system_v_describe(struct describing *d, const struct system_v *v);
void system_v_process_describe(const struct system_v_views *views, const struct semaphore_adjustments *adjustments,
                               Snapback__Image__Process *process);
void timers_describe(const struct timers *t, Snapback__Image__Process *process);
void descriptors_describe(struct describing *d, const struct descriptors *all, Snapback__Image__Process *process);
