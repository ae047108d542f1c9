// SPDX-License-Identifier: EPL-2.0
// Restart: the vdso, code of the kernel that each process has at a place of its own.
//
// The program knows where its vdso was. If this kernel has the same one, it is moved there. Else the old one becomes
// ordinary memory, in which each function jumps to the new one's function of that name.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "engine/elf_functions.h"
#include "engine/own_vdso.h"
#include "engine/restart_state.h"
#include "proc/memory.h"
#include "trace/arch/machine.h"
#include "trace/instruction.h"

enum { VDSO_MAX = 1 << 20 };

// All of [vvar…] and [vdso] lie together, data before code.
static bool find_group(const struct mappings *m, uint64_t *ret_start, uint64_t *ret_end) {
  *ret_start = *ret_end = 0;
  for (size_t i = 0; i < m->count; i++) {
    if (!mapping_is_special(&m->item[i]) || m->item[i].start >= arch_user_end)
      continue;
    if (!*ret_start)
      *ret_start = m->item[i].start;
    *ret_end = m->item[i].end;
  }
  return *ret_start;
}

static const ProtobufCBinaryData *vdso_then(const struct restart *r) {
  const Snapback__Image__Machine *m = r->metadata->machine;
  return r->process->narrow ? &m->narrow_vdso : &m->vdso;
}

// ---- is it the same? ----

static bool same_layout(const struct mappings *a, const struct mappings *b) {
  uint64_t a_start, a_end, b_start, b_end;
  if (!find_group(a, &a_start, &a_end) || !find_group(b, &b_start, &b_end) || a_end - a_start != b_end - b_start)
    return false;
  for (size_t i = 0; i < a->count; i++) {
    const struct mapping *m = &a->item[i];
    if (!mapping_is_special(m) || m->start >= arch_user_end)
      continue;
    const struct mapping *other = mappings_at(b, m->start - a_start + b_start);
    if (!other || strcmp(other->name, m->name) != 0 || other->end - other->start != m->end - m->start)
      return false;
  }
  return true;
}

static bool is_same(const struct restart *r, const struct own_vdso *own) {
  const ProtobufCBinaryData *then = vdso_then(r);
  return own->bytes && then->len == own->size && memcmp(then->data, own->bytes, own->size) == 0 &&
         same_layout(&r->then, &own->maps);
}

static int refuse_threads_inside(const struct restart *r, const struct mapping *vdso, struct error *e) {
  const ProtobufCBinaryData *then = vdso_then(r);
  for (size_t i = 0; i < r->process->n_thread; i++) {
    const Snapback__Image__Thread *t = r->process->thread[i];
    if (t->pc >= vdso->start && t->pc < vdso->end &&
        !arch_can_stay_in_vdso(then->data, then->len, t->pc - vdso->start, r->process->narrow))
      return error_set(e, ERROR_REFUSED,
                       "thread %d (%s) stood in the vdso of the old kernel, which is another one here: restart the "
                       "image on the kernel %s, or save another snapshot",
                       t->tid, t->name, r->metadata->machine->kernel);
  }
  return 0;
}

int restart_check_vdso(struct restart *r, struct error *e) {
  struct own_vdso own;
  const struct mapping *vdso = vdso_find(&r->then);
  if (!vdso)
    return error_set(e, ERROR_REFUSED, "the image is of a program without a vdso, which cannot be restarted");
  if (vdso->end - vdso->start > VDSO_MAX)
    return error_set(e, ERROR_REFUSED, "the vdso in the image is larger than any that there is");
  int result = own_vdso_read(r->process->narrow, &own);
  if (result == -ENOSYS)
    return error_set(e, ERROR_REFUSED,
                     "process %d is a 32-bit program, and this kernel runs none, or does not show their vdso "
                     "(CONFIG_IA32_EMULATION, CONFIG_CHECKPOINT_RESTORE)",
                     r->process->pid);
  if (result < 0)
    return error_set_errno(e, result, "cannot read our own mappings");
  r->bridges_vdso = !is_same(r, &own) || fault(FAULT_restart_bridge) < 0;
  own_vdso_done(&own);
  return r->bridges_vdso ? refuse_threads_inside(r, vdso, e) : 0;
}

// ---- moving ----

static int move_group(struct restarting *w, const struct mappings *now, uint64_t from, uint64_t to, struct error *e) {
  int64_t r = fault(FAULT_restart_vdso);
  for (size_t i = 0; r >= 0 && i < now->count; i++) {
    const struct mapping *m = &now->item[i];
    if (!mapping_is_special(m) || m->start >= arch_user_end)
      continue;
    uint64_t size = m->end - m->start;
    r = executor_call(w->main, e, SYS_mremap, m->start, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, m->start - from + to,
                      0);
    if (m == vdso_find(now))
      w->vdso = m->start - from + to;
  }
  if (r == -EPERM)
    return error_set(e, ERROR_REFUSED,
                     "this kernel forbids to move the vdso (CONFIG_MSEAL_SYSTEM_MAPPINGS), so no image can be "
                     "restarted on it");
  return r < 0 ? error_set_errno(e, (int)r, "cannot move the vdso of the new process") : 0;
}

