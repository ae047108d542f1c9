// SPDX-License-Identifier: EPL-2.0
// An image as text: one paragraph on all, then one for each process.
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/ask.h"
#include "cli/frames.h"
#include "cli/image_words.h"
#include "cli/inspect.h"
#include "cli/table.h"

typedef Snapback__Image__Image Image;
typedef Snapback__Image__Process Process;

static void put_line(const char *name, char *text) {
  if (*text)
    (void)printf("%-11s %s\n", name, text);
  free(text);
}

static char *text_of_snapshot(const Image *m) {
  _cleanup_free_ char *time = text_of_time(m->taken_ms), *session = text_shown(m->session), *name = text_shown(m->name);
  return must_format("%s, snapshot %" PRIu64 "%s%s%s of session %s", time, m->snapshot, *name ? " \"" : "", name,
                     *name ? "\"" : "", session);
}

static char *text_of_machine(const Snapback__Image__Machine *k) {
  _cleanup_free_ char *text = must_format("%s, Linux %s on %s", k->host, k->kernel, k->architecture);
  return text_shown(text);
}

static void put_head(const struct image *i) {
  const Image *m = image_metadata(i);
  _cleanup_free_ char *size = text_of_bytes(image_bytes(i));
  put_line("image", must_format("%s, %s", image_path(i), size));
  put_line("taken", text_of_snapshot(m));
  put_line("command", text_of_command(m));
  put_line("machine", text_of_machine(m->machine));
  put_line("written by", text_shown(m->writer));
  if (m->place)
    put_line("place", text_of_place(m->place));
  for (size_t n = 0; n < m->n_ancestor; n++)
    put_line(n ? "" : "builds on", text_shown(image_ancestor_path(i, n)));
}

// ---- tables ----

static void put_titles(struct table *t, const char *const *titles) {
  for (unsigned i = 0; i < t->columns; i++)
    table_add(t, must_strdup(titles[i]));
}

static void put_table(struct table *t) {
  table_print(t);
  table_done(t);
}

static void put_threads(struct frame_files *files, const Process *p) {
  static const char *const titles[] = {"THREAD", "NAME", "CALL", "PLACE"};
  struct table t = {.columns = 4, .right = {[0] = true}};
  put_titles(&t, titles);
  for (size_t n = 0; n < p->n_thread; n++) {
    struct frame f = frame_of(files, p, p->thread[n]);
    table_add(&t, must_format("%" PRId32, p->thread[n]->tid));
    table_add(&t, text_shown(p->thread[n]->name));
    table_add(&t, text_shown(*p->thread[n]->syscall ? p->thread[n]->syscall : "-"));
    table_add(&t, text_of_frame(&f));
  }
  put_table(&t);
}

static uint64_t held_by(const struct image *i, const Process *p, const Snapback__Image__Mapping *m) {
  uint32_t space;
  uint64_t at, zero;
  if (!mapping_space(i, p, m, &space, &at))
    return 0;
  uint64_t held = bytes_held(i, space, at, at + (m->end - m->start), &zero);
  return held - zero;
}

static void put_mappings(const struct image *i, const Process *p) {
  static const char *const titles[] = {"START", "END", "RIGHTS", "SIZE", "STORED", "WHAT"};
  struct table t = {.columns = 6, .right = {true, true, false, true, true}};
  put_titles(&t, titles);
  for (size_t n = 0; n < p->n_mapping; n++) {
    const Snapback__Image__Mapping *m = p->mapping[n];
    table_add(&t, must_format("%" PRIx64, m->start));
    table_add(&t, must_format("%" PRIx64, m->end));
    table_add(&t, must_strdup(text_of_protection(m)));
    table_add(&t, text_of_bytes(m->end - m->start));
    table_add(&t, text_of_bytes(held_by(i, p, m)));
    table_add(&t, text_of_mapping_name(m));
  }
  put_table(&t);
}

static void put_kinds(const struct image *i, const Process *p) {
  static const char *const titles[] = {"KIND", "MAPPINGS", "SIZE", "STORED"};
  struct table t = {.columns = 4, .right = {[1] = true, [2] = true, [3] = true}};
  put_titles(&t, titles);
  for (int kind = SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_ANONYMOUS;
       kind <= SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_KERNEL; kind++) {
    uint64_t count = 0, size = 0, held = 0;
    for (size_t n = 0; n < p->n_mapping; n++)
      if ((int)p->mapping[n]->kind == kind) {
        count++;
        size += p->mapping[n]->end - p->mapping[n]->start;
        held += held_by(i, p, p->mapping[n]);
      }
    table_add(&t, must_strdup(word_of_mapping_kind((Snapback__Image__MappingKind)kind)));
    table_add(&t, must_format("%" PRIu64, count));
    table_add(&t, text_of_bytes(size));
    table_add(&t, text_of_bytes(held));
  }
  put_table(&t);
}

static void put_descriptors(const Image *m, const Process *p) {
  static const char *const titles[] = {"DESCRIPTOR", "KIND", "WHAT"};
  struct table t = {.columns = 3, .right = {true}};
  put_titles(&t, titles);
  for (size_t n = 0; n < p->n_descriptor; n++) {
    const Snapback__Image__OpenFile *f = open_file_of(m, p->descriptor[n]->open_file);
    table_add(&t, must_format("%" PRId32, p->descriptor[n]->number));
    table_add(&t, must_strdup(word_of_open_file_kind(f->kind)));
    table_add(&t, text_of_open_file(f));
  }
  put_table(&t);
}

static void put_relatives(const Process *p) {
  if (p->parent)
    (void)printf("child of %" PRId32 "\n", p->parent);
  if (p->stopped)
    (void)puts("stopped");
  for (size_t n = 0; n < p->n_zombie; n++)
    (void)printf("%s%" PRId32 " (%s %" PRId32 ")%s", n ? ", " : "ended, not waited for: ", p->zombie[n]->pid,
                 p->zombie[n]->killed ? "signal" : "exit", p->zombie[n]->status, n + 1 < p->n_zombie ? "" : "\n");
}

static void put_process(const struct image *i, struct frame_files *files, const Process *p) {
  _cleanup_free_ char *program = text_shown(p->executable->path), *folder = text_shown(p->working_directory);
  (void)printf("\nprocess %" PRId32 "%s: %s, in %s\n", p->pid,
               p->is_debugger ? " (debugger)"
               : p->narrow    ? " (32-bit)"
                              : "",
               program, folder);
  put_relatives(p);
  (void)puts("");
  put_threads(files, p);
  (void)puts("");
  put_mappings(i, p);
  (void)puts("");
  put_kinds(i, p);
  if (p->n_descriptor)
    (void)puts("");
  if (p->n_descriptor)
    put_descriptors(image_metadata(i), p);
}

static void put_kept_files(const Image *m) {
  for (size_t n = 0; n < m->n_kept_file; n++) {
    _cleanup_free_ char *path = text_shown(m->kept_file[n]->file->path);
    _cleanup_free_ char *size = text_of_bytes(m->kept_file[n]->file->size);
    (void)printf("%s%-11s %s, %s\n", n ? "" : "\n", n ? "" : "with files", path, size);
  }
}

void inspect_as_text(const struct image *i) {
  struct frame_files files = {.count = 0};
  put_head(i);
  put_kept_files(image_metadata(i));
  for (size_t n = 0; n < image_metadata(i)->n_process; n++)
    put_process(i, &files, image_metadata(i)->process[n]);
  frame_files_done(&files);
}
