// SPDX-License-Identifier: EPL-2.0
// What the commands that ask a session have in common.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/command.h"
#include "cli/options.h"
#include "session/client.h"

typedef Snapback__Control__Request Request;
typedef Snapback__Control__Reply Reply;

// Frees itself at the end of its scope, like what base/cleanup.h has.
static inline void cleanup_connection(struct connection **c) { connection_free(*c); }
static inline void cleanup_reply(Reply **r) {
  if (*r)
    snapback__control__reply__free_unpacked(*r, NULL);
}
#define _cleanup_connection_ __attribute__((cleanup(cleanup_connection)))
#define _cleanup_reply_ __attribute__((cleanup(cleanup_reply)))

// The snapshot that `text` names: by its number, else the newest of that name.
int ask_snapshot(struct connection *c, const char *text, uint64_t *ret_id, struct error *e);
int ask_list(struct connection *c, bool measured, Reply **ret, struct error *e);
int ask_status(struct connection *c, Reply **ret, struct error *e);

// A whole command that makes a request after which the session ends, and waits for that. Its only option is -s.
int ask_for_end(const struct command *self, int argc, char **argv, Request *request);

// "12.3 MiB" / "19:03:12", with its day when that is not today. The caller frees both.
char *text_of_bytes(uint64_t bytes);
char *text_of_time(uint64_t utc_ms);
