// SPDX-License-Identifier: EPL-2.0
// What the commands that read images have in common: opening them, and their facts in words.
#pragma once

#include "cli/command.h"
#include "cli/options.h"
#include "image/image.h"

static inline void cleanup_image(struct image **i) { image_close(*i); }
#define _cleanup_image_ __attribute__((cleanup(cleanup_image)))

// Opens an image and all that it builds on.
int image_open_whole(const char *path, const char *folder, struct image **ret, struct error *e);

// A text of an image as it can be shown on a terminal, whatever it holds. The caller frees it, also the ones below.
char *text_shown(const char *text);
char *text_of_mapping_name(const Snapback__Image__Mapping *m);
char *text_of_command(const Snapback__Image__Image *m);
char *text_of_place(const Snapback__Image__Place *p);  // "transfer at bank.c:41 (breakpoint 1)"

const char *word_of_mapping_kind(Snapback__Image__MappingKind kind);
char *text_of_socket(const Snapback__Image__Socket *s);
const char *word_of_open_file_kind(Snapback__Image__OpenFileKind kind);
const char *text_of_protection(const Snapback__Image__Mapping *m);  // "rw-p"; valid until the next call

// Bytes of a space in [start, end) that the image holds; `*ret_zero` (may be NULL) of them are zero pages.
uint64_t bytes_held(const struct image *i, uint32_t space, uint64_t start, uint64_t end, uint64_t *ret_zero);

// The space and address where the bytes of a mapping are held. False: in none.
bool mapping_space(const struct image *i, const Snapback__Image__Process *p, const Snapback__Image__Mapping *m,
                   uint32_t *ret_space, uint64_t *ret_address);
