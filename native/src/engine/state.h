// SPDX-License-Identifier: EPL-2.0
// What a live snapshot is made of. Owned by the engine; touched by the supervisor's thread only, but for what outside.h
// tells.
#pragma once

#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/application.h"
#include "engine/engine.h"
#include "engine/tracings.h"
#include "kernel/calls.h"
#include "proc/maps.h"
#include "proc/status.h"
#include "resource/attributes.h"
#include "resource/descriptors.h"
#include "resource/kept_files.h"
#include "resource/local_segments.h"
#include "resource/memory_locks.h"
#include "resource/pending.h"
#include "resource/shared_memory.h"
#include "resource/signals.h"
#include "resource/system_v.h"
#include "resource/timers.h"
#include "resource/working_directory.h"
#include "trace/arch/arch.h"
#include "trace/executor.h"

// All threads of one process, held in ptrace-stop; the main thread comes first.
struct frozen {
  struct executor *tracer;
  pid_t pid;
  pid_t *tid;
  size_t count;
  uint64_t since_us;
  bool untold;                   // a debugger is the tracer, and is not to hear of threads that come and go
  bool stopped;                  // by job control
  struct process_status status;  // when it came to rest; without a state: unknown
};

// What is put back into a thread: what a tracer sees, and what only the thread itself knows.
struct thread_state {
  pid_t tid;
  struct registers registers;
  unsigned char *extended;  // FPU, SSE, AVX…
  size_t extended_size;
  uint64_t mask;
  uint64_t debug[ARCH_DEBUG_REGISTERS];
  unsigned char segment[ARCH_SEGMENTS][ARCH_SEGMENT];
  siginfo_t info;
  bool has_info;
  struct pending_signals pending;
  uint64_t caught;    // signals that have a handler
  bool stop_pending;  // a SIGSTOP that it has yet to meet
  uint64_t robust_head, robust_size;
  struct rseq_configuration rseq;
  uint64_t tid_address;  // clear_child_tid
  stack_t alternate;
  char name[16];
  struct thread_attributes attributes;
};

// A frozen copy-on-write clone of the process: the store of its memory. It holds no descriptors and sits
// in ptrace-stop for all its life.
struct template {
  pid_t pid;
  struct executor *x;
};

// The first page that is there of a mapping.
struct page_probe {
  uint64_t mapping, page;
  bool is_unknown;
};

// A place in the line of snapshots of one process: which pages changed since `base`. Nodes outlive their
// snapshots as long as others descend from them.
struct page_range {
  uint64_t start, end;
};
struct lineage {
  struct lineage *base;
  struct page_range *range;
  size_t ranges, capacity;
  unsigned children;
  unsigned images;  // that were written of it, and that later ones can build on
  bool in_use;      // by a snapshot
};

struct breakpoint_byte {
  uint64_t address;
  unsigned char original[ARCH_BREAKPOINT];
};

// A child that has ended and has not been waited for.
struct zombie {
  pid_t pid;
  uint64_t start;
  int status;  // of exit(2), or the signal that it died by
  bool is_exit;
  pid_t group, session;  // 0: not in this namespace
};

// How a process stands with its parent and its descendants.
struct relatives {
  bool subreaper;           // orphans among its descendants become its children
  int parent_death_signal;  // that its main thread gets; 0: none
};

// A jump pad in use: see engine/pad.h.
struct pad {
  uint64_t address;
  pid_t reporter;
  bool is_users;  // the reporter is the thread that the user looked at
  const struct thread_state *reporter_state;
  const struct thread_state **missing;  // threads to be made, by number
  size_t missing_count, made;
  unsigned under_way;  // in the passage that the debugger is stepping
  unsigned steps;      // of that passage; 0: it is not its turn yet
};

