// SPDX-License-Identifier: EPL-2.0
// What tells a file from another one that has taken its place.
#include "resource/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/elf_classes.h"
#include "base/file.h"
#include "resource/descriptors.h"

enum { HEADERS_MAX = 128, NOTES_MAX = 16384 };

static size_t padded(size_t n) { return (n + 3) & ~(size_t)3; }

static void find_in_notes(const unsigned char *notes, size_t size, struct file_identity *ret) {
  for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= size;) {
    Elf64_Nhdr note;
    memcpy(&note, notes + at, sizeof note);
    size_t name = at + sizeof note, bytes = name + padded(note.n_namesz);
    if (note.n_namesz > size || note.n_descsz > size || bytes + note.n_descsz > size)
      return;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(notes + name, "GNU", 4) == 0 &&
        note.n_descsz <= BUILD_ID_MAX) {
      memcpy(ret->build_id, notes + bytes, note.n_descsz);
      ret->build_id_size = note.n_descsz;
      return;
    }
    at = bytes + padded(note.n_descsz);
  }
}

static void find_build_id(int fd, struct file_identity *ret) {
  unsigned char bytes[sizeof(Elf64_Ehdr)], headers[HEADERS_MAX * sizeof(Elf64_Phdr)], notes[NOTES_MAX];
  Elf64_Ehdr elf;
  bool is_narrow;
  if (fd_pread_all(fd, bytes, sizeof bytes, 0) < 0 || !elf_read_header(bytes, sizeof bytes, &elf, &is_narrow) ||
      elf.e_phnum > HEADERS_MAX)
    return;
  const size_t size = elf_size_of_segment(is_narrow);
  if (fd_pread_all(fd, headers, elf.e_phnum * size, (off_t)elf.e_phoff) < 0)
    return;
  for (unsigned i = 0; i < elf.e_phnum && !ret->build_id_size; i++) {
    Elf64_Phdr segment;
    elf_read_segment(headers + i * size, is_narrow, &segment);
    if (segment.p_type == PT_NOTE && segment.p_filesz <= sizeof notes &&
        fd_pread_all(fd, notes, segment.p_filesz, (off_t)segment.p_offset) == 0)
      find_in_notes(notes, segment.p_filesz, ret);
  }
}

int identity_read(int fd, struct file_identity *ret) {
  struct stat st;
  if (fstat(fd, &st) < 0)
    return -errno;
  *ret = (struct file_identity){
      .size = (uint64_t)st.st_size,
      .modified_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
      .mode = st.st_mode,
  };
  if (!S_ISREG(st.st_mode))
    return 0;
  _cleanup_fd_ int file = pin_open(fd, O_RDONLY | O_NONBLOCK);
  if (file >= 0)
    find_build_id(file, ret);
  return 0;
}
