// SPDX-License-Identifier: EPL-2.0
// The table of settings, and the calls made from it.
#include "resource/settings.h"

#include <linux/prctl.h>
#include <string.h>
#include <sys/syscall.h>

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif

#define PRCTL(name_, get_, set_) .name = name_, .call = SYS_prctl, .get = get_, .set = set_, .only = UINT64_MAX

const struct setting_row thread_settings[THREAD_SETTINGS] = {
    [TIMER_SLACK] = {PRCTL("timer slack", PR_GET_TIMERSLACK, PR_SET_TIMERSLACK)},
    [PARENT_DEATH_SIGNAL] = {PRCTL("signal at the parent's death", PR_GET_PDEATHSIG, PR_SET_PDEATHSIG),
                             .is_stored = true},
    [TIME_STAMP_COUNTER] = {PRCTL("use of the time stamp counter", PR_GET_TSC, PR_SET_TSC), .is_stored = true},
    [MACHINE_CHECK] = {PRCTL("machine check policy", PR_MCE_KILL_GET, PR_MCE_KILL), .has_prefix = true,
                       .prefix = PR_MCE_KILL_SET},
    [PERSONALITY] = {.name = "personality", .call = SYS_personality, .get = 0xffffffff, .only = 0xfffffffe},
    [SECURE_BITS] = {PRCTL("secure bits", PR_GET_SECUREBITS, PR_SET_SECUREBITS)},
    [KEEP_CAPABILITIES] = {PRCTL("keeping of capabilities", PR_GET_KEEPCAPS, PR_SET_KEEPCAPS)},
};

// Last of all the one after which /proc/PID belongs to root. Its value 2 is the kernel's to give.
const struct setting_row process_settings[PROCESS_SETTINGS] = {
    [HUGE_PAGES_OFF] = {PRCTL("use of huge pages", PR_GET_THP_DISABLE, PR_SET_THP_DISABLE), .has_flags = true},
    [MERGES_MEMORY] = {PRCTL("merging of equal pages", PR_GET_MEMORY_MERGE, PR_SET_MEMORY_MERGE)},
    [DUMPABLE] = {.name = "core dumps", .call = SYS_prctl, .get = PR_GET_DUMPABLE, .set = PR_SET_DUMPABLE, .only = 1},
};

struct settings_reading settings_add_reading(struct batch *b, const struct setting_row *rows, size_t count) {
  struct settings_reading r = {.stored = batch_data(b, NULL, count * sizeof(uint64_t))};
  for (size_t i = 0; i < count; i++) {
    size_t at = r.stored + i * sizeof(uint64_t);
    unsigned index = rows[i].is_stored ? CALL(b, rows[i].call, NUMBER(rows[i].get), POINTER(at))
                                       : CALL(b, rows[i].call, NUMBER(rows[i].get), NUMBER(0));
    r.first = i ? r.first : index;
  }
  return r;
}

// What is stored is an int.
void settings_take(const struct batch *b, const struct settings_reading *r, const struct setting_row *rows,
                   size_t count, struct setting *ret) {
  for (size_t i = 0; i < count; i++) {
    int64_t result = batch_result(b, r->first + (unsigned)i);
    unsigned stored;
    memcpy(&stored, batch_at((struct batch *)b, r->stored + i * sizeof(uint64_t)), sizeof stored);
    ret[i] = (struct setting){.value = rows[i].is_stored ? stored : (uint64_t)result, .is_known = result >= 0};
  }
}

static void add_one(struct batch *b, const struct setting_row *row, uint64_t value) {
  uint64_t first = row->has_flags ? value & 1 : value, flags = row->has_flags ? value & ~(uint64_t)1 : 0;
  if (row->call == SYS_personality)
    (void)CALL(b, row->call, NUMBER(value));
  else if (row->has_prefix)
    (void)CALL(b, row->call, NUMBER(row->set), NUMBER(row->prefix), NUMBER(value));
  else
    (void)CALL(b, row->call, NUMBER(row->set), NUMBER(first), NUMBER(flags));
}

void settings_add(struct batch *b, const struct setting_row *rows, size_t count, const struct setting *then) {
  for (size_t i = 0; i < count; i++)
    if (then[i].is_known && then[i].value <= rows[i].only)
      add_one(b, &rows[i], then[i].value);
}

void settings_compare(const struct setting_row *rows, size_t count, const struct setting *now,
                      const struct setting *then, struct shortfalls *s) {
  for (size_t i = 0; i < count; i++)
    if (now[i].is_known && then[i].is_known && now[i].value != then[i].value)
      shortfalls_add(s, rows[i].name);
}
