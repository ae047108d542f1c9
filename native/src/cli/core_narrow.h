// SPDX-License-Identifier: EPL-2.0
// What the core file of a 32-bit program has in a form of its own (fs/compat_binfmt_elf.c).
#pragma once

#include <signal.h>
#include <stdint.h>

#include "proto/image.pb-c.h"

enum { NARROW_REGISTERS = 17 };

struct narrow_status {
  int32_t signal, code, error;
  int16_t current_signal;
  uint32_t pending, held;
  int32_t pid, parent, group, session;
  uint32_t times[8];
  uint32_t registers[NARROW_REGISTERS];
  int32_t has_fpu;
};

struct narrow_program {
  char state, state_name, is_zombie, nice;
  uint32_t flags;
  uint16_t user, user_group;
  int32_t pid, parent, group, session;
  char name[16], arguments[80];
};

struct narrow_info {
  int32_t signal, error, code;
  uint32_t rest[29];
};

enum { NARROW_FPU_NOTE = 0x46e62b7f, NARROW_SEGMENTS_NOTE = 0x200 };  // NT_PRXFPREG, NT_386_TLS

void narrow_status_fill(const Snapback__Image__Process *p, const Snapback__Image__Thread *t, int signal,
                        struct narrow_status *ret);
void narrow_info_fill(const siginfo_t *from, struct narrow_info *ret);
