// SPDX-License-Identifier: EPL-2.0
// Snapback from within: a program that runs under `snapback launch` or `snapback gdb` takes its own snapshots.
//
// Link with -lsnapback. All functions may be called by any thread, also by several at once, but not by a signal
// handler. Outside of Snapback's control they all work, do nothing, and say so.
//
// Functions that can fail return a negative errno, and snapback_last_error() has a sentence about it:
//   -ENOTCONN    the process is not under control
//   -EINVAL      an argument is wrong; or a process that the program has started asks
//   -EDEADLK     this thread has disabled snapshots itself
//   -EBUSY       somebody else keeps snapshots disabled, or gdb is busy, for longer than 5 s
//   -ENOTSUP     something in the program cannot be captured; the sentence names it
//   -ENOMEM      memory or process numbers are too short
//   -ECANCELED   the request was given up
//   -EIO         a step failed; the sentence names it
#ifndef SNAPBACK_H
#define SNAPBACK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SNAPBACK_API __attribute__((visibility("default")))
#else
#define SNAPBACK_API
#endif

// What snapback_snapshot has come back to.
enum snapback_answer {
  SNAPBACK_WENT_ON = 1,       // the snapshot has been taken, and this is the first time
  SNAPBACK_AFTER_REWIND = 2,  // the program has been put back to the snapshot
  SNAPBACK_AFTER_RESTART = 3  // the program has been made anew from an image of the snapshot
};

// Flags of snapback_snapshot.
enum {
  SNAPBACK_SAVE = 1  // write it to an image too, in the session's folder of images; the program goes on meanwhile
};

// The version of the library: "0.1.0".
SNAPBACK_API const char *snapback_version(void);

// 1: the process is under control. 0: it is not, and never will be.
SNAPBACK_API int snapback_is_controlled(void);

// Takes a snapshot of the whole program, as `snapback snapshot` does, and waits until it is there. `name` is its name,
// at most 200 bytes of UTF-8 without control characters; NULL: none. `flags` is 0 or SNAPBACK_SAVE.
//
// Comes back once for the snapshot, and once more for each time that the program is put back to it or made anew from
// its image: see snapback_answer. Only this thread is told. All other threads run on while it waits; they are held for
// the moment (about 1 ms) in which the snapshot is taken, and a rewind puts them back too, to wherever they were then.
// Calls of several threads take a snapshot each, one after the other. One that is in progress when somebody else takes
// a snapshot is done again after a rewind to that one.
SNAPBACK_API int snapback_snapshot(const char *name, unsigned flags);

// From snapback_disable to the snapback_enable that belongs to it nobody takes a snapshot: requests from outside wait,
// 5 s if they say nothing else, and fail then. They nest, and they count for each thread: the thread that disables is
// the one that has to enable again, and the program is free when all threads have. A rewind is not held up.
// Both return 0; snapback_enable without its snapback_disable: -EINVAL.
SNAPBACK_API int snapback_disable(void);
SNAPBACK_API int snapback_enable(void);

struct snapback_status {
  char session[72];           // the name of the session
  int is_debugged;            // 1: it is that of a debugger
  unsigned disabled;          // how often snapshots are disabled now, by all threads
  uint64_t snapshots;         // how many there are
  uint64_t current_snapshot;  // the number of the one that the present descends from; 0: none
  uint64_t reserved[8];
};

// 0, with `*ret_status` filled; or an error.
SNAPBACK_API int snapback_status(struct snapback_status *ret_status);

// Why the last call of this thread failed: one sentence, valid until the thread's next call. "" after a success.
SNAPBACK_API const char *snapback_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
