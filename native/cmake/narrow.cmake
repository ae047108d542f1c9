# SPDX-License-Identifier: EPL-2.0
# BUILDS_NARROW: whether this compiler has the libraries for 32-bit programs, of which some tests are.
include(CheckCSourceCompiles)
unset(BUILDS_NARROW CACHE)  # the libraries may have come since
set(CMAKE_REQUIRED_FLAGS -m32)
check_c_source_compiles("#include <stdlib.h>\nint main(void) { return abs(0); }" BUILDS_NARROW)
unset(CMAKE_REQUIRED_FLAGS)

# Instead of the tests of that name.
function(skip_narrow name)
  add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E echo "skipped: this compiler builds no 32-bit programs (gcc-multilib)")
  set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "skipped:" ${ARGN})
endfunction()
