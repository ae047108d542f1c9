// SPDX-License-Identifier: EPL-2.0
// The jump pad: a page of code in a program through which a debugger single-steps a thread after a rewind.
//
// The debugger has to take a real stop at the old place, or it goes on believing its caches. So the thread that
// is to report starts in the pad, makes the threads that are missing (the debugger sees each clone), and jumps
// to where it was. The number of instructions is known, and the debugger is told to step so many.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "trace/arch/arch.h"

enum {
  PAD_SIZE = 4096,
  PAD_CLONES = 12,   // threads that one passage can make
  PAD_CHILD = 1024,  // where new threads wait, in the page
  PAD_ARGS = 2048,   // their struct clone_args, in the page
  PAD_ARGS_SIZE = 88,
};

// Fills the code of a passage for a pad at `address`: `clones` threads are made from the arguments in the page;
// with `leave` the last instruction jumps to the pc of `r`, with its registers. Returns how many instructions the
// thread executes.
unsigned pad_fill(unsigned char page[PAD_SIZE], uint64_t address, unsigned clones, const struct registers *r,
                  int leave);
