#include "server/core/access_stats.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvplace {

AccessStats::AccessStats(uint32_t handles, double decay)
    : last_read_(handles, kNever), count_(handles, 0.0), mass_(handles, 0) {
  SetDecay(decay);
}

void AccessStats::SetDecay(double decay) {
  decay_ = decay;
  log_growth_ = -std::log2(decay);
  double power = 1;
  for (double& p : powers_) {
    p = power;
    power *= decay;
  }
}

void AccessStats::Clear() {
  std::fill(last_read_.begin(), last_read_.end(), kNever);
  std::fill(count_.begin(), count_.end(), 0.0);
  std::fill(mass_.begin(), mass_.end(), uint8_t{0});
}

void AccessStats::Forget(BlockId block) {
  last_read_[block.value()] = kNever;
  count_[block.value()] = 0;
  mass_[block.value()] = 0;
}

void AccessStats::OnRead(BlockId block, StepIndex step) {
  uint32_t& last = last_read_[block.value()];
  double& count = count_[block.value()];
  const uint32_t now = Offset(step);
  if (last != kNever) {
    const uint32_t age = now - last;
    count *= age < powers_.size() ? powers_[age] : std::pow(decay_, age);
  }
  count += 1;
  last = now;
}

double AccessStats::LogCount(BlockId block) const {
  if (!ever_read(block)) return -std::numeric_limits<double>::infinity();
  return std::log2(count_[block.value()]) +
         log_growth_ * static_cast<double>(last_read_[block.value()]);
}

}  // namespace kvplace
