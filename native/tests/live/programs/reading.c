// SPDX-License-Identifier: EPL-2.0
// Threads that sit in read and write: empty pipes, a fifo, a pipe that is full; no byte is lost or doubled.
#include "live.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LAST = 255 };  // the byte that ends a reader

static int slow_pipe[2], scattered_pipe[2], full_pipe[2], fifo;
static uint64_t written[3];

static void *read_bytes(void *argument) {
  int fd = *(int *)argument;
  for (uint64_t count = 0;; count++) {
    unsigned char byte;
    CHECK(read(fd, &byte, 1) == 1);
    if (byte == LAST)
      return NULL;
    CHECK(byte == count % LAST);
  }
}

static void *read_scattered(void *argument) {
  (void)argument;
  for (uint64_t count = 0;; count++) {
    unsigned char a, b;
    struct iovec parts[2] = {{&a, 1}, {&b, 1}};
    ssize_t n = readv(scattered_pipe[0], parts, 2);
    CHECK(n == 2);
    if (a == LAST)
      return NULL;
    CHECK(a == count % LAST && b == (unsigned char)~a);
  }
}

// Writes more than the pipe takes; the main thread drains it slowly. A stop of any kind may cut a write short that
// has begun, as signal(7) says: the rest is written then.
static void *fill(void *argument) {
  (void)argument;
  static unsigned char block[5000];
  for (uint64_t count = 0;; count++) {
    memset(block, (int)(count % LAST), sizeof block);
    for (size_t done = 0; done < sizeof block;) {
      ssize_t n = write(full_pipe[1], block + done, sizeof block - done);
      CHECK(n > 0);
      done += (size_t)n;
    }
  }
  return NULL;
}

static void drain(void) {
  static uint64_t drained;
  unsigned char bytes[700];
  ssize_t n = read(full_pipe[0], bytes, sizeof bytes);
  CHECK(n > 0);
  for (ssize_t i = 0; i < n; i++)
    CHECK(bytes[i] == (drained + (uint64_t)i) / 5000 % LAST);
  drained += (uint64_t)n;
}

static void put(int fd, unsigned i) {
  unsigned char byte = (unsigned char)(written[i] % LAST);
  CHECK(write(fd, &byte, 1) == 1);
  written[i]++;
}

static void put_two(void) {
  unsigned char two[2] = {(unsigned char)(written[2] % LAST)};
  two[1] = (unsigned char)~two[0];
  CHECK(write(scattered_pipe[1], two, 2) == 2);
  written[2]++;
}

static void make_fifo(void) {
  char path[256];
  snprintf(path, sizeof path, "%s/live-fifo-%d-%u", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid(),
           live_random(1000000));
  CHECK(mkfifo(path, 0600) == 0);
  fifo = open(path, O_RDWR | O_CLOEXEC);
  CHECK(fifo >= 0 && unlink(path) == 0);
}

int main(void) {
  live_begin();
  CHECK(pipe2(slow_pipe, O_CLOEXEC) == 0 && pipe2(scattered_pipe, O_CLOEXEC) == 0 && pipe2(full_pipe, O_CLOEXEC) == 0);
  make_fifo();
  pthread_t threads[4];
  CHECK(pthread_create(&threads[0], NULL, read_bytes, &slow_pipe[0]) == 0);
  CHECK(pthread_create(&threads[1], NULL, read_bytes, &fifo) == 0);
  CHECK(pthread_create(&threads[2], NULL, read_scattered, NULL) == 0);
  CHECK(pthread_create(&threads[3], NULL, fill, NULL) == 0);
  do {
    put(slow_pipe[1], 0);
    put(fifo, 1);
    put_two();
    drain();
  } while (live_tick());
  unsigned char last[2] = {LAST, 0};
  CHECK(write(slow_pipe[1], last, 1) == 1 && write(fifo, last, 1) == 1 && write(scattered_pipe[1], last, 2) == 2);
  for (unsigned i = 0; i < 3; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  live_pass();
}
