// What a device's model and a standing order say of one block: for whoever
// explains a decision, not for whoever makes it.
//
// A look-up in the model, a walk through two lists of the order.
// Thread-safety: pure functions.
#ifndef KVPLACE_SERVER_CORE_EXPLAIN_H_
#define KVPLACE_SERVER_CORE_EXPLAIN_H_

#include <cstddef>
#include <optional>

#include "absl/strings/string_view.h"
#include "server/core/device_model.h"
#include "server/core/ids.h"
#include "server/core/plan.h"
#include "server/core/value/shadow_directories.h"

namespace kvplace {

// What a policy that ranks by value makes of a block, as of the last step that
// the model heard of (docs/policy.md).
struct BlockWorth {
  // Whose order is in force.
  Leader rule = Leader::kValues;
  // That the next step reads it, and what a hit saves in its group.
  double read_probability = 0;
  double theta = 0;
  double price = 0;
  double value() const { return read_probability * price; }
  // What it will be worth once it has been read, and what that must come to for
  // a promotion: more than what it displaces, and than the promotion's write.
  // Nothing where the rule in force is not `values`.
  std::optional<double> value_if_read;
  std::optional<double> needed;
  // `needed` is the promotion's write, for HBM binds in the group.
  bool hbm_binds = false;
  // Nearly all of its group in DRAM would be promoted, so all of it is.
  bool group_admits_all = false;
};

// Nothing: the policy does not rank by value, or the block is not alive.
// REQUIRES: block.value() < handles().
std::optional<BlockWorth> WorthOf(const DeviceModel& model, BlockId block);

// Where an order has a block; places count from 1.
struct PlaceInOrder {
  // Whatever of its group is read from DRAM is promoted.
  bool promote_all = false;
  std::optional<size_t> promote_place;
  size_t promote_list = 0;
  std::optional<size_t> evict_place;
  size_t evict_queue = 0;
};

// REQUIRES: the order has the group.
PlaceInOrder PlaceIn(const StandingOrder& order, GroupId group, BlockId block);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_EXPLAIN_H_
