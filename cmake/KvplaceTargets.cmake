# How this project's libraries, programs and tests are declared.
#
#   kvplace_add_library(core
#     SOURCES  cost_model.cc cost_model.h units.h   # explicit; relative to this folder
#     DEPS     absl::status absl::statusor          # public: seen by who links this
#     PRIVATE_DEPS absl::strings)                   # used in .cc files only
#
#       COLD  runs when a program begins, or as fast as a person reads: -O1 in a
#             release too, a third of the compilation where CLI11's templates
#             are; under a sanitizer -O0, which is half of it.
#       HOT   what tests spend their time in: -O2 under a sanitizer, too.
#
#       makes the static library `kvplace_core` with the alias `kvplace::core`
#       (an interface library where SOURCES has headers only). Others always
#       name the alias: a misspelt alias is an error, a misspelt plain name is
#       a linker flag.
#
#   kvplace_add_executable(kvplaced
#     SOURCES main.cc
#     DEPS    kvplace::service kvplace::config)
#
#       makes the program build/<preset>/bin/kvplaced and its install rule.
#       NO_INSTALL leaves the rule out (benchmarks, helpers of tests).
#
#   kvplace_add_test(cost_model_test
#     SOURCES cost_model_test.cc
#     DEPS    kvplace::core
#     LABELS  core)                  # at least one of the labels listed below
#
#       makes build/<preset>/bin/tests/cost_model_test, linked with GoogleTest,
#       GoogleMock and their main(), and ONE ctest entry of the same name.
#       TIMEOUT <seconds>  default 60; scaled by KVPLACE_TEST_TIMEOUT_SCALE.
#       RUN_SERIAL         not beside another test (it measures time or load).
#       NO_MAIN            the test brings its own main().
#       THREADS            has threads, and neither gRPC nor absl::Mutex: what
#                          the preset tsan builds and runs.
#       PROGRAMS <target>...  programs it starts; built before it, and found
#                          in the folder named by KVPLACE_BIN_DIR.
#
#   kvplace_add_script_test(simulate_cli_test
#     COMMAND  ${CMAKE_CURRENT_SOURCE_DIR}/simulate_cli_test.sh
#     PROGRAMS kvplacectl
#     LABELS   integration)
#
#       a test that is a script. Exit 77 means skipped. PROGRAMS that this
#       build does not make leave the test out of it.
#       NUMBERS  what it looks at are numbers, which a sanitizer does not change:
#                not in such builds, where smaller tests run the same code.
#
# Labels: core (core and replay, without a network), service, client,
# integration (starts processes or servers); threads, of THREADS.
#
# Every test starts in the repository's root and gets the environment
#   KVPLACE_SOURCE_DIR  the repository's root
#   KVPLACE_BIN_DIR     the folder with the built programs
#   KVPLACE_DATA_DIR    recorded traces; may not exist: then GTEST_SKIP() << why
#
# Includes are written from the root: #include "server/core/units.h",
# #include "kvplace/v1/session.pb.h", #include "kvplace/version.h".
#
# With KVPLACE_CORE_ONLY=ON a library, program or test one of whose DEPS does
# not exist is left out with a line that says so; otherwise it is an error.

include_guard(GLOBAL)

define_property(GLOBAL PROPERTY KVPLACE_ANALYZED_TARGETS
  BRIEF_DOCS "Own libraries and programs that may lock, tests aside"
  FULL_DOCS "What the target kvplace_analyze builds")
define_property(TARGET PROPERTY KVPLACE_LOCKS
  BRIEF_DOCS "May lock"
  FULL_DOCS "It names absl::synchronization, or something that does")

set(_kvplace_labels core service client integration threads)

