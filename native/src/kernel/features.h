// SPDX-License-Identifier: EPL-2.0
// What this kernel offers, found by trying, never by its version; and why it refuses what it refuses.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct feature {
  const char *name;
  const char *purpose;
  const char *instead;                       // what is used when it is missing
  bool needed;                               // nothing works without it
  bool (*probe)(char *detail, size_t size);  // `detail`: a few words or a sentence for the user, may stay empty
};

extern const struct feature features[];
extern const size_t feature_count;

// Why namespaces could not be made (the negative errno of clone, or of the first mount in them), and the remedy.
void user_namespace_refusal(int error, char *ret, size_t size);

// Why a fresh /proc could not be mounted in them, and the remedy.
void proc_mount_refusal(int error, char *ret, size_t size);
