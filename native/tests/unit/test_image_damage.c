// SPDX-License-Identifier: EPL-2.0
// Images that are not what they should be: cut off, with bits flipped, or made up. An error, never wrong bytes.
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "image/format.h"
#include "image_test.h"

struct file {
  unsigned char *bytes;
  size_t size;
};

static struct file read_file(const char *path) {
  struct file f;
  char *text;
  assert_int_equal(file_read(path, 1 << 30, &text, &f.size), 0);
  f.bytes = (unsigned char *)text;
  return f;
}

static void write_file(const char *path, const void *bytes, size_t size) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(fd_write_all(fd, bytes, size), 0);
  assert_int_equal(close(fd), 0);
}

static struct file sample_file(struct sample *s, const char *path, enum image_compression compression) {
  must_write(s, &(struct image_writer_options){.path = path, .compression = compression}, NULL, NULL);
  return read_file(path);
}

// True: the image at `path` opens, holds the sample and nothing else. False: an error, in one sentence.
static bool is_whole(const char *path, const struct sample *s) {
  struct image *i = NULL;
  struct error e = {0};
  bool whole = image_open(path, &i, &e) == 0 && image_verify(i, &e) == 0 && read_sample(i, s, &e) == 0;
  image_close(i);
  if (!whole)
    assert_true(e.code && e.text[0] && !strchr(e.text, '\n'));
  return whole;
}

// ---- cut off ----

static void noticesThatItIsCutOff(void **state) {
  (void)state;
  struct sample s = sample_new(8, 1);
  struct file f = sample_file(&s, in_folder("whole"), IMAGE_ZSTD);
  struct header h;
  assert_null(header_decode(f.bytes, &h));
  const uint64_t borders[] = {0,
                              1,
                              HEADER_BYTES,
                              h.extents.offset,
                              h.extents.offset + EXTENT_ENTRY_BYTES,
                              h.blocks.offset,
                              h.blocks.offset + BLOCK_ENTRY_BYTES,
                              h.metadata.offset,
                              h.bytes};
  for (size_t n = 0; n < sizeof borders / sizeof *borders; n++)
    for (int more = -1; more <= 1; more++) {
      uint64_t size = borders[n] + (uint64_t)more;
      if (size >= f.size)
        continue;
      write_file(in_folder("cut"), f.bytes, size);
      assert_false(is_whole(in_folder("cut"), &s));
    }
  free(f.bytes);
  sample_done(&s);
}

static void noticesThatSomethingWasAdded(void **state) {
  (void)state;
  struct sample s = sample_new(8, 1);
  struct file f = sample_file(&s, in_folder("longer"), IMAGE_PLAIN);
  write_file(in_folder("longer"), f.bytes, f.size + 1);  // the NUL behind the text
  assert_false(is_whole(in_folder("longer"), &s));
  free(f.bytes);
  sample_done(&s);
}

static void noticesThatItIsCutOffWhileItIsRead(void **state) {
  (void)state;
  struct sample s = sample_new(600, 1);
  struct error e = {0};
  free(sample_file(&s, in_folder("shrinking"), IMAGE_PLAIN).bytes);
  struct image *i = must_open(in_folder("shrinking"));
  assert_int_equal(truncate(in_folder("shrinking"), 1 << 20), 0);
  assert_int_equal(image_verify(i, &e), -1);
  assert_non_null(strstr(e.text, "shorter"));
  image_close(i);
  sample_done(&s);
}

// ---- bits ----

static void noticesEveryFlippedBit(void **state) {
  (void)state;
  struct sample s = sample_new(4, 3);
  for (int compression = IMAGE_PLAIN; compression <= IMAGE_ZSTD; compression++) {
    struct file f = sample_file(&s, in_folder("flipped"), (enum image_compression)compression);
    int fd = open(in_folder("flipped"), O_WRONLY | O_CLOEXEC);
    size_t whole = 0;
    for (size_t at = 0; at < f.size; at++) {
      unsigned char byte = f.bytes[at] ^ (unsigned char)(1u << at % 8);
      assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
      whole += is_whole(in_folder("flipped"), &s);
      assert_int_equal(pwrite(fd, &f.bytes[at], 1, (off_t)at), 1);
    }
    // Only bytes that stand for nothing, up to the next block or table.
    assert_true(whole < 2 * IMAGE_PAGE);
    assert_int_equal(close(fd), 0);
    assert_true(is_whole(in_folder("flipped"), &s));
    free(f.bytes);
  }
  sample_done(&s);
}

