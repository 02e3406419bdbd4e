#include "server/core/value/group_prices.h"

#include <algorithm>
#include <cmath>

namespace kvplace {
namespace {

// T_D this much above T_H, as a share of the larger, is taken as certain that
// DRAM binds; as far below, that HBM does. Wide, because neighbouring steps
// differ.
constexpr double kCertain = 0.5;

double TierRatio(const DeviceConfig& device) {
  const double hbm = device.profile.hbm.value();
  const double dram = EffectiveDramRead(device).value();
  if (std::isinf(hbm)) return 0;
  return std::min(dram / hbm, 1.0);
}

}  // namespace

GroupPrices::GroupPrices(const DeviceConfig& device)
    : ratio_(TierRatio(device)), theta_(device.groups.size(), 1.0) {}

void GroupPrices::Clear() { std::fill(theta_.begin(), theta_.end(), 1.0); }

void GroupPrices::OnPhase(GroupId group, Seconds hbm, Seconds dram,
                          double smoothing) {
  const double longer = std::max(hbm.value(), dram.value());
  if (!(longer > 0) || std::isinf(longer)) return;
  const double excess = (dram.value() - hbm.value()) / longer;
  const double binds = std::clamp(0.5 + excess / (2 * kCertain), 0.0, 1.0);
  double& theta = theta_[group.value()];
  theta += smoothing * (binds - theta);
}

double GroupPrices::price(GroupId group) const {
  return std::max(theta(group) * (1 + ratio_) - ratio_, kLeast);
}

double GroupPrices::promotion_cost(GroupId group) const {
  return (1 - theta(group)) * ratio_;
}

}  // namespace kvplace
