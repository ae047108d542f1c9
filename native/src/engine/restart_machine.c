// SPDX-License-Identifier: EPL-2.0
// Restart: can the program go on with this machine and this kernel?
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/restart_state.h"
#include "proc/cpuinfo.h"
#include "trace/arch/machine.h"

// ---- processor ----

static bool holds_word(const char *words, const char *word) {
  size_t n = strlen(word);
  for (const char *at = words; (at = strstr(at, word)); at += n)
    if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == 0))
      return true;
  return false;
}

static bool had_feature(const Snapback__Image__Machine *m, const char *name) {
  for (size_t i = 0; i < m->n_cpu_feature; i++)
    if (strcmp(m->cpu_feature[i], name) == 0)
      return true;
  return false;
}

static int check_features(const Snapback__Image__Machine *m, struct error *e) {
  _cleanup_free_ char *own = cpu_features();
  char missing[512] = "";
  for (size_t i = 0; own && arch_used_features[i]; i++) {
    const char *name = arch_used_features[i];
    size_t used = strlen(missing);
    if (had_feature(m, name) && !holds_word(own, name))
      (void)snprintf(missing + used, sizeof missing - used, "%s%s", used ? ", " : "", name);
  }
  if (!missing[0])
    return 0;
  return error_set(e, ERROR_REFUSED,
                   "this processor lacks %s, which the program may have chosen its code by on %s: restart it on a "
                   "processor that has them",
                   missing, m->host);
}

static int check_extended(const struct restart *r, struct error *e) {
  uint64_t missing = r->metadata->machine->extended_features & ~arch_extended_features();
  for (size_t i = 0; i < r->process->n_thread; i++) {
    const ProtobufCBinaryData *state = &r->process->thread[i]->extended;
    if (arch_extended_in_use(state->data, state->len) & missing)
      return error_set(e, ERROR_REFUSED,
                       "thread %d uses registers that this processor or kernel does not have (parts %#llx of XCR0)",
                       r->process->thread[i]->tid, (unsigned long long)missing);
  }
  return 0;
}

// ---- kernel ----

static int check_kernel(struct error *e) {
  if (kernel_sets_memory_fields())
    return 0;
  return error_set(e, ERROR_REFUSED,
                   "this kernel cannot set the memory fields of a process (it lacks CONFIG_CHECKPOINT_RESTORE), "
                   "so no image can be restarted on it");
}

static int check_numbers(const struct restart *r, struct error *e) {
  _cleanup_free_ char *text = NULL;
  long most = file_read("/proc/sys/kernel/pid_max", 64, &text, NULL) < 0 ? 0 : strtol(text, NULL, 10);
  for (size_t i = 0; most && i < r->process->n_thread; i++)
    if (r->process->thread[i]->tid >= most || r->process->thread[i]->tid <= 1)
      return error_set(e, ERROR_REFUSED,
                       "the program had the process number %d, which is not available here (numbers end at %ld): raise "
                       "/proc/sys/kernel/pid_max",
                       r->process->thread[i]->tid, most - 1);
  return 0;
}

int restart_check_machine(struct restart *r, struct error *e) {
  const Snapback__Image__Machine *m = r->metadata->machine;
  if (strcmp(m->architecture, arch_name) != 0)
    return error_set(e, ERROR_REFUSED, "the image is of a program for %s, this machine is %s", m->architecture,
                     arch_name);
  if (m->page_size != (uint32_t)sysconf(_SC_PAGESIZE))
    return error_set(e, ERROR_REFUSED, "the image has pages of %u bytes, this machine of %ld", m->page_size,
                     sysconf(_SC_PAGESIZE));
  return check_features(m, e) < 0 || check_extended(r, e) < 0 || check_kernel(e) < 0 || check_numbers(r, e) < 0 ? -1
                                                                                                                : 0;
}