// ---- made up, with true checksums ----

struct forgery {
  struct file f;
  struct header h;
};

static struct forgery forge(struct sample *s, enum image_compression compression) {
  struct forgery g = {.f = sample_file(s, in_folder("forged"), compression)};
  assert_null(header_decode(g.f.bytes, &g.h));
  return g;
}

static bool forged_is_whole(struct forgery *g, const struct sample *s) {
  unsigned char *b = g->f.bytes;
  g->h.extents.checksum = checksum_of(b + g->h.extents.offset, g->h.extents.count * EXTENT_ENTRY_BYTES);
  g->h.blocks.checksum = checksum_of(b + g->h.blocks.offset, g->h.blocks.count * BLOCK_ENTRY_BYTES);
  header_encode(&g->h, b);
  write_file(in_folder("forged"), b, g->f.size);
  bool whole = is_whole(in_folder("forged"), s);
  free(b);
  return whole;
}

// Any byte of the first entries set to 255.
static void refusesTablesThatCannotBe(void **state) {
  (void)state;
  struct sample s = sample_new(20, 3);
  for (size_t at = 0; at < EXTENT_ENTRY_BYTES + BLOCK_ENTRY_BYTES; at++) {
    struct forgery g = forge(&s, IMAGE_ZSTD);
    uint64_t entry = at < EXTENT_ENTRY_BYTES ? g.h.extents.offset : g.h.blocks.offset - EXTENT_ENTRY_BYTES;
    assert_int_not_equal(g.f.bytes[entry + at], 0xff);
    g.f.bytes[entry + at] = 0xff;
    assert_false(forged_is_whole(&g, &s));
  }
  sample_done(&s);
}

static void refusesPlacesOutsideOfTheFile(void **state) {
  (void)state;
  struct sample s = sample_new(20, 3);
  static const uint64_t values[] = {0, 1, 4095, 1u << 20, UINT64_MAX / 24, UINT64_MAX / 32, UINT64_MAX - 7, UINT64_MAX};
  for (int field = 0; field < 6; field++)
    for (size_t n = 0; n < sizeof values / sizeof *values; n++) {
      struct forgery g = forge(&s, IMAGE_PLAIN);
      struct table_place *places[] = {&g.h.extents, &g.h.blocks, &g.h.metadata}, *p = places[field / 2];
      uint64_t *changed = field % 2 ? &p->count : &p->offset;
      bool same = *changed == values[n];
      *changed = values[n];
      header_encode(&g.h, g.f.bytes);
      write_file(in_folder("forged"), g.f.bytes, g.f.size);
      free(g.f.bytes);
      assert_int_equal(is_whole(in_folder("forged"), &s), same);
    }
  sample_done(&s);
}

// A small block that unpacks to more than its pages.
static void refusesABlockThatUnpacksToAnotherSize(void **state) {
  (void)state;
  struct sample s = sample_new(20, 3);
  for (int more = -1; more <= 1; more += 2) {
    struct forgery g = forge(&s, IMAGE_ZSTD);
    struct block_place b;
    unsigned char *entry = g.f.bytes + g.h.blocks.offset;
    assert_true(block_decode(entry, g.h.extents.offset, &b));
    b.pages = (uint16_t)(b.pages + more);
    block_encode(&b, entry);
    assert_false(forged_is_whole(&g, &s));
  }
  sample_done(&s);
}

// ---- metadata that cannot be ----

typedef Snapback__Image__Image Image;

