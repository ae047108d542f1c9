// SPDX-License-Identifier: EPL-2.0
// Contents of files as they were at snapshots: shared between snapshots, and gone with the session, however it ends.
//
// Where the file system can share blocks (FICLONE), a content is a nameless file beside the original. Elsewhere it is a
// list of blocks in one nameless file of the session's; a block that has not changed since the content before it is
// stored once.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct content_store;
struct content;  // what one file held; belongs to all who retain it

struct content_store *content_store_new(void);
void content_store_free(struct content_store *s);  // all contents have been released

// How much is in it, in bytes: what cannot be shared with the files themselves.
uint64_t content_store_size(const struct content_store *s);

// While it is held, the blocks of contents that are released are not used again: another process is reading.
void content_store_hold(struct content_store *s);  // may be NULL
void content_store_let_go(struct content_store *s);
bool content_store_uses(const struct content_store *s, int fd);  // one of its descriptors

// Keeps what the file holds now. `fd` is open for reading; `path` may be NULL; `is_mapped`: somebody can write to it
// without changing its times. 0 or -errno: -ENOSPC, -EDQUOT or -EFBIG when there is no room.
int content_keep(struct content_store *s, int fd, const char *path, bool is_mapped, struct content **ret);
struct content *content_retain(struct content *c);
void content_release(struct content *c);

uint64_t content_size(const struct content *c);
int content_read(const struct content *c, uint64_t offset, void *bytes, size_t size);  // behind its end: zeroes

// True when the file is known to hold the content still, without reading it.
bool content_is_in(const struct content *c, int fd, bool is_mapped);

// Reads the file, which is open for reading, as far as it is the same. 1: it is not; 0: it is, and is known to be;
// -errno.
int content_differs(struct content *c, int fd, bool is_mapped);

// Reserves the room that the content needs in the file, which is open for writing. 0 or -errno.
int content_reserve(const struct content *c, int fd);

// Makes the file (open for reading and writing) hold the content: writes what differs. 0 or -errno.
int content_put_back(const struct content *c, int fd);

// The file is known to hold the content from now on: for one whose times were changed.
void content_note(struct content *c, int fd, bool is_mapped);
