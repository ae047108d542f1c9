// SPDX-License-Identifier: EPL-2.0
// Fault points: each names a step of a capture or a rewind that a test can make fail.
//
// In the program `snapback-faults` the variable SNAPBACK_FAULT=NAME[:COUNT] makes the COUNT-th passage of the
// point NAME fail (default: the first), once. In `snapback` the points are nothing.
#pragma once

#define FAULT_POINTS(X)                                                              \
  /* capture: the program goes on unharmed */                                        \
  X(freeze)              /* the threads cannot be held */                            \
  X(capture_area)        /* no memory for our area in the process */                 \
  X(capture_threads)     /* a thread's registers cannot be read */                   \
  X(capture_signals)     /* the pending signals cannot be read */                    \
  X(capture_descriptors) /* a descriptor cannot be read */                           \
  X(capture_sockets)     /* a socket cannot be read */                               \
  X(capture_shared)      /* shared memory cannot be copied */                        \
  X(capture_terminal)    /* a pseudo-terminal cannot be read */                      \
  X(capture_system_v)    /* System V objects cannot be read */                       \
  X(capture_attributes)  /* limits and settings cannot be read */                    \
  X(capture_pages)       /* the list of changed pages cannot be read */              \
  X(capture_clone)       /* no memory or process number for the template */          \
  X(capture_template)    /* the template cannot be set to rest */                    \
  X(tracers_take)        /* a thread cannot be taken over from its tracer */         \
  X(tracers_options)     /* how it is traced cannot be found out */                  \
  X(files_full)          /* no room for the contents of files */                     \
  X(application_answer)  /* the program's own call cannot be answered */             \
  /* rewind, before anything is changed: the program goes on where it was */         \
  X(rewind_freeze)  /* the threads cannot be held */                                 \
  X(rewind_area)    /* no memory for our area in the process */                      \
  X(rewind_plan)    /* the mappings cannot be read */                                \
  X(files_reserve)  /* no room for the old contents of files */                      \
  X(files_write)    /* a file cannot be written to */                                \
  X(rewind_sockets) /* a socket cannot be made anew */                               \
  X(rewind_open)    /* a file of the snapshot cannot be opened again */              \
  X(new_terminal)   /* no pseudo-terminal can be made */                             \
  /* rewind, under way: the process is built anew from its template */               \
  X(rewind_end_threads)  /* a surplus thread does not end */                         \
  X(rewind_mappings)     /* a mapping cannot be put back */                          \
  X(rewind_make_threads) /* a thread cannot be made */                               \
  X(rewind_pages)        /* a page cannot be written */                              \
  X(rewind_shared)       /* shared memory cannot be written */                       \
  X(rewind_descriptors)  /* a descriptor cannot be placed */                         \
  X(rewind_queues)       /* a socket's queue cannot be filled */                     \
  X(rewind_signals)      /* a pending signal cannot be put back */                   \
  X(rewind_timers)       /* a timer cannot be put back */                            \
  X(rewind_system_v)     /* System V objects cannot be put back */                   \
  X(rewind_memory_locks) /* memory cannot be locked again */                         \
  X(rewind_attributes)   /* limits and settings cannot be put back */                \
  X(rewind_threads)      /* a thread's registers cannot be set */                    \
  /* building a process anew */                                                      \
  X(rebuild_clone) /* the old process number cannot be had */                        \
  X(timer_ids)     /* no failure: the kernel cannot be told the id of a new timer */ \
  /* connections: none of these fails a snapshot or a rewind */                      \
  X(tcp_join)   /* two ends cannot be connected: they are like after a reset */      \
  X(tcp_window) /* what is on its way does not come through, and is sent again */    \
  /* writing an image: an older file of that name stays whole */                     \
  X(image_write)    /* an I/O error */                                               \
  X(image_full)     /* the disk is full */                                           \
  X(image_sync)     /* the disk reports an error when all is written */              \
  X(image_rename)   /* the file cannot be given its name */                          \
  X(image_nameless) /* no failure: the file system has no files without a name */    \
  /* saving: the program and its snapshots go on */                                  \
  X(save_fork)   /* no process for the writing */                                    \
  X(save_memory) /* the memory of a template cannot be read */                       \
  /* restart from an image: nothing is left of the new process */                    \
  X(restart_start)    /* the process cannot be started */                            \
  X(restart_area)     /* no memory for our area in the process */                    \
  X(restart_clear)    /* what exec has mapped cannot be unmapped */                  \
  X(restart_vdso)     /* the vdso cannot be moved */                                 \
  X(restart_fields)   /* the memory fields cannot be set */                          \
  X(restart_mappings) /* a mapping cannot be made */                                 \
  X(restart_pages)    /* a page cannot be written */                                 \
  X(restart_move)     /* no failure: pages cannot be moved to where they belong */   \
  X(restart_objects)  /* shared memory cannot be made */                             \
  X(restart_pipes)    /* a pipe cannot be made */                                    \
  X(restart_queues)   /* a message queue cannot be made */                           \
  X(restart_sockets)  /* a socket cannot be made */                                  \
  X(restart_limits)   /* a limit cannot be set */                                    \
  X(restart_bridge)   /* no failure: the vdso counts as another kernel's */          \
  X(restart_fork)     /* a process of a tree cannot be made */                       \
  X(restart_zombie)   /* nor one that had ended */                                   \
  X(restart_clocks)   /* no failure: the clocks cannot go on */

#define FAULT_NAME(name) FAULT_##name,
enum fault_point { FAULT_POINTS(FAULT_NAME) FAULT_COUNT };
#undef FAULT_NAME

const char *fault_name(enum fault_point point);

#ifdef SNAPBACK_FAULTS
int fault(enum fault_point point);  // 0, or -EIO when this passage is to fail
#else
static inline int fault(enum fault_point point) {
  (void)point;
  return 0;
}
#endif
