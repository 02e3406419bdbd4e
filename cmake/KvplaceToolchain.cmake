# Compiler cache, linker and sanitizers. Each tool is used when it is present
# and never required.

include_guard(GLOBAL)

# ccache, unless the caller chose a launcher. Paths below the root count as
# relative, so that every clone on a machine shares what was compiled; what it
# is told to overlook is what it asks for where headers are precompiled.
if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(KVPLACE_CCACHE ccache)
  mark_as_advanced(KVPLACE_CCACHE)
  if(KVPLACE_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros ${KVPLACE_CCACHE})
  endif()
endif()

# A fast linker, unless the caller chose one.
if(NOT "${CMAKE_EXE_LINKER_FLAGS}" MATCHES "-fuse-ld=")
  find_program(KVPLACE_LINKER NAMES mold ld.lld)
  mark_as_advanced(KVPLACE_LINKER)
  if(KVPLACE_LINKER)
    get_filename_component(_linker ${KVPLACE_LINKER} NAME)
    string(REPLACE "ld.lld" "lld" _linker ${_linker})
    add_link_options(-fuse-ld=${_linker})
  endif()
endif()

# Sanitizers cover our code and the generated code alike.
set(_sanitizers "" address,undefined thread)
if(NOT KVPLACE_SANITIZE IN_LIST _sanitizers AND NOT KVPLACE_SANITIZE STREQUAL "")
  message(FATAL_ERROR
    "KVPLACE_SANITIZE=${KVPLACE_SANITIZE}: use address,undefined or thread")
endif()
if(KVPLACE_SANITIZE)
  add_compile_options(-fsanitize=${KVPLACE_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${KVPLACE_SANITIZE})
  if(KVPLACE_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

# Half of a compilation is what comes after the analysis. Generated sources are
# made as ever.
if(KVPLACE_ANALYZE_ONLY)
  set(CMAKE_CXX_COMPILE_OBJECT
    "<CMAKE_CXX_COMPILER> <DEFINES> <INCLUDES> <FLAGS> -fsyntax-only <SOURCE>"
    "<CMAKE_COMMAND> -E touch <OBJECT>")
  set(CMAKE_CXX_CREATE_STATIC_LIBRARY "<CMAKE_COMMAND> -E touch <TARGET>")
endif()
