// SPDX-License-Identifier: EPL-2.0
// Pseudo-terminals whose master is in the session: what a snapshot knows of one, and those that are made anew.
//
// The number of one is its identity while its master is open. It is one open file, whoever has it.
#pragma once

#include <stdbool.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "resource/descriptors.h"
#include "resource/pty_content.h"

// `own` of a master.
struct pty_state {
  int number;
  bool locked, packet;
  bool has_content;  // false: its slave had never been opened, or could not be
  struct termios terminal;
  struct winsize window;
  struct pty_content content;
};

int pty_number_of_slave(const struct stat *s);  // -1: it is none
int pty_number_of_master(int fd);               // or -errno

// An open file of the living master of that number, whoever in the session has it. Or -ENOENT.
int pty_find_master(int number);
bool pty_slave_is_open(int number);
// Whether the master of a slave is in the session; the terminal that the session was started in is not.
bool pty_is_inside(int number);

// pty_new.c: those that are made anew in a rewind or a restart, by the number that they had. Each keeps it if nobody
// has it now.
int pty_new_master(int then);               // an open file, or -errno
int pty_open_slave(int then, int flags);    // of the living one, else of the one that is made anew
int pty_number_now(int then);               // -1: it was not made anew
size_t pty_moves(char *text, size_t size);  // tells of those that have another number now; how many there are
void ptys_forget(void);                     // once all processes have theirs
