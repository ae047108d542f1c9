// SPDX-License-Identifier: EPL-2.0
// Who makes system calls: this process, or a stopped thread into which they are injected.
//
// A batch is a list of system calls with the memory they point to. The same batch can be run by the
// supervisor itself, by a thread that it traces, or by a thread that is traced by a debugger: ptrace()
// and wait4() are then calls of a batch which the debugger's own thread runs. So there is one tracer
// in two forms, and it nests.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "trace/arch/arch.h"

// An address in a tracee: never dereferenced here.
typedef struct remote {
  uint64_t at;
} remote;

enum {
  BATCH_CALLS = 256,          // at most so many calls in one batch
  BATCH_MEMORY = 128 * 1024,  // and so many bytes of memory
};

// ---- batches ----

struct batch;

struct batch *batch_new(void);
void batch_free(struct batch *b);
void batch_clear(struct batch *b);
bool batch_has_room(const struct batch *b, unsigned calls, size_t bytes);

// Copies `size` bytes (zeroes when data is NULL) into the batch's memory, aligned to 16; gives their offset.
size_t batch_data(struct batch *b, const void *data, size_t size);
void *batch_at(struct batch *b, size_t offset);

// An argument of a call: a plain number, or a pointer to the batch's memory.
struct arg {
  uint64_t value;
  bool is_offset;
};
#define NUMBER(v) ((struct arg){(uint64_t)(v), false})
#define POINTER(offset) ((struct arg){(offset), true})

// Appends a call; gives its index. A pointer *inside* the batch's memory (struct iovec…) is announced
// with batch_pointer: the 8 bytes at `at` will hold the address of `to`.
unsigned batch_call(struct batch *b, long number, const struct arg args[6]);
#define CALL(b, number, ...) batch_call((b), (number), (const struct arg[6]){__VA_ARGS__})
void batch_pointer(struct batch *b, size_t at, size_t to);
unsigned batch_count(const struct batch *b);                  // of calls
int64_t batch_result(const struct batch *b, unsigned index);  // of the last run: what the kernel returned, or -errno

// ---- executors ----

struct executor;

// This thread itself.
struct executor *executor_self(void);

// A thread of process `pid`, in ptrace-stop under a tracer that runs `tracer`'s calls (executor_self(): we
// are its tracer). A small area is mapped into its memory until executor_close; `share` (may be NULL) is an
// open executor of the same process whose area is used instead. All its signals are blocked meanwhile.
// Nothing changes in the thread when this fails.
int executor_open(struct executor *tracer, pid_t pid, pid_t tid, struct executor *share, struct executor **ret,
                  struct error *e);

// As executor_open of a main thread without `share`, for a caller who may know the system call instruction (0: not; see
// trace/instruction.h) and may have opened the memory (-1: not; for reading and writing, and ours from now on).
int executor_open_main(struct executor *tracer, pid_t pid, uint64_t instruction, int memory, struct executor **ret,
                       struct error *e);

// As executor_open without `share`; the area is put exactly at `address` (0: anywhere).
int executor_open_at(struct executor *tracer, pid_t pid, pid_t tid, uint64_t address, struct executor **ret,
                     struct error *e);

// Runs all calls in order, each whatever the others returned. Fails only when the thread cannot be driven
// (it was killed, say); results of calls are not looked at.
int executor_run(struct executor *x, struct batch *b, struct error *e);

// One call without pointers. Returns what the kernel returned; -EIO and `e` when it could not be run.
int64_t executor_call(struct executor *x, struct error *e, long number, uint64_t a0, uint64_t a1, uint64_t a2,
                      uint64_t a3, uint64_t a4, uint64_t a5);

// The registers and signal mask that the thread will go on with after executor_close.
struct registers *executor_registers(struct executor *x);
uint64_t *executor_mask(struct executor *x);

// Whether a SIGSTOP of somebody else waited in the thread (known after the first batch): it will after executor_close.
bool *executor_stop_pending(struct executor *x);

// A bit for each event of ptrace(2) that it came by on its way through calls.
uint64_t executor_events(const struct executor *x);

// Unmaps the area (unless shared) and leaves the thread in a signal-delivery stop with its registers and mask:
// the kernel itself restarts an interrupted system call when the thread goes on. NULL is fine.
int executor_close(struct executor *x, struct error *e);

// The area, for those who must leave it out of a list of mappings.
uint64_t executor_area(const struct executor *x);
uint64_t executor_instruction(const struct executor *x);  // of a system call

// Whether the program is a narrow one (see ARCH_NARROW). Calls of a batch are wide ones all the same, but those that
// are numbered so: as the program itself makes them.
bool executor_is_narrow(const struct executor *x);
long executor_own_call(const struct executor *x, long number);
enum { EXECUTOR_AREA = 4 * 4096 + BATCH_MEMORY + BATCH_CALLS * 64 };

pid_t executor_pid(const struct executor *x);
struct executor *executor_tracer(const struct executor *x);

// Lets the thread end by exit(2) and frees the executor. The area must be shared; nobody has waited for the end yet.
int executor_end_thread(struct executor *x, struct error *e);

// An executor over an area that the thread has already, because its process was cloned from one that had it.
// `keep`: executor_close leaves the area mapped.
int executor_adopt(struct executor *tracer, pid_t pid, uint64_t area, uint64_t instruction, bool keep,
                   struct executor **ret, struct error *e);

// Frees an executor whose thread is gone. NULL is fine.
void executor_forget(struct executor *x);