static void noProcess(Image *m) { m->n_process = 0; }
static void otherPageSize(Image *m) { m->machine->page_size = 8192; }
static void noThreads(Image *m) { m->process[0]->n_thread = 0; }
static void sameThreadTwice(Image *m) { m->process[0]->thread[1]->tid = m->process[0]->thread[0]->tid; }
static void threadZero(Image *m) { m->process[0]->thread[1]->tid = 0; }
static void mainThreadIsAnother(Image *m) { m->process[0]->pid = 77; }
static void ownParent(Image *m) { m->process[0]->parent = m->process[0]->pid; }
static void unknownParent(Image *m) { m->process[0]->parent = 4; }
static void unknownDebugger(Image *m) { m->process[0]->traced_by = 4; }
static void shortRegisters(Image *m) { m->process[0]->thread[1]->registers.len = 8; }
static void frameNowhere(Image *m) { m->process[0]->thread[0]->last_frame_mapping = 99; }
static void mappingNotAligned(Image *m) { m->process[0]->mapping[0]->start += 8; }
static void mappingEmpty(Image *m) { m->process[0]->mapping[0]->end = m->process[0]->mapping[0]->start; }
static void mappingsOverlap(Image *m) { m->process[0]->mapping[1]->start -= IMAGE_PAGE; }
static void mappingOfNoKind(Image *m) { m->process[0]->mapping[0]->kind = 17; }
static void mappingOfUnknownObject(Image *m) { m->process[0]->mapping[2]->shared_object = 2; }
static void pagesWithoutMapping(Image *m) { m->process[0]->mapping[0]->start += IMAGE_PAGE; }
static void pagesBehindObject(Image *m) { m->shared_object[0]->size = 5; }
static void unknownSpace(Image *m) { m->shared_object[0]->space = 9; }
static void sameSpaceTwice(Image *m) { m->shared_object[0]->space = SAMPLE_SPACE; }
static void spaceZero(Image *m) { m->shared_object[0]->space = 0; }
static void unknownOpenFile(Image *m) { m->process[0]->descriptor[0]->open_file = 99; }
static void descriptorTwice(Image *m) { m->process[0]->descriptor[0]->number = m->process[0]->descriptor[1]->number; }
static void descriptorNegative(Image *m) { m->process[0]->descriptor[0]->number = -1; }
static void openFileTwice(Image *m) { m->open_file[1]->id = 1; }
static void openFileOfNoKind(Image *m) { m->open_file[1]->kind = 0; }
static void unknownPipe(Image *m) { m->pipe[0]->id = 2; }
static void overfullPipe(Image *m) { m->pipe[0]->capacity = 2; }
static void oddAuxiliaryVector(Image *m) { m->process[0]->auxiliary_vector.len = 17; }
static void oddSignalActions(Image *m) { m->process[0]->signal_actions.len = 17; }
static void areaNotAligned(Image *m) { m->process[0]->area = 1; }

