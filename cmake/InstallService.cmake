# Run by `cmake --install`, from KvplaceInstall.cmake. Needs KVPLACE_SOURCE and
# KVPLACE_BUILD; DESTDIR is honoured.

set(_prefix ${CMAKE_INSTALL_PREFIX})
set(KVPLACE_BIN ${_prefix}/bin)
set(KVPLACE_DOC ${_prefix}/share/doc/kvplace)
if(_prefix STREQUAL "/usr")
  set(KVPLACE_ETC /etc/kvplace)
else()
  set(KVPLACE_ETC ${_prefix}/etc/kvplace)
endif()

set(_unit ${KVPLACE_BUILD}/generated/systemd/kvplaced.service)
configure_file(${KVPLACE_SOURCE}/deploy/systemd/kvplaced.service.in ${_unit} @ONLY)
file(INSTALL ${_unit} DESTINATION ${_prefix}/lib/systemd/system)

# Never over what somebody has written.
if(NOT EXISTS "$ENV{DESTDIR}${KVPLACE_ETC}/kvplaced.yaml")
  file(INSTALL ${KVPLACE_SOURCE}/deploy/systemd/kvplaced.yaml DESTINATION ${KVPLACE_ETC})
endif()

file(INSTALL ${KVPLACE_SOURCE}/deploy/kvplaced.yaml DESTINATION ${KVPLACE_DOC}
  RENAME kvplaced.example.yaml)
file(GLOB _documents ${KVPLACE_SOURCE}/LICENSE ${KVPLACE_SOURCE}/docs/*.md)
if(_documents)
  file(INSTALL ${_documents} DESTINATION ${KVPLACE_DOC})
endif()
