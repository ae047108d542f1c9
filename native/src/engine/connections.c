// SPDX-License-Identifier: EPL-2.0
// The sockets of a snapshot on the way back.
#include "engine/connections.h"

#include <stdio.h>
#include <string.h>

// Those of all processes are in one table, which each of them has; a debugger has none.
static struct sockets *table_of(const struct snapshot *whole) {
  for (size_t i = 0; i < whole->processes; i++)
    if (whole->process[i]->descriptors.sockets)
      return whole->process[i]->descriptors.sockets;
  return NULL;
}

int connections_prepare(const struct snapshot *whole, const pid_t *pids, size_t count, struct error *e) {
  return sockets_plan(table_of(whole), pids, count, e);
}

void connections_begin(const struct snapshot *whole) { sockets_begin(table_of(whole)); }

int connections_put_back(const struct snapshot *whole, struct error *e) { return sockets_put_back(table_of(whole), e); }

void connections_let_go(const struct snapshot *whole) { sockets_let_go(table_of(whole)); }

void connections_rewound(const struct snapshot *whole, struct rewind_report *report) {
  struct sockets *all = table_of(whole);
  size_t used = strlen(report->note);
  if (all && *all->note)
    (void)snprintf(report->note + used, sizeof report->note - used, "%sOf the sockets, %s.", used ? " " : "",
                   all->note);
  sockets_let_go(all);
}
