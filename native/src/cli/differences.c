// SPDX-License-Identifier: EPL-2.0
// What differs between two images: processes by their numbers, and in them threads, mappings and descriptors.
#include "cli/differences.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/image_words.h"
#include "cli/inspect.h"

typedef Snapback__Image__Image Image;
typedef Snapback__Image__Process Process;
typedef Snapback__Image__Thread Thread;
typedef Snapback__Image__Mapping Mapping;
typedef Snapback__Image__Descriptor Descriptor;

// Two processes of one number.
struct pair {
  const struct image *image_a, *image_b;
  const Process *a, *b;
};

void differences_add(struct differences *d, struct difference item) {
  array_reserve(d->item, d->count, d->capacity);
  d->item[d->count++] = item;
}

void differences_done(struct differences *d) {
  for (size_t i = 0; i < d->count; i++) {
    free(d->item[i].what);
    free(d->item[i].a);
    free(d->item[i].b);
  }
  free(d->item);
}

// Adds it when the texts differ; takes them over, as `what`.
static void compare(struct differences *d, const struct pair *p, const char *kind, char *what, char *a, char *b) {
  if (a && b && strcmp(a, b) == 0) {
    free(what);
    free(a);
    free(b);
    return;
  }
  differences_add(d, (struct difference){.process = p->a->pid, .kind = kind, .what = what, .a = a, .b = b});
}

// ---- threads ----

// The order of PTRACE_GETREGS on x86-64 (struct user_regs_struct).
static const char *const register_names[] = {
    "r15", "r14",      "r13", "r12", "rbp",    "rbx", "r11", "r10",     "r9",      "r8", "rax", "rcx", "rdx", "rsi",
    "rdi", "orig_rax", "rip", "cs",  "eflags", "rsp", "ss",  "fs_base", "gs_base", "ds", "es",  "fs",  "gs"};

static uint64_t register_at(const Thread *t, size_t index) {
  uint64_t value;
  memcpy(&value, t->registers.data + index * sizeof value, sizeof value);
  return value;
}

static void compare_registers(struct differences *d, const struct pair *p, const Thread *a, const Thread *b) {
  for (size_t n = 0; n < sizeof register_names / sizeof *register_names; n++)
    compare(d, p, "register", must_format("%" PRId32 " %s", a->tid, register_names[n]),
            must_format("0x%" PRIx64, register_at(a, n)), must_format("0x%" PRIx64, register_at(b, n)));
  if (a->extended.len != b->extended.len || memcmp(a->extended.data, b->extended.data, a->extended.len) != 0)
    differences_add(d, (struct difference){.process = p->a->pid,
                                           .kind = "register",
                                           .what = must_format("%" PRId32 " extended", a->tid),
                                           .a = must_strdup("-"),
                                           .b = must_strdup("other floating-point or vector values")});
}

static const Thread *thread_of(const Process *p, int32_t tid) {
  for (size_t n = 0; n < p->n_thread; n++)
    if (p->thread[n]->tid == tid)
      return p->thread[n];
  return NULL;
}

static void compare_threads(struct differences *d, const struct pair *p) {
  for (size_t n = 0; n < p->a->n_thread; n++) {
    const Thread *a = p->a->thread[n], *b = thread_of(p->b, a->tid);
    compare(d, p, "thread", must_format("%" PRId32, a->tid), text_shown(a->name), b ? text_shown(b->name) : NULL);
    if (b)
      compare_registers(d, p, a, b);
  }
  for (size_t n = 0; n < p->b->n_thread; n++)
    if (!thread_of(p->a, p->b->thread[n]->tid))
      compare(d, p, "thread", must_format("%" PRId32, p->b->thread[n]->tid), NULL, text_shown(p->b->thread[n]->name));
}

// ---- mappings ----

static char *text_of_mapping(const Mapping *m) {
  _cleanup_free_ char *name = text_of_mapping_name(m);
  return must_format("%s %s", text_of_protection(m), *name ? name : word_of_mapping_kind(m->kind));
}

static char *text_of_range(const Mapping *m) { return must_format("%" PRIx64 "-%" PRIx64, m->start, m->end); }

