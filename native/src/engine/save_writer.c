// SPDX-License-Identifier: EPL-2.0
// The process that writes an image, and the link over which the supervisor hears from it.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "engine/save_state.h"
#include "image/new_file.h"

enum { NUMBERS_FROM = 20000, NEWS_EVERY_US = 100000 };

struct save {
  struct engine *engine;
  pid_t pid;
  int link;
  char *path;
  struct saved_node *node;  // what is remembered when it is done
  size_t nodes;
};

// ---- in the process that writes ----

struct writing {
  int link;
  pid_t last;  // the number after which the program's own go on; 0: has been put back
  uint64_t told_us;
};

// Like templates, the process and its threads have numbers of a range of their own: those of the program's threads
// must stay free.
static pid_t take_numbers_aside(pid_t program) {
  pid_t last = kernel_last_pid();
  if (last > 0)
    (void)kernel_set_last_pid(program > NUMBERS_FROM ? 1 : NUMBERS_FROM);
  return last;
}

static void put_numbers_back(pid_t last) {
  if (last > 0)
    (void)kernel_set_last_pid(last);
}

static int on_progress(void *data, uint64_t done, uint64_t total) {
  struct writing *w = data;
  put_numbers_back(w->last);
  w->last = 0;
  uint64_t now = now_us();
  if (now - w->told_us < NEWS_EVERY_US)
    return 0;
  w->told_us = now;
  struct save_news news = {.what = SAVE_PROGRESS, .done = done, .total = total};
  (void)send(w->link, &news, sizeof news, MSG_DONTWAIT | MSG_NOSIGNAL);
  return 0;
}

static bool is_needed(int fd, int link, struct process_state *const *list, size_t count) {
  if (fd <= STDERR_FILENO || fd == link || content_store_uses(list[0]->engine->contents, fd))
    return true;
  for (size_t i = 0; i < count; i++) {
    if (list[i]->directory.pin == fd)
      return true;
    for (size_t k = 0; k < list[i]->descriptors.count; k++)
      if (list[i]->descriptors.item[k].pin == fd)
        return true;
  }
  return false;
}

// The supervisor's connections must end with the supervisor, whatever happens to this process.
static void close_others(int link, struct process_state *const *list, size_t count) {
  _cleanup_dir_ DIR *dir = opendir("/proc/self/fd");
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    int fd = atoi(entry->d_name);
    if (fd != dirfd(dir) && !is_needed(fd, link, list, count))
      (void)close(fd);
  }
}

_Noreturn static void be_writer(struct engine *g, int link, struct process_state *const *list, size_t count,
                                const struct save_options *o) {
  (void)signal(SIGTERM, SIG_DFL);
  (void)prctl(PR_SET_NAME, "snapback-save", 0, 0, 0);
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);  // where no namespace ends it with the supervisor
  close_others(link, list, count);
  struct writing w = {.link = link, .last = take_numbers_aside(list[0]->pid)};
  struct save_news news = {.what = SAVE_DONE};
  const struct saved_image *known = o->full ? NULL : saved_nearest(g, list, count);
  if (save_write(list, count, o, known, on_progress, &w, &news.result, &news.error) < 0)
    news.what = SAVE_FAILED;
  put_numbers_back(w.last);
  (void)send(link, &news, sizeof news, MSG_NOSIGNAL);
  _exit(0);
}

// ---- in the supervisor ----

static pid_t fork_writer(struct engine *g, int link, struct process_state *const *list, size_t count,
                         const struct save_options *o) {
  if (fault(FAULT_save_fork) < 0)
    return -EAGAIN;
  pid_t last = take_numbers_aside(list[0]->pid);
  pid_t pid = fork();
  int r = -errno;
  if (pid == 0)
    be_writer(g, link, list, count, o);
  put_numbers_back(last);
  return pid < 0 ? r : pid;
}

static struct save *save_new(struct engine *g, struct process_state *const *list, size_t count,
                             const struct save_options *o) {
  struct save *save = must_alloc(sizeof *save);
  *save = (struct save){.engine = g, .link = -1, .path = must_strdup(o->path), .nodes = count};
  save->node = must_alloc(count * sizeof *save->node);
  content_store_hold(g->contents);
  for (size_t i = 0; i < count; i++) {
    save->node[i] = (struct saved_node){.pid = list[i]->pid, .space = (uint32_t)i + 1, .node = list[i]->node};
    lineage_retain(list[i]->node);
  }
  return save;
}

static struct process_state **processes_of(struct snapshot *const *list, size_t count, size_t *ret_count) {
  struct process_state **all = NULL;
  *ret_count = 0;
  for (size_t i = 0; i < count; i++) {
    all = must_realloc(all, *ret_count + list[i]->processes, sizeof *all);
    memcpy(all + *ret_count, list[i]->process, list[i]->processes * sizeof *all);
    *ret_count += list[i]->processes;
  }
  return all;
}

int engine_save_begin(struct engine *g, struct snapshot *const *list, size_t snapshots,
                      const struct save_options *options, struct save **ret, struct error *e) {
  int ends[2];
  size_t count;
  _cleanup_free_ struct process_state **all = processes_of(list, snapshots, &count);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
    return error_set_errno(e, -errno, "cannot make a socket pair for the process that saves");
  pid_t pid = fork_writer(g, ends[1], all, count, options);
  (void)close(ends[1]);
  if (pid < 0) {
    (void)close(ends[0]);
    return error_set_errno(e, pid, "cannot make a process that saves the snapshot");
  }
  array_reserve(g->writer, g->writers, g->writer_capacity);
  g->writer[g->writers++] = pid;
  *ret = save_new(g, all, count, options);
  (*ret)->pid = pid;
  (*ret)->link = ends[0];
  return 0;
}

int save_descriptor(const struct save *save) { return save->link; }

static void remember(struct save *save, const struct save_result *result) {
  saved_remember(save->engine, save->path, result->image, save->node, save->nodes);
}

bool save_take_news(struct save *save, struct save_news *ret) {
  ssize_t n = recv(save->link, ret, sizeof *ret, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  if (n != sizeof *ret) {
    *ret = (struct save_news){.what = SAVE_FAILED};
    (void)error_set(&ret->error, ERROR_FAILED,
                    "the process that saved the snapshot was killed (for lack of memory, "
                    "perhaps), nothing has been written: try again");
  }
  if (ret->what == SAVE_DONE)
    remember(save, &ret->result);
  return true;
}

// It may take its time to end: a process that waits for a disk cannot be killed at once. So it is left to the reaper,
// whose list tells whether its number is still its own.
void save_end(struct save *save) {
  if (!save)
    return;
  if (engine_owns(save->engine, save->pid))
    (void)kill(save->pid, SIGKILL);
  new_file_sweep(save->path);
  content_store_let_go(save->engine->contents);
  for (size_t i = 0; i < save->nodes; i++)
    lineage_release(save->engine, save->node[i].node);
  (void)close(save->link);
  free(save->node);
  free(save->path);
  free(save);
}
