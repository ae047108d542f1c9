// SPDX-License-Identifier: EPL-2.0
// Starts the programs that its arguments name, each with a journal of its own: JOURNAL PROGRAM, and so on. Waits for
// all.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  int failed = 0, status;
  for (int i = 1; i + 1 < argc; i += 2)
    if (fork() == 0) {
      setenv("LIVE_JOURNAL", argv[i], 1);
      execl(argv[i + 1], argv[i + 1], NULL);
      _exit(127);
    }
  while (wait(&status) > 0)
    failed |= status != 0;
  return failed;
}
