#include "server/core/residency.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace kvplace {
namespace {

absl::Status WrongTier(BlockId block, absl::string_view expected) {
  return absl::FailedPreconditionError(
      absl::StrCat("handle ", block.value(), " is not ", expected));
}

}  // namespace

Residency::Residency(uint32_t handles, Bytes hbm_capacity)
    : capacity_(hbm_capacity), tier_(handles, Tier::kNone) {}

void Residency::Clear() {
  std::fill(tier_.begin(), tier_.end(), Tier::kNone);
  resident_ = reserved_ = in_flight_ = live_ = Bytes(0);
  resident_blocks_ = 0;
}

absl::Status Residency::TakeRoom(BlockId block, Bytes bytes) {
  // The device says it is in HBM. Room promised to a plan is for exactly this.
  if (resident_ + bytes > capacity_) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "handle ", block.value(), " does not fit into HBM: ", resident_.count(),
        " of ", capacity_.count(), " bytes are resident, it needs ",
        bytes.count()));
  }
  Bytes over = resident_ + reserved_ + in_flight_ + bytes - capacity_;
  if (over > Bytes(0)) {
    const Bytes from_flight = std::min(over, in_flight_);
    in_flight_ -= from_flight;
    reserved_ -= over - from_flight;
  }
  resident_ += bytes;
  ++resident_blocks_;
  return absl::OkStatus();
}

uint32_t Residency::FindHbm(absl::Span<const BlockId> blocks,
                            std::vector<uint8_t>* in_hbm) const {
  in_hbm->resize(blocks.size());
  uint8_t* const out = in_hbm->data();
  const Tier* const tiers = tier_.data();
  uint32_t count = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const bool hbm = tiers[blocks[i].value()] == Tier::kHbm;
    out[i] = hbm;
    count += hbm;
  }
  return count;
}

absl::Status Residency::Add(BlockId block, Tier tier, Bytes bytes) {
  if (tier_[block.value()] != Tier::kNone) return WrongTier(block, "new");
  if (tier == Tier::kHbm) {
    if (auto s = TakeRoom(block, bytes); !s.ok()) return s;
  }
  tier_[block.value()] = tier;
  live_ += bytes;
  return absl::OkStatus();
}

absl::Status Residency::Remove(BlockId block, Bytes bytes) {
  Tier& tier = tier_[block.value()];
  if (tier == Tier::kNone) return WrongTier(block, "live");
  if (tier == Tier::kHbm) {
    resident_ -= bytes;
    --resident_blocks_;
  }
  live_ -= bytes;
  tier = Tier::kNone;
  return absl::OkStatus();
}

absl::Status Residency::Promote(BlockId block, Bytes bytes) {
  Tier& tier = tier_[block.value()];
  if (tier != Tier::kDram) return WrongTier(block, "in DRAM");
  if (auto s = TakeRoom(block, bytes); !s.ok()) return s;
  tier = Tier::kHbm;
  return absl::OkStatus();
}

absl::Status Residency::Evict(BlockId block, Bytes bytes) {
  Tier& tier = tier_[block.value()];
  if (tier != Tier::kHbm) return WrongTier(block, "in HBM");
  tier = Tier::kDram;
  resident_ -= bytes;
  --resident_blocks_;
  return absl::OkStatus();
}

Bytes Residency::Reserve(Bytes wanted) {
  const Bytes granted = std::min(wanted, free());
  reserved_ += granted;
  return granted;
}

void Residency::Depart() {
  in_flight_ += reserved_;
  reserved_ = Bytes(0);
}

uint32_t CountHbm(const Residency& residency,
                  absl::Span<const BlockId> blocks) {
  uint32_t count = 0;
  for (const BlockId block : blocks) {
    count += residency.tier(block) == Tier::kHbm;
  }
  return count;
}

}  // namespace kvplace
