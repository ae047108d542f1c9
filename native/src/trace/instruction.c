// SPDX-License-Identifier: EPL-2.0
// Finding a system call instruction in a process.
#include "trace/instruction.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

#include "kernel/auxv.h"
#include "trace/arch/arch.h"

int instruction_find_in(int memory, uint64_t vdso, uint64_t *ret) {
  enum { PAGES = 4 };
  unsigned char code[ARCH_PAGE];
  bool is_narrow = false;
  for (uint64_t at = vdso; at < vdso + PAGES * sizeof code; at += sizeof code) {
    if (pread(memory, code, sizeof code, (off_t)at) != sizeof code)
      break;
    if (at == vdso)
      is_narrow = memcmp(code, ELFMAG, SELFMAG) == 0 && code[EI_CLASS] == ELFCLASS32;
    if (arch_find_call(code, sizeof code, at, is_narrow, ret) == 0)
      return 0;
  }
  return -1;
}

int instruction_find(pid_t pid, int memory, uint64_t *ret, struct error *e) {
  uint64_t base = auxv_value(pid, AT_SYSINFO_EHDR);
  if (base && instruction_find_in(memory, base, ret) == 0)
    return 0;
  return error_set(e, ERROR_REFUSED, "process %d has no vdso to make system calls from", pid);
}
