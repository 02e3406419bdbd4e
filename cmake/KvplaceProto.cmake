# Generated code of the contract.
#
#   kvplace_add_proto_library(proto
#     IMPORT_DIR ${CMAKE_CURRENT_SOURCE_DIR}
#     PROTOS      kvplace/v1/trace.proto ...      # messages
#     GRPC_PROTOS kvplace/v1/session.proto ...)   # messages and services
#
# makes the static library kvplace_proto, alias kvplace::proto, from files
# generated into the build tree. They are included as
# "kvplace/v1/session.pb.h", "kvplace/v1/session.grpc.pb.h" and, for tests,
# "kvplace/v1/session_mock.grpc.pb.h" (GoogleMock stubs). The generated code is
# compiled without our warnings and its headers count as system headers.

include_guard(GLOBAL)

function(kvplace_add_proto_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "IMPORT_DIR" "PROTOS;GRPC_PROTOS")
  find_program(KVPLACE_PROTOC protoc REQUIRED)
  # Debian's gRPC exports no target for its plugin.
  find_program(KVPLACE_GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
  mark_as_advanced(KVPLACE_PROTOC KVPLACE_GRPC_CPP_PLUGIN)

  set(out ${PROJECT_BINARY_DIR}/generated/proto)
  file(MAKE_DIRECTORY ${out})
  set(imports ${arg_PROTOS} ${arg_GRPC_PROTOS})
  list(TRANSFORM imports PREPEND ${arg_IMPORT_DIR}/)
  set(generated "")

  foreach(proto IN LISTS arg_PROTOS arg_GRPC_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(files ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
    set(flags --cpp_out=${out})
    if(proto IN_LIST arg_GRPC_PROTOS)
      list(APPEND files ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h
        ${out}/${stem}_mock.grpc.pb.h)
      list(APPEND flags --grpc_out=generate_mock_code=true:${out}
        --plugin=protoc-gen-grpc=${KVPLACE_GRPC_CPP_PLUGIN})
    endif()
    add_custom_command(
      OUTPUT ${files}
      COMMAND ${KVPLACE_PROTOC} -I ${arg_IMPORT_DIR} ${flags} ${proto}
      # The others count too: they may be imported.
      DEPENDS ${imports}
      COMMENT "Generating ${stem}.pb.{h,cc}"
      VERBATIM)
    list(APPEND generated ${files})
  endforeach()

  set(target kvplace_${name})
  add_library(${target} STATIC ${generated})
  target_include_directories(${target} SYSTEM PUBLIC ${out})
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf gRPC::grpc++)
  # Generated code is not ours to mend.
  target_compile_options(${target} PRIVATE -w)
  if(KVPLACE_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  endif()
  add_library(kvplace::${name} ALIAS ${target})
endfunction()
