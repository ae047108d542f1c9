// SPDX-License-Identifier: EPL-2.0
// Copies of what is in shared memory: of each object one, which grows with what is seen of it.
#pragma once

#include "resource/shared_memory.h"

// Those of an object, which may have been begun for another process; the caller releases them. `pool`: NULL, there is
// none.
struct shared_contents *shared_pool_find(struct shared_pool *pool, uint64_t device, uint64_t inode);
void shared_contents_release(struct shared_contents *c);  // NULL: nothing

// Copies [offset, offset + size), which `fd` shows at `at`, but for what has been copied before. 0 or -errno.
int shared_contents_add(struct shared_contents *c, int fd, uint64_t at, uint64_t offset, uint64_t size);
// Whether all data of that stretch has been copied, of whichever process.
bool shared_contents_is_seen(const struct shared_contents *c, uint64_t offset, uint64_t size);
void shared_contents_set_seen(struct shared_contents *c, uint64_t offset, uint64_t size);
// The first of `count` runs, in ascending order and none across another, that ends behind `offset`.
size_t shared_runs_find(const struct shared_run *run, size_t count, uint64_t offset);
bool shared_contents_has(const struct shared_contents *c, uint64_t offset);
uint64_t shared_contents_size(const struct shared_contents *c);  // in bytes
