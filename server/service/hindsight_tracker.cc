#include "server/service/hindsight_tracker.h"

#include <algorithm>
#include <utility>

namespace kvplace {

HindsightTracker::HindsightTracker(const DeviceConfig& device,
                                   uint32_t window_steps, const Clock* clock)
    : clock_(clock), new_steps_wanted_(std::max(1u, window_steps / 8)) {
  if (window_steps > 0 && BoundSupports(device)) {
    ring_.emplace(window_steps, kMaxReads);
  }
}

void HindsightTracker::BeginStep() {
  if (ring_) open_ = &ring_->Begin();
}

void HindsightTracker::AddPhase(absl::Span<const BlockRange> births,
                                const PhaseUpdate& phase) {
  if (open_ != nullptr) open_->AddPhase(births, phase);
}

void HindsightTracker::EndStep(Seconds seconds) {
  if (std::exchange(open_, nullptr) != nullptr) ring_->Commit(seconds);
}

void HindsightTracker::Clear() {
  open_ = nullptr;
  if (!ring_) return;
  ring_->Clear();
  committed_ = ring_->committed();
}

bool HindsightTracker::due() const {
  return ring_ && ring_->committed() - committed_ >= new_steps_wanted_;
}

HindsightTask HindsightTracker::Take(absl::Duration now) {
  committed_ = ring_->committed();
  last_taken_ = now;
  HindsightTask task;
  task.taken = now;
  task.steps = ring_->Share();
  task.first_step = committed_ - ring_->steps();
  task.prices = std::exchange(prices_, {});
  return task;
}

void HindsightTracker::PutBack(HindsightTask task) {
  ring_->GiveBack(std::move(task.steps));
  prices_ = std::move(task.prices);
  if (metrics_ != nullptr) {
    metrics_->OnHindsight(task.bound, Seconds(absl::ToDoubleSeconds(task.cpu)));
  }
  if (!task.bound) return;
  bound_ = task.bound;
  bound_taken_ = task.taken;
  ReportAge();
}

void HindsightTracker::ReportAge() {
  if (!bound_ || metrics_ == nullptr) return;
  metrics_->OnHindsightAge(Seconds(absl::ToDoubleSeconds(age())));
}

}  // namespace kvplace