#define CASE(name) \
  { #name, name }
static const struct {
  const char *name;
  void (*spoil)(Image *m);
} spoils[] = {
    CASE(noProcess),           CASE(otherPageSize),       CASE(noThreads),       CASE(sameThreadTwice),
    CASE(threadZero),          CASE(mainThreadIsAnother), CASE(ownParent),       CASE(unknownParent),
    CASE(unknownDebugger),     CASE(shortRegisters),      CASE(frameNowhere),    CASE(mappingNotAligned),
    CASE(mappingEmpty),        CASE(mappingsOverlap),     CASE(mappingOfNoKind), CASE(mappingOfUnknownObject),
    CASE(pagesWithoutMapping), CASE(pagesBehindObject),   CASE(unknownSpace),    CASE(sameSpaceTwice),
    CASE(spaceZero),           CASE(unknownOpenFile),     CASE(descriptorTwice), CASE(descriptorNegative),
    CASE(openFileTwice),       CASE(openFileOfNoKind),    CASE(unknownPipe),     CASE(overfullPipe),
    CASE(oddAuxiliaryVector),  CASE(oddSignalActions),    CASE(areaNotAligned),
};

static void replace_metadata(const struct file *f, const unsigned char *bytes, size_t size) {
  struct header h;
  assert_null(header_decode(f->bytes, &h));
  unsigned char *copy = must_alloc(h.metadata.offset + size);
  memcpy(copy, f->bytes, h.metadata.offset);
  memcpy(copy + h.metadata.offset, bytes, size);
  h.metadata.count = size;
  h.metadata.checksum = checksum_of(bytes, size);
  h.bytes = h.metadata.offset + size;
  header_encode(&h, copy);
  write_file(in_folder("forged"), copy, h.bytes);
  free(copy);
}

static bool opens_with(const struct file *f, const struct sample *s, void (*spoil)(Image *m)) {
  Image *m = sample_metadata(s->pages), all = *m;
  Snapback__Image__Process process = *m->process[0];
  spoil(m);
  size_t size = snapback__image__image__get_packed_size(m);
  unsigned char *bytes = must_alloc(size);
  (void)snapback__image__image__pack(m, bytes);
  replace_metadata(f, bytes, size);
  free(bytes);
  m->n_process = all.n_process;  // so that all of it is freed
  m->process[0]->n_thread = process.n_thread;
  snapback__image__image__free_unpacked(m, NULL);
  return is_whole(in_folder("forged"), s);
}

static void nothing(Image *m) { (void)m; }

static void refusesMetadataThatCannotBe(void **state) {
  (void)state;
  struct sample s = sample_new(20, 3);
  struct file f = sample_file(&s, in_folder("true"), IMAGE_PLAIN);
  assert_true(opens_with(&f, &s, nothing));
  for (size_t n = 0; n < sizeof spoils / sizeof *spoils; n++)
    if (opens_with(&f, &s, spoils[n].spoil))
      fail_msg("accepted: %s", spoils[n].name);
  free(f.bytes);
  sample_done(&s);
}

// Two bytes each for half a million processes would take hundreds of megabytes.
static void boundsTheMemoryThatMetadataTakes(void **state) {
  (void)state;
  struct sample s = sample_new(2, 3);
  struct file f = sample_file(&s, in_folder("true"), IMAGE_PLAIN);
  size_t size = 1 << 20;
  unsigned char *bytes = must_alloc(size);
  for (size_t n = 0; n < size; n += 2)
    bytes[n] = 8 << 3 | 2;
  replace_metadata(&f, bytes, size);
  assert_false(is_whole(in_folder("forged"), &s));
  free(bytes);
  free(f.bytes);
  sample_done(&s);
}

static void refusesATextWithANulInIt(void **state) {
  (void)state;
  struct sample s = sample_new(2, 3);
  struct file f = sample_file(&s, in_folder("true"), IMAGE_PLAIN);
  Image *m = sample_metadata(2);
  m->session[3] = 1;
  size_t size = snapback__image__image__get_packed_size(m);
  unsigned char *bytes = must_alloc(size), *one;
  (void)snapback__image__image__pack(m, bytes);
  one = memmem(bytes, size, m->session, strlen(m->session));
  assert_non_null(one);
  one[3] = 0;
  replace_metadata(&f, bytes, size);
  assert_false(is_whole(in_folder("forged"), &s));
  snapback__image__image__free_unpacked(m, NULL);
  free(bytes);
  free(f.bytes);
  sample_done(&s);
}

static void refusesWhatIsNoImage(void **state) {
  (void)state;
  struct image *i = NULL;
  static const char *const paths[] = {"/dev/zero", "/proc/self/maps", "/", "/nonexistent", "/bin/sh"};
  for (size_t n = 0; n < sizeof paths / sizeof *paths; n++) {
    struct error e = {0};
    assert_int_equal(image_open(paths[n], &i, &e), -1);
    assert_non_null(strstr(e.text, paths[n]));
  }
  assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
  assert_int_equal(image_open(in_folder("fifo"), &i, NULL), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(noticesThatItIsCutOff),
      cmocka_unit_test(noticesThatSomethingWasAdded),
      cmocka_unit_test(noticesThatItIsCutOffWhileItIsRead),
      cmocka_unit_test(noticesEveryFlippedBit),
      cmocka_unit_test(refusesTablesThatCannotBe),
      cmocka_unit_test(refusesPlacesOutsideOfTheFile),
      cmocka_unit_test(refusesABlockThatUnpacksToAnotherSize),
      cmocka_unit_test(refusesMetadataThatCannotBe),
      cmocka_unit_test(boundsTheMemoryThatMetadataTakes),
      cmocka_unit_test(refusesATextWithANulInIt),
      cmocka_unit_test(refusesWhatIsNoImage),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