# Sets `out` to the first of the given targets that does not exist, or to "".
# Fails outside of core-only builds, where nothing may be missing.
function(_kvplace_first_missing out for)
  set(${out} "" PARENT_SCOPE)
  foreach(dep IN LISTS ARGN)
    if(dep MATCHES "::" AND NOT TARGET ${dep})
      if(NOT KVPLACE_CORE_ONLY)
        message(FATAL_ERROR "${for}: there is no target ${dep}. "
          "Is its folder listed before this one in the top CMakeLists.txt?")
      endif()
      set(${out} ${dep} PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

function(_kvplace_check_arguments for prefix)
  if(${prefix}_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${for}: unknown: ${${prefix}_UNPARSED_ARGUMENTS}")
  endif()
  foreach(need IN LISTS ARGN)
    if(NOT ${prefix}_${need})
      message(FATAL_ERROR "${for}: ${need} is missing")
    endif()
  endforeach()
endfunction()

# What nearly every file reads. Reading it takes as long as compiling what is a
# usual file's own, so it is precompiled, once for all libraries; files include
# what they use all the same, which a build with KVPLACE_PRECOMPILE=OFF checks.
set(_kvplace_common_headers
  <algorithm> <cstdint> <functional> <memory> <optional> <string> <utility>
  <vector> <absl/container/flat_hash_map.h> <absl/status/status.h>
  <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/types/span.h>)
set(_kvplace_common_libraries
  absl::flat_hash_map absl::span absl::status absl::statusor absl::strings)

# `carrier` is compiled as `name` is.
function(_kvplace_reuse_headers name carrier)
  if(KVPLACE_PRECOMPILE)
    target_precompile_headers(${name} REUSE_FROM ${carrier})
  endif()
endfunction()

# Whether one of the libraries has locks, and `target` with it.
function(_kvplace_note_locks target)
  foreach(dep IN LISTS ARGN)
    set(locks FALSE)
    if(dep STREQUAL "absl::synchronization")
      set(locks TRUE)
    elseif(dep MATCHES "^kvplace::" AND TARGET ${dep})
      get_target_property(locks ${dep} KVPLACE_LOCKS)
    endif()
    if(locks)
      set_target_properties(${target} PROPERTIES KVPLACE_LOCKS TRUE)
      set_property(GLOBAL APPEND PROPERTY KVPLACE_ANALYZED_TARGETS ${target})
      return()
    endif()
  endforeach()
endfunction()

function(kvplace_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "COLD;HOT" ""
    "SOURCES;DEPS;PRIVATE_DEPS")
  string(REGEX REPLACE "^kvplace_" "" name "${name}")
  set(target kvplace_${name})
  _kvplace_check_arguments(${target} arg SOURCES)
  _kvplace_first_missing(missing ${target} ${arg_DEPS} ${arg_PRIVATE_DEPS})
  if(missing)
    message(STATUS "kvplace: left out ${target} (needs ${missing})")
    return()
  endif()

  set(compiled ${arg_SOURCES})
  list(FILTER compiled INCLUDE REGEX "\\.(cc|c)$")
  if(compiled)
    add_library(${target} STATIC ${arg_SOURCES})
    target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${target}
      PUBLIC ${arg_DEPS}
      PRIVATE ${arg_PRIVATE_DEPS} kvplace_warnings)
    set(headers kvplace_headers)
    if(arg_COLD)
      target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
      if(KVPLACE_SANITIZE)
        target_compile_options(${target} PRIVATE -O0)
        set(headers kvplace_cold_headers)
      endif()
    elseif(arg_HOT AND KVPLACE_SANITIZE)
      target_compile_options(${target} PRIVATE -O2)
    endif()
    _kvplace_reuse_headers(${target} ${headers})
  else()
    add_library(${target} INTERFACE)
    target_sources(${target} PRIVATE ${arg_SOURCES})
    target_include_directories(${target} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${target}
      INTERFACE ${arg_DEPS} ${arg_PRIVATE_DEPS})
  endif()
  _kvplace_note_locks(${target} ${arg_DEPS} ${arg_PRIVATE_DEPS})
  add_library(kvplace::${name} ALIAS ${target})
endfunction()

function(kvplace_add_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_INSTALL" "" "SOURCES;DEPS")
  _kvplace_check_arguments(${name} arg SOURCES)
  _kvplace_first_missing(missing ${name} ${arg_DEPS})
  if(missing)
    message(STATUS "kvplace: left out ${name} (needs ${missing})")
    return()
  endif()
  if(KVPLACE_ANALYZE_ONLY)  # which waits for no library
    add_library(${name} OBJECT ${arg_SOURCES})
  else()
    add_executable(${name} ${arg_SOURCES})
  endif()
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} kvplace_warnings)
  _kvplace_note_locks(${name} ${arg_DEPS})
  if(NOT arg_NO_INSTALL AND NOT KVPLACE_ANALYZE_ONLY)
    install(TARGETS ${name} RUNTIME)
  endif()
endfunction()

# What gtest binaries and scripts have in common as ctest entries.
function(_kvplace_test_properties name labels timeout run_serial)
  foreach(label IN LISTS labels)
    if(NOT label IN_LIST _kvplace_labels)
      message(FATAL_ERROR "${name}: label ${label} is none of ${_kvplace_labels}")
    endif()
  endforeach()
  if(NOT timeout)
    set(timeout 60)
  endif()
  math(EXPR timeout "${timeout} * ${KVPLACE_TEST_TIMEOUT_SCALE}")
  set_tests_properties(${name} PROPERTIES
    LABELS "${labels}"
    TIMEOUT ${timeout}
    RUN_SERIAL ${run_serial}
    SKIP_RETURN_CODE 77
    ENVIRONMENT "KVPLACE_SOURCE_DIR=${PROJECT_SOURCE_DIR};KVPLACE_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};KVPLACE_DATA_DIR=${KVPLACE_DATA_DIR}")
endfunction()

