// SPDX-License-Identifier: EPL-2.0
// What every unit test includes, in the order that cmocka asks for.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
