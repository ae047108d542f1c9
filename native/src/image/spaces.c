// SPDX-License-Identifier: EPL-2.0
// Whether the stored pages belong to what the metadata describes.
#include "image/reader.h"

// Every extent lies in mappings of the process, without a gap between them.
static bool fits_process(const Snapback__Image__Process *p, const struct image_extent *x, size_t count) {
  size_t m = 0;
  for (size_t n = 0; n < count; n++)
    for (uint64_t at = x[n].start; at < x[n].end; at = p->mapping[m]->end) {
      while (m < p->n_mapping && p->mapping[m]->end <= at)
        m++;
      if (m == p->n_mapping || p->mapping[m]->start > at)
        return false;
    }
  return true;
}

static bool fits_size(uint64_t size, const struct image_extent *x, size_t count) {
  return count == 0 || (size <= UINT64_MAX - IMAGE_PAGE && x[count - 1].end <= round_up(size, IMAGE_PAGE));
}

struct spaces {
  const struct image *image;
  size_t met;  // extents that belong to something
  bool fit;
};

static const struct image_extent *meet(struct spaces *s, uint32_t space, size_t *ret_count) {
  const struct image_extent *x = image_extents(s->image, space, ret_count);
  s->met += *ret_count;
  return x;
}

static void meet_sized(struct spaces *s, uint32_t space, uint64_t size) {
  size_t count;
  const struct image_extent *x = meet(s, space, &count);
  s->fit &= fits_size(size, x, count);
}

int image_check_spaces(const struct image *i, struct error *e) {
  const Snapback__Image__Image *m = i->metadata;
  struct spaces s = {.image = i, .fit = true};
  for (size_t n = 0; n < m->n_process; n++) {
    size_t count;
    const struct image_extent *x = meet(&s, m->process[n]->space, &count);
    s.fit &= fits_process(m->process[n], x, count);
  }
  for (size_t n = 0; n < m->n_shared_object; n++)
    meet_sized(&s, m->shared_object[n]->space, m->shared_object[n]->size);
  for (size_t n = 0; n < m->n_kept_file; n++)
    meet_sized(&s, m->kept_file[n]->space, m->kept_file[n]->file->size);
  for (size_t n = 0; n < m->n_system_v; n++)
    if (m->system_v[n]->space)
      meet_sized(&s, m->system_v[n]->space, m->system_v[n]->size);
  if (s.fit && s.met == i->extent_count)
    return 0;
  return error_set(e, ERROR_FAILED, "%s is damaged: it holds pages that belong to nothing", i->own.path);
}
