// SPDX-License-Identifier: EPL-2.0
// Whether an image describes open files that can be: those of the kinds that have a state of their own.
#pragma once

#include <stdbool.h>

#include "proto/image.pb-c.h"

bool kind_known(Snapback__Image__OpenFileKind kind);
bool open_file_kinds_sound(const Snapback__Image__Image *m, const Snapback__Image__OpenFile *f);
bool pseudo_terminals_sound(const Snapback__Image__Image *m);
bool message_queues_sound(const Snapback__Image__Image *m);
bool pipes_sound(const Snapback__Image__Image *m);
