// SPDX-License-Identifier: EPL-2.0
// The metadata of an image: where and when it was taken, what the machine was, and the processes.
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/save_state.h"
#include "proc/cpuinfo.h"
#include "proc/memory.h"
#include "trace/arch/machine.h"

enum { ARGUMENTS_MAX = 16 * 1024 * 1024 };

// What a debugger has started has arguments of its own.
static void describe_arguments(Snapback__Image__Image *image, pid_t pid) {
  _cleanup_free_ char *path = must_format("/proc/%d/cmdline", pid), *text = NULL;
  size_t size = 0;
  if (file_read(path, ARGUMENTS_MAX, &text, &size) < 0)
    return;
  for (const char *word = text; word < text + size; word += strlen(word) + 1)
    APPEND(image->command, image->n_command, must_strdup(word));
}

static void describe_origin(Snapback__Image__Image *image, const struct process_state *first,
                            const struct save_options *o) {
  image->writer = must_strdup("snapback " SNAPBACK_VERSION);
  image->taken_ms = o->taken_ms;
  image->snapshot = o->id;
  image->name = must_strdup(o->name);
  image->session = must_strdup(o->session);
  if (first->engine->debugger && first->engine->debugger != first->pid)
    describe_arguments(image, first->template.pid);
  if (image->n_command)
    return;
  for (size_t i = 0; i < o->command_length; i++)
    APPEND(image->command, image->n_command, must_strdup(o->command[i]));
}

static void describe_place(Snapback__Image__Image *image, const Snapback__Image__Place *from) {
  Snapback__Image__Place *place = NEW(Place, PLACE);
  *place = *from;
  place->function = must_strdup(from->function);
  place->file = must_strdup(from->file);
  place->reason = must_strdup(from->reason);
  image->place = place;
}

static int read_vdso(ProtobufCBinaryData *ret, const struct process_state *s, struct error *e) {
  struct mappings maps;
  int r = mappings_read(s->template.pid, &maps);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the mappings of template %d", s->template.pid);
  for (size_t i = 0; r == 0 && i < maps.count; i++) {
    const struct mapping *m = &maps.item[i];
    if (strcmp(m->name, "[vdso]") != 0)
      continue;
    ret->len = m->end - m->start;
    ret->data = must_alloc(ret->len);
    r = memory_read(s->template.pid, m->start, ret->data, ret->len);
  }
  mappings_done(&maps);
  return r < 0 ? error_set_errno(e, r, "cannot read the vdso of process %d", s->pid) : 0;
}

// Each kind of program has another one.
static int describe_vdso(Snapback__Image__Machine *machine, struct process_state *const *list, size_t count,
                         struct error *e) {
  for (size_t i = 0; i < count; i++) {
    ProtobufCBinaryData *vdso = process_is_narrow(list[i]) ? &machine->narrow_vdso : &machine->vdso;
    if (!vdso->data && read_vdso(vdso, list[i], e) < 0)
      return -1;
  }
  return 0;
}

static void describe_features(Snapback__Image__Machine *machine) {
  _cleanup_free_ char *words = cpu_features();
  for (char *rest = NULL, *word = words ? strtok_r(words, " ", &rest) : NULL; word; word = strtok_r(NULL, " ", &rest))
    APPEND(machine->cpu_feature, machine->n_cpu_feature, must_strdup(word));
}

static int describe_machine(Snapback__Image__Image *image, struct process_state *const *list, size_t count,
                            struct error *e) {
  const struct process_state *s = list[count - 1];
  Snapback__Image__Machine *machine = image->machine = NEW(Machine, MACHINE);
  struct utsname names;
  (void)uname(&names);
  machine->architecture = must_strdup(names.machine);
  machine->kernel = must_strdup(names.release);
  machine->host = must_strdup(names.nodename);
  machine->page_size = ARCH_PAGE;
  machine->extended_features = arch_extended_features();
  machine->monotonic_ns = s->monotonic_ns;
  machine->boottime_ns = s->boottime_ns;
  describe_features(machine);
  return describe_vdso(machine, list, count, e);
}

int save_describe(struct process_state *const *list, size_t count, const struct save_options *o, struct describing *ret,
                  struct error *e) {
  Snapback__Image__Image *image = NEW(Image, IMAGE);
  *ret = (struct describing){.image = image, .outside = o->outside, .channel = o->channel, .spaces = (uint32_t)count};
  describe_origin(image, list[0], o);
  if (o->place)
    describe_place(image, o->place);
  if (describe_machine(image, list, count, e) < 0)
    return -1;
  for (size_t i = 0; i < count; i++)
    if (save_describe_process(ret, list[i], e) < 0)
      return -1;
  for (size_t i = 0; i < count; i++)
    save_describe_kept_files(ret, list[i], o->keep_files);
  save_describe_tracings(image, list[0]);
  system_v_describe(ret, save_objects(list, count));
  return 0;
}
