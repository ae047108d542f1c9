// SPDX-License-Identifier: EPL-2.0
// x86-64, as a restart must know it.
#include <cpuid.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "trace/arch/arch.h"
#include "trace/arch/machine.h"

const char arch_name[] = "x86_64";

// What the C library and others choose their functions by, once, at the start of a program.
const char *const arch_used_features[] = {
    "pni",
    "ssse3",
    "sse4_1",
    "sse4_2",
    "popcnt",
    "movbe",
    "abm",
    "aes",
    "pclmulqdq",
    "avx",
    "f16c",
    "fma",
    "avx2",
    "bmi1",
    "bmi2",
    "adx",
    "sha_ni",
    "rdrand",
    "rdseed",
    "erms",
    "fsrm",
    "rtm",
    "xsave",
    "xsavec",
    "fsgsbase",
    "rdtscp",
    "gfni",
    "vaes",
    "vpclmulqdq",
    "avx_vnni",
    "avx512f",
    "avx512dq",
    "avx512cd",
    "avx512bw",
    "avx512vl",
    "avx512ifma",
    "avx512vbmi",
    "avx512_vbmi2",
    "avx512_vnni",
    "avx512_bitalg",
    "avx512_vpopcntdq",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "rdpid",
    "clflushopt",
    "clwb",
    "movdiri",
    "movdir64b",
    "serialize",
    "waitpkg",
    "pku",
    "user_shstk",
    NULL,
};

enum { OSXSAVE = 1 << 27, LEGACY_STATE = 512, NARROW_JUMP = 5 };

uint64_t arch_extended_features(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & OSXSAVE))
    return 0;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

uint64_t arch_extended_in_use(const void *extended, size_t size) {
  uint64_t parts = 0;
  if (size >= LEGACY_STATE + sizeof parts)
    memcpy(&parts, (const char *)extended + LEGACY_STATE, sizeof parts);
  return parts;
}

// Narrow: jmp target. Else: jmp *0(%rip); the address
size_t arch_put_jump(unsigned char code[ARCH_JUMP], uint64_t address, uint64_t target, bool is_narrow) {
  const uint32_t distance = (uint32_t)(target - (address + NARROW_JUMP));
  if (is_narrow) {
    code[0] = 0xe9;
    memcpy(code + 1, &distance, sizeof distance);
    return NARROW_JUMP;
  }
  memcpy(code, "\xff\x25\x00\x00\x00\x00", 6);
  memcpy(code + 6, &target, sizeof target);
  return 6 + sizeof target;
}

static const struct {
  const char *name;
  long number;
} calls[] = {
    {"clock_gettime", SYS_clock_gettime},
    {"gettimeofday", SYS_gettimeofday},
    {"time", SYS_time},
    {"clock_getres", SYS_clock_getres},
    {"getcpu", SYS_getcpu},
};

// The functions of the kernel's own make calls in ways that stay. Without the others, libraries make calls themselves.
static size_t put_narrow_call(unsigned char code[ARCH_JUMP], const char *name) {
  const int32_t error = -ENOSYS;
  if (strncmp(name, "__kernel_", 9) == 0)
    return 0;
  code[0] = 0xb8;  // mov $-ENOSYS,%eax; ret
  memcpy(code + 1, &error, sizeof error);
  code[5] = 0xc3;
  return 6;
}

// mov $number,%eax; syscall; ret. Of what has no call of the same form: mov $-ENOSYS,%rax; ret
size_t arch_put_call(unsigned char code[ARCH_JUMP], const char *name, bool is_narrow) {
  if (is_narrow)
    return put_narrow_call(code, name);
  const char *plain = strncmp(name, "__vdso_", 7) == 0 ? name + 7 : name;
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    if (strcmp(calls[i].name, plain) != 0)
      continue;
    int32_t number = (int32_t)calls[i].number;
    code[0] = 0xb8;
    memcpy(code + 1, &number, sizeof number);
    memcpy(code + 5, "\x0f\x05\xc3", 3);
    return 8;
  }
  int32_t error = -ENOSYS;
  memcpy(code, "\x48\xc7\xc0", 3);
  memcpy(code + 3, &error, sizeof error);
  code[7] = 0xc3;
  return 8;
}

// Of a narrow program all calls are made there, behind more code than a jump needs.
bool arch_can_stay_in_vdso(const unsigned char *vdso, size_t size, uint64_t offset, bool is_narrow) {
  if (!is_narrow || offset < ARCH_CALL + NARROW_JUMP || offset > size - ARCH_CALL)
    return false;
  return arch_is_call(vdso + offset) || arch_is_call(vdso + offset - ARCH_CALL);
}
