// SPDX-License-Identifier: EPL-2.0
// Making anew what the descriptors and shared mappings of an image refer to: files, pipes, shared memory.
//
// The supervisor opens or makes each object; a descriptor table made of pins to them is then put back as in a rewind.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "image/image.h"
#include "resource/attributes.h"
#include "resource/descriptors.h"

// A file that the image names.
struct recreated_file {
  const Snapback__Image__FileIdentity *identity;
  char *path;  // today's
  int fd;      // O_PATH, or the open file itself if it has no name; -1: not opened
};

struct recreated_pipe {
  const Snapback__Image__Pipe *from;
  int end[2];
};

struct recreated_object {
  const Snapback__Image__SharedObject *from;
  int fd;       // -1: anonymous
  uint64_t at;  // anonymous: where the whole of it is mapped in the process for the moment
};

struct recreated_queue {
  const Snapback__Image__MessageQueue *from;
  int fd;
  bool is_new;  // goes when the restart fails
};

struct recreation {
  const struct image *image;
  const Snapback__Image__Image *metadata;
  int channel[2];                                        // what becomes a debugger's link to the supervisor
  char *(*path_of)(const void *data, const char *path);  // today's path of a file; the caller frees it
  const void *path_data;
  struct recreated_file *file;
  size_t files, file_capacity;
  struct recreated_pipe *pipe;
  size_t pipes;
  struct recreated_object *object;
  size_t objects;
  struct recreated_queue *queue;
  size_t queues;
  struct sockets *sockets;  // by their ids in the image; NULL: it has none
};

void recreation_done(struct recreation *c);

// The file of this identity; NULL: it has not been added.
struct recreated_file *recreation_file(const struct recreation *c, const Snapback__Image__FileIdentity *identity);
// `path` is taken over.
struct recreated_file *recreation_add_file(struct recreation *c, const Snapback__Image__FileIdentity *identity,
                                           char *path);

// Makes the pipes, with nothing in them yet.
int recreation_make_pipes(struct recreation *c, struct error *e);
// Lets go of our ends, once the process has its own: the program must see when it has closed the last one.
void recreation_close_pipes(struct recreation *c);

// Makes message queues, empty; `may_exist`: one that is there gets the old messages.
int recreation_make_queues(struct recreation *c, bool may_exist, struct error *e);
// `failed`: those that were made go.
void recreation_close_queues(struct recreation *c, bool failed);
// Whether the sockets can be made here: before anything is begun.
int recreation_check_sockets(const Snapback__Image__Image *metadata, struct error *e);
// Describes the sockets, which are made as in a rewind. They are the program's: a debugger's are not in an image.
int recreation_describe_sockets(struct recreation *c, bool of_debugger, struct error *e);
// What `id` names, as a descriptor that is yet to be opened.
int recreation_open_file(const struct recreation *c, uint32_t id, struct descriptor *ret, struct error *e);

// Makes memory files (memfd, /dev/shm) with their contents; anonymous shared memory is the process's own affair, unless
// several share it.
// `path_of` gives today's path of a file; the caller frees it.
int recreation_make_objects(struct recreation *c, char *(*path_of)(const void *data, const char *path),
                            const void *data, struct error *e);
struct recreated_object *recreation_object(const struct recreation *c, uint32_t id);
// Seals that would have been in the way until now.
int recreation_seal(const struct recreation *c, struct error *e);

// Today's path of a file of the image; the caller frees it.
char *recreation_path(const struct recreation *c, const char *path);

// The table of descriptors of a process.
int recreation_descriptors(const struct recreation *c, const Snapback__Image__Process *process, struct descriptors *ret,
                           struct error *e);

// Attributes as the image tells them.
void recreate_process_attributes(const Snapback__Image__Process *from, struct process_attributes *ret);
void recreate_thread_attributes(const Snapback__Image__ThreadAttributes *from, struct thread_attributes *ret);
