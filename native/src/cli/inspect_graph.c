// SPDX-License-Identifier: EPL-2.0
// An image as a graph for Graphviz: processes, what connects them, and the images that it builds on.
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/frames.h"
#include "cli/image_words.h"
#include "cli/inspect.h"

typedef Snapback__Image__Image Image;
typedef Snapback__Image__Process Process;

// In a label of Graphviz, between quotes. Frees the text.
static void put_label(char *text) {
  for (const char *p = text; *p; p++) {
    if (*p == '"' || *p == '\\')
      (void)fputc('\\', stdout);
    (void)fputc(*p, stdout);
  }
  free(text);
}

static void put_threads(struct frame_files *files, const Process *p) {
  for (size_t n = 0; n < p->n_thread; n++) {
    struct frame f = frame_of(files, p, p->thread[n]);
    (void)printf("\\l%" PRId32 "  ", p->thread[n]->tid);
    put_label(text_of_frame(&f));
  }
}

static void put_process(struct frame_files *files, const Process *p) {
  (void)printf("  process%" PRId32 " [shape=box, label=\"%" PRId32 " ", p->pid, p->pid);
  put_label(text_shown(p->executable->path));
  put_threads(files, p);
  (void)puts("\\l\"];");
  if (p->parent)
    (void)printf("  process%" PRId32 " -> process%" PRId32 ";\n", p->parent, p->pid);
  if (p->traced_by)
    (void)printf("  process%" PRId32 " -> process%" PRId32 " [style=dashed, label=\"debugs\"];\n", p->traced_by,
                 p->pid);
}

static void put_descriptors(const Process *p) {
  for (size_t n = 0; n < p->n_descriptor; n++)
    (void)printf("  process%" PRId32 " -> file%" PRIu32 " [dir=none, label=\"%" PRId32 "\"];\n", p->pid,
                 p->descriptor[n]->open_file, p->descriptor[n]->number);
}

static void put_open_file(const Snapback__Image__OpenFile *f) {
  (void)printf("  file%" PRIu32 " [shape=ellipse, label=\"%s\\n", f->id, word_of_open_file_kind(f->kind));
  put_label(text_of_open_file(f));
  (void)puts("\"];");
  if (f->kind == SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_PIPE)
    (void)printf("  file%" PRIu32 " -> pipe%" PRIu32 " [dir=none];\n", f->id, f->pipe);
}

static void put_ancestors(const struct image *i) {
  (void)fputs("  image [shape=folder, label=\"", stdout);
  put_label(text_shown(image_path(i)));
  (void)puts("\"];");
  for (size_t n = 0; n < image_metadata(i)->n_ancestor; n++) {
    (void)printf("  ancestor%zu [shape=folder, label=\"", n);
    put_label(text_shown(image_ancestor_path(i, n)));
    (void)printf("\"];\n  image -> ancestor%zu [label=\"builds on\"];\n", n);
  }
}

void inspect_as_graph(const struct image *i) {
  const Image *m = image_metadata(i);
  struct frame_files files = {.count = 0};
  (void)puts("digraph image {\n  node [fontname=\"monospace\"];");
  put_ancestors(i);
  for (size_t n = 0; n < m->n_process; n++) {
    put_process(&files, m->process[n]);
    if (!m->process[n]->parent)
      (void)printf("  image -> process%" PRId32 ";\n", m->process[n]->pid);
    put_descriptors(m->process[n]);
  }
  for (size_t n = 0; n < m->n_open_file; n++)
    put_open_file(m->open_file[n]);
  for (size_t n = 0; n < m->n_pipe; n++)
    (void)printf("  pipe%" PRIu32 " [shape=cylinder, label=\"pipe %" PRIu32 "\\n%zu bytes\"];\n", m->pipe[n]->id,
                 m->pipe[n]->id, m->pipe[n]->content.len);
  (void)puts("}");
  frame_files_done(&files);
}
