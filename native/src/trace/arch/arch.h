// SPDX-License-Identifier: EPL-2.0
// All that the engine must know of a processor: registers, the system call instruction, and the small loop
// that runs a batch of calls inside a tracee.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

// General registers as PTRACE_GETREGS gives them.
struct registers {
  struct user_regs_struct user;
};

// The machine state that PTRACE_GETREGSET gives beside the general registers (x86: XSAVE area).
enum { ARCH_EXTENDED_NOTE = 0x202, ARCH_EXTENDED_MAX = 12288 };

// Debug registers, by their offset in struct user; the last one switches the others on and is set last.
enum { ARCH_DEBUG_REGISTERS = 6 };
extern const size_t arch_debug_offset[ARCH_DEBUG_REGISTERS];

// Entries of a thread's own in the table of segments (x86: of the GDT, struct user_desc), by PTRACE_GET_THREAD_AREA.
enum { ARCH_SEGMENTS = 3, ARCH_SEGMENT_FIRST = 12, ARCH_SEGMENT = 16, ARCH_GET_SEGMENT = 25, ARCH_SET_SEGMENT = 26 };

// Entries of the table that the threads of a process share (x86: of the LDT): the call that reads and writes it, and an
// entry, as the processor has it, in the form in which it is written.
extern const long arch_local_segments_call;
enum { ARCH_LOCAL_SEGMENTS_READ = 0, ARCH_LOCAL_SEGMENTS_WRITE = 0x11 };
enum { ARCH_LOCAL_SEGMENT = 8, ARCH_LOCAL_SEGMENTS_MAX = 8192 * ARCH_LOCAL_SEGMENT };
void arch_describe_local_segment(const unsigned char entry[ARCH_LOCAL_SEGMENT], unsigned number,
                                 unsigned char ret[ARCH_SEGMENT]);

// A program is narrow when it is of the processor's older kind (32-bit on a 64-bit kernel). Its threads can run the
// engine's code and make its calls as any other; what the kernel keeps for narrow calls only needs such.
//
// An instruction that makes a call is its address, with this bit where the call is a narrow one.
#define ARCH_NARROW (1ULL << 63)

// One call of the table that the batch loop works through, in the tracee's memory.
struct arch_call {
  uint64_t number, args[6], result;
};

// The batch loop: position independent, needs no stack, runs the table and then sits in pause(2).
extern const unsigned char arch_loop[];
extern const size_t arch_loop_size;

enum { ARCH_PAGE = 4096 };
extern const uint64_t arch_user_end;    // mappings above are the kernel's own
extern const uint64_t arch_narrow_end;  // narrow programs have none above

// Code to be found in programs: a system call instruction and a return; a jump to itself. And how many bytes beneath
// its stack pointer a program may use.
struct arch_call_and_return {
  const unsigned char *code;
  size_t size;
  size_t taken, width;  // bytes that it takes from the stack before the address to which it returns; of that address
};
const struct arch_call_and_return *arch_call_and_return(bool is_narrow);
extern const unsigned char arch_circle[];
extern const size_t arch_circle_size;
enum { ARCH_RED_ZONE = 128 };

// The first instruction in `code`, which lies at `address`, that makes a call. 0 or -1.
int arch_find_call(const unsigned char *code, size_t size, uint64_t address, bool is_narrow, uint64_t *ret);
enum { ARCH_CALL = 2 };  // the length of one
bool arch_is_call(const unsigned char code[ARCH_CALL]);

// Makes `r` start the loop at `entry` with `count` calls at `table`. The stack pointer leads to the table as well: one
// that stands on the alternate signal stack would forbid sigaltstack(2).
void arch_start_loop(struct registers *r, uint64_t entry, uint64_t table, uint64_t count);
bool arch_loop_is_done(const struct registers *r);  // it stands behind the last call of the table

// Makes `r` make one system call with the instruction at `instruction`, and no restart of an older call. Not every call
// has a narrow form here: those do that an executor makes by itself.
void arch_start_call(struct registers *r, uint64_t instruction, long number, const uint64_t args[6]);
int64_t arch_result(const struct registers *r);

uint64_t arch_pc(const struct registers *r);
void arch_set_pc(struct registers *r, uint64_t pc);
uint64_t arch_sp(const struct registers *r);
void arch_set_sp(struct registers *r, uint64_t sp);
uint64_t arch_fp(const struct registers *r);  // of the frame, where the code keeps one
uint64_t arch_tls(const struct registers *r);

// The length of a breakpoint instruction, by how much the pc stands behind it, and the instruction itself.
enum { ARCH_BREAKPOINT = 1 };
extern const unsigned char arch_breakpoint[ARCH_BREAKPOINT];

// The memory of a process, to look at.
struct arch_memory {
  int (*read)(pid_t pid, uint64_t at, void *ret, size_t size);  // 0 or -errno
  pid_t pid;
};

// Makes a cut system call begin again wherever the kernel could not do it itself: in a new task, or with registers that
// were put back. The code before the call tells the number behind restart_syscall(2).
void arch_restart_call(struct registers *r, const struct arch_memory *m);

// A call that the freeze itself ended with EINTR (epoll_wait, sigtimedwait, semop…) begins again. True when changed.
bool arch_restart_interrupted(struct registers *r);

// A thread that a stop has cut in connect(2), before that is made to begin again: the descriptor. False: it is in no
// such call. And lets it go on as if that had ended with 0.
bool arch_is_cut_in_connect(const struct registers *r, int *ret_fd);
void arch_end_call(struct registers *r);

// A system call as a tracer meets it: whether its beginning may be (for kernels that do not tell), whether a stop has
// cut it, so that the kernel begins it again; leaving it out at its beginning; and registers of before its beginning.
bool arch_may_be_at_call(const struct registers *r);
bool arch_call_is_cut(const struct registers *r);
void arch_leave_call_out(struct registers *r);
void arch_begin_call_again(struct registers *r);
bool arch_is_new(const struct registers *r);  // a thread or process that has just been cloned

// A thread that a stop has cut in wait4(2) is to go on as if that had ended with EINTR. False: it is in no such call.
bool arch_end_wait(struct registers *r);
