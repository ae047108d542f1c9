// SPDX-License-Identifier: EPL-2.0
// Who is whose child, among all processes of /proc.
#include "proc/offspring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "proc/status.h"

enum { LIST_MAX = 16 * 1024 * 1024 };

struct list {
  pid_t *item;
  size_t count, capacity;
};

static void add(struct list *l, pid_t pid) {
  array_reserve(l->item, l->count, l->capacity);
  l->item[l->count++] = pid;
}

static bool holds(const struct list *l, pid_t pid) {
  for (size_t i = 0; i < l->count; i++)
    if (l->item[i] == pid)
      return true;
  return false;
}

// ---- children ----

// The kernel lists what one thread has forked. A thread that ends meanwhile hands its children to another one.
static void add_of_thread(struct list *l, pid_t pid, pid_t tid) {
  char path[64];
  _cleanup_free_ char *text = NULL;
  (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, tid);
  if (file_read(path, LIST_MAX, &text, NULL) < 0)
    return;
  char *end = text;
  for (long child; (child = strtol(end, &end, 10)) > 0;)
    add(l, (pid_t)child);
}

// A kernel without CONFIG_PROC_CHILDREN tells the parents only.
static int add_by_parent(struct list *l, pid_t pid) {
  _cleanup_free_ pid_t *all = NULL;
  size_t count;
  int r = process_list(&all, &count);
  for (size_t i = 0; r == 0 && i < count; i++) {
    struct process_status s;
    if (status_read(all[i], &s) == 0 && s.parent == pid)
      add(l, all[i]);
  }
  return r;
}

static int add_children(struct list *l, pid_t pid) {
  _cleanup_free_ pid_t *threads = NULL;
  size_t count;
  if (access("/proc/thread-self/children", F_OK) < 0)
    return add_by_parent(l, pid);
  int r = thread_list(pid, &threads, &count);
  for (size_t i = 0; r == 0 && i < count; i++)
    add_of_thread(l, pid, threads[i]);
  return r;
}

int children_list(pid_t pid, pid_t **ret, size_t *ret_count) {
  struct list l = {0};
  int r = add_children(&l, pid);
  *ret = l.item;
  *ret_count = l.count;
  return r;
}

// ---- offspring ----

int offspring_list(const pid_t *roots, size_t roots_count, offspring_filter *is_left_out, const void *data, pid_t **ret,
                   size_t *ret_count) {
  struct list found = {0};
  for (size_t i = 0; i < roots_count; i++) {
    struct process_status s;
    if (!holds(&found, roots[i]) && status_read(roots[i], &s) == 0)
      add(&found, roots[i]);
  }
  for (size_t i = 0; i < found.count; i++) {
    struct list children = {0};
    (void)add_children(&children, found.item[i]);  // fails for one that has gone meanwhile
    for (size_t k = 0; k < children.count; k++)
      if (!holds(&found, children.item[k]) && !(is_left_out && is_left_out(data, children.item[k])))
        add(&found, children.item[k]);
    free(children.item);
  }
  *ret = found.item;
  *ret_count = found.count;
  return 0;
}
