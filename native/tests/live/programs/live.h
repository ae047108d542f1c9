// SPDX-License-Identifier: EPL-2.0
// What the self-checking programs share: a journal that no rewind takes back, and a word about the first fault.
//
// A program works in ticks. Each tick appends "tick N" to the file LIVE_JOURNAL; a check that does not hold appends
// "FAIL why" and ends the program with 1; when the file LIVE_STOP is there, the program checks all it has, appends
// "PASS" and ends with 0. Whoever reads the journal sees each rewind as a jump of N.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

void live_begin(void);              // before anything else; by the main thread
void live_begin_at(uint64_t tick);  // the same, for a program that goes on where another ended
void live_begin_thread(void);       // the calling thread ticks from now on, in place of the main thread
bool live_tick(void);               // main thread only; waits a moment; false: end now
bool live_tick_at_once(void);       // the same, without waiting
uint64_t live_ticks(void);          // how many there have been
_Noreturn void live_pass(void);
_Noreturn void live_fail(const char *file, int line, const char *text);

// A number below `limit`, another one each time, also after a rewind.
unsigned live_random(unsigned limit);

// A number that belongs to a place and a time: what is written there and then, and looked for later.
uint64_t live_stamp(uint64_t place, uint64_t time);

#define CHECK(condition)                         \
  do {                                           \
    if (!(condition))                            \
      live_fail(__FILE__, __LINE__, #condition); \
  } while (0)
