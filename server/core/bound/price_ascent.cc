#include "server/core/bound/price_ascent.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace kvplace {
namespace {

constexpr double kFirstDecay = 0.9;
constexpr double kSecondDecay = 0.95;
constexpr double kLimitStep = 0.25;
constexpr double kRentStep = 0.3;

// Steps at the end are this much shorter than in the beginning.
constexpr double kLastStep = 0.02;

// The limits that hold a phase back where capacity does not: HBM and DRAM read
// at once.
std::array<double, kPhaseLimits> FirstLimits(const DeviceConfig& device) {
  std::array<double, kPhaseLimits> limit{};
  const double dram = device.profile.dram.value() / device.devices_sharing_dram;
  const bool link = device.profile.link_read.value() <= dram;
  if (device.mode == ResidencyMode::kInclusive) {
    limit[link ? PhaseLimits::kBoth : PhaseLimits::kBothInternal] = 1;
    return limit;
  }
  const double read = EffectiveDramRead(device).value();
  const double hbm = device.profile.hbm.value();
  const double share = std::isinf(hbm)    ? 1
                       : std::isinf(read) ? 0
                                          : hbm / (hbm + read);
  limit[PhaseLimits::kHbm] = share;
  limit[link ? PhaseLimits::kLinkRead : PhaseLimits::kInternal] = 1 - share;
  return limit;
}

}  // namespace

void ProjectOntoSimplex(const std::array<bool, kPhaseLimits>& allowed,
                        std::array<double, kPhaseLimits>* x) {
  std::array<bool, kPhaseLimits> positive = allowed;
  double shift = 0;
  // Drops what is negative until nothing is: at most kPhaseLimits rounds.
  for (bool again = true; again;) {
    double sum = 0;
    int n = 0;
    for (int k = 0; k < kPhaseLimits; ++k) {
      if (!positive[k]) continue;
      sum += (*x)[k];
      ++n;
    }
    shift = (sum - 1) / n;
    again = false;
    for (int k = 0; k < kPhaseLimits; ++k) {
      if (!positive[k] || (*x)[k] >= shift) continue;
      positive[k] = false;
      again = true;
    }
  }
  double sum = 0;
  for (int k = 0; k < kPhaseLimits; ++k) {
    (*x)[k] = positive[k] ? std::max(0.0, (*x)[k] - shift) : 0;
    sum += (*x)[k];
  }
  // Exactly at most 1, or the bound would be too large by the rounding.
  for (double& value : *x) value /= sum;
}

PriceAscent::PriceAscent(const AccessWindow& window,
                         std::vector<PhasePrices> start)
    : window_(window), dual_(window), prices_(std::move(start)) {
  const uint32_t phases = window.phases();
  // What HBM can save a byte, over the phases for which it holds what is read,
  // were every block read as often as any other.
  double read = 0;
  for (const Bytes bytes : window.read_bytes()) {
    read += static_cast<double>(bytes.count());
  }
  const double held = static_cast<double>(window.capacity().count()) *
                      std::max<double>(phases, 1) / std::max(read, 1.0);
  const MachineProfile& machine = window.device().profile;
  double saved = 1 / EffectiveDramRead(window.device()).value();
  if (window.exclusive()) saved += 1 / machine.link_write.value();
  if (saved == 0) saved = 1 / machine.hbm.value();
  rent_unit_ = saved / (1 + 5 * held);
  if (prices_.size() != phases) {
    PhasePrices first;
    first.limit = FirstLimits(window.device());
    prices_.assign(phases, first);
  }
  moments_.resize(phases);
  best_prices_ = prices_;
}

double PriceAscent::Step(const ParallelFor& parallel, double progress) {
  const double bound = dual_.Evaluate(prices_, parallel, &demand_);
  if (bound > best_) {
    best_ = bound;
    best_prices_ = prices_;
  }
  ++steps_;
  correct_first_ = 1 - std::pow(kFirstDecay, steps_);
  correct_second_ = 1 - std::pow(kSecondDecay, steps_);
  const double shrink = scale_ * std::pow(kLastStep, progress);
  for (uint32_t p = 0; p < prices_.size(); ++p) {
    MoveLimits(p, kLimitStep * shrink);
    MoveRent(p, kRentStep * shrink);
  }
  return bound;
}

void PriceAscent::Restart(double scale) {
  scale_ = scale;
  steps_ = 0;
  prices_ = best_prices_;
  moments_.assign(moments_.size(), Moments());
}

void PriceAscent::MoveLimits(uint32_t phase, double step) {
  auto& limit = prices_[phase].limit;
  Moments& m = moments_[phase];
  const auto seconds =
      dual_.limits().Of(demand_[phase].usage,
                        static_cast<double>(window_.new_kv()[phase].count()));
  double mean = 0;
  for (int k = 0; k < kPhaseLimits; ++k) mean += limit[k] * seconds[k];
  double most = 0;
  std::array<bool, kPhaseLimits> allowed{};
  for (int k = 0; k < kPhaseLimits; ++k) {
    allowed[k] = dual_.limits().has(k);
    if (!allowed[k]) continue;
    const double g = seconds[k] - mean;
    most = std::max(most, std::abs(g));
    m.limit[k] += (1 - kFirstDecay) * (g - m.limit[k]);
  }
  m.limit_square += (1 - kSecondDecay) * (most * most - m.limit_square);
  if (m.limit_square <= 0) return;
  const double scale =
      step / correct_first_ / std::sqrt(m.limit_square / correct_second_);
  for (int k = 0; k < kPhaseLimits; ++k) limit[k] += scale * m.limit[k];
  ProjectOntoSimplex(allowed, &limit);
}

void PriceAscent::MoveRent(uint32_t phase, double step) {
  Moments& m = moments_[phase];
  const auto capacity = static_cast<double>(window_.capacity().count());
  const double g =
      (demand_[phase].resident - capacity) / std::max(capacity, 1.0);
  m.rent += (1 - kFirstDecay) * (g - m.rent);
  m.rent_square += (1 - kSecondDecay) * (g * g - m.rent_square);
  if (m.rent_square <= 0) return;
  const double change = step * rent_unit_ * (m.rent / correct_first_) /
                        std::sqrt(m.rent_square / correct_second_);
  prices_[phase].rent = std::max(0.0, prices_[phase].rent + change);
}

}  // namespace kvplace
