// Where every block is, and the ledger of HBM:
//
//   resident + reserved + in flight <= capacity, always.
//
// reserved: room promised to a plan that has not been sent; in flight: to a
// plan that the device has and has not reported on yet. Both are released or
// turned into residents by the report.
//
// Thread-safety: one thread at a time. Memory: 1 byte per handle.
#ifndef KVPLACE_SERVER_CORE_RESIDENCY_H_
#define KVPLACE_SERVER_CORE_RESIDENCY_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/core/ids.h"
#include "server/core/topology.h"
#include "server/core/units.h"

namespace kvplace {

class Residency {
 public:
  Residency(uint32_t handles, Bytes hbm_capacity);

  // Forgets every block and promise.
  void Clear();

  // REQUIRES: block is in range.
  Tier tier(BlockId block) const { return tier_[block.value()]; }
  // Of the handles from `first` on.
  const Tier* tiers(BlockId first) const { return &tier_[first.value()]; }
  // How many of the blocks are in HBM; and in_hbm[i] says whether blocks[i] is.
  // Resizes *in_hbm.
  uint32_t FindHbm(absl::Span<const BlockId> blocks,
                   std::vector<uint8_t>* in_hbm) const;

  // A block of `bytes` begins in `tier`, ends, or moves between HBM and DRAM.
  // RESOURCE_EXHAUSTED: no room in HBM. FAILED_PRECONDITION: it is not where
  // the call thinks. On error nothing has changed.
  absl::Status Add(BlockId block, Tier tier, Bytes bytes);
  absl::Status Remove(BlockId block, Bytes bytes);
  absl::Status Promote(BlockId block, Bytes bytes);
  absl::Status Evict(BlockId block, Bytes bytes);

  // Promises at most `wanted` of the free room to a plan; returns how much.
  Bytes Reserve(Bytes wanted);
  // The plan is on its way: reserved becomes in flight.
  void Depart();
  // The plan is reported on, expired, or was never sent.
  void ReleaseReserved() { reserved_ = Bytes(0); }
  // All but `left` of what is in flight: for a report on one plan when another
  // has already departed.
  void ReleaseInFlight(Bytes left = Bytes(0)) {
    if (left < in_flight_) in_flight_ = left;
  }

  Bytes capacity() const { return capacity_; }
  Bytes resident() const { return resident_; }
  Bytes reserved() const { return reserved_; }
  Bytes in_flight() const { return in_flight_; }
  // All live blocks, and those that only DRAM holds.
  Bytes live() const { return live_; }
  Bytes dram_only() const { return live_ - resident_; }
  uint64_t resident_blocks() const { return resident_blocks_; }
  // capacity - resident - reserved - in flight, never negative.
  Bytes free() const { return capacity_ - resident_ - reserved_ - in_flight_; }

 private:
  absl::Status TakeRoom(BlockId block, Bytes bytes);

  const Bytes capacity_;
  Bytes resident_, reserved_, in_flight_, live_;
  uint64_t resident_blocks_ = 0;
  std::vector<Tier> tier_;
};

// How many of the `count` handles from `first` on are alive.
inline uint32_t CountLive(const Residency& residency, BlockId first,
                          uint32_t count) {
  const Tier* const tiers = residency.tiers(first);
  uint32_t live = 0;
  for (size_t i = 0; i < count; ++i) live += tiers[i] != Tier::kNone;
  return live;
}

// How many of the blocks are in HBM.
uint32_t CountHbm(const Residency& residency, absl::Span<const BlockId> blocks);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_RESIDENCY_H_
