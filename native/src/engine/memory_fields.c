// SPDX-License-Identifier: EPL-2.0
// The kernel's record of where things are in a process (PR_SET_MM_MAP), which programs change to show another command
// line.
#include <linux/prctl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/fault.h"
#include "engine/state.h"
#include "proc/memory_fields.h"

int64_t memory_fields_set(struct executor *x, const struct prctl_mm_map *fields, const void *vector, size_t size,
                          struct error *e) {
  struct prctl_mm_map all = *fields;
  all.auxv_size = (uint32_t)size;
  all.exe_fd = (uint32_t)-1;
  struct batch *b = batch_new();
  size_t auxv = batch_data(b, vector, size), at = batch_data(b, &all, sizeof all);
  batch_pointer(b, at + offsetof(struct prctl_mm_map, auxv), auxv);
  (void)CALL(b, SYS_prctl, NUMBER(PR_SET_MM), NUMBER(PR_SET_MM_MAP), POINTER(at), NUMBER(sizeof all), NUMBER(0));
  int64_t r = executor_run(x, b, e) < 0 ? -1 : batch_result(b, 0);
  batch_free(b);
  return r;
}

int memory_fields_put_back(struct process_state *s, struct executor *main, struct error *e) {
  struct memory_fields now, then;
  if (!s->template.pid || memory_fields_read(s->pid, &now) < 0 || memory_fields_read(s->template.pid, &then) < 0 ||
      memcmp(&now, &then, sizeof now) == 0)
    return 0;
  const struct prctl_mm_map fields = {.start_code = then.start_code,
                                      .end_code = then.end_code,
                                      .start_data = then.start_data,
                                      .end_data = then.end_data,
                                      .start_brk = then.start_brk,
                                      .brk = s->brk,
                                      .start_stack = then.start_stack,
                                      .arg_start = then.arg_start,
                                      .arg_end = then.arg_end,
                                      .env_start = then.env_start,
                                      .env_end = then.env_end};
  int64_t r = memory_fields_set(main, &fields, s->auxiliary_vector, s->auxiliary_size, e);
  return r < 0 ? error_set_errno(e, (int)r, "cannot put the command line of process %d back", s->pid) : 0;
}
