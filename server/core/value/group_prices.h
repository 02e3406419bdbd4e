// What a byte of HBM saves, by layer group: theta, how often DRAM is what a
// group's phase waits for.
//
// A phase takes max(T_H, T_D). A hit in place of a miss takes b / B_D off T_D
// and adds b / B_H to T_H: it is worth
//     theta * b / B_D - (1 - theta) * b / B_H
// with theta the probability that DRAM binds, the price of the DRAM limit in
// the dual of docs/bounds.md. In units of b / B_D, with r = B_D / B_H:
//     price = theta * (1 + r) - r.
// theta is measured, smoothed over steps: a group whose price is low loses
// blocks, misses more and gets a higher theta again.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_CORE_VALUE_GROUP_PRICES_H_
#define KVPLACE_SERVER_CORE_VALUE_GROUP_PRICES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/core/ids.h"
#include "server/core/topology.h"
#include "server/core/units.h"

namespace kvplace {

class GroupPrices {
 public:
  explicit GroupPrices(const DeviceConfig& device);

  void Clear();
  // A phase of the group, without its moves and read routing. `smoothing`: of
  // its weight against what was before, 0..1.
  void OnPhase(GroupId group, Seconds hbm, Seconds dram, double smoothing);

  size_t groups() const { return theta_.size(); }
  // 0..1; 1 before the first phase.
  double theta(GroupId group) const { return theta_[group.value()]; }
  // The price, at least kLeast so that blocks of cheap groups keep an order.
  double price(GroupId group) const;
  // What the write into HBM of a promotion costs, in the same unit.
  double promotion_cost(GroupId group) const;

  static constexpr double kLeast = 0.02;

 private:
  double ratio_;
  std::vector<double> theta_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_VALUE_GROUP_PRICES_H_
