#include "client/cpp/channel.h"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kvplace::client {
namespace {

absl::Status ReadPem(const char* option, const std::string& path,
                     std::string* out) {
  if (path.empty()) return absl::OkStatus();
  std::ifstream file(path, std::ios::binary);
  out->assign(std::istreambuf_iterator<char>(file), {});
  if (!file || out->empty()) {
    return absl::NotFoundError(absl::StrCat(
        option, " ", path, ": cannot be read, expected a PEM file"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(
    const ChannelOptions& options) {
  if (!options.secure()) return grpc::InsecureChannelCredentials();
  if (options.cert_file.empty() != options.key_file.empty()) {
    return absl::InvalidArgumentError(
        "a TLS certificate without its key, or a key without its certificate: "
        "expected both or none");
  }
  grpc::SslCredentialsOptions ssl;
  for (absl::Status s :
       {ReadPem("TLS CA file", options.ca_file, &ssl.pem_root_certs),
        ReadPem("TLS certificate", options.cert_file, &ssl.pem_cert_chain),
        ReadPem("TLS key", options.key_file, &ssl.pem_private_key)}) {
    if (!s.ok()) return s;
  }
  return grpc::SslCredentials(ssl);
}

int Millis(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(
    const std::string& target, const ChannelOptions& options) {
  auto credentials = Credentials(options);
  if (!credentials.ok()) return credentials.status();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(options.max_receive_bytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, Millis(options.keepalive));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Millis(options.keepalive));
  // Otherwise channels to one address share a connection, and its backoff
  // comes on top of ours.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (!options.server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.server_name);
  }
  return grpc::CreateCustomChannel(target, *credentials, arguments);
}

absl::Status FromGrpc(const grpc::Status& status) {
  // The numbers of the codes are the same.
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
}

}  // namespace kvplace::client
