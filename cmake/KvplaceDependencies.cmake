# Third-party libraries, all from Debian packages (docs/dependencies.md).
# Modules name the targets given here.

include_guard(GLOBAL)

# absl::status, absl::strings, ...: the only one that server/core may use.
find_package(absl CONFIG REQUIRED)

if(KVPLACE_BUILD_TESTS)
  find_package(GTest CONFIG REQUIRED)  # GTest::gtest, GTest::gmock

  # Clp::Clp, for the exact twins of the bounds alone. Its package has no CMake
  # configuration; its pkg-config file would link solvers that are not used.
  find_path(KVPLACE_CLP_INCLUDE coin/Clp_C_Interface.h)
  find_library(KVPLACE_CLP_LIBRARY Clp)
  if(KVPLACE_CLP_INCLUDE AND KVPLACE_CLP_LIBRARY)
    add_library(Clp::Clp UNKNOWN IMPORTED)
    set_target_properties(Clp::Clp PROPERTIES
      IMPORTED_LOCATION "${KVPLACE_CLP_LIBRARY}"
      INTERFACE_INCLUDE_DIRECTORIES "${KVPLACE_CLP_INCLUDE}")
  elseif("$ENV{KVPLACE_STRICT}")
    message(FATAL_ERROR "kvplace: coinor-libclp-dev is missing")
  else()
    message(STATUS "kvplace: left out the tests that need CLP (coinor-libclp-dev)")
  endif()
endif()

find_package(Threads REQUIRED)

if(NOT KVPLACE_CORE_ONLY)
  find_package(Protobuf MODULE REQUIRED)       # protobuf::libprotobuf
  find_package(gRPC CONFIG REQUIRED)           # gRPC::grpc++, gRPC::grpc++_reflection
  find_package(OpenSSL REQUIRED)               # OpenSSL::Crypto
  find_package(prometheus-cpp CONFIG REQUIRED) # prometheus-cpp::pull
  find_package(civetweb CONFIG REQUIRED)       # civetweb::civetweb
  find_package(CLI11 CONFIG REQUIRED)          # CLI11::CLI11
  find_package(yaml-cpp CONFIG REQUIRED)       # yaml-cpp
  find_package(spdlog CONFIG REQUIRED)         # spdlog::spdlog
  find_package(nlohmann_json CONFIG REQUIRED)  # nlohmann_json::nlohmann_json
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd) # PkgConfig::ZSTD
endif()
