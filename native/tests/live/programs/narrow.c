// SPDX-License-Identifier: EPL-2.0
// A 32-bit program that waits for signals, without any library.
void _start(void);

void _start(void) {
  enum { PAUSE = 29 };
  for (;;) {
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(PAUSE) : "memory");
  }
}
