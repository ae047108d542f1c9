// SPDX-License-Identifier: EPL-2.0
// The notes of a core file, in the order and with the names of the kernel's (fs/binfmt_elf.c; core(5)).
#include "cli/core_notes.h"

#include <elf.h>
#include <signal.h>
#include <string.h>
#include <sys/procfs.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/core_narrow.h"
#include "cli/words.h"

typedef Snapback__Image__Process Process;
typedef Snapback__Image__Thread Thread;

enum { FPU_BYTES = 512 };  // the part of the extended registers that FXSAVE knows

struct notes {
  unsigned char *bytes;
  size_t size;
};

static size_t padded(size_t size) { return (size + 3) & ~(size_t)3; }

static void add_note(struct notes *n, const char *name, uint32_t type, const void *content, size_t size) {
  const Elf64_Nhdr header = {(Elf64_Word)strlen(name) + 1, (Elf64_Word)size, type};
  size_t name_at = n->size + sizeof header, at = name_at + padded(header.n_namesz), end = at + padded(size);
  n->bytes = must_realloc(n->bytes, end, 1);
  memset(n->bytes + n->size, 0, end - n->size);
  memcpy(n->bytes + n->size, &header, sizeof header);
  memcpy(n->bytes + name_at, name, header.n_namesz);
  if (size)
    memcpy(n->bytes + at, content, size);
  n->size = end;
}

// ---- threads ----

// The signal at which the thread stood for its debugger. Those by which debuggers stop a program are no news.
static int signal_of(const Thread *t) {
  siginfo_t info;
  if (t->signal_info.len < sizeof info)
    return 0;
  memcpy(&info, t->signal_info.data, sizeof info);
  return info.si_signo == SIGTRAP || info.si_signo == SIGSTOP ? 0 : info.si_signo;
}

static void add_status(struct notes *n, const Process *p, const Thread *t) {
  struct narrow_status narrow;
  if (p->narrow) {
    narrow_status_fill(p, t, signal_of(t), &narrow);
    add_note(n, "CORE", NT_PRSTATUS, &narrow, sizeof narrow);
    return;
  }
  struct elf_prstatus status = {.pr_pid = t->tid, .pr_ppid = p->parent, .pr_pgrp = p->group, .pr_sid = p->session};
  status.pr_cursig = (short)signal_of(t);
  status.pr_info.si_signo = signal_of(t);
  status.pr_sighold = t->mask;
  status.pr_fpvalid = t->extended.len >= FPU_BYTES;
  _Static_assert(sizeof status.pr_reg == 27 * 8, "the registers of a core are those of PTRACE_GETREGS");
  memcpy(&status.pr_reg, t->registers.data, sizeof status.pr_reg);
  add_note(n, "CORE", NT_PRSTATUS, &status, sizeof status);
}

static void add_extended(struct notes *n, const Process *p, const Thread *t) {
  if (p->narrow && t->segments.len)
    add_note(n, "LINUX", NARROW_SEGMENTS_NOTE, t->segments.data, t->segments.len);
  if (t->extended.len < FPU_BYTES)
    return;
  if (p->narrow)
    add_note(n, "LINUX", NARROW_FPU_NOTE, t->extended.data, FPU_BYTES);
  else
    add_note(n, "CORE", NT_FPREGSET, t->extended.data, FPU_BYTES);
  add_note(n, "LINUX", NT_X86_XSTATE, t->extended.data, t->extended.len);
}

static const Thread *shown_thread(const Snapback__Image__Image *m, const Process *p) {
  for (size_t i = 0; m->place && i < p->n_thread; i++)
    if (p->thread[i]->tid == m->place->thread)
      return p->thread[i];
  return p->thread[0];
}

// ---- the process ----

