#include "client/cpp/event_queue.h"

#include <utility>

namespace kvplace::client {
namespace {

bool IsPlan(const StreamEvent& event) {
  return event.kind == StreamEvent::Kind::kResponse &&
         event.response.has_plan();
}

}  // namespace

void EventQueue::Push(StreamEvent event) {
  absl::MutexLock lock(&mu_);
  if (IsPlan(event) && !events_.empty() && IsPlan(events_.back()) &&
      events_.back().stream == event.stream) {
    events_.back() = std::move(event);
    return;
  }
  events_.push_back(std::move(event));
}

void EventQueue::Wake() {
  absl::MutexLock lock(&mu_);
  woken_ = true;
}

void EventQueue::TakeAll(std::vector<StreamEvent>* out) {
  out->clear();
  absl::MutexLock lock(&mu_);
  out->swap(events_);
  woken_ = false;
}

void EventQueue::Wait(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(this, &EventQueue::Ready), timeout);
}

}  // namespace kvplace::client
