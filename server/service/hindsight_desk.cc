#include "server/service/hindsight_desk.h"

#include <utility>

namespace kvplace {

std::optional<HindsightTask> HindsightDesk::TakeSolved() {
  if (!mu_.TryLock()) return std::nullopt;
  std::optional<HindsightTask> task;
  if (state_ == State::kSolved) {
    task = std::exchange(task_, std::nullopt);
    state_ = State::kFree;
  }
  mu_.Unlock();
  return task;
}

bool HindsightDesk::Wants(absl::Duration now) {
  if (!mu_.TryLock()) return false;
  const bool wants = state_ == State::kFree && now >= not_before_;
  mu_.Unlock();
  return wants;
}

bool HindsightDesk::Post(HindsightTask* task) {
  if (!mu_.TryLock()) return false;
  task_ = std::move(*task);
  state_ = State::kPosted;
  mu_.Unlock();
  return true;
}

bool HindsightDesk::Await() {
  absl::MutexLock lock(&mu_, absl::Condition(this, &HindsightDesk::HasNews));
  return !stopped();
}

std::optional<HindsightTask> HindsightDesk::Take() {
  absl::MutexLock lock(&mu_);
  if (state_ != State::kPosted) return std::nullopt;
  state_ = State::kAtWork;
  return std::exchange(task_, std::nullopt);
}

void HindsightDesk::Finish(HindsightTask task) {
  absl::MutexLock lock(&mu_);
  not_before_ = task.taken + task.cpu / cpu_share_.load();
  task_ = std::move(task);
  state_ = State::kSolved;
}

void HindsightDesk::Stop() {
  absl::MutexLock lock(&mu_);
  stopped_ = true;
}

}  // namespace kvplace
