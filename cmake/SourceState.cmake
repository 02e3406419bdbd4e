# Writes OUTPUT from TEMPLATE when the state of SOURCE_DIR has changed. Run by
# KvplaceVersion.cmake in each build; never fails for want of git.

set(KVPLACE_SOURCE_STATE "${SOURCE_STATE}")
# A tarball unpacked inside another repository must not report that one: .git
# is a folder, or in a worktree a file, right here.
if(KVPLACE_SOURCE_STATE STREQUAL "" AND EXISTS "${SOURCE_DIR}/.git")
  find_program(GIT git)
  if(GIT)
    execute_process(
      COMMAND ${GIT} describe --always --dirty --tags --match "v[0-9]*"
      WORKING_DIRECTORY ${SOURCE_DIR}
      OUTPUT_VARIABLE KVPLACE_SOURCE_STATE
      OUTPUT_STRIP_TRAILING_WHITESPACE
      ERROR_QUIET)
  endif()
endif()
if(KVPLACE_SOURCE_STATE STREQUAL "")
  set(KVPLACE_SOURCE_STATE unknown)
endif()
# Leaves the file alone when the content is the same.
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
