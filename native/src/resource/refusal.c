// SPDX-License-Identifier: EPL-2.0
// The sentences about descriptors that no snapshot can hold yet.
#include "resource/refusal.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>

#include "proc/status.h"

// By the beginning of what /proc shows. `what` NULL: that itself.
static const struct refusal {
  const char *link, *what, *advice;
} refusals[] = {
    {"socket:", "a socket", "close it, or take the snapshot before it is opened"},
    {"anon_inode:[io_uring]", "an io_uring, in which the kernel works for the program",
     "let the program use epoll or threads instead (UV_USE_IO_URING=0 for Node.js), or close it first"},
    {"anon_inode:[userfaultfd]", "a userfaultfd, by which the program handles its own page faults",
     "close it, or take the snapshot before it is opened"},
    {"anon_inode:[perf_event]", "a perf event, which counts what the processor does",
     "stop the measurement, or take the snapshot before it begins"},
    {"anon_inode:[fanotify]",
     "a fanotify group of a privileged kind (with open files in its events, permission events, no limits, or marks on "
     "mounts or file systems)",
     "close it, or let the program mark files and folders, with FAN_REPORT_FID and as any user may"},
    {"anon_inode:bpf", "a BPF object", "close it, or take the snapshot before it is made"},
    {"anon_inode:kvm", "a virtual machine of KVM", "stop the virtual machine, and close it"},
    {"anon_inode:[landlock", "a Landlock rule set", "close it once it is in force"},
    {"anon_inode:seccomp", "the listener of a seccomp filter", "close it, or end the program that is filtered"},
    {"anon_inode:[fscontext]", "a mount under construction", "close it, or take the snapshot when it is done"},
    {"/secretmem", "secret memory (memfd_secret), which nobody else may read",
     "close it, or let the program use ordinary memory"},
    {"/memfd:", "a memory file of huge pages", "close it, or let the program use ordinary pages for it"},
    {"/dev/kvm", "the device /dev/kvm", "stop the virtual machine, and close it"},
    {"/dev/", NULL, "close the device, or take the snapshot before it is opened"},
    {"anon_inode:", NULL, "close it, or take the snapshot before it is opened"},
    {"", NULL, "close it, or take the snapshot before it is opened"},
};

static const struct refusal *refusal_of(const char *link) {
  const struct refusal *r = refusals;
  while (strncmp(link, r->link, strlen(r->link)) != 0)
    r++;
  return r;
}

bool refusal_knows_file(const struct descriptor *d) {
  char path[64];
  struct statfs system;
  if (strncmp(d->link, "/secretmem", strlen("/secretmem")) == 0)
    return true;
  if (strncmp(d->link, "/memfd:", strlen("/memfd:")) != 0)
    return false;
  (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)d->owner, d->fd);
  return statfs(path, &system) == 0 && system.f_type == HUGETLBFS_MAGIC;
}

int refuse_descriptor(pid_t pid, const struct descriptor *d, struct error *e) {
  const struct refusal *r = refusal_of(d->link);
  char name[64];
  process_name(pid, name, sizeof name);
  const char *what = r->what ? r->what : strncmp(d->link, "anon_inode:", 11) == 0 ? d->link + 11 : d->link;
  return error_set(e, ERROR_REFUSED, "descriptor %d of process %d (%s) is %s, which snapshots cannot hold yet: %s",
                   d->fd, pid, name, what, r->advice);
}
