// SPDX-License-Identifier: EPL-2.0
// `snapback export`: an image that stands alone.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/image_words.h"

struct origin {
  const struct image *image;
  uint32_t space;
};

static int read_origin(void *data, uint64_t address, void *bytes, size_t size) {
  const struct origin *o = data;
  return image_read(o->image, o->space, address, bytes, size, NULL, NULL) ? -EIO : 0;
}

struct copy {
  const struct image *image;
  struct origin *origins;
  struct image_source *sources;
  size_t count, capacity, source_capacity;
};

static void add_space(struct copy *c, struct image_writer *w, uint32_t space) {
  size_t count;
  const struct image_extent *x = image_extents(c->image, space, &count);
  for (size_t n = 0; n < count; n++)
    image_writer_add(w, space, x[n].start, x[n].end);
  array_reserve(c->origins, c->count, c->capacity);
  c->origins[c->count++] = (struct origin){c->image, space};
}

static void add_spaces(struct copy *c, struct image_writer *w) {
  const Snapback__Image__Image *m = image_metadata(c->image);
  for (size_t n = 0; n < m->n_process; n++)
    add_space(c, w, m->process[n]->space);
  for (size_t n = 0; n < m->n_shared_object; n++)
    add_space(c, w, m->shared_object[n]->space);
  for (size_t n = 0; n < m->n_kept_file; n++)
    add_space(c, w, m->kept_file[n]->space);
  c->sources = must_alloc(c->count * sizeof *c->sources);
  for (size_t n = 0; n < c->count; n++)
    c->sources[n] = (struct image_source){c->origins[n].space, read_origin, &c->origins[n]};
}

// A message of our own, which the writer may change.
static Snapback__Image__Image *copy_metadata(const struct image *i) {
  const Snapback__Image__Image *m = image_metadata(i);
  size_t size = snapback__image__image__get_packed_size(m);
  _cleanup_free_ unsigned char *bytes = must_alloc(size);
  (void)snapback__image__image__pack(m, bytes);
  return snapback__image__image__unpack(NULL, size, bytes);
}

static int write_copy(struct copy *c, const struct image_writer_options *options, struct error *e) {
  struct image_writer *w = NULL;
  if (image_writer_open(options, &w, e))
    return -1;
  add_spaces(c, w);
  Snapback__Image__Image *m = copy_metadata(c->image);
  int r = m ? 0 : error_set_errno(e, -ENOMEM, "cannot copy the metadata of %s", image_path(c->image));
  if (r == 0 && (image_writer_write(w, c->sources, c->count, e) || image_writer_finish(w, m, NULL, e)))
    r = -1;
  if (m)
    snapback__image__image__free_unpacked(m, NULL);
  image_writer_free(w);
  free(c->origins);
  free(c->sources);
  return r;
}

static int run(const struct command *self, int argc, char **argv) {
  const char *folder = NULL, *output = NULL, *compression = "none";
  const struct option_row rows[] = {{.name = "output", .letter = 'o', .value = &output},
                                    {.name = "compress", .value = &compression},
                                    {.name = "image-folder", .value = &folder},
                                    {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r)
    return r;
  bool zstd = strcmp(compression, "zstd") == 0;
  if (argc != 1 || !output)
    return command_usage_error(self, "export takes one image, and -o with the file to write");
  if (!zstd && strcmp(compression, "none") != 0)
    return command_usage_error(self, "export: there is no compression '%s'", compression);
  _cleanup_image_ struct image *i = NULL;
  struct error e = {0};
  if (image_open_whole(argv[0], folder, &i, &e))
    return command_failed(&e);
  struct copy c = {.image = i};
  // What cannot be read is named here: the writer only learns that it cannot.
  if (image_verify(i, &e) ||
      write_copy(&c, &(struct image_writer_options){.path = output, .compression = zstd ? IMAGE_ZSTD : IMAGE_PLAIN},
                 &e))
    return command_failed(&e);
  return EXIT_OK;
}

const struct command command_export = {
    .name = "export",
    .usage = "[--compress none|zstd] [--image-folder FOLDER] IMAGE -o FILE",
    .summary = "Write an image that stands alone, whatever it was built on",
    .help = "  -o, --output FILE          the new image\n"
            "      --compress KIND        none, or zstd: smaller, and slower to write and to restart\n"
            "      --image-folder FOLDER  where else to look for the images that it builds on\n",
    .run = run,
};
