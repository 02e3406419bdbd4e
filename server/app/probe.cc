#include "server/app/probe.h"

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/unknown_field_set.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "server/app/credentials.h"
#include "server/config/listen_address.h"

namespace kvplace {
namespace {

using google::protobuf::Empty;

// grpc.health.v1.Health/Check has one field each way, number 1; that is less
// than generating and linking its contract.
constexpr char kCheck[] = "/grpc.health.v1.Health/Check";
constexpr int kField = 1;
constexpr uint64_t kServing = 1;

Empty MakeRequest(const std::string& service) {
  Empty request;
  if (!service.empty()) {
    request.GetReflection()->MutableUnknownFields(&request)->AddLengthDelimited(
        kField, service);
  }
  return request;
}

bool IsServing(const Empty& response) {
  const auto& fields = response.GetReflection()->GetUnknownFields(response);
  for (int i = 0; i < fields.field_count(); ++i) {
    const auto& field = fields.field(i);
    if (field.number() == kField &&
        field.type() == google::protobuf::UnknownField::TYPE_VARINT) {
      return field.varint() == kServing;
    }
  }
  return false;
}

}  // namespace

absl::Status Probe(const ProbeRequest& request, const Options& options) {
  std::string address = request.address;
  if (address.empty()) {
    auto listen = ParseListenAddress(options.listen);
    if (!listen.ok()) return listen.status();
    if (listen->port == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--listen ", options.listen,
          " has port 0, expected --probe-address with the port in use"));
    }
    address = ToString(ConnectableFrom(*listen));
  }
  auto credentials = MakeProbeCredentials(request, options.tls);
  if (!credentials.ok()) return credentials.status();

  grpc::TemplatedGenericStub<Empty, Empty> stub(
      grpc::CreateChannel(address, *credentials));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       absl::ToChronoNanoseconds(request.timeout));
  const Empty question = MakeRequest(request.service);
  Empty answer;
  grpc::Status status;
  absl::Notification done;
  stub.UnaryCall(&context, kCheck, grpc::StubOptions(), &question, &answer,
                 [&](grpc::Status s) {
                   status = std::move(s);
                   done.Notify();
                 });
  done.WaitForNotification();
  const std::string what =
      request.service.empty() ? "the server" : request.service;
  if (!status.ok()) {
    return absl::UnavailableError(absl::StrCat(
        address, ": ", what, " cannot be asked: ", status.error_message()));
  }
  if (!IsServing(answer)) {
    return absl::UnavailableError(
        absl::StrCat(address, ": ", what, " is not serving"));
  }
  return absl::OkStatus();
}

}  // namespace kvplace
