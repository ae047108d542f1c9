// SPDX-License-Identifier: EPL-2.0
// Whole reads and writes of files and descriptors.
#pragma once

#include <stddef.h>
#include <sys/types.h>

// Reads all of a file, at most `limit` bytes; the text ends with a NUL that is not counted. 0 or -errno.
int file_read(const char *path, size_t limit, char **ret_text, size_t *ret_size);
int file_read_at(int dir_fd, const char *path, size_t limit, char **ret_text, size_t *ret_size);

// The same, of a file of /proc that is one record (status, stat, fdinfo…): there is no need to ask for its end.
int file_read_record(const char *path, size_t limit, char **ret_text);

// The same, of a file of /proc whose records are expensive and have at least `record` bytes: the kernel makes each of
// them once. In longer reads it makes one that does not fit into what is left of a page twice.
int file_read_records(const char *path, size_t record, size_t limit, char **ret_text);

// Writes all of `text` to an existing file in one write. 0 or -errno.
int file_write_text(const char *path, const char *text);

// Reads or writes exactly `size` bytes. 0, -errno, or -EPIPE at an early end.
int fd_read_all(int fd, void *data, size_t size);
int fd_write_all(int fd, const void *data, size_t size);
int fd_pread_all(int fd, void *data, size_t size, off_t at);
