// SPDX-License-Identifier: EPL-2.0
// What every fuzz target defines: one input, which must neither crash nor leak, whatever its bytes are.
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