// What a snapshot holds of one process.
struct process_state {
  struct engine *engine;
  pid_t pid;
  struct thread_state *thread;
  size_t threads;
  struct template template;
  struct lineage *node;
  uint64_t brk;
  uint64_t area, instruction;  // where our own calls are made from, in the process and its template
  uint64_t executable_device, executable_inode;
  char *auxiliary_vector;  // auxv of the process: another one after an exec
  size_t auxiliary_size;
  struct process_status status;  // when it was held
  pid_t parent;
  uint64_t identity;     // see struct line
  pid_t group, session;  // 0: not in this namespace
  bool was_foreground;   // its group had the terminal
  bool stopped;          // by job control
  bool stop_is_news;     // its parent has not waited for the stop yet
  struct zombie *zombie;
  size_t zombies;
  struct relatives relatives;
  struct descriptors descriptors;
  struct shared_memory shared;
  struct signal_actions actions;
  struct pending_signals pending;  // of the process; each thread has its own
  bool has_local_segments;
  struct local_segments local_segments;
  struct timers timers;
  struct working_directory directory;
  struct process_attributes attributes;
  struct system_v_views views;  // its template has none of them
  struct semaphore_adjustments adjustments;
  struct memory_locks locks;
  struct map_flags *flags;  // of its template's mappings; see flags_then
  size_t flags_count;
  struct page_probe *probe;  // where it shows whether memory is empty in its own clones
  size_t probes;
  struct page_range *wiped;  // memory that is
  size_t wiped_count;
  struct page_range *kept_out;  // memory that the program keeps out of its own clones
  size_t kept_out_count;
  bool is_marked;                      // its mappings, as those of this snapshot
  bool compares;                       // the kernel could not tell which of its pages had changed
  struct breakpoint_byte *breakpoint;  // inserted by a debugger when it was taken
  size_t breakpoints;
  struct application application;
  bool is_inferior;                    // a debugger traced it
  struct pad pad;                      // of a rewind under way
  uint64_t monotonic_ns, boottime_ns;  // the clocks, when it was taken
};

// A process that a debugger traces, while its main thread works for us: see engine/debugged.h.
struct inferior {
  struct frozen frozen;   // with that main thread as tracer
  struct executor *main;  // in its own main thread, between the steps of a rewind
  bool must_go;           // it cannot be put back in place
};

// The processes of a session, at one instant: parents before their children.
struct snapshot {
  struct engine *engine;
  struct process_state **process;
  size_t processes;
  uint64_t pause_us;
  struct system_v system_v;
  struct kept_files files;  // where files are rewound with the program: see engine/files.h
  struct tracings tracings;
};

// The snapshot with which a living process shares the pages that it has not changed.
struct line {
  pid_t pid;
  uint64_t start;     // of the process, since boot, in clock ticks
  uint64_t identity;  // the same for all that the engine has made of one process of the program's
  struct lineage *base;
  int marker;  // a userfaultfd with which the mappings of the base are registered; -1: none
};

// A template that its parent, which is not us, has to reap.
struct ended {
  pid_t pid, parent;
};

struct engine {
  struct snapshot **snapshot;
  size_t snapshots, snapshot_capacity;
  struct lineage **node;
  size_t nodes, node_capacity;
  struct line *line;
  size_t lines, line_capacity;
  uint64_t identities;  // that were given
  pid_t debugger;       // traces the program; 0: none
  pid_t *inferior;      // what it traces
  size_t inferiors;
  pid_t root;    // of the session's processes, where they are among the host's; 0: none
  bool on_host;  // see engine/host.h
  struct application application;
  struct known_tracers tracers;
  struct tree *tree;    // all processes, while they are held; NULL: they are not
  struct ended *ended;  // templates that were killed and are not reaped yet
  size_t ended_count, ended_capacity;
  struct saved_image *saved;  // see engine/save_state.h
  size_t saved_count, saved_capacity;
  pid_t *writer;  // processes that write images, and those that were killed and are not reaped yet
  size_t writers, writer_capacity;
  pid_t *stopped;  // that a restart has left stopped, and that go on with the first process
  size_t stopped_count, stopped_capacity;
  struct content_store *contents;  // of files that are rewound with the program; NULL: they stay as they are
  struct kept_files files;         // of the snapshot that is being taken
  struct kept_files early_files;   // the same, as they were shortly before it
  struct files_plan *files_plan;   // of the rewind under way
  char files_note[384];
  bool holds_system_v;             // the session has an IPC namespace of its own
  bool has_system_v;               // the next one is filled
  struct system_v system_v;        // of the snapshot that is being taken
  struct system_v *system_v_back;  // of the one to which a rewind or restart under way goes; NULL: none
  struct shortfalls shortfalls;    // of the rewind or restart under way
};

// engine.c
bool engine_traces_by_debugger(const struct engine *g, pid_t pid);

// freeze.c
int freeze(pid_t pid, struct frozen *ret, struct error *e);
int freeze_main_thread(pid_t pid, struct frozen *ret, struct error *e);  // its other threads go on
// Threads of that list are not let go by thaw(): their tracers get them back. NULL: there is none.
void freeze_spare(const struct tracings *list);
bool frozen_holds(const struct frozen *f, pid_t tid);
void thaw(struct frozen *f);

