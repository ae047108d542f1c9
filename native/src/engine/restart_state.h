// SPDX-License-Identifier: EPL-2.0
// What a restart is made of; shared by the files restart*.c.
#pragma once

#include "engine/restart.h"
#include "engine/state.h"
#include "proto/image.pb-c.h"
#include "resource/recreate.h"
#include "resource/shared_files.h"

// A value of the environment that is to be replaced.
struct environment_patch {
  const char *line;  // of the file of new values
  uint64_t address;
  char *bytes;
  size_t size;
};

// How a process of a tree comes to its parent and into its session: restart_birth.c.
enum birth {
  BIRTH_BY_CALLER,  // the first: it has been started by exec
  BIRTH_BY_PARENT,
  BIRTH_BY_SIBLING,         // `mother` is a child of the same parent, in the session that it is to be in
  BIRTH_BY_LEADER,          // the leader of its session, which had ended before, lives for a moment
  BIRTH_AS_ORPHAN,          // a child of `mother` does, which ends at once
  BIRTH_AS_LEADERS_ORPHAN,  // the same, and it leads the session
};

// The restart of one process.
struct restart {
  const struct image *image;
  const Snapback__Image__Image *metadata;
  const Snapback__Image__Process *process;
  struct restart_options options;
  struct recreation *files;  // all that the image names, opened: for all processes
  char *executable;
  char *directory;  // the working directory, today's path
  struct environment_patch *patch;
  size_t patches, patch_capacity;
  struct mappings then;  // the image's, as /proc/PID/maps would list them
  bool bridges_vdso;     // this kernel's is another one than the image's
  enum birth birth;
  size_t mother;               // index of the process
  const struct restart *twin;  // the mother, if it is a fork of hers that has not executed another program
  bool *kept;                  // by index in `then`: mappings that it has from her as they are; NULL: it is none
};

struct restart_tree {
  struct restart *item;  // as in the image: parents before their children
  size_t count;
  struct recreation files;
  char note[640];
};

// A restart under way.
struct restarting {
  struct restart *r;
  struct engine *engine;
  struct process_state *s;  // what is put back; it has no template
  struct frozen f;
  struct executor *main;
  struct delivery *way;
  uint64_t vdso;  // of the new process, now
  struct shared_files *shared;
};

// All of a restart under way.
struct restarting_tree {
  struct engine *engine;
  struct restart_tree *tree;
  struct restarting *item;
  struct shared_files shared;
  struct system_v system_v;
};

// As engine_restart, but the processes are left held, with everything in place for them to go on. `ret` has room for
// each.
int restart_held(struct engine *g, struct restart_tree *t, struct frozen *ret, struct error *e);

// Today's path of a file of the image; the caller frees it.
char *restart_path(const struct restart *r, const char *path);

// restart_machine.c
int restart_check_machine(struct restart *r, struct error *e);

// restart_files.c
int restart_check_files(struct restart *r, struct error *e);
int restart_put_files_back(struct restart *r, struct error *e);

// restart_environment.c
int restart_check_environment(struct restart *r, struct error *e);
int restart_check_environment_lines(const struct restart_tree *t, struct error *e);  // once all have been checked
int restart_patch_environment(struct restarting *w, struct error *e);

// restart_vdso.c
int restart_check_vdso(struct restart *r, struct error *e);
int restart_set_vdso_aside(struct restarting *w, const struct mappings *now, struct error *e);
// To where the image has it, if it is the same one; the executor then uses it there.
int restart_put_vdso_back(struct restarting *w, struct error *e);
int restart_bridge_vdso(struct restarting *w, struct error *e);

// restart_layout.c
int restart_clear(struct restarting *w, struct error *e);
int restart_set_fields(struct restarting *w, struct error *e);
int restart_map(struct restarting *w, struct error *e);
// A place of that size where neither has anything; 0: none.
uint64_t restart_free_place(const struct mappings *now, const struct mappings *then, uint64_t size);

// restart_system_v.c: objects of the session, before the mappings; what processes have of them.
int restart_make_objects(struct restarting_tree *t, struct error *e);
int restart_attach(struct restarting *w, const Snapback__Image__Mapping *m, struct error *e);
void restart_describe_adjustments(struct restarting *w);

// restart_memory.c
int restart_fill(struct restarting *w, struct error *e);

// restart_snapshot.c: the image's process as the rest of the engine knows it
int restart_describe(struct restarting *w, struct error *e);

// restart_twin.c: a process that another one has forked keeps what both have in common, and shares its pages.
void restart_find_twin(struct restart *r, const struct restart *mother);
bool restart_can_be_twin(const struct restart *r, uint64_t area);  // which the mother has mapped
int restart_trim(struct restarting *w, struct error *e);           // unmaps what only the mother has
// The extents that are to be written, in an array for the caller; drops pages that only the mother has.
struct image_extent *restart_difference(struct restarting *w, size_t *ret_count, struct error *e);

// restart_birth.c: the processes of a tree, but for the first.
int restart_plan_births(struct restart_tree *t, struct error *e);
// The process is there, held behind its exec.
int restart_birth(struct restarting_tree *t, size_t index, struct error *e);

// tracing_image.c: who traces whom, once all is there.
int restart_check_tracings(const struct restart_tree *t, struct error *e);
int restart_read_tracings(const struct restart_tree *t, struct tracings *ret, struct error *e);
int restart_put_tracings_back(const struct restart_tree *t, struct error *e);

// restart_relatives.c
int restart_join_groups(struct restarting_tree *t, struct error *e);  // and children that have ended
int restart_stop(struct restarting_tree *t, size_t index, struct error *e);
void restart_give_terminal(const struct restart_tree *t);
