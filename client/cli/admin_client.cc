#include "client/cli/admin_client.h"

#include <chrono>
#include <fstream>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/command.h"

namespace kvplace {
namespace {

absl::StatusOr<absl::Duration> ParseTimeout(const std::string& text) {
  absl::Duration timeout;
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds)) {
    timeout = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &timeout)) {
    timeout = absl::ZeroDuration();
  }
  if (timeout <= absl::ZeroDuration() || timeout > absl::Hours(24)) {
    return absl::InvalidArgumentError("expected a time like 500ms, 5s or 1m");
  }
  return timeout;
}

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::string token(absl::StripAsciiWhitespace(text));
  if (!file || token.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "--token-file ", path, ": cannot be read, expected a token"));
  }
  for (const char c : token) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--token-file ", path, ": expected one word of printable ASCII"));
    }
  }
  return token;
}

bool IsLocal(const std::string& server) {
  return absl::StartsWith(server, "127.") ||
         absl::StartsWith(server, "localhost:") ||
         absl::StartsWith(server, "[::1]") || absl::StartsWith(server, "unix:");
}

}  // namespace

void AddAdminFlags(CLI::App* command, AdminFlags* flags) {
  AddServerFlags(command, &flags->server);
  const std::string group = "Server";
  command
      ->add_option("--token-file", flags->token_file,
                   "File with the server's admin token")
      ->group(group);
  AddParsedOption(command, "--timeout", ParseTimeout, &flags->timeout,
                  "For one call; default 10s")
      ->group(group);
  command->add_option("--format", flags->format, "Output")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
}

absl::StatusOr<std::unique_ptr<AdminClient>> AdminClient::Create(
    const AdminFlags& flags) {
  auto token = ReadToken(flags.token_file);
  if (!token.ok()) return token.status();
  auto channel = client::MakeChannel(flags.server.server, flags.server.channel);
  if (!channel.ok()) return channel.status();
  if (!token->empty() && !flags.server.channel.secure() &&
      !IsLocal(flags.server.server)) {
    PrintWarning("the token goes over an unencrypted connection; see --tls");
  }
  return std::unique_ptr<AdminClient>(
      new AdminClient(flags, *std::move(channel), *std::move(token)));
}

AdminClient::AdminClient(const AdminFlags& flags,
                         std::shared_ptr<grpc::Channel> channel,
                         std::string token)
    : flags_(flags),
      authorization_(token.empty() ? "" : absl::StrCat("Bearer ", token)),
      stub_(v1::AdminService::NewStub(channel)) {}

void AdminClient::Prepare(grpc::ClientContext* context, bool limited) const {
  if (limited) {
    context->set_deadline(std::chrono::system_clock::now() +
                          absl::ToChronoMilliseconds(flags_.timeout));
  }
  if (!authorization_.empty()) {
    context->AddMetadata("authorization", authorization_);
  }
}

absl::Status AdminClient::Explain(const grpc::Status& status) const {
  const absl::Status error = client::FromGrpc(status);
  std::string words = absl::StrCat(flags_.server.server, ": ", error.message());
  switch (error.code()) {
    case absl::StatusCode::kInvalidArgument:
      return UsageError(error.message());
    case absl::StatusCode::kUnavailable:
      absl::StrAppend(&words, " (is a kvplaced there? see --server)");
      break;
    case absl::StatusCode::kDeadlineExceeded:
      absl::StrAppend(&words, " (no answer within --timeout ",
                      absl::FormatDuration(flags_.timeout), ")");
      break;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      absl::StrAppend(&words, " (see --token-file)");
      break;
    default:
      break;
  }
  return absl::Status(error.code(), words);
}

absl::Status AdminClient::Watch(
    const v1::WatchUtilizationRequest& request,
    const std::function<bool(const v1::WatchUtilizationResponse&)>& show) {
  grpc::ClientContext context;
  Prepare(&context, /*limited=*/false);
  const auto reader = stub_->WatchUtilization(&context, request);
  v1::WatchUtilizationResponse response;
  while (reader->Read(&response)) {
    if (show(response)) continue;
    context.TryCancel();
    reader->Finish();
    return absl::OkStatus();
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return Explain(status);
  return absl::UnavailableError(
      absl::StrCat(flags_.server.server, ": the server ended the stream"));
}

}  // namespace kvplace
