// SPDX-License-Identifier: EPL-2.0
// Where a thread lands that makes a single call for its tracer, should the tracer be killed meanwhile.
#include "trace/landing.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "trace/arch/arch.h"

struct place {
  pid_t pid;
  uint64_t call, circle;
};

static struct place *places;
static size_t count, capacity;

static struct place *place_of(pid_t pid) {
  for (size_t i = 0; i < count; i++)
    if (places[i].pid == pid)
      return &places[i];
  return NULL;
}

void landing_learn(pid_t pid, uint64_t call, uint64_t circle) {
  struct place *p = place_of(pid);
  if (!p) {
    array_reserve(places, count, capacity);
    p = &places[count++];
  }
  *p = (struct place){.pid = pid, .call = call, .circle = circle};
}

static bool has_code(int memory, uint64_t at, const unsigned char *code, size_t size) {
  unsigned char there[16];
  return size <= sizeof there && pread(memory, there, size, (off_t)at) == (ssize_t)size &&
         memcmp(there, code, size) == 0;
}

static const struct arch_call_and_return *form_of(const struct place *p) {
  return arch_call_and_return(p->call & ARCH_NARROW);
}

int landing_is_known(pid_t pid, int memory) {
  const struct place *p = place_of(pid);
  return p && has_code(memory, p->call & ~ARCH_NARROW, form_of(p)->code, form_of(p)->size) &&
         has_code(memory, p->circle, arch_circle, arch_circle_size);
}

// The return address stands where a signal would put its frame: below what the program may use beneath its stack
// pointer.
void landing_prepare(struct landing *ret, pid_t pid, int memory, uint64_t stack_pointer) {
  enum { BELOW = ARCH_RED_ZONE + 64 };
  const struct place *p = place_of(pid);
  *ret = (struct landing){.memory = memory, .stack = (stack_pointer - BELOW) & ~(uint64_t)15};
  if (!p || !landing_is_known(pid, memory))
    return;
  const size_t width = form_of(p)->width;
  ret->taken = form_of(p)->taken;
  const off_t at = (off_t)(ret->stack + ret->taken);
  if (pread(memory, &ret->before, width, at) != (ssize_t)width ||
      pwrite(memory, &p->circle, width, at) != (ssize_t)width)
    return;
  ret->instruction = p->call;
  ret->circle = p->circle;
}

void landing_done(const struct landing *l) {
  if (l->instruction)
    (void)!pwrite(l->memory, &l->before, arch_call_and_return(l->instruction & ARCH_NARROW)->width,
                  (off_t)(l->stack + l->taken));
}