// Both lists are sorted: what stands at one address in both is compared, the rest is in one of them alone.
static void compare_mappings(struct differences *d, const struct pair *p) {
  size_t n = 0, k = 0;
  while (n < p->a->n_mapping || k < p->b->n_mapping) {
    const Mapping *a = n < p->a->n_mapping ? p->a->mapping[n] : NULL,
                  *b = k < p->b->n_mapping ? p->b->mapping[k] : NULL;
    if (a && b && a->start == b->start && a->end == b->end) {
      compare(d, p, "mapping", text_of_range(a), text_of_mapping(a), text_of_mapping(b));
      n++, k++;
    } else if (a && (!b || a->start < b->start || (a->start == b->start && a->end < b->end))) {
      compare(d, p, "mapping", text_of_range(a), text_of_mapping(a), NULL);
      n++;
    } else {
      compare(d, p, "mapping", text_of_range(b), NULL, text_of_mapping(b));
      k++;
    }
  }
}

// Pages that are mapped in both, also where the mappings do not begin or end alike.
static int compare_memory(struct differences *d, const struct pair *p, struct error *e) {
  for (size_t n = 0, k = 0; n < p->a->n_mapping && k < p->b->n_mapping;) {
    const struct mapped_pages a = {p->image_a, p->a, p->a->mapping[n]}, b = {p->image_b, p->b, p->b->mapping[k]};
    if (a.mapping->start < b.mapping->end && b.mapping->start < a.mapping->end && differences_of_pages(d, &a, &b, e))
      return -1;
    if (a.mapping->end <= b.mapping->end)
      n++;
    else
      k++;
  }
  return 0;
}

// ---- descriptors ----

static const Descriptor *descriptor_of(const Process *p, int32_t number) {
  for (size_t n = 0; n < p->n_descriptor; n++)
    if (p->descriptor[n]->number == number)
      return p->descriptor[n];
  return NULL;
}

// Numbers of pipes and objects are those of one image: they are left out.
static char *text_of_descriptor(const struct image *i, const Descriptor *d) {
  if (!d)
    return NULL;
  Snapback__Image__OpenFile f = *open_file_of(image_metadata(i), d->open_file);
  f.pipe = f.shared_object = 0;
  _cleanup_free_ char *text = text_of_open_file(&f);
  return must_format("%s %s%s", word_of_open_file_kind(f.kind), text, d->close_on_exec ? ", closed on exec" : "");
}

static void compare_descriptors(struct differences *d, const struct pair *p) {
  for (size_t n = 0; n < p->a->n_descriptor; n++) {
    const Descriptor *a = p->a->descriptor[n];
    compare(d, p, "descriptor", must_format("%" PRId32, a->number), text_of_descriptor(p->image_a, a),
            text_of_descriptor(p->image_b, descriptor_of(p->b, a->number)));
  }
  for (size_t n = 0; n < p->b->n_descriptor; n++) {
    const Descriptor *b = p->b->descriptor[n];
    if (!descriptor_of(p->a, b->number))
      compare(d, p, "descriptor", must_format("%" PRId32, b->number), NULL, text_of_descriptor(p->image_b, b));
  }
}

// ---- processes ----

static const Process *process_of(const struct image *i, int32_t pid) {
  const Image *m = image_metadata(i);
  for (size_t n = 0; n < m->n_process; n++)
    if (m->process[n]->pid == pid)
      return m->process[n];
  return NULL;
}

static void add_process(struct differences *d, const Process *p, bool in_a) {
  char *program = text_shown(p->executable->path);
  differences_add(d, (struct difference){.process = p->pid,
                                         .kind = "process",
                                         .what = must_format("%" PRId32, p->pid),
                                         .a = in_a ? program : NULL,
                                         .b = in_a ? NULL : program});
}

int differences_find(const struct image *a, const struct image *b, struct differences *ret, struct error *e) {
  *ret = (struct differences){0};
  for (size_t n = 0; n < image_metadata(a)->n_process; n++) {
    struct pair p = {a, b, image_metadata(a)->process[n], NULL};
    p.b = process_of(b, p.a->pid);
    if (!p.b) {
      add_process(ret, p.a, true);
      continue;
    }
    compare_threads(ret, &p);
    compare_mappings(ret, &p);
    if (compare_memory(ret, &p, e))
      return -1;
    compare_descriptors(ret, &p);
  }
  for (size_t n = 0; n < image_metadata(b)->n_process; n++)
    if (!process_of(a, image_metadata(b)->process[n]->pid))
      add_process(ret, image_metadata(b)->process[n], false);
  return 0;
}
