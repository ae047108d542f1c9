// SPDX-License-Identifier: EPL-2.0
// What goes into an image besides private memory: shared objects, and the contents of files.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/files.h"
#include "engine/save_state.h"
#include "resource/shared_contents.h"

static uint64_t page_up(uint64_t size) { return (size + ARCH_PAGE - 1) / ARCH_PAGE * ARCH_PAGE; }

static void add_source(struct file_sources *all, uint32_t space, int (*read)(void *, uint64_t, void *, size_t),
                       void *data) {
  array_reserve(all->item, all->count, all->capacity);
  all->item[all->count++] = (struct image_source){.space = space, .read = read, .data = data};
}

// ---- shared objects ----

// The runs of an object in ascending order, none across another: a debugger's were copied apart from its program's.
struct shared_source {
  const struct shared_contents *last;  // that has been added
  struct shared_run *run;
  size_t runs;
};

static int by_offset(const void *a, const void *b) {
  const struct shared_run *x = a, *y = b;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

static size_t add_runs(const struct described *object, const struct process_state *s, struct shared_source *source,
                       size_t count) {
  for (size_t i = 0; i < s->shared.count; i++) {
    const struct shared_object *o = &s->shared.object[i];
    if (o->device != object->device || o->inode != object->inode)
      continue;
    const struct shared_contents *c = o->contents;
    if (c == source->last)
      continue;
    source->last = c;
    source->run = must_realloc(source->run, count + c->runs + 1, sizeof *source->run);
    for (size_t k = 0; k < c->runs; k++)
      source->run[count++] = c->run[k];
  }
  return count;
}

// Its first `count` runs.
static void sort_runs(struct shared_source *source, size_t count) {
  if (count)
    qsort(source->run, count, sizeof *source->run, by_offset);
  uint64_t covered = 0;
  for (size_t i = 0; i < count; i++) {
    struct shared_run next = source->run[i];
    uint64_t skip = covered > next.offset ? covered - next.offset : 0;
    if (skip >= next.size)
      continue;
    source->run[source->runs++] = (struct shared_run){next.offset + skip, next.size - skip, next.bytes + skip};
    covered = next.offset + next.size;
  }
}

static int read_shared(void *data, uint64_t offset, void *bytes, size_t size) {
  const struct shared_source *s = data;
  memset(bytes, 0, size);
  for (size_t i = shared_runs_find(s->run, s->runs, offset); i < s->runs && s->run[i].offset < offset + size; i++) {
    const struct shared_run *run = &s->run[i];
    uint64_t from = run->offset > offset ? run->offset : offset;
    uint64_t end = run->offset + run->size < offset + size ? run->offset + run->size : offset + size;
    memcpy((unsigned char *)bytes + (from - offset), run->bytes + (from - run->offset), end - from);
  }
  return 0;
}

// Takes the source over.
static void save_runs(struct shared_source *source, size_t count, uint32_t space, struct image_writer *w,
                      struct file_sources *sources, uint64_t *bytes) {
  uint64_t covered = 0;
  sort_runs(source, count);
  for (size_t k = 0; k < source->runs; k++) {
    uint64_t start = source->run[k].offset, end = page_up(start + source->run[k].size);
    start = start > covered ? start : covered;
    if (start < end) {
      image_writer_add(w, space, start, end);
      *bytes += end - start;
    }
    covered = end;
  }
  add_source(sources, space, read_shared, source);
}

void save_shared(const struct describing *d, struct process_state *const *list, size_t count, struct image_writer *w,
                 struct file_sources *sources, uint64_t *bytes) {
  for (size_t i = 0; i < d->objects; i++) {
    struct shared_source *source = must_alloc(sizeof *source);
    size_t runs = 0;
    for (size_t k = 0; k < count; k++)
      runs = add_runs(&d->object[i], list[k], source, runs);
    save_runs(source, runs, d->image->shared_object[i]->space, w, sources, bytes);
  }
}

const struct system_v *save_objects(struct process_state *const *list, size_t count) {
  static const struct system_v none;
  for (size_t i = 0; i < count; i++)
    if (list[i]->pid != list[i]->engine->debugger)
      return objects_of(list[i]);
  return &none;
}

static void save_segment(const struct system_v_object *o, uint32_t space, struct image_writer *w,
                         struct file_sources *sources, uint64_t *bytes) {
  struct shared_source *source = must_alloc(sizeof *source);
  source->run = must_alloc((o->runs + 1) * sizeof *source->run);
  for (size_t i = 0; i < o->runs; i++)
    source->run[i] = o->run[i];
  save_runs(source, o->runs, space, w, sources, bytes);
}

void save_system_v(const struct system_v *v, const Snapback__Image__Image *image, struct image_writer *w,
                   struct file_sources *sources, uint64_t *bytes) {
  for (size_t i = 0; i < v->count; i++)
    if (v->item[i].kind == SEGMENT)
      save_segment(&v->item[i], image->system_v[i]->space, w, sources, bytes);
}

// ---- kept files ----

static bool is_kept(const struct descriptors *all, size_t index, bool writable_too) {
  const struct descriptor *d = &all->item[index];
  if (d->leader != (int)index || d->kind != &descriptor_file || !S_ISREG(d->stat.st_mode))
    return false;
  bool is_place = d->info.flags & O_PATH;
  return link_is_deleted(d->link) || (writable_too && !is_place && (d->info.flags & O_ACCMODE) != O_RDONLY);
}

static bool is_described(const struct describing *d, const struct process_state *s, size_t index) {
  const struct descriptor *item = &s->descriptors.item[index];
  if (shared_object_id(d, item->stat.st_dev, item->stat.st_ino))
    return true;
  for (size_t i = 0; i < d->kept_count; i++)
    if (d->kept[i].device == item->stat.st_dev && d->kept[i].inode == item->stat.st_ino)
      return true;
  return false;
}

// A file that has no name any more can be kept only here; those with a name only if that is wanted.
void save_describe_kept_files(struct describing *d, const struct process_state *s, bool writable_too) {
  for (size_t i = 0; i < s->descriptors.count; i++) {
    const struct descriptor *item = &s->descriptors.item[i];
    struct stat now;
    if (!is_kept(&s->descriptors, i, writable_too) || is_described(d, s, i) || fstat(item->pin, &now) < 0)
      continue;
    const struct kept_file *then = files_kept(s, item->stat.st_dev, item->stat.st_ino);
    Snapback__Image__KeptFile *file = NEW(KeptFile, KEPT_FILE);
    file->file = describe_file(item->link, then ? &then->stat : &now);
    file->space = ++d->spaces;
    APPEND(d->image->kept_file, d->image->n_kept_file, file);
    APPEND(d->kept, d->kept_count,
           ((struct kept_pin){item->stat.st_dev, item->stat.st_ino, item->pin, then ? then->content : NULL}));
  }
}

struct kept_source {
  int fd;
  const struct content *content;  // as it was at the snapshot; NULL: fd
};

// The program may write on, or make the file shorter: what is not there is zero.
static int read_kept(void *data, uint64_t offset, void *bytes, size_t size) {
  const struct kept_source *source = data;
  if (source->content)
    return content_read(source->content, offset, bytes, size);
  for (size_t done = 0; done < size;) {
    ssize_t n = pread(source->fd, (char *)bytes + done, size - done, (off_t)(offset + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return -errno;
    if (n == 0) {
      memset((char *)bytes + done, 0, size - done);
      break;
    }
    done += (size_t)n;
  }
  return 0;
}

static int add_data(struct image_writer *w, uint32_t space, int fd, uint64_t size, uint64_t *bytes) {
  for (off_t at = 0, end; at < (off_t)size; at = end) {
    at = lseek(fd, at, SEEK_DATA);
    if (at < 0)
      return errno == ENXIO ? 0 : -errno;
    end = lseek(fd, at, SEEK_HOLE);
    if (end < 0)
      return -errno;
    uint64_t start = (uint64_t)at / ARCH_PAGE * ARCH_PAGE;
    end = (off_t)page_up((uint64_t)end < size ? (uint64_t)end : size);
    if ((uint64_t)end > start) {
      image_writer_add(w, space, start, (uint64_t)end);
      *bytes += (uint64_t)end - start;
    }
  }
  return 0;
}

static int add_all(struct image_writer *w, uint32_t space, uint64_t size, uint64_t *bytes) {
  if (size)
    image_writer_add(w, space, 0, page_up(size));
  *bytes += page_up(size);
  return 0;
}

int save_kept_files(const struct describing *d, struct image_writer *w, struct file_sources *sources, uint64_t *bytes,
                    struct error *e) {
  for (size_t i = 0; i < d->kept_count; i++) {
    const Snapback__Image__KeptFile *file = d->image->kept_file[i];
    struct kept_source *source = must_alloc(sizeof *source);
    source->content = d->kept[i].content;
    source->fd = source->content ? -1 : pin_open(d->kept[i].pin, O_RDONLY);
    add_source(sources, file->space, read_kept, source);
    int r = source->content  ? add_all(w, file->space, content_size(source->content), bytes)
            : source->fd < 0 ? source->fd
                             : add_data(w, file->space, source->fd, file->file->size, bytes);
    if (r < 0)
      return error_set_errno(e, r, "cannot read %s, which is to travel with the image", file->file->path);
  }
  return 0;
}

void file_sources_done(struct file_sources *all) {
  for (size_t i = 0; i < all->count; i++) {
    if (all->item[i].read == read_shared)
      free(((struct shared_source *)all->item[i].data)->run);
    if (all->item[i].read == read_kept)
      cleanup_fd(&((struct kept_source *)all->item[i].data)->fd);
    free(all->item[i].data);
  }
  free(all->item);
}
