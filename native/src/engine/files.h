// SPDX-License-Identifier: EPL-2.0
// Files that are rewound with the program (--files=rewind): what a capture and a rewind do about them.
#pragma once

#include "engine/state.h"

// Before the processes are held: what takes its time.
void files_begin(struct engine *g);

// The files that a held process writes, in the snapshot that is being taken.
int files_capture(const struct process_state *s, const struct mappings *maps, struct error *e);
void files_take(struct engine *g, struct kept_files *ret);  // it has been taken
void files_forget(struct engine *g);                        // it has failed

// What was in a file at the snapshot to which the process belongs; NULL: it was not kept.
const struct kept_file *files_kept(const struct process_state *s, dev_t device, ino_t inode);

// All processes are held: everything that can fail is done, and no file is touched. From here on the descriptors of
// snapshots lead to the files that are going to be theirs.
int files_prepare(struct snapshot *s, struct error *e);
int files_put_back(struct engine *g, struct error *e);  // once
// The rewind is over, or was given up: what was done is told in the report.
void files_rewound(struct snapshot *s, struct rewind_report *report);
