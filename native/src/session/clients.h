// SPDX-License-Identifier: EPL-2.0
// The connections of the control socket: framing, bounds, and who is told of events.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/control.pb-c.h"

enum {
  FRAME_MAX = 1024 * 1024,               // of one message
  CLIENTS_MAX = 64,                      // connections at a time
  CLIENT_BACKLOG_MAX = 4 * 1024 * 1024,  // bytes waiting for a client that does not read
  HELLO_MS = 5000,                       // how long a new connection may be silent
};

struct session;
struct client;
struct request;
struct watch;

struct clients {
  struct client *first;
  unsigned count;
  struct watch *listening, *inside;
  int inside_fd;  // where the session's own program connects; -1: nowhere
};

// Makes the socket for the session's own program, before it starts.
void clients_prepare(struct session *s);
// Begins to listen at the session's address, and for the session's own program.
void clients_open(struct session *s);

// Sends the Reply, which must not be longer than FRAME_MAX.
void client_reply(struct client *c, Snapback__Control__Reply *reply);
void client_reply_error(struct client *c, uint64_t id, int code, const char *text);

// Hello was right: the client may ask. / It subscribes. / Nothing more is read from it; it is closed when all is sent.
void client_greet(struct client *c);
bool client_greeted(const struct client *c);
void client_subscribe(struct client *c);
void client_finish(struct client *c);

// The process of the session that is at the other end, as the session sees it; 0: a client from outside.
pid_t client_inside(const struct client *c);
// The program wants a snapshot of itself: it is asked for when the connection is closed. Another one is forgotten.
void client_ask_at_end(struct client *c, struct request *r);

// Sends the Event to all subscribers.
bool clients_listen(const struct session *s);  // anybody subscribes
void clients_tell(struct session *s, Snapback__Control__Event *event);

// True when nothing waits to be sent.
bool clients_flushed(const struct session *s);
