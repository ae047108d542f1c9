// SPDX-License-Identifier: EPL-2.0
// Segments of x86: entries of the tables as the processor has them, and as programs give them to the kernel.
#include <asm/ldt.h>
#include <string.h>
#include <sys/syscall.h>

#include "trace/arch/arch.h"

_Static_assert(sizeof(struct user_desc) == ARCH_SEGMENT, "as the kernel has it");

const long arch_local_segments_call = SYS_modify_ldt;

static unsigned bits(uint64_t raw, unsigned from, unsigned count) {
  return (unsigned)(raw >> from & ((1ULL << count) - 1));
}

// "Processor's manual, volume 3, segment descriptors". An empty entry is one that is not present and cannot be written.
void arch_describe_local_segment(const unsigned char entry[ARCH_LOCAL_SEGMENT], unsigned number,
                                 unsigned char ret[ARCH_SEGMENT]) {
  enum { WRITABLE = 41, CONTENTS = 42, PRESENT = 47, USEABLE = 52, IS_32_BIT = 54, IN_PAGES = 55 };
  uint64_t raw;
  memcpy(&raw, entry, sizeof raw);
  const struct user_desc d = {.entry_number = number,
                              .base_addr = bits(raw, 16, 24) | bits(raw, 56, 8) << 24,
                              .limit = bits(raw, 0, 16) | bits(raw, 48, 4) << 16,
                              .seg_32bit = bits(raw, IS_32_BIT, 1),
                              .contents = bits(raw, CONTENTS, 2),
                              .read_exec_only = !bits(raw, WRITABLE, 1),
                              .limit_in_pages = bits(raw, IN_PAGES, 1),
                              .seg_not_present = !bits(raw, PRESENT, 1),
                              .useable = bits(raw, USEABLE, 1)};
  memcpy(ret, &d, sizeof d);
}
