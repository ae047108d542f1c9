// SPDX-License-Identifier: EPL-2.0
// The metadata of an image: reading it within bounds, and whether it can be.
#pragma once

#include "image/block_file.h"

// What is returned is sound by itself.
int metadata_read(const struct block_file *f, Snapback__Image__Image **ret, struct error *e);

// NULL, or what is wrong, as the end of a sentence that begins with "its metadata".
const char *metadata_check(const Snapback__Image__Image *m);

// metadata_sockets.c; `has_open_file`: whether the image has an open file of that id.
bool metadata_sockets_sound(const Snapback__Image__Image *m, bool (*has_open_file)(const void *data, uint32_t id),
                            const void *data);
