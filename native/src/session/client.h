// SPDX-License-Identifier: EPL-2.0
// The other side of the control socket: how a command finds a session and asks it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "proto/control.pb-c.h"

struct connection;

// Connects to a session by its name or its socket's path; NULL: the only session there is. Says Hello.
int connection_open(const char *session, struct connection **ret, struct error *e);
void connection_free(struct connection *c);
const char *connection_session(const struct connection *c);  // its name
const char *connection_path(const struct connection *c);     // its socket

// Sends the request (its id is filled in) and waits for the reply, which snapback__control__reply__free_unpacked frees.
// -1 and `e`: no reply came, or it is an error.
int connection_call(struct connection *c, Snapback__Control__Request *request, Snapback__Control__Reply **ret,
                    struct error *e);

// As connection_call, for what takes its time: `heard` (may be NULL) is told of the events that come meanwhile. When
// `interrupts` (a signalfd; -1: none) has something, the request is cancelled; a second time nobody waits.
typedef void event_function(void *data, const Snapback__Control__Event *event);
int connection_follow(struct connection *c, Snapback__Control__Request *request, int interrupts, event_function *heard,
                      void *data, Snapback__Control__Reply **ret, struct error *e);

// Waits until the session has hung up, and its socket is gone.
void connection_wait_end(struct connection *c);

// The sockets in this user's folder where somebody listens, by name. Stale ones are removed.
struct found_sessions {
  char **names, **paths;
  size_t count, names_capacity, paths_capacity;
};
int sessions_find(struct found_sessions *ret, struct error *e);
void found_sessions_done(struct found_sessions *f);