// threads.c
void threads_list(const struct frozen *f, struct process_state *s);  // and what can be seen of them from outside
int threads_capture(struct frozen *f, struct executor *main, struct process_state *s, struct error *e);
// What follows from what the main thread has told of itself and its process: signals, registers to go on with.
int threads_finish(struct frozen *f, struct executor *main, struct process_state *s, struct error *e);
void threads_done(struct process_state *s);
void thread_read_name(pid_t pid, pid_t tid, struct thread_state *ret);
// Sets what a tracer can set; the thread must be stopped.
int thread_set(struct executor *tracer, pid_t pid, const struct thread_state *t, struct error *e);
// Sets what only the thread itself can set (all of it for a thread that is new).
// `now`: the registration that it has, NULL for a thread that is new.
int thread_set_inside(struct executor *x, const struct thread_state *t, const struct rseq_configuration *now,
                      struct shortfalls *shortfalls, struct error *e);
// Takes away an area of restartable sequences that the thread did not have then: the kernel ends a process of which it
// cannot write to that memory. Before any mapping is changed.
int thread_leave_rseq(struct frozen *f, struct executor *main, const struct thread_state *t, struct error *e);
int thread_read_rseq(struct executor *tracer, pid_t tid, struct rseq_configuration *ret, struct error *e);
// clone3(2) in a stopped thread: the new number, or -errno.
int64_t clone_there(struct executor *x, const struct clone_args *args, struct error *e);
// Makes a thread with the number `tid` by a clone in `x`, stopped and traced; ends a surplus one.
struct clone_args thread_clone_args(const struct thread_state *t);
int thread_make(struct frozen *f, struct executor *main, const struct thread_state *t, struct error *e);
int thread_end(struct frozen *f, struct executor *main, pid_t tid, struct error *e);

// attributes.c
int locks_capture(struct executor *main, struct process_state *s, struct error *e);
// Whether a living process has given up what no call gives back: only a copy of what it was has it.
bool attributes_are_lost(const struct process_state *s);
int attributes_put_back(struct process_state *s, struct executor *main, struct error *e);  // last of all but registers

// system_v.c: what a capture and a rewind do about System V objects; nothing where they are the host's.
int objects_capture(struct process_state *s, struct error *e);  // of the whole session, once a snapshot
void objects_take(struct engine *g, struct system_v *ret);
void objects_forget(struct engine *g);
const struct system_v *objects_of(const struct process_state *s);  // of its snapshot
int objects_plan(struct snapshot *whole, struct error *e);         // nothing is changed yet
int objects_detach(struct process_state *s, struct executor *main,
                   struct error *e);  // in each process that is kept; then
int objects_put_back(struct engine *g, struct error *e);
int objects_attach_all(struct process_state *s, struct executor *main, struct error *e);  // to a copy of its template
int objects_adjust(struct process_state *s, struct executor *main, struct error *e);
int objects_finish(struct engine *g, struct error *e);
void objects_let_go(struct engine *g);  // whatever has become of it

// memory_fields.c
struct prctl_mm_map;
int64_t memory_fields_set(struct executor *x, const struct prctl_mm_map *fields, const void *vector, size_t size,
                          struct error *e);  // 0 or -errno; `vector`: the auxiliary one
int memory_fields_put_back(struct process_state *s, struct executor *main, struct error *e);

int locks_put_back(struct process_state *s, struct executor *main, struct error *e);

// signals.c
int signals_capture(struct frozen *f, struct executor *main, struct process_state *s, struct error *e);
int signals_put_back(struct process_state *s, struct executor *main, struct error *e);  // once all threads are set

// template.c
// Whose child it is: of the process; of the process's own parent, which must be us; ours, by a process in between that
// lives for a moment (for one that waits for children of any kind, as tracers do: it would wait for its template).
enum template_kind { TEMPLATE_CHILD, TEMPLATE_SIBLING, TEMPLATE_ORPHAN };
// What is made between these has a number from a range of our own, far from that of the program's process `pid`: one
// that belonged to a thread which has ended since must stay free, or that thread could not be brought back.
pid_t numbers_set_aside(pid_t pid);
void numbers_go_on(pid_t next);  // `next`: what the other one gave
// `first`: calls that the process makes just before; NULL: none.
int template_make(struct executor *main, struct batch *first, enum template_kind kind, struct template *ret,
                  struct error *e);
