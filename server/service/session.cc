#include "server/service/session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/service/live_session.h"
#include "server/service/node_registry.h"

namespace kvplace {

Session::Session(NodeRegistry* registry, std::string peer,
                 std::weak_ptr<StreamHandle> stream)
    : registry_(registry),
      peer_(std::move(peer)),
      stream_(std::move(stream)),
      opened_(registry->clock().Monotonic()) {}

Session::~Session() { Close(); }

std::shared_ptr<LiveSession> Session::live() const {
  absl::MutexLock lock(&mu_);
  return live_;
}

Session::Outcome Session::OnMessage(const v1::ConnectRequest& message,
                                    absl::Duration arrived,
                                    EncodedReads reads) {
  if (end()) return Outcome::kEnded;
  const std::shared_ptr<LiveSession> session = live();
  if (session == nullptr) return OnHello(message, arrived);
  std::optional<Remains> remains;
  const Outcome outcome = session->OnMessage(message, arrived, reads, &remains);
  if (remains) registry_->Bury(*std::move(remains));
  return outcome;
}

Session::Outcome Session::OnTooLarge(size_t bytes) {
  if (end()) return Outcome::kEnded;
  return Refuse(
      absl::ResourceExhaustedError(absl::StrCat(
          "message has ", bytes, " bytes, expected at most ",
          registry_->options().max_message_bytes, " (max_message_bytes)")),
      RejectReason::kTooLarge);
}

Session::Outcome Session::OnUnreadable(size_t bytes) {
  if (end()) return Outcome::kEnded;
  return Refuse(
      absl::InvalidArgumentError(absl::StrCat(
          "message of ", bytes,
          " bytes is not a ConnectRequest, expected protobuf's wire format")),
      RejectReason::kMalformed);
}

Session::Outcome Session::OnHello(const v1::ConnectRequest& message,
                                  absl::Duration arrived) {
  if (!message.has_hello()) {
    return Refuse(absl::InvalidArgumentError(
                      "body is not hello, expected hello as the first message"),
                  RejectReason::kOutOfOrder);
  }
  if (message.sequence_number() != 1) {
    return Refuse(absl::InvalidArgumentError(absl::StrCat(
                      "sequence_number is ", message.sequence_number(),
                      ", expected 1 for the first message")),
                  RejectReason::kOutOfOrder);
  }
  RejectReason reason;
  auto opened =
      registry_->Open(message.hello(), peer_, stream_, arrived, &reason);
  if (!opened.ok()) return Refuse(opened.status(), reason);
  absl::MutexLock lock(&mu_);
  live_ = *std::move(opened);
  return Outcome::kApplied;
}

Session::Outcome Session::Refuse(absl::Status status, RejectReason reason) {
  if (const std::shared_ptr<LiveSession> session = live()) {
    registry_->End(*session, std::move(status), reason);
    return Outcome::kEnded;
  }
  registry_->metrics().OnRejected(reason);
  registry_->Log(LogLevel::kWarning,
                 absl::StrCat("refused ", peer_, ": ", status.message()));
  absl::MutexLock lock(&mu_);
  refused_ = std::move(status);
  return Outcome::kEnded;
}

void Session::Close() {
  if (const std::shared_ptr<LiveSession> session = live()) {
    registry_->End(*session, absl::OkStatus(), std::nullopt);
    return;
  }
  absl::MutexLock lock(&mu_);
  if (!refused_) refused_ = absl::OkStatus();
}

void Session::SweepUngreeted() {
  const absl::Duration timeout = registry_->options().heartbeat_timeout;
  if (live() != nullptr || end() ||
      registry_->clock().Monotonic() - opened_ <= timeout) {
    return;
  }
  Refuse(absl::FailedPreconditionError(absl::StrCat(
             "heartbeat lapsed: no hello within ",
             absl::FormatDuration(timeout), " of the stream's start")),
         RejectReason::kHeartbeatLapsed);
}

bool Session::TakeOutgoing(v1::ConnectResponse* out) {
  const std::shared_ptr<LiveSession> session = live();
  return session != nullptr && session->TakeOutgoing(out);
}

void Session::OnWritten() {
  if (const std::shared_ptr<LiveSession> session = live()) session->OnWritten();
}

std::optional<absl::Status> Session::end() const {
  {
    absl::MutexLock lock(&mu_);
    if (live_ == nullptr) return refused_;
  }
  return live()->end();
}

std::optional<SessionKey> Session::key() const {
  const std::shared_ptr<LiveSession> session = live();
  if (session == nullptr) return std::nullopt;
  return session->key();
}

}  // namespace kvplace
