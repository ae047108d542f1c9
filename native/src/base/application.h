// SPDX-License-Identifier: EPL-2.0
// The words that libsnapback keeps in a program's memory for the supervisor, which reads and writes them there.
//
// The program announces their address (Hello.application in proto/control.proto) before it uses them. Whatever stands
// at that address is believed only while `magic` does. Images refer to them: the layout stays as it is.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define APPLICATION_MAGIC "snapback words 1"  // 16 bytes, without the NUL

// What is in `answer`. The program sets WAITING, asks, and waits for another value.
enum application_answer {
  APPLICATION_IDLE = 0,
  APPLICATION_WAITING = 1,
  APPLICATION_WENT_ON = 2,        // in the process that the snapshot was taken of
  APPLICATION_AFTER_REWIND = 3,   // in the memory of the snapshot
  APPLICATION_AFTER_RESTART = 4,  // in a process that was made from an image of it
  APPLICATION_REFUSED = 5,        // `code` and `text` say why
  APPLICATION_AGAIN = 6,          // in the memory of a snapshot that somebody else took meanwhile: ask once more
};

struct application_words {
  char magic[16];
  uint32_t disabled;  // how often snapshots have been disabled; none is taken unless it is 0
  uint32_t answer;    // enum application_answer
  uint64_t ticket;    // of the request for which `answer` waits; no two in the life of a session have the same
  uint32_t code;      // enum error_code
  char text[508];
};
_Static_assert(sizeof(struct application_words) == 544, "the layout stays as it is");
_Static_assert(offsetof(struct application_words, answer) == 20, "the layout stays as it is");

// The abstract address at which the supervisor of this process-number namespace listens for its program, whatever the
// path of its control socket. Who connects has to look whether process 1 is at the other end. 0 or -errno.
int application_address(struct sockaddr_un *ret, socklen_t *ret_size);
