// SPDX-License-Identifier: EPL-2.0
// What a save is made of; shared by the files save*.c.
#pragma once

#include "engine/save.h"
#include "engine/state.h"
#include "resource/describe.h"

// An image that has been written: later ones can build on it. Its nodes are kept for it.
struct saved_node {
  pid_t pid;
  uint32_t space;
  struct lineage *node;
};
struct saved_image {
  char *path;
  uint8_t id[IMAGE_ID];
  struct saved_node *node;
  size_t nodes;
};

// save_parents.c
// The image from which the memory of the snapshots differs least, as far as the engine knows; NULL: none.
const struct saved_image *saved_nearest(const struct engine *g, struct process_state *const *list, size_t count);
const struct saved_node *saved_node_of(const struct saved_image *saved, const struct process_state *s);
void saved_remember(struct engine *g, const char *path, const uint8_t id[IMAGE_ID], const struct saved_node *node,
                    size_t nodes);
void saved_forget(struct engine *g, size_t index);
// The image, if it and all that it builds on are still there, and none of them is the file that is being replaced.
struct image *saved_open(const struct saved_image *saved, const char *replaced);

// save_describe*.c: the metadata. `ret->image` is set, also with what save_kept_files needs.
int save_describe(struct process_state *const *list, size_t count, const struct save_options *o, struct describing *ret,
                  struct error *e);
int save_describe_process(struct describing *d, const struct process_state *s, struct error *e);
// save_describe_relatives.c
void save_describe_relatives(const struct describing *d, const struct process_state *s, Snapback__Image__Process *p);
int save_describe_memory_fields(const struct process_state *s, Snapback__Image__Process *p, struct error *e);
void save_describe_threads(const struct process_state *s, const struct mappings *maps, Snapback__Image__Process *p);
// save_flags.c: of the mappings that have been described, their `flags` and `advice`, which nobody may read before the
// end.
struct flags_reading;
int save_flags_begin(struct process_state *const *list, size_t count, Snapback__Image__Image *image,
                     struct flags_reading **ret, struct error *e);
int save_flags_end(struct flags_reading **reading, struct error *e);  // also of none
const char *save_call_name(long number);                              // of a system call; NULL: unknown

// save_pages.c: the private memory of one process.
struct pages_source {
  const struct process_state *s;
  int memory;
  struct page_range *gone;  // mappings of files that are not there any more
  size_t gones;
};
struct pages_plan {
  const struct process_state *s;
  const Snapback__Image__Process *process;
  struct image_writer *writer;
  const struct image *parent;  // NULL: all pages are stored
  const struct saved_node *parent_node;
  struct pages_plan *mother;   // of a process that has executed the same program at the same time; NULL: there is none
  uint64_t bytes;              // of memory, with what is referred to
  struct pages_source source;  // filled in
};
int save_pages(struct pages_plan *p, struct error *e);

// save_twins.c: pages that are stored elsewhere, although nobody knows. They are compared.
struct twins;
struct twins *twins_new(struct pages_plan *p);  // NULL: there is nothing to compare with
void twins_free(struct twins *t);
// Stores the pages of [start, end), or says where they are.
int twins_store(struct twins *t, uint64_t start, uint64_t end, struct error *e);
void pages_plan_done(struct pages_plan *p);
int save_read_pages(void *data, uint64_t address, void *bytes, size_t size);  // of a pages_source

// save_files.c: shared objects and kept files.
struct file_sources {
  struct image_source *item;
  size_t count, capacity;
};
void save_shared(const struct describing *d, struct process_state *const *list, size_t count, struct image_writer *w,
                 struct file_sources *sources, uint64_t *bytes);
// System V objects: those of the program, not of its debugger.
void save_describe_tracings(Snapback__Image__Image *image, const struct process_state *s);  // tracing_image.c
const struct system_v *save_objects(struct process_state *const *list, size_t count);
void save_system_v(const struct system_v *v, const Snapback__Image__Image *image, struct image_writer *w,
                   struct file_sources *sources, uint64_t *bytes);
void save_describe_kept_files(struct describing *d, const struct process_state *s, bool writable_too);
int save_kept_files(const struct describing *d, struct image_writer *w, struct file_sources *sources, uint64_t *bytes,
                    struct error *e);
void file_sources_done(struct file_sources *all);

// save.c: does the work, in the process that writes.
int save_write(struct process_state *const *list, size_t count, const struct save_options *o,
               const struct saved_image *known, int (*progress)(void *data, uint64_t done, uint64_t total), void *data,
               struct save_result *ret, struct error *e);
