// SPDX-License-Identifier: EPL-2.0
// What the programs of these tests tell: lines of a file that no rewind takes back, for it is opened for each line.
#pragma once

extern const char *journal;  // its path

void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
