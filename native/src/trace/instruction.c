// SPDX-License-Identifier: EPL-2.0
// Finding a system call instruction in a process.
#include "trace/instruction.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/auxv.h"
#include "trace/arch/arch.h"

static bool is_32_bit(pid_t pid) {
  char path[64];
  unsigned char ident[EI_NIDENT];
  (void)snprintf(path, sizeof path, "/proc/%d/exe", pid);
  _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
  return fd >= 0 && pread(fd, ident, sizeof ident, 0) == sizeof ident && ident[EI_CLASS] == ELFCLASS32;
}

int instruction_find(pid_t pid, int memory, uint64_t *ret, struct error *e) {
  unsigned char code[4096];
  uint64_t base = auxv_value(pid, AT_SYSINFO_EHDR);
  for (int page = 0; base && page < 4; page++) {
    if (pread(memory, code, sizeof code, (off_t)(base + (uint64_t)page * sizeof code)) != sizeof code)
      break;
    long at = arch_find_syscall(code, sizeof code);
    if (at >= 0) {
      *ret = base + (uint64_t)page * sizeof code + (uint64_t)at;
      return 0;
    }
  }
  if (is_32_bit(pid))
    return error_set(e, ERROR_REFUSED,
                     "process %d is a 32-bit program, which snapshots cannot hold yet: run a 64-bit build of it", pid);
  return error_set(e, ERROR_REFUSED, "process %d has no vdso to make system calls from", pid);
}