// Takes a template that was not made as a sibling over from its tracer, which has to be in a quiet state.
int template_take_over(struct template *t, struct executor *tracer, uint64_t instruction, struct error *e);
// Sets it to rest, the process being held still.
int template_settle(struct template *t, const struct process_state *s, struct error *e);
void template_end(struct engine *g, struct template *t);
// One that has ended and is not our own child stays a zombie until its parent is made to reap it: capture.c does.
void template_note_end(struct engine *g, pid_t pid);
// A copy of the process under the number `pid`, held, its parent the process: with its memory, threads but the main one
// gone. `parent`: in its parent, of which the copy becomes a child like the process; NULL: it becomes the process's
// own. 0 or -1.
int process_fork(struct executor *main, struct executor *parent, pid_t pid, struct error *e);
// Fails when the template has been killed from outside: asked before anything is done that needs it.
int template_check(const struct process_state *s, struct error *e);
// The mappings that the process had: without our area, which the template keeps. 0 or -errno.
int template_mappings(const struct process_state *s, struct mappings *ret);
pid_t template_clone(struct template *t, pid_t pid, struct error *e);

// kept_out.c: a template that holds also what the program keeps out of its clones; `first` as above.
int template_make_whole(struct frozen *f, struct executor *main, struct batch *first, enum template_kind kind,
                        const struct mappings *maps, struct process_state *s, struct error *e);
int kept_out_restore(struct process_state *s, struct executor *main, struct error *e);

// wiped.c: the same for what its clones get without what is in it. `wiped_prepare`: before a clone is made;
// `wiped_find`: afterwards.
void wiped_prepare(struct process_state *s, const struct mappings *maps);
int wiped_find(struct process_state *s, bool is_first, const struct mappings *maps, struct error *e);
int wiped_keep(const struct process_state *s, struct executor *main, struct error *e);  // for the next clone
int wiped_restore(const struct process_state *s, struct executor *main, struct error *e);

// advice.c: what madvise(2) has been told; what kept_out.c and wiped.c hold comes behind it.
int advice_put_back(struct process_state *s, struct executor *main, struct error *e);
// How the mapping at that address was made, as its template tells; NULL: unknown.
struct map_flags;
const struct map_flags *flags_then(struct process_state *s, uint64_t address);

// lineage.c
struct line *lineage_line(struct engine *g, pid_t pid);
struct lineage *lineage_base(const struct engine *g, pid_t pid);
// Who the living process of this number is; another one than before shares nothing with the snapshots of that.
uint64_t lineage_identify(struct engine *g, pid_t pid);
uint64_t lineage_identify_started(struct engine *g, pid_t pid, uint64_t start);  // which is known already
// The process has been made anew from a snapshot of the one with that identity; it has the memory of `base`.
void lineage_adopt(struct engine *g, pid_t pid, uint64_t identity, struct lineage *base);
void lineage_set_base(struct engine *g, pid_t pid, struct lineage *base);
struct lineage *lineage_new(struct engine *g, struct lineage *base);
void lineage_drop(struct engine *g, struct lineage *n);  // its snapshot is gone
void lineage_retain(struct lineage *n);                  // for an image
void lineage_release(struct engine *g, struct lineage *n);
// Pages that may differ between the two, about; UINT64_MAX: they have nothing in common.
uint64_t lineage_distance(const struct lineage *from, const struct lineage *to);
void lineage_add(struct lineage *n, uint64_t start, uint64_t end);
// `unsure`: the kernel cannot tell which pages have changed; all count as such.
int lineage_note(struct lineage *n, pid_t pid, const struct mappings *maps, bool unsure, struct error *e);
// Marks the words of pages in [start, end) that differ between `from` and `to` as exclusive.
void lineage_mark(const struct lineage *from, const struct lineage *to, uint64_t start, uint64_t end, uint64_t *words);

// tracking.c: which mappings are still those of the base.
void tracking_mark(struct engine *g, struct executor *main, const struct mappings *maps, struct error *e);
void tracking_forget(struct line *l);
// The kernel merges equal pages of the process (KSM): a page that is shared may have changed all the same.
bool tracking_merges_pages(pid_t pid);
bool tracking_is_moved(int pagemap, const struct mapping *m);

// pages.c
// Mappings of the template that lie in [start, end).
int pages_put_back(struct process_state *s, struct executor *main, uint64_t start, uint64_t end,
                   struct rewind_report *report, struct error *e);

// breakpoints.c: the breakpoint instructions that a debugger has inserted in mapped files.
int breakpoints_find(pid_t pid, struct breakpoint_byte **ret, size_t *ret_count, struct error *e);
// Leaves exactly those of `now` in the memory that came from the snapshot.
int breakpoints_put_back(const struct process_state *s, const struct breakpoint_byte *now, size_t count,
                         struct error *e);

