// SPDX-License-Identifier: EPL-2.0
// Placing an open file of the supervisor in the descriptor table of a traced process: over a socket pair made
// for it, which works where Yama forbids the process to fetch it by itself.
#pragma once

#include "base/error.h"
#include "resource/descriptors.h"
#include "trace/executor.h"

struct delivery;

// `taken`: numbers that the pair must not use.
int delivery_open(struct executor *x, const struct descriptors *taken, struct delivery **ret, struct error *e);
// Sends `fd` and makes it descriptor `number` (-1: any number) there; returns the number, or -1.
int delivery_send(struct delivery *d, int fd, int number, int cloexec, struct error *e);
int delivery_close(struct delivery *d, struct error *e);  // NULL is fine
