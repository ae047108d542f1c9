// SPDX-License-Identifier: EPL-2.0
// What an image tells of the kinds of descriptors that have a state of their own (`own`).
#pragma once

#include "resource/describe.h"
#include "resource/inotify.h"

void inotify_describe(const struct inotify_set *set, Snapback__Image__OpenFile *file);
