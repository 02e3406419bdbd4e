# The warnings of our own code, in one place: the interface library
# kvplace_warnings, which the functions of KvplaceTargets.cmake link privately.
# Generated code does not link it.
#
# Not -Wconversion: it objects to every int64 -> double, which is what a cost
# model consists of. What it would have found that matters, a float that
# becomes an integer and (clang) 64 bits that become 32, is asked for by name.

include_guard(GLOBAL)

add_library(kvplace_warnings INTERFACE)
target_compile_options(kvplace_warnings INTERFACE
  -Wall
  -Wextra
  -Wshadow
  -Wextra-semi
  -Wnon-virtual-dtor
  -Woverloaded-virtual
  -Wfloat-conversion
  # Options structs are filled by designated initializers on purpose.
  -Wno-missing-field-initializers
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  $<$<CXX_COMPILER_ID:Clang>:-Wshorten-64-to-32>)

if(KVPLACE_THREAD_SAFETY_ERRORS)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "KVPLACE_THREAD_SAFETY_ERRORS needs clang")
  endif()
  target_compile_options(kvplace_warnings INTERFACE -Werror=thread-safety)
endif()

if(KVPLACE_WERROR)
  target_compile_options(kvplace_warnings INTERFACE -Werror)
endif()
