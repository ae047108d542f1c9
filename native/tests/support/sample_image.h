// SPDX-License-Identifier: EPL-2.0
// Images made for tests: a process that never was, with memory of our choice.
#pragma once

#include "image/image.h"

enum { SAMPLE_SPACE = 1, SAMPLE_OBJECT_SPACE = 2, SAMPLE_START = 0x100000, SAMPLE_OBJECT_PAGES = 5 };

// Memory of SAMPLE_SPACE from SAMPLE_START on, and of a shared object.
struct sample {
  size_t pages;
  unsigned char *bytes;   // pages * IMAGE_PAGE
  unsigned char *object;  // SAMPLE_OBJECT_PAGES * IMAGE_PAGE
};

// Random pages, text-like pages and zero pages, always the same for one seed.
struct sample sample_new(size_t pages, unsigned seed);
void sample_done(struct sample *s);
void sample_fill_page(struct sample *s, size_t page, unsigned seed);

// Two threads, four mappings, a file, a pipe, an eventfd, an epoll, a shared object. free_unpacked frees it.
Snapback__Image__Image *sample_metadata(size_t pages);

int sample_read(void *sample, uint64_t address, void *bytes, size_t size);
int sample_read_object(void *sample, uint64_t address, void *bytes, size_t size);

// All of it, to `path`. `parent` may be NULL; else pages are referred to it that are the same in `before`.
int sample_write(struct sample *s, const struct image_writer_options *options, const struct image *parent,
                 const struct sample *before, struct error *e);
