#include "server/core/bound/phase_limits.h"

namespace kvplace {

PhaseLimits::PhaseLimits(const DeviceConfig& device)
    : exclusive_(device.mode == ResidencyMode::kExclusive),
      fixed_(static_cast<double>(device.fixed_bytes_per_phase.count())) {
  const MachineProfile& machine = device.profile;
  const double hbm = machine.hbm.value();
  const double dram = machine.dram.value() / device.devices_sharing_dram;
  both_ = 1 / (hbm + machine.link_read.value());
  both_internal_ = 1 / (hbm + dram);
  link_read_ = 1 / machine.link_read.value();
  link_write_ = 1 / machine.link_write.value();
  internal_ = 1 / dram;
  hbm_ = 1 / hbm;
}

std::array<double, kPhaseLimits> PhaseLimits::Of(const PhaseUsage& u,
                                                 double new_kv) const {
  const double r = u.misses + u.prefetched;
  if (exclusive_) {
    const double w = u.evicted + u.new_in_dram;
    const double h =
        fixed_ + u.hits + u.promoted + u.prefetched + u.evicted + u.new_in_hbm;
    return {0,       0, r * link_read_, w * link_write_, (r + w) * internal_,
            h * hbm_};
  }
  const double h0 = fixed_ + u.promoted + u.prefetched + new_kv;
  return {(h0 + u.hits + r) * both_,
          (h0 + u.hits + r + new_kv) * both_internal_,
          r * link_read_,
          new_kv * link_write_,
          (r + new_kv) * internal_,
          h0 * hbm_};
}

PhaseLoad PhaseLimits::PriceOf(const PhasePrices& prices) const {
  const auto& th = prices.limit;
  const double internal = th[kInternal] * internal_;
  const double hbm = th[kHbm] * hbm_;
  PhaseLoad price;
  price.dram_read = th[kLinkRead] * link_read_ + internal;
  price.dram_write = th[kLinkWrite] * link_write_ + internal;
  if (exclusive_) {
    price.hbm = hbm;
    return price;
  }
  const double both_internal = th[kBothInternal] * both_internal_;
  price.hbm = th[kBoth] * both_ + both_internal;
  price.dram_read += price.hbm;
  price.dram_write += both_internal;
  price.fixed = hbm;
  return price;
}

UsageCost PhaseLimits::CostOf(const PhasePrices& prices) const {
  const PhaseLoad price = PriceOf(prices);
  UsageCost cost;
  cost.hit = price.hbm;
  cost.miss = price.dram_read;
  cost.promote = price.hbm + price.fixed;
  cost.prefetch = cost.promote + price.dram_read;
  if (exclusive_) {
    cost.evict = price.hbm + price.dram_write;
    cost.new_in_hbm = price.hbm;
    cost.new_in_dram = price.dram_write;
  }
  return cost;
}

double PhaseLimits::Fixed(const PhasePrices& prices, double new_kv) const {
  const auto limits = Of(PhaseUsage(), exclusive_ ? 0 : new_kv);
  double sum = 0;
  for (int k = 0; k < kPhaseLimits; ++k) sum += prices.limit[k] * limits[k];
  return sum;
}

}  // namespace kvplace
