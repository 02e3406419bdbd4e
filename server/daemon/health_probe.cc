#include "server/daemon/health_probe.h"

#include <chrono>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "server/config/listen_address.h"
#include "server/daemon/tls.h"

namespace kvplace {
namespace {

constexpr char kMethod[] = "/grpc.health.v1.Health/Check";
// Field 1 of both messages: a string, and an enum.
constexpr uint32_t kServiceTag = 1 << 3 | 2;
constexpr uint32_t kStatusTag = 1 << 3;

// HealthCheckRequest and -Response have one field each, and Debian's gRPC
// installs no generated code for them, so they are written by hand.
grpc::ByteBuffer EncodeRequest(const std::string& service) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    if (!service.empty()) {
      out.WriteTag(kServiceTag);
      out.WriteVarint32(static_cast<uint32_t>(service.size()));
      out.WriteString(service);
    }
  }
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

absl::StatusOr<std::string> DecodeResponse(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return absl::InternalError("no answer");
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  google::protobuf::io::CodedInputStream in(
      reinterpret_cast<const uint8_t*>(bytes.data()),
      static_cast<int>(bytes.size()));
  uint32_t status = 0;
  if (in.ReadTag() == kStatusTag) in.ReadVarint32(&status);
  static constexpr const char* kNames[] = {"UNKNOWN", "SERVING", "NOT_SERVING",
                                           "SERVICE_UNKNOWN"};
  return status < std::size(kNames) ? kNames[status] : absl::StrCat(status);
}

}  // namespace

absl::StatusOr<std::string> Probe(const Options& options,
                                  const ProbeRequest& request) {
  std::string address = request.address;
  if (address.empty()) {
    const auto listen = ParseListenAddress(options.listen);
    if (!listen.ok()) return listen.status();
    address = ToString(ConnectableFrom(*listen));
  }
  const auto credentials = MakeProbeCredentials(options.tls, request);
  if (!credentials.ok()) return credentials.status();
  grpc::ChannelArguments arguments;
  // The probe asks the server, not a proxy of the environment.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  grpc::GenericStub stub(
      grpc::CreateCustomChannel(address, *credentials, arguments));

  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + request.timeout));
  grpc::CompletionQueue queue;
  grpc::ByteBuffer answer;
  grpc::Status status;
  const auto call = stub.PrepareUnaryCall(
      &context, kMethod, EncodeRequest(request.service), &queue);
  call->StartCall();
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (!status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                        absl::StrCat(address, ": ", status.error_message()));
  }
  return DecodeResponse(answer);
}

}  // namespace kvplace
