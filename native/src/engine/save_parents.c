// SPDX-License-Identifier: EPL-2.0
// The images that later ones can build on.
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "engine/save_state.h"

enum { REMEMBERED = 32 };

const struct saved_node *saved_node_of(const struct saved_image *saved, const struct process_state *s) {
  for (size_t i = 0; saved && i < saved->nodes; i++)
    if (saved->node[i].pid == s->pid && lineage_distance(saved->node[i].node, s->node) != UINT64_MAX)
      return &saved->node[i];
  return NULL;
}

static uint64_t distance(const struct saved_image *saved, struct process_state *const *list, size_t count) {
  uint64_t sum = 0;
  bool any = false;
  for (size_t i = 0; i < count; i++) {
    const struct saved_node *node = saved_node_of(saved, list[i]);
    sum += node ? lineage_distance(node->node, list[i]->node) : 0;
    any = any || node;
  }
  return any ? sum : UINT64_MAX;
}

// Of two that are as near the later one.
const struct saved_image *saved_nearest(const struct engine *g, struct process_state *const *list, size_t count) {
  const struct saved_image *nearest = NULL;
  uint64_t least = UINT64_MAX;
  for (size_t i = 0; i < g->saved_count; i++) {
    uint64_t d = distance(&g->saved[i], list, count);
    if (d == UINT64_MAX || d > least)
      continue;
    nearest = &g->saved[i];
    least = d;
  }
  return nearest;
}

void saved_forget(struct engine *g, size_t index) {
  struct saved_image *saved = &g->saved[index];
  for (size_t i = 0; i < saved->nodes; i++)
    lineage_release(g, saved->node[i].node);
  free(saved->node);
  free(saved->path);
  g->saved_count--;
  memmove(saved, saved + 1, (g->saved_count - index) * sizeof *saved);
}

static void forget_path(struct engine *g, const char *path) {
  for (size_t i = 0; i < g->saved_count;)
    if (strcmp(g->saved[i].path, path) == 0)
      saved_forget(g, i);
    else
      i++;
}

void saved_remember(struct engine *g, const char *path, const uint8_t id[IMAGE_ID], const struct saved_node *node,
                    size_t nodes) {
  forget_path(g, path);
  if (g->saved_count == REMEMBERED)
    saved_forget(g, 0);
  array_reserve(g->saved, g->saved_count, g->saved_capacity);
  struct saved_image *saved = &g->saved[g->saved_count++];
  *saved = (struct saved_image){.path = must_strdup(path), .node = must_alloc(nodes * sizeof *node), .nodes = nodes};
  memcpy(saved->id, id, IMAGE_ID);
  memcpy(saved->node, node, nodes * sizeof *node);
  for (size_t i = 0; i < nodes; i++)
    lineage_retain(node[i].node);
}

static bool is_file(const char *path, const struct stat *file) {
  struct stat s;
  return stat(path, &s) == 0 && s.st_dev == file->st_dev && s.st_ino == file->st_ino;
}

static bool rests_on(const struct image *image, const struct stat *file) {
  bool rests = is_file(image_path(image), file);
  for (size_t i = 0; !rests && i < image_metadata(image)->n_ancestor; i++)
    rests = is_file(image_ancestor_path(image, i), file);
  return rests;
}

struct image *saved_open(const struct saved_image *saved, const char *replaced) {
  struct error ignored = {0};
  struct image *image;
  struct stat file;
  if (image_open(saved->path, &image, &ignored) < 0)
    return NULL;
  if (memcmp(image_id(image), saved->id, IMAGE_ID) == 0 && image_open_ancestors(image, NULL, &ignored) == 0 &&
      !(stat(replaced, &file) == 0 && rests_on(image, &file)))
    return image;
  image_close(image);
  return NULL;
}
