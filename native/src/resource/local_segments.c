// SPDX-License-Identifier: EPL-2.0
// The table of segments that the threads of a process share, where a program has made one (x86: modify_ldt(2)).
#include "resource/local_segments.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

unsigned local_segments_add_probe(struct batch *b) {
  return CALL(b, arch_local_segments_call, NUMBER(ARCH_LOCAL_SEGMENTS_READ),
              POINTER(batch_data(b, NULL, ARCH_LOCAL_SEGMENT)), NUMBER(ARCH_LOCAL_SEGMENT));
}

// The call gives a 32-bit number, also where that is an error.
static int result_of(const struct batch *b, unsigned index) { return (int)batch_result(b, index); }

bool local_segments_are_there(const struct batch *b, unsigned probe) { return result_of(b, probe) > 0; }

int local_segments_read(struct executor *x, struct local_segments *ret, struct error *e) {
  struct batch *b = batch_new();
  size_t at = batch_data(b, NULL, ARCH_LOCAL_SEGMENTS_MAX);
  (void)CALL(b, arch_local_segments_call, NUMBER(ARCH_LOCAL_SEGMENTS_READ), POINTER(at),
             NUMBER(ARCH_LOCAL_SEGMENTS_MAX));
  int r = executor_run(x, b, e);
  *ret = (struct local_segments){0};
  if (r == 0 && result_of(b, 0) > 0) {
    const unsigned char *bytes = batch_at(b, at);
    for (size_t i = 0; i < ARCH_LOCAL_SEGMENTS_MAX; i++)
      if (bytes[i])
        ret->size = (i / ARCH_LOCAL_SEGMENT + 1) * ARCH_LOCAL_SEGMENT;
    ret->bytes = must_alloc(ret->size + 1);
    memcpy(ret->bytes, bytes, ret->size);
  }
  batch_free(b);
  return r;
}

static int set_some(struct executor *x, struct batch *b, struct error *e) {
  int r = executor_run(x, b, e);
  for (unsigned i = 0; r == 0 && i < batch_count(b); i++)
    if (result_of(b, i) < 0)
      r = error_set_errno(e, result_of(b, i), "cannot put back a segment of process %d (modify_ldt)", executor_pid(x));
  batch_clear(b);
  return r;
}

static bool is_same(const struct local_segments *now, const struct local_segments *then, size_t at) {
  return at < now->size && memcmp(now->bytes + at, then->bytes + at, ARCH_LOCAL_SEGMENT) == 0;
}

int local_segments_put_back(struct executor *x, const struct local_segments *then, struct error *e) {
  struct local_segments now;
  if (!then->size)
    return 0;
  if (local_segments_read(x, &now, e) < 0)
    return -1;
  struct batch *b = batch_new();
  int r = 0;
  for (size_t at = 0; r == 0 && at < then->size; at += ARCH_LOCAL_SEGMENT) {
    unsigned char order[ARCH_SEGMENT];
    if (is_same(&now, then, at))
      continue;
    arch_describe_local_segment(then->bytes + at, (unsigned)(at / ARCH_LOCAL_SEGMENT), order);
    (void)CALL(b, arch_local_segments_call, NUMBER(ARCH_LOCAL_SEGMENTS_WRITE),
               POINTER(batch_data(b, order, sizeof order)), NUMBER(sizeof order));
    if (!batch_has_room(b, 1, sizeof order))
      r = set_some(x, b, e);
  }
  if (r == 0)
    r = set_some(x, b, e);
  batch_free(b);
  local_segments_done(&now);
  return r;
}

void local_segments_done(struct local_segments *s) {
  free(s->bytes);
  *s = (struct local_segments){0};
}
