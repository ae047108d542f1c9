// SPDX-License-Identifier: EPL-2.0
// Images written and read back.
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "image_test.h"

static void check_round_trip(size_t pages, enum image_compression compression, unsigned workers) {
  struct sample s = sample_new(pages, (unsigned)pages);
  struct error e = {0};
  const char *path = in_folder("image");
  must_write(&s, &(struct image_writer_options){.path = path, .compression = compression, .workers = workers}, NULL,
             NULL);
  struct image *i = must_open(path);
  must_succeed(image_verify(i, &e), &e);
  must_succeed(read_sample(i, &s, &e), &e);
  image_close(i);
  sample_done(&s);
}

static void readsBackWhatWasWritten(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 2, 255, 256, 257, 1500};
  for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
    for (unsigned workers = 0; workers < 4; workers++) {
      check_round_trip(sizes[n], IMAGE_PLAIN, workers);
      check_round_trip(sizes[n], IMAGE_ZSTD, workers);
    }
}

// Pages [from, to) of the sample, as a range of its space.
static void add(struct image_writer *w, size_t from, size_t to) {
  image_writer_add(w, SAMPLE_SPACE, SAMPLE_START + from * IMAGE_PAGE, SAMPLE_START + to * IMAGE_PAGE);
}

static struct image *write_pages(struct sample *s, const size_t (*ranges)[2], size_t count) {
  struct image_writer_options o = {.path = in_folder("sparse"), .workers = 2};
  struct image_writer *w = NULL;
  struct error e = {0};
  Snapback__Image__Image *m = sample_metadata(s->pages);
  must_succeed(image_writer_open(&o, &w, &e), &e);
  for (size_t i = 0; i < count; i++)
    add(w, ranges[i][0], ranges[i][1]);
  must_succeed(image_writer_write(w, &(struct image_source){SAMPLE_SPACE, sample_read, s}, 1, &e), &e);
  must_succeed(image_writer_finish(w, m, NULL, &e), &e);
  image_writer_free(w);
  snapback__image__image__free_unpacked(m, NULL);
  return must_open(o.path);
}

static bool held(const size_t (*ranges)[2], size_t count, size_t page) {
  for (size_t i = 0; i < count; i++)
    if (page >= ranges[i][0] && page < ranges[i][1])
      return true;
  return false;
}

static void tellsWhatIsNotHeldFromWhatIsZero(void **state) {
  (void)state;
  static const size_t ranges[][2] = {{0, 1}, {3, 300}, {301, 302}, {400, 700}};
  struct sample s = sample_new(800, 9);
  struct image *i = write_pages(&s, ranges, 4);
  static const unsigned char zero[IMAGE_PAGE];
  for (size_t page = 0; page < s.pages; page++) {
    unsigned char bytes[IMAGE_PAGE];
    bool holes = false;
    struct error e = {0};
    must_succeed(image_read(i, SAMPLE_SPACE, SAMPLE_START + page * IMAGE_PAGE, bytes, IMAGE_PAGE, &holes, &e), &e);
    assert_int_equal(holes, !held(ranges, 4, page));
    assert_memory_equal(bytes, holes ? zero : s.bytes + page * IMAGE_PAGE, IMAGE_PAGE);
  }
  image_close(i);
  sample_done(&s);
}

static void readsAcrossTheBordersOfPagesAndExtents(void **state) {
  (void)state;
  static const size_t ranges[][2] = {{0, 20}, {30, 290}};
  struct sample s = sample_new(300, 2);
  memset(s.bytes + 20 * IMAGE_PAGE, 0, 10 * IMAGE_PAGE);
  memset(s.bytes + 290 * IMAGE_PAGE, 0, 10 * IMAGE_PAGE);
  struct image *i = write_pages(&s, ranges, 2);
  struct error e = {0};
  static unsigned char bytes[40000];
  for (size_t at = 0; at + sizeof bytes <= s.pages * IMAGE_PAGE; at += 997) {
    must_succeed(image_read(i, SAMPLE_SPACE, SAMPLE_START + at, bytes, sizeof bytes, NULL, &e), &e);
    assert_memory_equal(bytes, s.bytes + at, sizeof bytes);
  }
  image_close(i);
  sample_done(&s);
}

