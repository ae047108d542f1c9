// SPDX-License-Identifier: EPL-2.0
// A 64-bit program with a thread that is mostly in 32-bit code, as Wine has it: it counts what it was told to.
#include "live.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

enum { NARROW_CODE = 0x23, SPINS = 100000, PAGE = 4096 };

// Copied to where 32-bit code reaches it: saves the stack, calls the 32-bit part through `far_target`, comes back.
__asm__(".pushsection .text\n"
        "far_begin: push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "mov %rsp, far_stack(%rip)\n lea far_begin+4096(%rip), %rsp\n"
        "mov %edi, %ecx\n lcall *far_target(%rip)\n mov far_stack(%rip), %rsp\n"
        "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n ret\n"
        ".code32\n"
        "far_narrow: xor %eax, %eax\n"
        "1: push %eax\n incl (%esp)\n pop %eax\n dec %ecx\n jnz 1b\n lret\n"
        ".code64\n"
        "far_stack: .quad 0\n far_target: .quad 0\n"
        "far_end:\n .popsection\n");
extern char far_begin[], far_narrow[], far_target[], far_end[];

static volatile bool ending;

static void *count(void *page) {
  unsigned (*call)(unsigned) = page;
  while (!ending) {
    unsigned spins = 1 + live_random(SPINS);
    CHECK(call(spins) == spins);
  }
  return NULL;
}

static void *place_code(void) {
  char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  CHECK(page != MAP_FAILED);
  memcpy(page, far_begin, (size_t)(far_end - far_begin));
  const struct {
    uint32_t offset;
    uint16_t segment;
  } target = {(uint32_t)(uintptr_t)page + (uint32_t)(far_narrow - far_begin), NARROW_CODE};
  memcpy(page + (far_target - far_begin), &target, 6);
  return page;
}

int main(void) {
  pthread_t thread;
  live_begin();
  CHECK(pthread_create(&thread, NULL, count, place_code()) == 0);
  while (live_tick())
    ;
  ending = true;
  CHECK(pthread_join(thread, NULL) == 0);
  live_pass();
}
