# Third-party libraries, all from Debian packages (docs/dependencies.md).
# Modules name the targets given here.

include_guard(GLOBAL)

# absl::status, absl::strings, ...: the only one that server/core may use.
find_package(absl CONFIG REQUIRED)

if(KVPLACE_BUILD_TESTS)
  find_package(GTest CONFIG REQUIRED)  # GTest::gtest, GTest::gmock
endif()

find_package(Threads REQUIRED)

if(NOT KVPLACE_CORE_ONLY)
  find_package(Protobuf MODULE REQUIRED)       # protobuf::libprotobuf
  find_package(gRPC CONFIG REQUIRED)           # gRPC::grpc++, gRPC::grpc++_reflection
  find_package(OpenSSL REQUIRED)               # OpenSSL::Crypto
  find_package(prometheus-cpp CONFIG REQUIRED) # prometheus-cpp::pull
  find_package(CLI11 CONFIG REQUIRED)          # CLI11::CLI11
  find_package(yaml-cpp CONFIG REQUIRED)       # yaml-cpp
  find_package(spdlog CONFIG REQUIRED)         # spdlog::spdlog
  find_package(nlohmann_json CONFIG REQUIRED)  # nlohmann_json::nlohmann_json
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd) # PkgConfig::ZSTD
endif()
