#include "server/core/access_stats.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvplace {

AccessStats::AccessStats(uint32_t handles) : last_read_(handles, kNever) {}

void AccessStats::KeepCounts(double decay) {
  if (decay_ == 0) {
    count_.resize(last_read_.size());
    std::transform(last_read_.begin(), last_read_.end(), count_.begin(),
                   [](uint32_t last) { return last == kNever ? 0.0 : 1.0; });
  }
  decay_ = decay;
  log_growth_ = -std::log2(decay);
  double power = 1;
  for (double& p : powers_) {
    p = power;
    power *= decay;
  }
}

void AccessStats::DropCounts() {
  decay_ = 0;
  std::vector<double>().swap(count_);
}

void AccessStats::Clear() {
  std::fill(last_read_.begin(), last_read_.end(), kNever);
  set_steps_.clear();
  std::fill(count_.begin(), count_.end(), 0.0);
}

void AccessStats::Forget(BlockId block) {
  last_read_[block.value()] = kNever;
  if (decay_ > 0) count_[block.value()] = 0;
}

void AccessStats::Count(BlockId block, uint32_t now) {
  const uint32_t last = last_read_[block.value()];
  double& count = count_[block.value()];
  if (last != kNever) {
    const uint32_t age = now - last;
    count *= age < powers_.size() ? powers_[age] : std::pow(decay_, age);
  }
  count += 1;
}

void AccessStats::OnReads(absl::Span<const BlockId> blocks, StepIndex step) {
  if (decay_ > 0) {
    for (const BlockId block : blocks) Count(block, Offset(step));
  }
  for (const BlockId block : blocks) MarkRead(block, step);
}

double AccessStats::LogCount(BlockId block) const {
  if (!ever_read(block)) return -std::numeric_limits<double>::infinity();
  return std::log2(count_[block.value()]) +
         log_growth_ * static_cast<double>(LastRead(block));
}

}  // namespace kvplace