// layout.c
// Where our area fits in both; 0: nowhere.
uint64_t place_free_in_both(const struct mappings *a, const struct mappings *b);
uint64_t end_of_places(const struct mappings *a, const struct mappings *b);
// Makes a mapping anew that was one and is in pieces, which mremap(2) would refuse; its pages are to be copied.
// 1: [*start, *end) was made anew; 0: there is none; -1.
int layout_join_pieces(struct process_state *s, struct executor *main, uint64_t *start, uint64_t *end, struct error *e);
int layout_put_back(struct process_state *s, struct executor *main, struct rewind_report *report, struct error *e);

// exec_copy.c: `x`, in a copy of the process's parent under its number, is consumed. Afterwards the process has no
// memory.
int exec_copy(const struct process_state *s, const struct frozen *f, struct executor *x, struct error *e);
// The copy alone: it executes `path` and is held behind that. `x` is consumed.
int exec_again(pid_t pid, struct executor *x, const char *path, struct error *e);

// relatives.c
int relatives_put_back(const struct process_state *s, struct executor *main, struct error *e);
// Into its session and process group, in the process itself. What the kernel returned.
int64_t relatives_take_place(struct executor *x, pid_t group, pid_t session, struct error *e);
// Lets a held process come to a job-control stop.
int relatives_stop(pid_t pid, struct error *e);
// What the parent knew already of a child it is not to hear again.
void relatives_take_news(struct executor *parent, pid_t pid, bool stopped, struct error *e);
// Children that are made to end or to stop once more send a signal, which is dropped unless it waited then.
int relatives_drop_signal(const struct process_state *parent, struct executor *x, struct error *e);

// zombies.c
int zombies_capture(struct process_state *s, struct executor *main, struct error *e);
// Whether there is a stop of its child `pid` that the process has not waited for. 1, 0, or -1.
int stop_is_news(struct executor *main, pid_t pid, struct error *e);
int zombie_make(struct process_state *parent, struct executor *main, const struct zombie *z, struct error *e);

// survey.c: refuses by name what cannot be captured.
int survey_debugger(const struct engine *g, struct error *e);  // what it has started besides the program
int survey_mappings(const struct engine *g, pid_t pid, const struct mappings *maps, struct error *e);
int survey_filter(pid_t pid, const struct process_status *s, struct error *e);
bool process_is_narrow(const struct process_state *s);  // see ARCH_NARROW
struct tree;
int survey_sharing(const struct tree *t, struct error *e);  // what parents and children may not share
int survey_timers(const struct process_state *s, struct error *e);

// capture.c
struct process_state *process_new(struct engine *g, pid_t pid);
void process_free(struct process_state *s);
void process_abandon(struct process_state *s);  // frees one whose capture failed
// A snapshot of that one process, listed with its engine.
struct snapshot *snapshot_of(struct process_state *s, uint64_t pause_us);
struct snapshot *snapshot_of_all(struct engine *g, struct process_state **list, size_t count, uint64_t pause_us);
// What a debugger holds, with the processes that it has started.
int capture_around(struct engine *g, struct inferior *list, size_t count, struct snapshot **ret, struct error *e);
// What has been made from an image and is held, the first one before all others. All end.
int capture_made(struct engine *g, struct frozen *list, size_t count, struct snapshot **ret, struct error *e);

// rewind.c, rebuild.c
// A rewind in place under way.
struct rewinding {
  struct frozen *f;
  struct process_state *s;
  struct executor *main;  // in the main thread; its owner closes it
  struct descriptor_plan *plan;
  bool leaves_threads;               // threads that have ended since are made by the caller
  struct breakpoint_byte *inserted;  // by a debugger, now
  size_t inserted_count;
};
// All that can fail while the process is still untouched.
int rewind_prepare(struct frozen *f, struct process_state *s, struct rewinding *ret, struct error *e);
// Everything but the registers of the threads. On failure the process is neither what it was nor what it is to be.
int rewind_change(struct rewinding *w, struct rewind_report *report, struct error *e);
void rewinding_done(struct rewinding *w);  // not the executor

// 0: done; -1: failed before anything was changed; -2: failed under way, the process must be built anew.
int rewind_held(struct frozen *f, struct process_state *s, struct rewind_report *report, struct error *e);
int rebuild(struct process_state *s, struct frozen *ret, struct rewind_report *report, struct error *e);
void process_end(struct frozen *f);
int make_missing_threads(struct frozen *f, struct process_state *s, struct executor *main, struct rewind_report *report,
                         struct error *e);
int set_threads_inside(struct frozen *f, struct process_state *s, struct executor *main, size_t existing,
                       struct error *e);
int set_threads(struct frozen *f, struct process_state *s, struct error *e);
bool has_other_executable(const struct process_state *s);