static void add_signal(struct notes *n, const Process *p, const Thread *t) {
  siginfo_t info;
  struct narrow_info narrow;
  if (!signal_of(t))
    return;
  memcpy(&info, t->signal_info.data, sizeof info);
  narrow_info_fill(&info, &narrow);
  if (p->narrow)
    add_note(n, "CORE", NT_SIGINFO, &narrow, sizeof narrow);
  else
    add_note(n, "CORE", NT_SIGINFO, t->signal_info.data, t->signal_info.len);
}

static void add_narrow_program(struct notes *n, const struct elf_prpsinfo *from) {
  struct narrow_program info = {.state_name = from->pr_sname,
                                .pid = from->pr_pid,
                                .parent = from->pr_ppid,
                                .group = from->pr_pgrp,
                                .session = from->pr_sid};
  _Static_assert(sizeof info.name == sizeof from->pr_fname && sizeof info.arguments == sizeof from->pr_psargs,
                 "both kinds have as much room");
  memcpy(info.name, from->pr_fname, sizeof info.name);
  memcpy(info.arguments, from->pr_psargs, sizeof info.arguments);
  add_note(n, "CORE", NT_PRPSINFO, &info, sizeof info);
}

static void add_program(struct notes *n, const Snapback__Image__Image *m, const Process *p) {
  struct elf_prpsinfo info = {.pr_sname = 't', .pr_pid = p->pid, .pr_ppid = p->parent};
  _cleanup_free_ char *command = words_joined(m->command, m->n_command);
  const char *slash = strrchr(p->executable->path, '/');
  info.pr_pgrp = p->group;
  info.pr_sid = p->session;
  strncpy(info.pr_fname, slash ? slash + 1 : p->executable->path, sizeof info.pr_fname - 1);
  strncpy(info.pr_psargs, p->is_debugger || p->traced_by ? p->executable->path : command, sizeof info.pr_psargs - 1);
  if (p->narrow)
    add_narrow_program(n, &info);
  else
    add_note(n, "CORE", NT_PRPSINFO, &info, sizeof info);
}

static bool names_file(const Snapback__Image__Mapping *m) { return m->file && *m->file->path; }

static char *put_number(char *to, uint64_t number, size_t width) {
  memcpy(to, &number, width);  // the low bytes come first
  return to + width;
}

// count, page size; start, end and place in pages of each; then the names.
static void add_files(struct notes *n, const Process *p) {
  size_t count = 0, size = 0;
  for (size_t i = 0; i < p->n_mapping; i++)
    if (names_file(p->mapping[i])) {
      count++;
      size += strlen(p->mapping[i]->file->path) + 1;
    }
  const size_t width = p->narrow ? sizeof(uint32_t) : sizeof(uint64_t), numbers = (2 + 3 * count) * width;
  _cleanup_free_ char *content = must_alloc(numbers + size);
  char *number = put_number(put_number(content, count, width), IMAGE_PAGE, width), *name = content + numbers;
  for (size_t i = 0; i < p->n_mapping; i++) {
    const Snapback__Image__Mapping *m = p->mapping[i];
    if (!names_file(m))
      continue;
    number = put_number(number, m->start, width);
    number = put_number(number, m->end, width);
    number = put_number(number, m->offset / IMAGE_PAGE, width);
    name = stpcpy(name, m->file->path) + 1;
  }
  add_note(n, "CORE", NT_FILE, content, numbers + size);
}

unsigned char *core_notes(const Snapback__Image__Image *m, const Process *p, size_t *ret_size) {
  struct notes n = {0};
  const Thread *first = shown_thread(m, p);
  add_status(&n, p, first);
  add_program(&n, m, p);
  add_signal(&n, p, first);
  add_note(&n, "CORE", NT_AUXV, p->auxiliary_vector.data, p->auxiliary_vector.len);
  add_files(&n, p);
  add_extended(&n, p, first);
  for (size_t i = 0; i < p->n_thread; i++) {
    if (p->thread[i] == first)
      continue;
    add_status(&n, p, p->thread[i]);
    add_extended(&n, p, p->thread[i]);
  }
  *ret_size = n.size;
  return n.bytes;
}
