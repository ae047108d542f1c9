// SPDX-License-Identifier: EPL-2.0
// /proc/PID/mem: the memory of another process.
//
// Not process_vm_readv: it pins pages, and pinning a page that a fork shares makes a copy of it.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int memory_open(pid_t pid, int flags);  // a descriptor, or -errno

// Exactly `size` bytes. 0 or -errno. Writing ignores the protection of private mappings.
int memory_read(pid_t pid, uint64_t at, void *data, size_t size);
int memory_write(pid_t pid, uint64_t at, const void *data, size_t size);

// The same several times as fast, because it pins pages: only for a process that has never been cloned, and for memory
// that it may write to itself. 0, or -errno: part of it may have been written.
int memory_write_new(pid_t pid, uint64_t at, const void *data, size_t size);
