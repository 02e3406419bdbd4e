# The target kvplace::version: "kvplace/version.h" with the release number and
# the state of the source tree.
#
# The release number is in the header, which changes with the release only. The
# tree's state is in one small .cc file, rewritten in each build that finds it
# changed: a commit costs one compilation of ten lines and the links.

include_guard(GLOBAL)

set(KVPLACE_SOURCE_STATE "" CACHE STRING
  "What to report as the state of the source; empty: ask git, or say unknown")

set(_version_dir ${PROJECT_BINARY_DIR}/generated/version)
configure_file(${PROJECT_SOURCE_DIR}/cmake/version.h.in
  ${_version_dir}/kvplace/version.h @ONLY)

add_custom_target(kvplace_source_state
  COMMAND ${CMAKE_COMMAND}
    -D SOURCE_DIR=${PROJECT_SOURCE_DIR}
    -D PROJECT_VERSION=${PROJECT_VERSION}
    -D SOURCE_STATE=${KVPLACE_SOURCE_STATE}
    -D TEMPLATE=${PROJECT_SOURCE_DIR}/cmake/version.cc.in
    -D OUTPUT=${_version_dir}/version.cc
    -P ${PROJECT_SOURCE_DIR}/cmake/SourceState.cmake
  BYPRODUCTS ${_version_dir}/version.cc
  COMMENT "Source state"
  VERBATIM)

add_library(kvplace_version STATIC ${_version_dir}/version.cc)
add_dependencies(kvplace_version kvplace_source_state)
target_include_directories(kvplace_version PUBLIC ${_version_dir})
target_link_libraries(kvplace_version PRIVATE kvplace_warnings)
add_library(kvplace::version ALIAS kvplace_version)
