#include "client/cpp/session_client.h"

#include <utility>

#include "client/cpp/grpc_transport.h"

namespace kvplace::client {

absl::StatusOr<std::unique_ptr<SessionClient>> SessionClient::Create(
    const SessionOptions& options, const ChannelOptions& channel) {
  if (auto s = Validate(options); !s.ok()) return s;
  // The files are read for every stream; what is wrong with them now is said
  // now.
  if (auto made = MakeChannel(options.target, channel); !made.ok()) {
    return made.status();
  }
  return std::make_unique<SessionClient>(
      options, std::make_unique<GrpcTransport>(channel), RealClientClock());
}

SessionClient::SessionClient(const SessionOptions& options,
                             std::unique_ptr<SessionTransport> transport,
                             const ClientClock* clock)
    : state_(options, [this] { events_.Wake(); }),
      transport_(std::move(transport)),
      driver_(options, transport_.get(), clock, &events_, &state_) {}

SessionClient::~SessionClient() { Stop(); }

absl::Status SessionClient::StartWithoutThread(
    absl::Span<const BlockRange> live, StepIndex next_step) {
  return state_.ReplaceInventory(live, next_step);
}

absl::Status SessionClient::Start(absl::Span<const BlockRange> live,
                                  StepIndex next_step) {
  if (auto s = StartWithoutThread(live, next_step); !s.ok()) return s;
  thread_ = std::thread([this] { Loop(); });
  return absl::OkStatus();
}

absl::Duration SessionClient::RunOnce() { return driver_.RunOnce(); }

void SessionClient::Loop() {
  while (!stopping_.load()) events_.Wait(driver_.RunOnce());
  driver_.Finish();
  while (!driver_.finished()) events_.Wait(driver_.RunOnce());
}

void SessionClient::Stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  events_.Wake();
  thread_.join();
}

absl::Status SessionClient::ReplaceInventory(absl::Span<const BlockRange> live,
                                             StepIndex next_step) {
  return state_.ReplaceInventory(live, next_step);
}

absl::Status SessionClient::Report(MoveReport report) {
  return state_.Report(std::move(report));
}

absl::Status SessionClient::Step(StepData step) {
  return state_.Step(std::move(step));
}

OrderPtr SessionClient::CurrentOrder(StepIndex step) {
  return state_.CurrentOrder(step);
}

OrderPtr SessionClient::AwaitOrder(StepIndex step, absl::Duration timeout) {
  return state_.AwaitOrder(step, timeout);
}

bool SessionClient::Flush(absl::Duration timeout) {
  return state_.AwaitSent(timeout);
}

absl::Status SessionClient::AwaitAnswer(absl::Duration timeout) {
  return state_.AwaitAnswer(timeout);
}

}  // namespace kvplace::client
