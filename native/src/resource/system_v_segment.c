// SPDX-License-Identifier: EPL-2.0
// What is in System V shared memory: copying it, and writing back what differs. We attach the segment for the moment.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "resource/system_v.h"

enum { PAGE = 4096, RUN_MAX = 1024 * 1024 };

static uint64_t pages_of(const struct system_v_object *o) { return (o->size + PAGE - 1) / PAGE; }

static bool has_swap(void) {
  _cleanup_free_ char *text = NULL;
  if (file_read("/proc/meminfo", 65536, &text, NULL) < 0)
    return true;
  const char *at = strstr(text, "SwapTotal:");
  return !at || strtoul(at + strlen("SwapTotal:"), NULL, 10);
}

// One byte a page: bit 0 where the segment has data; to read the others would fill them. mincore(2) does not tell of
// swapped pages, so with swap all count.
static unsigned char *residency(const struct system_v_object *o, void *at) {
  unsigned char *pages = must_alloc(pages_of(o) + 1);
  if (has_swap() || mincore(at, o->size, pages) < 0)
    memset(pages, 1, pages_of(o));
  return pages;
}

// The program decides how much this is: not a reason for the supervisor to end.
static int add_run(struct system_v_object *o, const unsigned char *from, uint64_t offset, size_t size) {
  array_reserve(o->run, o->runs, o->run_capacity);
  unsigned char *bytes = malloc(size);
  if (!bytes)
    return -ENOMEM;
  memcpy(bytes, from + offset, size);
  o->run[o->runs++] = (struct shared_run){offset, size, bytes};
  return 0;
}

static int copy(struct system_v_object *o, const unsigned char *from, const unsigned char *resident) {
  uint64_t pages = pages_of(o);
  int r = 0;
  for (uint64_t i = 0, k; r == 0 && i < pages; i = k) {
    for (k = i + 1; k < pages && (resident[k] & 1) == (resident[i] & 1) && (k - i) * PAGE < RUN_MAX; k++)
      continue;
    uint64_t end = k * PAGE < o->size ? k * PAGE : o->size;
    if (resident[i] & 1)
      r = add_run(o, from, i * PAGE, end - i * PAGE);
  }
  return r;
}

static void take_rights(struct system_v_object *o, const struct shmid_ds *ds) {
  o->uid = ds->shm_perm.uid;
  o->gid = ds->shm_perm.gid;
  o->mode = ds->shm_perm.mode & 0777;
  o->is_locked = ds->shm_perm.mode & SHM_LOCKED;
}

int system_v_segment_read(struct system_v_object *o) {
  struct shmid_ds ds;
  if (shmctl(o->id, IPC_STAT, &ds) < 0)
    return -errno;
  take_rights(o, &ds);
  o->size = ds.shm_segsz;
  unsigned char *at = shmat(o->id, NULL, SHM_RDONLY);
  if (at == (void *)-1)
    return -errno;
  _cleanup_free_ unsigned char *resident = residency(o, at);
  int r = copy(o, at, resident);
  (void)shmdt(at);
  return r;
}

// ---- the way back ----

static void write_page(unsigned char *to, const unsigned char *bytes, size_t size) {
  if (memcmp(to, bytes, size) != 0)
    memcpy(to, bytes, size);
}

static void clear_page(unsigned char *page, size_t size) {
  if (*page || memcmp(page, page + 1, size - 1) != 0)
    memset(page, 0, size);
}

// Page by page: what no run has is zero.
static void write_back(const struct system_v_object *o, unsigned char *to, const unsigned char *resident) {
  const struct shared_run *run = o->run, *last = o->run + o->runs;
  for (uint64_t at = 0; at < o->size; at += PAGE) {
    size_t size = o->size - at < PAGE ? (size_t)(o->size - at) : PAGE;
    while (run < last && run->offset + run->size <= at)
      run++;
    if (run < last && run->offset <= at)
      write_page(to + at, run->bytes + (at - run->offset), size);
    else if (resident[at / PAGE] & 1)
      clear_page(to + at, size);
  }
}

static int set_rights(const struct system_v_object *o) {
  struct shmid_ds ds;
  struct system_v_object now = {0};
  if (shmctl(o->id, IPC_STAT, &ds) < 0)
    return -errno;
  take_rights(&now, &ds);
  if (now.is_locked != o->is_locked && shmctl(o->id, o->is_locked ? SHM_LOCK : SHM_UNLOCK, NULL) < 0)
    return -errno;
  if (now.uid == o->uid && now.gid == o->gid && now.mode == o->mode)
    return 0;
  ds.shm_perm.uid = o->uid;
  ds.shm_perm.gid = o->gid;
  ds.shm_perm.mode = (unsigned short)o->mode;
  return shmctl(o->id, IPC_SET, &ds) < 0 ? -errno : 0;
}

int system_v_segment_fill(const struct system_v_object *o) {
  unsigned char *at = shmat(o->id, NULL, 0);
  if (at == (void *)-1)
    return -errno;
  _cleanup_free_ unsigned char *resident = residency(o, at);
  write_back(o, at, resident);
  return shmdt(at) < 0 ? -errno : set_rights(o);
}
