// SPDX-License-Identifier: EPL-2.0
// /proc/cpuinfo: what the processors can do.
#pragma once

// The features of the first processor (all are alike), their names parted by blanks. The caller frees it; NULL:
// unknown.
char *cpu_features(void);
