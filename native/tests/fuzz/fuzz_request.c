// SPDX-License-Identifier: EPL-2.0
// Requests of the control protocol as a hostile client may send them: what is understood can be packed again.
#include <stdlib.h>

#include "fuzz.h"
#include "proto/control.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Snapback__Control__Request *request = snapback__control__request__unpack(NULL, size, data);
  if (!request)
    return 0;
  size_t packed = snapback__control__request__get_packed_size(request);
  uint8_t *bytes = malloc(packed ? packed : 1);
  if (snapback__control__request__pack(request, bytes) != packed)
    abort();
  free(bytes);
  snapback__control__request__free_unpacked(request, NULL);
  return 0;
}
