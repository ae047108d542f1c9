// SPDX-License-Identifier: EPL-2.0
// Finding a landing in the code of a program: a few bytes that every C library has, and most programs.
#include "engine/landings.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "proc/maps.h"
#include "proc/memory.h"
#include "trace/arch/arch.h"
#include "trace/instruction.h"
#include "trace/landing.h"

enum { CHUNK = 64 * 1024, MOST = 32 * 1024 * 1024 };

struct search {
  int memory;
  bool is_narrow;
  unsigned char *bytes;
  uint64_t call, circle;
};

static uint64_t find(const struct search *s, size_t size, uint64_t at, const unsigned char *code, size_t code_size) {
  const unsigned char *found = memmem(s->bytes, size, code, code_size);
  return found ? at + (uint64_t)(found - s->bytes) : 0;
}

static void search_in(struct search *s, const struct mapping *m) {
  const struct arch_call_and_return *form = arch_call_and_return(s->is_narrow);
  uint64_t end = m->end - m->start > MOST ? m->start + MOST : m->end;
  for (uint64_t at = m->start; at < end && !(s->call && s->circle); at += CHUNK) {
    ssize_t n = pread(s->memory, s->bytes, end - at < CHUNK ? (size_t)(end - at) : CHUNK, (off_t)at);
    if (n <= 0)
      return;
    if (!s->call)
      s->call = find(s, (size_t)n, at, form->code, form->size);
    if (!s->circle)
      s->circle = find(s, (size_t)n, at, arch_circle, arch_circle_size);
  }
}

// Code of files only: what a program makes itself changes. And of the kernel: in narrow programs it makes the calls.
static bool is_code(const struct search *s, const struct mapping *m) {
  return (m->inode || (s->is_narrow && mapping_is_special(m))) && !m->shared &&
         m->protection == (PROT_READ | PROT_EXEC);
}

void landings_find(pid_t pid) {
  struct mappings maps;
  _cleanup_fd_ int memory = memory_open(pid, O_RDONLY);
  uint64_t instruction;
  struct error ignored = {0};
  if (memory < 0 || landing_is_known(pid, memory) || instruction_find(pid, memory, &instruction, &ignored) < 0 ||
      mappings_read(pid, &maps) < 0)
    return;
  _cleanup_free_ unsigned char *bytes = must_alloc(CHUNK);
  struct search s = {.memory = memory, .is_narrow = instruction & ARCH_NARROW, .bytes = bytes};
  for (size_t i = 0; i < maps.count && !(s.call && s.circle); i++)
    if (is_code(&s, &maps.item[i]))
      search_in(&s, &maps.item[i]);
  mappings_done(&maps);
  if (s.call && s.circle)
    landing_learn(pid, s.call | (instruction & ARCH_NARROW), s.circle);
}
