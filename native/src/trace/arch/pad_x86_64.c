// SPDX-License-Identifier: EPL-2.0
// The jump pad on x86-64.
#include <string.h>
#include <sys/syscall.h>

#include "trace/arch/narrow_x86_64.h"
#include "trace/arch/pad.h"

enum { CLONE_STEPS = 6, NARROW_CLONE3 = 435 };

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

// jmp *0(%rip)
static void put_jump(struct code *c, uint64_t address, uint64_t to) {
  (void)address;
  put_number(c, "\xff\x25\x00\x00\x00\x00", 6, to, 8);
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

// jmp, by the distance
static void put_narrow_jump(struct code *c, uint64_t address, uint64_t to) {
  put_number(c, "\xe9", 1, to - (address + c->at + 5), 4);
}

// ---- any thread ----

static const struct kind {
  void (*put_clone)(struct code *c, uint64_t args);
  void (*put_registers)(struct code *c, const struct user_regs_struct *u);
  void (*put_jump)(struct code *c, uint64_t address, uint64_t to);
  unsigned restore_steps;
  unsigned char child[9];  // child: mov $SYS_pause,%eax; a system call; jmp child
} wide = {put_clone, put_registers, put_jump, 5, {0xb8, 0x22, 0x00, 0x00, 0x00, 0x0f, 0x05, 0xeb, 0xf7}},
  narrow = {put_narrow_clone,
            put_narrow_registers,
            put_narrow_jump,
            3,
            {0xb8, 0x1d, 0x00, 0x00, 0x00, 0xcd, 0x80, 0xeb, 0xf7}};

unsigned pad_fill(unsigned char page[PAD_SIZE], uint64_t address, unsigned clones, const struct registers *r,
                  int leave) {
  const struct kind *k = narrow_is_running(r) ? &narrow : &wide;
  struct code c = {page, 0};
  for (unsigned i = 0; i < clones; i++)
    k->put_clone(&c, address + PAD_ARGS + i * PAD_ARGS_SIZE);
  unsigned steps = clones * CLONE_STEPS;
  if (leave) {
    if (clones)
      k->put_registers(&c, &r->user);
    k->put_jump(&c, address, r->user.rip);
    steps += (clones ? k->restore_steps : 0) + 1;
  }
  memcpy(page + PAD_CHILD, k->child, sizeof k->child);
  return steps;
}
