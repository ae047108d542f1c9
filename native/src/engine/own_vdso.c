// SPDX-License-Identifier: EPL-2.0
// The vdso that this kernel gives to programs of either kind.
//
// Ours is that of wide programs. For the other one a child of ours that does nothing else gives its own away and asks
// for it.
#include "engine/own_vdso.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "proc/memory.h"
#include "trace/arch/arch.h"
#include "trace/arch/narrow.h"

enum { NARROW_PLACE = 0x10000000 };

const struct mapping *vdso_find(const struct mappings *m) {
  for (size_t i = 0; i < m->count; i++)
    if (strcmp(m->item[i].name, "[vdso]") == 0)
      return &m->item[i];
  return NULL;
}

static int copy_bytes(pid_t pid, struct own_vdso *ret) {
  const struct mapping *m = vdso_find(&ret->maps);
  if (!m)
    return 0;
  ret->size = m->end - m->start;
  ret->bytes = must_alloc(ret->size);
  return memory_read(pid, m->start, ret->bytes, ret->size);
}

// In the child, which lives until our end of the link is closed. No library's function is to be called that may want
// the vdso.
static _Noreturn void become_narrow(const struct mappings *own, int link) {
  char byte = 0;
  for (size_t i = 0; i < own->count; i++)
    if (mapping_is_special(&own->item[i]) && own->item[i].start < arch_user_end)
      (void)munmap((void *)(uintptr_t)own->item[i].start, own->item[i].end - own->item[i].start);
  if (arch_map_narrow_vdso(NARROW_PLACE) < 0 || write(link, &byte, 1) != 1)
    _exit(1);
  (void)!read(link, &byte, 1);
  _exit(0);
}

static int read_from(pid_t pid, int link, struct own_vdso *ret) {
  char byte;
  ssize_t n;
  while ((n = read(link, &byte, 1)) < 0 && errno == EINTR)
    continue;
  if (n != 1)
    return -ENOSYS;
  int r = mappings_read(pid, &ret->maps);
  return r < 0 ? r : copy_bytes(pid, ret);
}

static void end_child(pid_t pid) {
  (void)kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
    continue;
}

static int read_narrow(struct own_vdso *ret) {
  struct mappings own;
  int link[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) < 0)
    return -errno;
  int r = mappings_read(getpid(), &own);
  pid_t pid = r < 0 ? -1 : fork();
  if (pid == 0) {
    (void)close(link[0]);
    become_narrow(&own, link[1]);
  }
  if (r == 0)
    r = pid < 0 ? -errno : 0;
  (void)close(link[1]);
  if (r == 0)
    r = read_from(pid, link[0], ret);
  if (pid > 0)
    end_child(pid);
  (void)close(link[0]);
  mappings_done(&own);
  return r;
}

int own_vdso_read(bool is_narrow, struct own_vdso *ret) {
  *ret = (struct own_vdso){0};
  int r = is_narrow ? read_narrow(ret) : mappings_read(getpid(), &ret->maps);
  if (r == 0 && !is_narrow)
    r = copy_bytes(getpid(), ret);
  if (r < 0)
    own_vdso_done(ret);
  return r;
}

void own_vdso_done(struct own_vdso *v) {
  mappings_done(&v->maps);
  free(v->bytes);
  *v = (struct own_vdso){0};
}