static void leavesZeroPagesOut(void **state) {
  (void)state;
  struct sample s = sample_new(2000, 1);
  memset(s.bytes, 0, s.pages * IMAGE_PAGE);
  must_write(&s, &(struct image_writer_options){.path = in_folder("zero")}, NULL, NULL);
  struct image *i = must_open(in_folder("zero"));
  size_t count;
  const struct image_extent *x = image_extents(i, SAMPLE_SPACE, &count);
  assert_int_equal(count, 1);
  assert_int_equal(x[0].kind, IMAGE_EXTENT_ZERO);
  assert_int_equal(x[0].end - x[0].start, s.pages * IMAGE_PAGE);
  assert_true(image_bytes(i) < 100000);
  image_close(i);
  sample_done(&s);
}

static void offersPlainBlocksForMapping(void **state) {
  (void)state;
  struct sample s = sample_new(100, 3);
  must_write(&s, &(struct image_writer_options){.path = in_folder("plain")}, NULL, NULL);
  struct image *i = must_open(in_folder("plain"));
  struct error e = {0};
  struct image_block b;
  static unsigned char bytes[256 * IMAGE_PAGE];
  int fd;
  uint64_t offset;
  assert_true(image_block_place(i, 0, 0, &fd, &offset));
  assert_int_equal(offset % IMAGE_PAGE, 0);
  must_succeed(image_block_read(i, 0, 0, &b, &e), &e);
  assert_int_equal(pread(fd, bytes, b.size, (off_t)offset), b.size);
  assert_memory_equal(bytes, b.bytes, b.size);
  assert_true(image_block_matches(i, 0, 0, bytes));
  bytes[5] ^= 1;
  assert_false(image_block_matches(i, 0, 0, bytes));
  image_block_done(&b);
  image_close(i);
  sample_done(&s);
}

// ---- the file ----

static void makesAFileForItsOwnerAlone(void **state) {
  (void)state;
  struct sample s = sample_new(3, 1);
  struct stat found;
  must_write(&s, &(struct image_writer_options){.path = in_folder("mine")}, NULL, NULL);
  assert_int_equal(stat(in_folder("mine"), &found), 0);
  assert_int_equal(found.st_mode & 07777, 0600);
  sample_done(&s);
}

static void replacesAnOldImageInOneStep(void **state) {
  (void)state;
  struct sample old = sample_new(30, 1), new = sample_new(40, 2);
  struct image_writer_options o = {.path = in_folder("same")};
  struct error e = {0};
  (void)files_in_folder(1);
  must_write(&old, &o, NULL, NULL);
  struct image *i = must_open(o.path);
  must_write(&new, &o, NULL, NULL);
  must_succeed(read_sample(i, &old, &e), &e);  // who has it open keeps the old one
  image_close(i);
  i = must_open(o.path);
  must_succeed(read_sample(i, &new, &e), &e);
  image_close(i);
  assert_int_equal(files_in_folder(0), 1);
  sample_done(&old);
  sample_done(&new);
}

static int cancel_half_way(void *data, uint64_t done, uint64_t total) {
  (void)data;
  return done > total / 2;
}

static void leavesNothingWhenCancelled(void **state) {
  (void)state;
  struct sample s = sample_new(4000, 1);
  struct error e = {0};
  (void)files_in_folder(1);
  struct image_writer_options o = {.path = in_folder("cancelled"), .progress = cancel_half_way, .workers = 2};
  assert_int_equal(sample_write(&s, &o, NULL, NULL, &e), -1);
  assert_int_equal(e.code, ERROR_CANCELLED);
  assert_int_equal(files_in_folder(0), 0);
  sample_done(&s);
}

static int note_progress(void *data, uint64_t done, uint64_t total) {
  uint64_t *seen = data;
  assert_true(done >= seen[0] && done <= total);
  seen[0] = done;
  seen[1] = total;
  return 0;
}

static void tellsItsProgress(void **state) {
  (void)state;
  struct sample s = sample_new(2000, 1);
  uint64_t seen[2] = {0};
  must_write(&s, &(struct image_writer_options){.path = in_folder("told"), .progress = note_progress, .data = seen},
             NULL, NULL);
  assert_int_equal(seen[0], (s.pages + SAMPLE_OBJECT_PAGES) * IMAGE_PAGE);
  assert_int_equal(seen[1], seen[0]);
  sample_done(&s);
}

