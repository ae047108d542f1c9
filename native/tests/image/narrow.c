// SPDX-License-Identifier: EPL-2.0
// Makes a golden image of a saved one: what is true of the machine where it was saved, and of no other, is taken out.
// The program of the golden image (golden/ticking.c) knows nothing of any of it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/image.h"

enum { PID = 20001, EXTENDED = 512 + 64, PARTS_EVERYWHERE = 3 };

typedef Snapback__Image__Image Image;
typedef Snapback__Image__Process Process;

static void replace(char **text, const char *with) {
  free(*text);
  *text = must_strdup(with);
}

// "/golden/NAME": a restart maps it to wherever the golden images are.
static void rename_file(char **path) {
  const char *slash = strrchr(*path, '/');
  if (!slash || slash == *path)
    return;
  char *renamed = must_format("/golden%s", slash);
  replace(path, renamed);
  free(renamed);
}

// Names of folders that the kernel's builder left in the vdso.
static void blank_paths(ProtobufCBinaryData *vdso) {
  for (size_t i = 0; i < vdso->len; i++)
    if (vdso->data[i] == '/')
      for (; i < vdso->len && vdso->data[i]; i++)
        vdso->data[i] = 0;
}

static void narrow_machine(Snapback__Image__Machine *m) {
  for (size_t i = 0; i < m->n_cpu_feature; i++)
    free(m->cpu_feature[i]);
  m->n_cpu_feature = 0;
  m->extended_features = PARTS_EVERYWHERE;
  blank_paths(&m->vdso);
  replace(&m->host, "golden");
  m->kernel[strspn(m->kernel, "0123456789.")] = 0;
}

static void narrow_thread(Snapback__Image__Thread *t) {
  t->tid = PID;
  if (t->extended.len > EXTENDED)
    t->extended.len = EXTENDED;
}

static void narrow_process(Process *p) {
  p->pid = p->group = PID;
  replace(&p->working_directory, "/");
  rename_file(&p->executable->path);
  for (size_t i = 0; i < p->n_mapping; i++)
    if (p->mapping[i]->file) {
      rename_file(&p->mapping[i]->file->path);
      replace(&p->mapping[i]->name, p->mapping[i]->file->path);
    }
  for (size_t i = 0; i < p->n_thread; i++)
    narrow_thread(p->thread[i]);
}

static void narrow(Image *m) {
  narrow_machine(m->machine);
  narrow_process(m->process[0]);
  for (size_t i = 0; i < m->n_command; i++)
    rename_file(&m->command[i]);
  if (m->place)
    m->place->thread = PID;
}

struct origin {
  const struct image *image;
  uint32_t space;
};

static int read_origin(void *data, uint64_t address, void *bytes, size_t size) {
  const struct origin *o = data;
  return image_read(o->image, o->space, address, bytes, size, NULL, NULL);
}

static void add(struct image_writer *w, const struct image *from, const struct image *parent, uint32_t space,
                struct error *e) {
  size_t count;
  const struct image_extent *x = image_extents(from, space, &count);
  for (size_t i = 0; i < count; i++)
    if (x[i].file == 0)
      image_writer_add(w, space, x[i].start, x[i].end);
    else if (image_writer_refer(w, space, x[i].start, x[i].end, parent, e))
      return;
}

static Image *copy_of(const struct image *i) {
  size_t size = snapback__image__image__get_packed_size(image_metadata(i));
  unsigned char *bytes = must_alloc(size);
  (void)snapback__image__image__pack(image_metadata(i), bytes);
  Image *m = snapback__image__image__unpack(NULL, size, bytes);
  free(bytes);
  return m;
}

static int write_narrow(const struct image *from, const char *path, const struct image *parent, struct error *e) {
  struct image_writer *w = NULL;
  Image *m = copy_of(from);
  struct origin origins[2] = {{from, m->process[0]->space},
                              {from, m->n_shared_object ? m->shared_object[0]->space : 0}};
  struct image_source sources[2];
  narrow(m);
  if (image_writer_open(&(struct image_writer_options){.path = path, .compression = IMAGE_ZSTD}, &w, e))
    return -1;
  for (int i = 0; i < 2; i++) {
    sources[i] = (struct image_source){origins[i].space, read_origin, &origins[i]};
    add(w, from, parent, origins[i].space, e);
  }
  int r = e->code || image_writer_write(w, sources, 2, e) || image_writer_finish(w, m, NULL, e) ? -1 : 0;
  image_writer_free(w);
  snapback__image__image__free_unpacked(m, NULL);
  return r;
}

int main(int argc, char **argv) {
  struct image *from = NULL, *parent = NULL;
  struct error e = {0};
  if (argc != 3 && argc != 4) {
    (void)fprintf(stderr, "usage: %s SAVED GOLDEN [GOLDEN-PARENT]\n", argv[0]);
    return 1;
  }
  if (image_open(argv[1], &from, &e) || image_open_ancestors(from, NULL, &e) ||
      (argc == 4 && image_open(argv[3], &parent, &e)) || write_narrow(from, argv[2], parent, &e))
    (void)fprintf(stderr, "%s\n", e.text);
  image_close(from);
  image_close(parent);
  return e.code != 0;
}
