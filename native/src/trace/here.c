// SPDX-License-Identifier: EPL-2.0
// Running the calls of a batch in this process.
#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trace/batch.h"
#include "trace/wait.h"

// A wait for one thread, whatever becomes of its process meanwhile.
static int64_t wait_here(const uint64_t a[6]) {
  int *status = (int *)(uintptr_t)a[1];
  int r = wait_for_thread((pid_t)a[0], false, status);
  return r < 0 ? r : (int64_t)a[0];
}

static int64_t call_here(long number, const uint64_t a[6]) {
  if (number == SYS_wait4 && (int)a[2] == __WALL)
    return wait_here(a);
  long r = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  return r < 0 ? -errno : r;
}

int batch_run_here(struct batch *b) {
  uint64_t base = (uint64_t)(uintptr_t)b->memory;
  batch_set_pointers(b, base);
  for (unsigned i = 0; i < b->calls_count; i++) {
    struct call *c = &b->calls[i];
    uint64_t a[6];
    for (int k = 0; k < 6; k++)
      a[k] = batch_argument(&c->args[k], base);
    c->result = call_here(c->number, a);
  }
  return 0;
}
