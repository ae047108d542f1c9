// SPDX-License-Identifier: EPL-2.0
// Replies and events as a hostile session may send them, and their way to JSON.
#include <stdio.h>
#include <stdlib.h>

#include "cli/json.h"
#include "fuzz.h"
#include "proto/control.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Snapback__Control__ServerMessage *message = snapback__control__server_message__unpack(NULL, size, data);
  if (!message)
    return 0;
  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);
  json_message(out, &message->base);
  (void)fclose(out);
  if (length < 2 || text[0] != '{')
    abort();
  free(text);
  snapback__control__server_message__free_unpacked(message, NULL);
  return 0;
}
