#include "server/core/cost_model.h"

#include <algorithm>
#include <cmath>

namespace kvplace {
namespace {

double ToDouble(Bytes bytes) { return static_cast<double>(bytes.count()); }

}  // namespace

PhaseTraffic& PhaseTraffic::operator+=(const PhaseTraffic& o) {
  hbm_reads += o.hbm_reads;
  dram_reads += o.dram_reads;
  promoted += o.promoted;
  prefetched += o.prefetched;
  demoted += o.demoted;
  new_kv_hbm += o.new_kv_hbm;
  new_kv_dram += o.new_kv_dram;
  return *this;
}

TimeBreakdown& TimeBreakdown::operator+=(const TimeBreakdown& o) {
  hbm += o.hbm;
  dram += o.dram;
  migration += o.migration;
  return *this;
}

CostModel::CostModel(const DeviceConfig& device)
    : mode_(device.mode),
      fixed_(ToDouble(device.fixed_bytes_per_phase)),
      hbm_(device.profile.hbm.value()),
      link_read_(device.profile.link_read.value()),
      link_write_(device.profile.link_write.value()),
      dram_(device.profile.dram.value() / device.devices_sharing_dram),
      peak_(device.profile.hbm + EffectiveDramRead(device)) {}

double CostModel::TimeOf(double hbm, double r, double w) const {
  const Load load{hbm, r, w};
  return std::max(HbmTimeOf(load), DramTimeOf(load));
}

double CostModel::DramTimeOf(const Load& load) const {
  return std::max(
      {load.r / link_read_, load.w / link_write_, (load.r + load.w) / dram_});
}

CostModel::Load CostModel::LoadOf(const PhaseTraffic& t) const {
  const Bytes moved_in = t.promoted + t.prefetched;
  const double r = ToDouble(t.dram_reads + t.prefetched);
  if (mode_ == ResidencyMode::kInclusive) {
    return {fixed_ + ToDouble(t.hbm_reads + moved_in + t.new_kv()), r,
            ToDouble(t.new_kv())};
  }
  return {fixed_ + ToDouble(t.hbm_reads + moved_in + t.new_kv_hbm + t.demoted),
          r, ToDouble(t.new_kv_dram + t.demoted)};
}

Seconds CostModel::Time(const PhaseTraffic& t) const {
  const Load load = LoadOf(t);
  return Seconds(TimeOf(load.hbm, load.r, load.w));
}

CostModel::TierSeconds CostModel::TierTimes(const PhaseTraffic& t) const {
  const Load load = LoadOf(t);
  return {Seconds(HbmTimeOf(load)), Seconds(DramTimeOf(load))};
}

TimeBreakdown CostModel::Breakdown(const PhaseTraffic& t) const {
  PhaseTraffic unmoved = t;
  unmoved.promoted = unmoved.prefetched = unmoved.demoted = Bytes(0);
  const Load load = LoadOf(unmoved);
  const double hbm = HbmTimeOf(load);
  const double dram = DramTimeOf(load);
  TimeBreakdown breakdown;
  (hbm >= dram ? breakdown.hbm : breakdown.dram) = Seconds(std::max(hbm, dram));
  // Every term grows with the moves, so this is never negative.
  breakdown.migration = Seconds(Time(t).value() - std::max(hbm, dram));
  return breakdown;
}

Bytes CostModel::HbmSlack(const PhaseTraffic& traffic) const {
  const Load load = LoadOf(traffic);
  const double dram_seconds = DramTimeOf(load);
  // Bandwidths may be infinite.
  if (dram_seconds <= 0) return Bytes(0);
  const double slack = hbm_ * dram_seconds - load.hbm;
  if (slack >= ToDouble(kMaxBytes)) return kMaxBytes;
  // Exact in whole bytes: T_D times B_H may round to just below one.
  constexpr double kRounding = 1e-3;
  return Bytes(static_cast<int64_t>(std::max(slack + kRounding, 0.0)));
}

int64_t CostModel::BestRoutedBlocks(const PhaseTraffic& t, Bytes block_bytes,
                                    int64_t hits) const {
  if (mode_ != ResidencyMode::kInclusive || hits <= 0) return 0;
  // T_H falls and T_D rises with the bytes x that move over, so the best x is
  // where T_H first meets the larger of the two rising terms:
  //   (A - x) / B_H = (r0 + x) / B_r       and    = (r0 + w + x) / B_int.
  const double a =
      fixed_ + ToDouble(t.hbm_reads + t.promoted + t.prefetched + t.new_kv());
  const double r0 = ToDouble(t.dram_reads + t.prefetched);
  const double w = ToDouble(t.new_kv());
  const auto meet = [&](double base, double bandwidth) {
    if (std::isinf(bandwidth)) return a;
    if (std::isinf(hbm_)) return 0.0;
    return (a * bandwidth - base * hbm_) / (hbm_ + bandwidth);
  };
  const double x = std::min(meet(r0, link_read_), meet(r0 + w, dram_));
  const double b = ToDouble(block_bytes);
  const auto low = static_cast<int64_t>(
      std::clamp(std::floor(x / b), 0.0, static_cast<double>(hits)));
  const auto time = [&](int64_t blocks) {
    const double moved = static_cast<double>(blocks) * b;
    return TimeOf(a - moved, r0 + moved, w);
  };
  // Rounding of x may be off by one either way; T is convex in blocks.
  int64_t best = std::max<int64_t>(low - 1, 0);
  for (int64_t n = best + 1; n <= std::min(low + 2, hits); ++n) {
    if (time(n) < time(best)) best = n;
  }
  // What no longer helps because another term binds need not move.
  while (best > 0 && time(best - 1) <= time(best)) --best;
  return best;
}

Seconds CostModel::Roofline(Bytes reads, Bytes capacity, Bytes new_kv) const {
  const double d = ToDouble(reads);
  const double n = ToDouble(new_kv);
  const double h_max = ToDouble(std::min(reads, capacity));
  if (mode_ == ResidencyMode::kInclusive) {
    // T_H rises and T_D falls with the hits h: the best h is where they meet.
    const auto time = [&](double h) {
      return TimeOf(fixed_ + h + n, d - h, n);
    };
    const auto meet = [&](double base, double bandwidth) {
      if (std::isinf(bandwidth)) return 0.0;
      if (std::isinf(hbm_)) return h_max;
      return (base * hbm_ - (fixed_ + n) * bandwidth) / (hbm_ + bandwidth);
    };
    const double h = std::max(meet(d, link_read_), meet(d + n, dram_));
    return Seconds(time(std::clamp(h, 0.0, h_max)));
  }
  // Exclusive: choose hits h and new KV k kept in HBM. All terms are linear, so
  // the least T is where HBM takes time T and DRAM the rest: bisect on T.
  const double k_max = ToDouble(std::min(new_kv, capacity));
  const auto feasible = [&](double t) {
    // HBM must take what DRAM cannot in time t.
    const double k = std::max(0.0, n - link_write_ * t);
    const double h = std::max(0.0, d - link_read_ * t);
    const double both = std::max(h + k, d + n - dram_ * t);
    return h <= h_max && k <= k_max && both <= h_max + k_max &&
           fixed_ + both <= hbm_ * t;
  };
  double low = 0;
  double high = std::max(TimeOf(fixed_ + h_max + k_max, d - h_max, n - k_max),
                         TimeOf(fixed_, d, n));
  for (int i = 0; i < 200 && low < high; ++i) {
    const double mid = low + (high - low) / 2;
    if (mid == low || mid == high) break;
    (feasible(mid) ? high : low) = mid;
  }
  return Seconds(low);
}

}  // namespace kvplace
