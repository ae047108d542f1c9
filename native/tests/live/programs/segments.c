// SPDX-License-Identifier: EPL-2.0
// System V shared memory: segments made, removed and made again under the same key, attached whole, in part, twice,
// for reading only, or not at all, some removed while they are attached. Ids, keys, contents, permissions and the count
// of views are what they were.
#include "live.h"

#include <errno.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

enum { SEGMENTS = 5, PAGE = 4096, PAGES = 6, VIEWS = 2, KEY = 0x5eed0000, SPARSE = 64 * 1024 * 1024 };

struct view {
  unsigned char *at;  // NULL: none
  unsigned first;     // page that it begins with
  bool is_read_only;
};

static struct segment {
  bool exists, is_removed;
  int id;
  unsigned mode;
  uint64_t written[PAGES];  // stamp of each page; 0: nothing has been written
  struct view view[VIEWS];
} segments[SEGMENTS];

static struct shmid_ds facts(const struct segment *s) {
  struct shmid_ds ds;
  CHECK(shmctl(s->id, IPC_STAT, &ds) == 0);
  return ds;
}

static unsigned views_of(const struct segment *s) {
  unsigned n = 0;
  for (unsigned i = 0; i < VIEWS; i++)
    n += s->view[i].at != NULL;
  return n;
}

static uint64_t word_at(const unsigned char *page) {
  uint64_t word;
  memcpy(&word, page + 128, sizeof word);
  return word;
}

static void check_view(const struct segment *s, const struct view *v) {
  for (unsigned i = v->first; i < PAGES; i++)
    CHECK(word_at(v->at + (i - v->first) * PAGE) == s->written[i]);
  if (v->is_read_only)
    CHECK(mprotect(v->at, PAGE, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
}

static void check(const struct segment *s, key_t key) {
  if (!s->exists) {
    CHECK(shmget(key, 0, 0) < 0 && errno == ENOENT);
    return;
  }
  struct shmid_ds ds = facts(s);
  CHECK(ds.shm_segsz == PAGES * PAGE - 100);
  CHECK(ds.shm_nattch == views_of(s));
  CHECK((ds.shm_perm.mode & 0777) == s->mode);
  CHECK(!(ds.shm_perm.mode & 01000) == !s->is_removed);
  CHECK(ds.shm_perm.__key == (s->is_removed ? IPC_PRIVATE : key));
  if (!s->is_removed)
    CHECK(shmget(key, 0, 0) == s->id);
  for (unsigned i = 0; i < VIEWS; i++)
    if (s->view[i].at)
      check_view(s, &s->view[i]);
}

static void make(struct segment *s, key_t key) {
  struct segment made = {.exists = true, .mode = 0600};
  made.id = shmget(key, PAGES * PAGE - 100, IPC_CREAT | IPC_EXCL | 0600);
  CHECK(made.id >= 0);
  *s = made;
}

static void attach(struct segment *s, struct view *v) {
  struct view new = {.is_read_only = live_random(3) == 0, .first = live_random(3)};
  new.at = shmat(s->id, NULL, new.is_read_only ? SHM_RDONLY : 0);
  CHECK(new.at != (void *)-1);
  if (new.first) {  // the beginning goes
    CHECK(munmap(new.at, new.first *PAGE) == 0);
    new.at += new.first *PAGE;
  }
  *v = new;
}

// The last view of a removed segment takes it along.
static void detach(struct segment *s, struct view *v) {
  unsigned char *at = v->at;
  bool is_last = s->is_removed && views_of(s) == 1;
  CHECK(munmap(at, (PAGES - v->first) * PAGE) == 0);
  v->at = NULL;
  s->exists = !is_last;
}

static void write_to(struct segment *s, struct view *v) {
  unsigned page = v->first + live_random(PAGES - v->first);
  if (v->is_read_only)
    return;
  s->written[page] = live_random(4) ? live_stamp(page, live_ticks()) : 0;
  memcpy(v->at + (page - v->first) * PAGE + 128, &s->written[page], sizeof s->written[page]);
}

static void remove_segment(struct segment *s) {
  if (s->is_removed)
    return;
  CHECK(shmctl(s->id, IPC_RMID, NULL) == 0);
  s->is_removed = true;
  s->exists = views_of(s) > 0;
}

static void change_mode(struct segment *s) {
  struct shmid_ds ds = facts(s);
  s->mode = 0600 | live_random(0100);
  ds.shm_perm.mode = (unsigned short)s->mode;
  CHECK(shmctl(s->id, IPC_SET, &ds) == 0);
}

static void play(struct segment *s, key_t key) {
  struct view *v = &s->view[live_random(VIEWS)];
  if (!s->exists)
    make(s, key);
  else if (live_random(8) == 0)
    remove_segment(s);
  else if (live_random(8) == 0)
    change_mode(s);
  else if (!v->at)
    attach(s, v);
  else if (live_random(5) == 0)
    detach(s, v);
  else
    write_to(s, v);
}

int main(void) {
  live_begin();
  // Much larger than what is in it: nobody may fill it by looking.
  int sparse = shmget(IPC_PRIVATE, SPARSE, IPC_CREAT | 0600);
  CHECK(sparse >= 0);
  do {
    for (int i = 0; i < SEGMENTS; i++)
      check(&segments[i], KEY + i);
    int i = (int)live_random(SEGMENTS);
    // A removed one lives on under its id; another one may have its key meanwhile, but here none has.
    if (!segments[i].exists || !segments[i].is_removed || live_random(2))
      play(&segments[i], KEY + i);
  } while (live_tick());
  for (unsigned i = 0; i < SEGMENTS; i++)
    if (segments[i].exists)
      remove_segment(&segments[i]);
  CHECK(shmctl(sparse, IPC_RMID, NULL) == 0);
  live_pass();
}
