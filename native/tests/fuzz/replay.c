// SPDX-License-Identifier: EPL-2.0
// Runs a fuzz target without libFuzzer: each file of the corpus, and a fixed number of mutations of it, always the
// same.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { MUTATIONS = 4000, LONGEST = 1 << 16 };

static uint64_t state = 0x9e3779b97f4a7c15u;

static size_t dice(size_t limit) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return limit ? (size_t)(state % limit) : 0;
}

static size_t read_file(const char *path, uint8_t *bytes) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(1);
  }
  size_t size = fread(bytes, 1, LONGEST, file);
  (void)fclose(file);
  return size;
}

// Numbers that lie on borders, and words that the parsers look for, are more telling than noise.
static size_t mutate(uint8_t *bytes, size_t size) {
  static const char *const pieces[] = {"-", ":", "\n", "\t", " ", "ffffffffffffffff", "-1", "18446744073709551616",
                                       "0", "%s"};
  for (size_t n = 1 + dice(4); n; n--) {
    size_t at = dice(size + 1), length = dice(16);
    const char *piece = pieces[dice(sizeof pieces / sizeof *pieces)];
    switch (dice(4)) {
    case 0:
      if (at < size)
        bytes[at] = (uint8_t)dice(256);
      break;
    case 1:
      size = at;
      break;
    case 2:
      length = length < size - at ? length : size - at;
      memmove(bytes + at, bytes + at + length, size - at - length);
      size -= length;
      break;
    default:
      length = strlen(piece);
      if (size + length > LONGEST)
        break;
      memmove(bytes + at + length, bytes + at, size - at);
      memcpy(bytes + at, piece, length);
      size += length;
    }
  }
  return size;
}

// A copy of exactly that size, so that a sanitizer sees each byte read beyond it.
static void run(const uint8_t *bytes, size_t size) {
  uint8_t *copy = malloc(size ? size : 1);
  memcpy(copy, bytes, size);
  (void)LLVMFuzzerTestOneInput(copy, size);
  free(copy);
}

static void run_file(const char *path) {
  static uint8_t original[LONGEST], bytes[LONGEST];
  size_t size = read_file(path, original);
  run(original, size);
  for (unsigned i = 0; i < MUTATIONS; i++) {
    memcpy(bytes, original, size);
    run(bytes, mutate(bytes, size));
  }
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static int is_visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

int main(int argc, char **argv) {
  struct dirent **entries;
  int count = argc == 2 ? scandir(argv[1], &entries, is_visible, by_name) : -1;
  if (count <= 0) {
    fprintf(stderr, "usage: %s FOLDER, a folder with at least one file\n", argv[0]);
    return 1;
  }
  for (int i = 0; i < count; i++) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
    run_file(path);
    free(entries[i]);
  }
  free(entries);
  printf("%d files, %d mutations of each\n", count, MUTATIONS);
  return 0;
}
