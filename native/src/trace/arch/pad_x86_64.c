// SPDX-License-Identifier: EPL-2.0
// The jump pad on x86-64.
#include <string.h>
#include <sys/syscall.h>

#include "trace/arch/narrow_x86_64.h"
#include "trace/arch/pad.h"

enum { CLONE_STEPS = 6, RESTORE_STEPS = 5, NARROW_RESTORE_STEPS = 3, NARROW_CLONE3 = 435 };

struct code {
  unsigned char *page;
  size_t at;
};

static void put(struct code *c, const void *bytes, size_t size) {
  memcpy(c->page + c->at, bytes, size);
  c->at += size;
}

static void put_number(struct code *c, const void *opcode, size_t size, uint64_t number, size_t width) {
  put(c, opcode, size);
  put(c, &number, width);
}

// mov $SYS_clone3,%eax; mov $args,%rdi; mov $size,%esi; syscall; test %eax,%eax; jz child
static void put_clone(struct code *c, uint64_t args) {
  put_number(c, "\xb8", 1, SYS_clone3, 4);
  put_number(c, "\x48\xbf", 2, args, 8);
  put_number(c, "\xbe", 1, PAD_ARGS_SIZE, 4);
  put(c, "\x0f\x05\x85\xc0", 4);
  put_number(c, "\x0f\x84", 2, (uint64_t)PAD_CHILD - (c->at + 6), 4);
}

// What the calls have changed: %rax, %rdi, %rsi, %rcx, %r11.
static void put_registers(struct code *c, const struct user_regs_struct *u) {
  put_number(c, "\x48\xb8", 2, u->rax, 8);
  put_number(c, "\x48\xbf", 2, u->rdi, 8);
  put_number(c, "\x48\xbe", 2, u->rsi, 8);
  put_number(c, "\x48\xb9", 2, u->rcx, 8);
  put_number(c, "\x49\xbb", 2, u->r11, 8);
}

// ---- a thread in 32-bit code ----

// mov $number,%eax; mov $args,%ebx; mov $size,%ecx; int $0x80; test %eax,%eax; jz child
static void put_narrow_clone(struct code *c, uint64_t args) {
  put_number(c, "\xb8", 1, NARROW_CLONE3, 4);
  put_number(c, "\xbb", 1, args, 4);
  put_number(c, "\xb9", 1, PAD_ARGS_SIZE, 4);
  put(c, "\xcd\x80\x85\xc0", 4);
  put_number(c, "\x0f\x84", 2, (uint64_t)PAD_CHILD - (c->at + 6), 4);
}

static void put_narrow_registers(struct code *c, const struct user_regs_struct *u) {
  put_number(c, "\xb8", 1, u->rax, 4);
  put_number(c, "\xbb", 1, u->rbx, 4);
  put_number(c, "\xb9", 1, u->rcx, 4);
}

static unsigned fill_narrow(unsigned char page[PAD_SIZE], uint64_t address, unsigned clones, const struct registers *r,
                            int leave) {
  struct code c = {page, 0};
  for (unsigned i = 0; i < clones; i++)
    put_narrow_clone(&c, address + PAD_ARGS + i * PAD_ARGS_SIZE);
  unsigned steps = clones * CLONE_STEPS;
  if (leave) {
    if (clones)
      put_narrow_registers(&c, &r->user);
    put_number(&c, "\xe9", 1, r->user.rip - (address + c.at + 5), 4);  // jmp
    steps += (clones ? NARROW_RESTORE_STEPS : 0) + 1;
  }
  // child: mov $SYS_pause,%eax; int $0x80; jmp child
  memcpy(page + PAD_CHILD, "\xb8\x1d\x00\x00\x00\xcd\x80\xeb\xf7", 9);
  return steps;
}

// ---- any thread ----

unsigned pad_fill(unsigned char page[PAD_SIZE], uint64_t address, unsigned clones, const struct registers *r,
                  int leave) {
  struct code c = {page, 0};
  if (narrow_is_running(r))
    return fill_narrow(page, address, clones, r, leave);
  for (unsigned i = 0; i < clones; i++)
    put_clone(&c, address + PAD_ARGS + i * PAD_ARGS_SIZE);
  unsigned steps = clones * CLONE_STEPS;
  if (leave) {
    if (clones)
      put_registers(&c, &r->user);
    put_number(&c, "\xff\x25\x00\x00\x00\x00", 6, r->user.rip, 8);  // jmp *0(%rip)
    steps += (clones ? RESTORE_STEPS : 0) + 1;
  }
  // child: mov $SYS_pause,%eax; syscall; jmp child
  memcpy(page + PAD_CHILD, "\xb8\x22\x00\x00\x00\x0f\x05\xeb\xf7", 9);
  return steps;
}
