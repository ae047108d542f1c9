// SPDX-License-Identifier: EPL-2.0
// Saving, in the process that writes: snapshots of processes become one image.
#include "engine/save.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/save_state.h"

struct saving {
  struct process_state *const *list;
  size_t count;
  const struct save_options *options;
  const struct saved_image *known;  // the image to build on
  struct image *parent;             // the same, opened; NULL: the image stands alone
  struct describing d;
  struct image_writer *writer;
  struct pages_plan *plan;  // one a process
  struct file_sources sources;
  struct flags_reading *flags;
  uint64_t bytes;
};

static int check_templates(const struct saving *v, struct error *e) {
  for (size_t i = 0; i < v->count; i++)
    if (template_check(v->list[i], e) < 0)
      return -1;
  return 0;
}

static bool ran_the_same(const struct process_state *a, const struct process_state *b) {
  return a->auxiliary_size == b->auxiliary_size &&
         memcmp(a->auxiliary_vector, b->auxiliary_vector, a->auxiliary_size) == 0;
}

// The one that the process was forked from, or whose memory is likely to be as near.
static struct pages_plan *mother_of(struct saving *v, size_t index) {
  struct pages_plan *first = NULL;
  for (size_t i = 0; i < index; i++) {
    if (!ran_the_same(v->list[i], v->list[index]))
      continue;
    if (v->list[i]->pid == v->list[index]->parent)
      return &v->plan[i];
    first = first ? first : &v->plan[i];
  }
  return first;
}

static int plan_processes(struct saving *v, struct error *e) {
  v->plan = must_alloc(v->count * sizeof *v->plan);
  for (size_t i = 0; i < v->count; i++)
    v->plan[i].source.memory = -1;
  for (size_t i = 0; i < v->count; i++) {
    const struct process_state *s = v->list[i];
    struct pages_plan *p = &v->plan[i];
    *p = (struct pages_plan){.s = s, .process = v->d.image->process[i], .writer = v->writer};
    p->parent_node = v->parent ? saved_node_of(v->known, s) : NULL;
    p->parent = p->parent_node ? v->parent : NULL;
    p->mother = mother_of(v, i);
    if (save_pages(p, e) < 0)
      return -1;
    v->bytes += p->bytes;
  }
  save_shared(&v->d, v->list, v->count, v->writer, &v->sources, &v->bytes);
  save_system_v(save_objects(v->list, v->count), v->d.image, v->writer, &v->sources, &v->bytes);
  return save_kept_files(&v->d, v->writer, &v->sources, &v->bytes, e);
}

static int write_all(struct saving *v, struct error *e) {
  size_t count = v->count + v->sources.count;
  struct image_source *all = must_alloc((count + 1) * sizeof *all);
  for (size_t i = 0; i < v->count; i++)
    all[i] = (struct image_source){v->plan[i].process->space, save_read_pages, &v->plan[i].source};
  for (size_t i = 0; i < v->sources.count; i++)
    all[v->count + i] = v->sources.item[i];
  int r = image_writer_write(v->writer, all, count, e);
  free(all);
  return r;
}

static int open_writer(struct saving *v, int (*progress)(void *, uint64_t, uint64_t), void *data, struct error *e) {
  struct image_writer_options options = {
      .path = v->options->path, .compression = v->options->compression, .progress = progress, .data = data};
  v->parent = v->known ? saved_open(v->known, v->options->path) : NULL;
  return image_writer_open(&options, &v->writer, e);
}

static int finish(struct saving *v, struct save_result *ret, struct error *e) {
  memcpy(ret->image, image_writer_id(v->writer), IMAGE_ID);
  ret->memory_bytes = v->bytes;
  if (save_flags_end(&v->flags, e) < 0 || image_writer_finish(v->writer, v->d.image, &ret->bytes, e) < 0)
    return -1;
  bool builds = v->d.image->n_ancestor > 0;
  (void)snprintf(ret->parent, sizeof ret->parent, "%s", builds ? image_path(v->parent) : "");
  return 0;
}

static void done(struct saving *v) {
  struct error ignored = {0};
  (void)save_flags_end(&v->flags, &ignored);
  image_writer_free(v->writer);
  for (size_t i = 0; v->plan && i < v->count; i++)
    pages_plan_done(&v->plan[i]);
  free(v->plan);
  file_sources_done(&v->sources);
  describing_done(&v->d);
  if (v->d.image)
    snapback__image__image__free_unpacked(v->d.image, NULL);
  image_close(v->parent);
}

int save_write(struct process_state *const *list, size_t count, const struct save_options *o,
               const struct saved_image *known, int (*progress)(void *data, uint64_t done, uint64_t total), void *data,
               struct save_result *ret, struct error *e) {
  struct saving v = {.list = list, .count = count, .options = o, .known = known};
  int r = check_templates(&v, e) < 0 || save_describe(list, count, o, &v.d, e) < 0 ||
                  save_flags_begin(list, count, v.d.image, &v.flags, e) < 0 || open_writer(&v, progress, data, e) < 0 ||
                  plan_processes(&v, e) < 0 || write_all(&v, e) < 0 || finish(&v, ret, e) < 0
              ? -1
              : 0;
  // A template that is killed meanwhile makes reading fail: that is what is to be told.
  struct error lost = {0};
  if (r < 0 && e->code != ERROR_CANCELLED && check_templates(&v, &lost) < 0)
    *e = lost;
  done(&v);
  return r;
}
