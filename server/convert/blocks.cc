#include "server/convert/blocks.h"

#include <bit>
#include <limits>

#include "server/core/block_codec.h"

namespace kvplace {
namespace {

template <typename... Words>
absl::Status Bad(const Words&... words) {
  return absl::InvalidArgumentError(absl::StrCat(words...));
}

absl::Status CheckHandles(uint32_t first, uint32_t count, uint32_t handles,
                          absl::string_view first_name) {
  if (count == 0) return Bad("count is 0, expected >= 1");
  if (uint64_t{first} + count > handles) {
    return Bad(first_name, " is ", first, " with count ", count,
               ", expected handles below ", handles);
  }
  return absl::OkStatus();
}

size_t VarintSize(uint64_t value) {
  return value == 0 ? 1 : (static_cast<size_t>(std::bit_width(value)) + 6) / 7;
}

// Bytes of a length-delimited field whose tag takes one byte.
size_t FieldSize(size_t payload) { return 1 + VarintSize(payload) + payload; }

size_t AllSize(std::span<const SequenceId> sequences) {
  size_t packed = 0;
  for (const SequenceId s : sequences) packed += VarintSize(s.value());
  return FieldSize(FieldSize(packed));
}

size_t BitmapSize(std::span<const BlockId> reads) {
  const uint32_t first = reads.front().value();
  return FieldSize(1 + VarintSize(first) +
                   FieldSize((reads.back().value() - first) / 8 + 1));
}

}  // namespace

v1::Tier TierToProto(Tier tier) {
  switch (tier) {
    case Tier::kHbm:
      return v1::TIER_HBM;
    case Tier::kDram:
      return v1::TIER_DRAM;
    case Tier::kNone:
      break;
  }
  return v1::TIER_UNSPECIFIED;
}

absl::StatusOr<Tier> TierFromProto(v1::Tier tier) {
  if (tier == v1::TIER_HBM) return Tier::kHbm;
  if (tier == v1::TIER_DRAM) return Tier::kDram;
  return Bad("tier is ", static_cast<int>(tier), ", expected HBM or DRAM");
}

absl::StatusOr<BlockRange> BlockRangeFromProto(const v1::BlockRange& range,
                                               uint32_t groups,
                                               uint32_t handles) {
  if (range.group() >= groups) {
    return Bad("group is ", range.group(), ", expected below ", groups);
  }
  if (auto s = CheckHandles(range.first_handle(), range.count(), handles,
                            "first_handle");
      !s.ok()) {
    return s;
  }
  if (range.first_page() > UINT32_MAX - range.count()) {
    return Bad("first_page is ", range.first_page(), " with count ",
               range.count(), ", expected pages below 2^32 - 1");
  }
  auto tier = TierFromProto(range.tier());
  if (!tier.ok()) return tier.status();
  return BlockRange{
      SequenceId(range.sequence()),  GroupId(range.group()), range.first_page(),
      BlockId(range.first_handle()), range.count(),          *tier};
}

void BlockRangeToProto(const BlockRange& range, v1::BlockRange* out) {
  out->set_sequence(range.sequence.value());
  out->set_group(range.group.value());
  out->set_first_page(range.first_page);
  out->set_first_handle(range.first.value());
  out->set_count(range.count);
  out->set_tier(TierToProto(range.tier));
}

absl::StatusOr<HandleRange> HandleRangeFromProto(const v1::HandleRange& range,
                                                 uint32_t handles) {
  if (auto s = CheckHandles(range.first(), range.count(), handles, "first");
      !s.ok()) {
    return s;
  }
  return HandleRange{BlockId(range.first()), range.count()};
}

void AppendHandleRanges(
    std::span<const BlockId> blocks,
    google::protobuf::RepeatedPtrField<v1::HandleRange>* out) {
  v1::HandleRange* last = nullptr;
  for (const BlockId block : blocks) {
    if (last != nullptr && last->first() + last->count() == block.value()) {
      last->set_count(last->count() + 1);
      continue;
    }
    last = out->Add();
    last->set_first(block.value());
    last->set_count(1);
  }
}

void EncodeReads(const ReadSet& set, v1::GroupReads* out) {
  out->Clear();
  out->set_group(set.group.value());
  EncodeAscending(set.near_misses, out->mutable_near_misses());
  out->mutable_masses()->assign(set.masses.begin(), set.masses.end());
  if (set.reads.empty()) return;
  constexpr size_t kNever = std::numeric_limits<size_t>::max();
  const size_t all = set.whole_sequences.empty() || !set.masses.empty()
                         ? kNever
                         : AllSize(set.whole_sequences);
  const size_t list = AscendingSize(set.reads);
  const size_t handles = FieldSize(list);
  const size_t bitmap = BitmapSize(set.reads);
  if (all <= handles && all <= bitmap) {
    for (const SequenceId s : set.whole_sequences) {
      out->mutable_all()->add_sequences(s.value());
    }
  } else if (handles <= bitmap) {
    out->mutable_handles()->reserve(list);
    EncodeAscending(set.reads, out->mutable_handles());
  } else {
    const uint32_t first = set.reads.front().value();
    out->mutable_bitmap()->set_first_handle(first);
    EncodeBitmap(set.reads, first, out->mutable_bitmap()->mutable_bits());
  }
}

}  // namespace kvplace
