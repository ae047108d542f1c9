// SPDX-License-Identifier: EPL-2.0
// The forms in which `snapback inspect` shows an image.
#pragma once

#include "image/image.h"

void inspect_as_text(const struct image *i);
void inspect_as_json(const struct image *i);
void inspect_as_graph(const struct image *i);  // for Graphviz

// What an open file is, in one line. The caller frees it.
char *text_of_open_file(const Snapback__Image__OpenFile *f);
const Snapback__Image__OpenFile *open_file_of(const Snapback__Image__Image *m, uint32_t id);
