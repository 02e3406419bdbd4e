// Ids as types, so that a block cannot be passed for a group.
//
// Trivially copyable and as wide as their representation: arrays of them are
// arrays of plain integers. Thread-safety: values.
#ifndef KVPLACE_SERVER_CORE_IDS_H_
#define KVPLACE_SERVER_CORE_IDS_H_

#include <compare>
#include <cstdint>
#include <utility>

namespace kvplace {

template <typename Tag, typename Rep>
class StrongId {
 public:
  using rep = Rep;

  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep value) : value_(value) {}

  constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;
  template <typename H>
  friend H AbslHashValue(H h, StrongId id) {
    return H::combine(std::move(h), id.value_);
  }

 private:
  Rep value_ = 0;
};

// Dense block number ("handle") of one device: 0 <= id < handles of all groups.
using BlockId = StrongId<struct BlockIdTag, uint32_t>;
// Index of a layer group in the order in which a step runs the groups.
using GroupId = StrongId<struct GroupIdTag, uint32_t>;
// The worker's name for a sequence; not dense.
using SequenceId = StrongId<struct SequenceIdTag, uint64_t>;
// Decode step, counted by the worker; -1 stands before step 0.
using StepIndex = StrongId<struct StepIndexTag, int64_t>;
// Plan number, rising from 1 within a session; 0 means "no plan".
using PlanId = StrongId<struct PlanIdTag, uint64_t>;

// "No block": never a valid handle.
inline constexpr BlockId kNoBlock{UINT32_MAX};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_IDS_H_
