#include "server/replay/emulated_device.h"

#include <algorithm>

namespace kvplace {

void PhaseOutcome::Reset() {
  for (std::vector<BlockId>* list :
       {&read_hbm, &read_dram, &promoted, &prefetched, &evicted, &new_hbm,
        &new_dram}) {
    list->clear();
  }
  routed_reads = 0;
  pushed_back = 0;
  traffic = PhaseTraffic();
  seconds = Seconds();
}

EmulatedDevice::EmulatedDevice(const DeviceConfig& config)
    : config_(config),
      cost_(config),
      block_bytes_(config.groups[0].block_bytes),
      tier_(config.handles(), Tier::kNone),
      read_in_(config.handles(), 0) {}

void EmulatedDevice::Place(BlockId block, Tier tier) {
  tier_[block.value()] = tier;
  if (tier == Tier::kHbm) resident_ += block_bytes_;
}

void EmulatedDevice::SetOrder(const StandingOrder* order) {
  order_ = order;
  push_back_due_ = order->evict_at_least > 0;
  unlisted_.clear();
  if (!order->evict_unlisted_first) return;
  named_in_.resize(tier_.size());
  ++order_number_;
  for (const BlockId block : order->evict_queue) {
    named_in_[block.value()] = order_number_;
  }
}

void EmulatedDevice::WantedBirths(GroupId group,
                                  absl::Span<const BlockId> births,
                                  std::vector<BlockId>* wanted) const {
  wanted->clear();
  if (order_->groups[group.value()].new_block_tier != Tier::kHbm) return;
  const std::vector<BlockId>& not_these = order_->new_in_dram;
  for (const BlockId block : births) {
    if (std::find(not_these.begin(), not_these.end(), block) ==
        not_these.end()) {
      wanted->push_back(block);
    }
  }
}

void EmulatedDevice::PrepareBirths(GroupId group,
                                   absl::Span<const BlockId> births) {
  WantedBirths(group, births, &births_with_room_);
  const auto room =
      static_cast<size_t>((config_.hbm_capacity - resident_) / block_bytes_);
  if (births_with_room_.size() > room) births_with_room_.resize(room);
}

void EmulatedDevice::BeginPhase(const PhaseInput& phase,
                                PhaseOutcome* outcome) {
  outcome->Reset();
  ++phase_;
  for (const BlockId block : phase.births) {
    const bool hbm = std::binary_search(births_with_room_.begin(),
                                        births_with_room_.end(), block);
    Place(block, hbm ? Tier::kHbm : Tier::kDram);
    (hbm ? outcome->new_hbm : outcome->new_dram).push_back(block);
  }
  births_with_room_.clear();
  for (const BlockId block : phase.reads) {
    read_in_[block.value()] = phase_;
    (tier(block) == Tier::kHbm ? outcome->read_hbm : outcome->read_dram)
        .push_back(block);
  }
}

Bytes EmulatedDevice::FreeAfterEnds(const PhaseInput& phase) const {
  Bytes free = config_.hbm_capacity - resident_;
  for (const BlockId block : phase.freed) {
    if (tier(block) == Tier::kHbm) free += block_bytes_;
  }
  return free;
}

void EmulatedDevice::AccountKvWrites(const PhaseInput& phase,
                                     PhaseTraffic* traffic) const {
  const Bytes per_token =
      config_.groups[phase.group.value()].kv_bytes_per_token;
  for (const KvWrite& write : phase.kv_writes) {
    (tier(write.block) == Tier::kHbm ? traffic->new_kv_hbm
                                     : traffic->new_kv_dram) +=
        per_token * write.tokens;
  }
}

void EmulatedDevice::CollectWishes(const PhaseInput& phase,
                                   const PhaseOutcome& outcome) {
  const GroupOrder& order = order_->groups[phase.group.value()];
  promotions_.clear();
  prefetches_.clear();
  if (order.promote_all) {
    promotions_ = outcome.read_dram;
  } else {
    for (const BlockId block : order.promote_if_read) {
      if (tier(block) == Tier::kDram && read_in_[block.value()] == phase_) {
        promotions_.push_back(block);
      }
    }
  }
  for (const BlockId block : order.prefetch) {
    if (tier(block) == Tier::kDram && read_in_[block.value()] != phase_) {
      prefetches_.push_back(block);
    }
  }
  if (phase.freed.empty()) return;
  const auto ends = [&phase](BlockId block) {
    return std::binary_search(phase.freed.begin(), phase.freed.end(), block);
  };
  std::erase_if(promotions_, ends);
  std::erase_if(prefetches_, ends);
}

bool EmulatedDevice::TryEvict(BlockId block, PhaseOutcome* outcome) {
  if (tier(block) != Tier::kHbm) return false;
  if (!order_->may_evict_read && read_in_[block.value()] == phase_) {
    return false;
  }
  tier_[block.value()] = Tier::kDram;
  resident_ -= block_bytes_;
  outcome->evicted.push_back(block);
  return true;
}

void EmulatedDevice::MakeRoom(Bytes needed, PhaseOutcome* outcome) {
  const std::vector<BlockId>& queue = order_->evict_queue;
  const auto room_needed = [&] {
    return resident_ + needed > config_.hbm_capacity;
  };
  for (const BlockId block : unlisted_) {
    if (!room_needed()) break;
    TryEvict(block, outcome);
  }
  size_t due = push_back_due_ ? order_->evict_at_least : 0;
  push_back_due_ = false;
  for (const BlockId block : queue) {
    const bool needed_now = room_needed();
    if (!needed_now && due == 0) break;
    if (due > 0) --due;
    if (TryEvict(block, outcome) && !needed_now) ++outcome->pushed_back;
  }
}

void EmulatedDevice::BringIn(Bytes reserved, PhaseOutcome* outcome) {
  const auto bring_in = [&](const std::vector<BlockId>& wishes,
                            std::vector<BlockId>* done) {
    for (const BlockId block : wishes) {
      if (resident_ + reserved + block_bytes_ > config_.hbm_capacity) return;
      tier_[block.value()] = Tier::kHbm;
      resident_ += block_bytes_;
      done->push_back(block);
      if (order_->evict_unlisted_first &&
          named_in_[block.value()] != order_number_) {
        unlisted_.push_back(block);
      }
    }
  };
  bring_in(promotions_, &outcome->promoted);
  bring_in(prefetches_, &outcome->prefetched);
}

void RouteReads(const CostModel& cost, Bytes block_bytes, double max_share,
                PhaseOutcome* outcome) {
  const auto hits = static_cast<int64_t>(outcome->read_hbm.size());
  const auto most = static_cast<int64_t>(max_share * static_cast<double>(hits));
  const int64_t routed = std::min(
      most, cost.BestRoutedBlocks(outcome->traffic, block_bytes, hits));
  outcome->routed_reads = static_cast<uint32_t>(routed);
  const auto first = outcome->read_hbm.end() - routed;
  outcome->read_dram.insert(outcome->read_dram.end(), first,
                            outcome->read_hbm.end());
  outcome->read_hbm.erase(first, outcome->read_hbm.end());
  outcome->traffic.hbm_reads -= block_bytes * routed;
  outcome->traffic.dram_reads += block_bytes * routed;
}

void EmulatedDevice::EndPhase(const PhaseInput& phase, PhaseOutcome* outcome) {
  CollectWishes(phase, *outcome);
  AccountKvWrites(phase, &outcome->traffic);
  for (const BlockId block : phase.freed) {
    if (tier(block) == Tier::kHbm) resident_ -= block_bytes_;
    tier_[block.value()] = Tier::kNone;
  }
  WantedBirths(phase.next_group, phase.next_births, &births_with_room_);
  const Bytes births =
      block_bytes_ * static_cast<int64_t>(births_with_room_.size());
  const auto wishes =
      static_cast<int64_t>(promotions_.size() + prefetches_.size());
  MakeRoom(births + block_bytes_ * wishes, outcome);
  const Bytes left = config_.hbm_capacity - resident_;
  // Whole blocks only: what does not fit begins in DRAM.
  BringIn(std::min(births, block_bytes_ * (left / block_bytes_)), outcome);
  PrepareBirths(phase.next_group, phase.next_births);

  PhaseTraffic& traffic = outcome->traffic;
  const auto bytes = [this](const std::vector<BlockId>& list) {
    return block_bytes_ * static_cast<int64_t>(list.size());
  };
  traffic.hbm_reads = bytes(outcome->read_hbm);
  traffic.dram_reads = bytes(outcome->read_dram);
  traffic.promoted = bytes(outcome->promoted);
  traffic.prefetched = bytes(outcome->prefetched);
  traffic.demoted = bytes(outcome->evicted);
  if (config_.read_routing) {
    RouteReads(cost_, block_bytes_, order_->max_routed_share, outcome);
  }
  outcome->seconds = cost_.Time(traffic);
}

}  // namespace kvplace
