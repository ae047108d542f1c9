// SPDX-License-Identifier: EPL-2.0
// Time that only goes on (CLOCK_MONOTONIC), for deadlines and durations.
#pragma once

#include <stdint.h>

uint64_t now_us(void);  // microseconds
uint64_t now_ms(void);  // milliseconds
