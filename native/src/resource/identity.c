// SPDX-License-Identifier: EPL-2.0
// What tells a file from another one that has taken its place.
#include "resource/identity.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
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
  Elf64_Ehdr elf;
  if (fd_pread_all(fd, &elf, sizeof elf, 0) < 0 || memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 ||
      elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_phentsize != sizeof(Elf64_Phdr) || elf.e_phnum > HEADERS_MAX)
    return;
  Elf64_Phdr headers[HEADERS_MAX];
  if (fd_pread_all(fd, headers, elf.e_phnum * sizeof headers[0], (off_t)elf.e_phoff) < 0)
    return;
  for (unsigned i = 0; i < elf.e_phnum && !ret->build_id_size; i++) {
    unsigned char notes[NOTES_MAX];
    if (headers[i].p_type == PT_NOTE && headers[i].p_filesz <= sizeof notes &&
        fd_pread_all(fd, notes, headers[i].p_filesz, (off_t)headers[i].p_offset) == 0)
      find_in_notes(notes, headers[i].p_filesz, ret);
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
