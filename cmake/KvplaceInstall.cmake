# `cmake --install`: besides the programs a unit of systemd, its configuration
# and the documents. The prefix may be chosen then: with --prefix /usr the
# configuration goes into /etc/kvplace, else into PREFIX/etc/kvplace.

include_guard(GLOBAL)

install(CODE "
  set(KVPLACE_SOURCE \"${PROJECT_SOURCE_DIR}\")
  set(KVPLACE_BUILD \"${PROJECT_BINARY_DIR}\")
  include(\"${PROJECT_SOURCE_DIR}/cmake/InstallService.cmake\")")