int restart_set_vdso_aside(struct restarting *w, const struct mappings *now, struct error *e) {
  uint64_t start, end;
  if (!find_group(now, &start, &end))
    return error_set(e, ERROR_REFUSED, "this kernel gives programs no vdso, so no image can be restarted on it");
  uint64_t place = restart_free_place(now, &w->r->then, end - start);
  if (!place)
    return error_set(e, ERROR_REFUSED, "the program's memory has no room for the restart");
  return move_group(w, now, start, place, e);
}

// The executor ends with calls that it makes with an instruction of the vdso, wherever that is.
static int use_vdso(struct restarting *w, struct error *e) {
  _cleanup_fd_ int memory = memory_open(w->f.pid, O_RDONLY);
  if (memory < 0 || instruction_find_in(memory, w->vdso, &w->s->instruction) < 0)
    return error_set(e, ERROR_REFUSED, "this kernel's vdso makes no system calls, so no image can be restarted on it");
  w->s->area = executor_area(w->main);
  executor_forget(w->main);
  w->main = NULL;
  return executor_adopt(executor_self(), w->f.pid, w->s->area, w->s->instruction, false, &w->main, e);
}

int restart_put_vdso_back(struct restarting *w, struct error *e) {
  struct mappings now;
  uint64_t from, to, end;
  if (w->r->bridges_vdso)
    return use_vdso(w, e);
  int r = mappings_read(w->f.pid, &now);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the mappings of the new process");
  (void)find_group(&now, &from, &end);
  (void)find_group(&w->r->then, &to, &end);
  r = move_group(w, &now, from, to, e);
  mappings_done(&now);
  return r < 0 ? -1 : use_vdso(w, e);
}

// ---- the bridge ----

static int patch_function(struct restarting *w, unsigned char *code, size_t size, const struct elf_function *old,
                          const struct elf_functions *now, struct error *e) {
  const struct elf_function *new = elf_functions_find(now, old->name);
  unsigned char jump[ARCH_JUMP];
  const bool is_narrow = w->r->process->narrow;
  const uint64_t at = vdso_find(&w->r->then)->start + old->offset;
  size_t length =
      new ? arch_put_jump(jump, at, w->vdso + new->offset, is_narrow) : arch_put_call(jump, old->name, is_narrow);
  if (old->offset + length > size || (old->size && length > old->size))
    return error_set(e, ERROR_REFUSED, "the function %s of the old kernel's vdso is too small to be replaced",
                     old->name);
  memcpy(code + old->offset, jump, length);
  return 0;
}

static int patch_all(struct restarting *w, unsigned char *code, size_t size, const struct elf_functions *now,
                     struct error *e) {
  struct elf_functions then;
  int r = elf_functions_read(code, size, &then);
  if (r < 0)
    return error_set(e, ERROR_REFUSED, "the vdso of the old kernel is not one that this version understands");
  for (size_t i = 0; r == 0 && i < then.count; i++)
    r = patch_function(w, code, size, &then.item[i], now, e);
  elf_functions_done(&then);
  return r;
}

static int place_old_vdso(struct restarting *w, const struct mapping *vdso, const unsigned char *code,
                          struct error *e) {
  uint64_t size = vdso->end - vdso->start;
  int64_t r = executor_call(w->main, e, SYS_mmap, vdso->start, size, PROT_READ | PROT_EXEC,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, (uint64_t)-1, 0);
  int written = r < 0 ? (int)r : memory_write(w->f.pid, vdso->start, code, size);
  return written < 0 ? error_set_errno(e, written, "cannot put the old vdso into the new process") : 0;
}

int restart_bridge_vdso(struct restarting *w, struct error *e) {
  const ProtobufCBinaryData *old = vdso_then(w->r);
  const struct mapping *vdso = vdso_find(&w->r->then);
  struct own_vdso own;
  struct elf_functions now;
  if (!w->r->bridges_vdso)
    return 0;
  int r = own_vdso_read(w->r->process->narrow, &own);
  if (r == 0)
    r = elf_functions_read(own.bytes, own.size, &now);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the symbols of this kernel's vdso");
  _cleanup_free_ unsigned char *code = must_alloc(vdso->end - vdso->start);
  memcpy(code, old->data, old->len < vdso->end - vdso->start ? old->len : vdso->end - vdso->start);
  r = patch_all(w, code, vdso->end - vdso->start, &now, e) < 0 ? -1 : place_old_vdso(w, vdso, code, e);
  elf_functions_done(&now);
  own_vdso_done(&own);
  return r;
}