// A real error of write(2): the file must not become that large.
static void leavesTheOldImageWhenTheDiskIsFull(void **state) {
  (void)state;
  struct sample old = sample_new(30, 1), new = sample_new(2000, 2);
  struct image_writer_options o = {.path = in_folder("full")};
  struct error e = {0};
  struct rlimit before, small;
  (void)files_in_folder(1);
  must_write(&old, &o, NULL, NULL);
  (void)signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  small = before;
  small.rlim_cur = 1000000;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  int r = sample_write(&new, &o, NULL, NULL, &e);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  assert_int_equal(r, -1);
  assert_non_null(strstr(e.text, "cannot write"));
  assert_int_equal(files_in_folder(0), 1);
  struct image *i = must_open(o.path);
  must_succeed(read_sample(i, &old, &(struct error){0}), &e);
  image_close(i);
  sample_done(&old);
  sample_done(&new);
}

static int refuse_to_read(void *data, uint64_t address, void *bytes, size_t size) {
  (void)data, (void)bytes, (void)size;
  return address >= SAMPLE_START + 300 * IMAGE_PAGE ? -EIO : 0;
}

static void namesTheMemoryThatCannotBeRead(void **state) {
  (void)state;
  struct image_writer_options o = {.path = in_folder("unreadable")};
  struct image_writer *w = NULL;
  struct error e = {0};
  (void)files_in_folder(1);
  must_succeed(image_writer_open(&o, &w, &e), &e);
  add(w, 0, 1000);
  const struct image_source source = {SAMPLE_SPACE, refuse_to_read, NULL};
  assert_int_equal(image_writer_write(w, &source, 1, &e), -1);
  assert_non_null(strstr(e.text, "cannot read the memory at 0x"));
  image_writer_free(w);
  assert_int_equal(files_in_folder(0), 0);
}

static void refusesToReplaceWhatIsNoFile(void **state) {
  (void)state;
  struct image_writer *w = NULL;
  struct error e = {0};
  assert_int_equal(image_writer_open(&(struct image_writer_options){.path = "/dev/null"}, &w, &e), -1);
  assert_int_equal(e.code, ERROR_REFUSED);
  e = (struct error){0};
  assert_int_equal(image_writer_open(&(struct image_writer_options){.path = test_folder}, &w, &e), -1);
  assert_int_equal(e.code, ERROR_REFUSED);
}

static void refusesToHoldAPageTwice(void **state) {
  (void)state;
  struct sample s = sample_new(10, 1);
  struct image_writer_options o = {.path = in_folder("twice")};
  struct image_writer *w = NULL;
  struct error e = {0};
  Snapback__Image__Image *m = sample_metadata(10);
  must_succeed(image_writer_open(&o, &w, &e), &e);
  add(w, 0, 5);
  add(w, 4, 6);
  must_succeed(image_writer_write(w, &(struct image_source){SAMPLE_SPACE, sample_read, &s}, 1, &e), &e);
  assert_int_equal(image_writer_finish(w, m, NULL, &e), -1);
  assert_non_null(strstr(e.text, "twice"));
  image_writer_free(w);
  snapback__image__image__free_unpacked(m, NULL);
  sample_done(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readsBackWhatWasWritten),
      cmocka_unit_test(tellsWhatIsNotHeldFromWhatIsZero),
      cmocka_unit_test(readsAcrossTheBordersOfPagesAndExtents),
      cmocka_unit_test(leavesZeroPagesOut),
      cmocka_unit_test(offersPlainBlocksForMapping),
      cmocka_unit_test(makesAFileForItsOwnerAlone),
      cmocka_unit_test(replacesAnOldImageInOneStep),
      cmocka_unit_test(leavesNothingWhenCancelled),
      cmocka_unit_test(tellsItsProgress),
      cmocka_unit_test(leavesTheOldImageWhenTheDiskIsFull),
      cmocka_unit_test(namesTheMemoryThatCannotBeRead),
      cmocka_unit_test(refusesToReplaceWhatIsNoFile),
      cmocka_unit_test(refusesToHoldAPageTwice),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
