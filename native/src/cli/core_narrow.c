// SPDX-License-Identifier: EPL-2.0
// What the core file of a 32-bit program has in a form of its own (fs/compat_binfmt_elf.c).
#include "cli/core_narrow.h"

#include <string.h>

_Static_assert(sizeof(struct narrow_status) == 144, "as the kernel has it");
_Static_assert(sizeof(struct narrow_program) == 124, "as the kernel has it");
_Static_assert(sizeof(struct narrow_info) == 128, "as the kernel has it");

// By the order in which a core of a 32-bit program has them, the places of PTRACE_GETREGS.
static const unsigned char place_of_register[NARROW_REGISTERS] = {5,  11, 12, 13, 14, 4,  10, 23, 24,
                                                                  25, 26, 15, 16, 17, 18, 19, 20};

void narrow_status_fill(const Snapback__Image__Process *p, const Snapback__Image__Thread *t, int signal,
                        struct narrow_status *ret) {
  *ret = (struct narrow_status){.signal = signal,
                                .current_signal = (int16_t)signal,
                                .held = (uint32_t)t->mask,
                                .pid = t->tid,
                                .parent = p->parent,
                                .group = p->group,
                                .session = p->session,
                                .has_fpu = t->extended.len > 0};
  for (int i = 0; i < NARROW_REGISTERS; i++)
    memcpy(&ret->registers[i], t->registers.data + place_of_register[i] * sizeof(uint64_t), sizeof ret->registers[i]);
}

static int is_fault(const siginfo_t *from) {
  return from->si_code > 0 && (from->si_signo == SIGSEGV || from->si_signo == SIGBUS || from->si_signo == SIGILL ||
                               from->si_signo == SIGFPE || from->si_signo == SIGTRAP);
}

void narrow_info_fill(const siginfo_t *from, struct narrow_info *ret) {
  *ret = (struct narrow_info){.signal = from->si_signo, .error = from->si_errno, .code = from->si_code};
  if (is_fault(from)) {
    ret->rest[0] = (uint32_t)(uintptr_t)from->si_addr;
    return;
  }
  ret->rest[0] = (uint32_t)from->si_pid;
  ret->rest[1] = from->si_uid;
  ret->rest[2] = (uint32_t)from->si_value.sival_int;
}