# The test's own code; what it tests is in libraries, optimized as ever. Saves a
# quarter of its compilation, and under sanitizers more than half.
function(_kvplace_test_options name)
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  if(KVPLACE_SANITIZE)
    target_compile_options(${name} PRIVATE -O0 -fno-sanitize=undefined)
  endif()
endfunction()

function(kvplace_add_test name)
  if(NOT KVPLACE_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg
    "RUN_SERIAL;NO_MAIN;THREADS" "TIMEOUT"
    "SOURCES;DEPS;LABELS;PROGRAMS")
  _kvplace_check_arguments(${name} arg SOURCES LABELS)
  _kvplace_first_missing(missing ${name} ${arg_DEPS})
  foreach(program IN LISTS arg_PROGRAMS)
    if(NOT missing AND KVPLACE_CORE_ONLY AND NOT TARGET ${program})
      set(missing ${program})
    endif()
  endforeach()
  if(missing)
    message(STATUS "kvplace: left out ${name} (needs ${missing})")
    return()
  endif()

  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  if(arg_NO_MAIN)
    set(main GTest::gmock)
  else()
    set(main GTest::gmock_main)
  endif()
  target_link_libraries(${name} PRIVATE ${arg_DEPS} ${main} kvplace_warnings)
  _kvplace_test_options(${name})
  _kvplace_reuse_headers(${name} kvplace_test_headers)
  if(arg_THREADS)
    set_property(GLOBAL APPEND PROPERTY KVPLACE_THREAD_TESTS ${name})
    list(APPEND arg_LABELS threads)
  endif()
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/tests)
  if(arg_PROGRAMS)
    add_dependencies(${name} ${arg_PROGRAMS})
  endif()
  add_test(NAME ${name} COMMAND ${name}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  _kvplace_test_properties(${name} "${arg_LABELS}" "${arg_TIMEOUT}"
    ${arg_RUN_SERIAL})
endfunction()

function(kvplace_add_script_test name)
  if(NOT KVPLACE_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "RUN_SERIAL;NUMBERS" "TIMEOUT"
    "COMMAND;LABELS;PROGRAMS")
  _kvplace_check_arguments(${name} arg COMMAND LABELS)
  if(arg_NUMBERS AND KVPLACE_SANITIZE)
    message(STATUS "kvplace: left out ${name} (its subject is numbers)")
    return()
  endif()
  foreach(program IN LISTS arg_PROGRAMS)
    if(NOT TARGET ${program})
      message(STATUS "kvplace: left out ${name} (needs ${program})")
      return()
    endif()
  endforeach()
  add_test(NAME ${name} COMMAND ${arg_COMMAND}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  _kvplace_test_properties(${name} "${arg_LABELS}" "${arg_TIMEOUT}"
    ${arg_RUN_SERIAL})
endfunction()

# Call once, after the last module: `cmake --build ... -t kvplace_analyze`
# compiles every own library and program that may lock, and no test;
# -t kvplace_thread_tests the tests with threads.
function(kvplace_finish_targets)
  get_property(targets GLOBAL PROPERTY KVPLACE_ANALYZED_TARGETS)
  add_custom_target(kvplace_analyze DEPENDS ${targets})
  get_property(tests GLOBAL PROPERTY KVPLACE_THREAD_TESTS)
  add_custom_target(kvplace_thread_tests DEPENDS ${tests})
endfunction()

# The carriers of precompiled headers: for libraries, for those that are not
# optimized, and, with GoogleTest and GoogleMock, for tests. A carrier is
# optimized as the most optimized of its users: gcc crashes where one is more.
function(_kvplace_carry name)
  add_library(${name} STATIC ${PROJECT_BINARY_DIR}/headers.cc)
  target_compile_options(${name} PRIVATE ${ARGN})
  target_link_libraries(${name}
    PRIVATE ${_kvplace_common_libraries} kvplace_warnings)
  target_precompile_headers(${name} PRIVATE ${_kvplace_common_headers})
endfunction()

if(KVPLACE_PRECOMPILE)
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/headers.cc
    CONTENT "int main() {}\n")
  if(KVPLACE_SANITIZE)
    _kvplace_carry(kvplace_headers -O2)
    _kvplace_carry(kvplace_cold_headers -O0)
  else()
    _kvplace_carry(kvplace_headers)
  endif()
endif()
if(KVPLACE_PRECOMPILE AND KVPLACE_BUILD_TESTS)
  # A program, so that it is compiled as tests are.
  add_executable(kvplace_test_headers ${PROJECT_BINARY_DIR}/headers.cc)
  target_link_libraries(kvplace_test_headers
    PRIVATE GTest::gmock ${_kvplace_common_libraries} kvplace_warnings)
  _kvplace_test_options(kvplace_test_headers)
  set_target_properties(kvplace_test_headers PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/tests)
  target_precompile_headers(kvplace_test_headers PRIVATE
    <gmock/gmock.h> <gtest/gtest.h> ${_kvplace_common_headers})
endif()
