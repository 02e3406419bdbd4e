#include "server/convert/read_decoder.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/convert/blocks.h"
#include "server/core/block_codec.h"

namespace kvplace {
namespace {

template <typename... Words>
absl::Status Bad(const Words&... words) {
  return absl::InvalidArgumentError(absl::StrCat(words...));
}

}  // namespace

ReadDecoder::ReadDecoder(uint32_t handles)
    : handles_(handles), bits_((size_t{handles} + 63) / 64, 0) {}

absl::Status ReadDecoder::Decode(const v1::GroupReads& reads,
                                 const BlockTable& blocks,
                                 PhaseUpdate* update) {
  reads_.clear();
  near_misses_.clear();
  masses_.clear();
  if (auto s = List(reads, blocks); !s.ok()) return s;
  if (auto s = DecodeAscending(reads.near_misses(), handles_, &near_misses_);
      !s.ok()) {
    return Within(s, "near_misses: ");
  }
  const std::string& masses = reads.masses();
  if (!masses.empty() && masses.size() != reads_.size() + near_misses_.size()) {
    return Bad("masses has ", masses.size(), " bytes, expected ", reads_.size(),
               " for the reads and ", near_misses_.size(),
               " for the near misses, or none");
  }
  masses_.assign(masses.begin(), masses.end());
  if (reads.has_all() && !std::is_sorted(reads_.begin(), reads_.end())) {
    masses.empty() ? SortReads() : SortReadsWithMasses();
  }
  if (auto s = CheckNearMisses(update->group, blocks); !s.ok()) return s;
  update->reads = reads_;
  update->encoded_reads = reads.handles();
  update->near_misses = near_misses_;
  update->read_masses = {};
  update->near_miss_masses = {};
  if (!masses_.empty()) {
    const absl::Span<const uint8_t> all(masses_);
    update->read_masses = all.subspan(0, reads_.size());
    update->near_miss_masses = all.subspan(reads_.size());
  }
  return absl::OkStatus();
}

absl::Status ReadDecoder::List(const v1::GroupReads& reads,
                               const BlockTable& blocks) {
  switch (reads.reads_case()) {
    case v1::GroupReads::kHandles:
      return Within(DecodeAscending(reads.handles(), handles_, &reads_),
                    "handles: ");
    case v1::GroupReads::kBitmap:
      return Within(
          DecodeBitmap(reads.bitmap().bits(), reads.bitmap().first_handle(),
                       handles_, &reads_),
          "bitmap.bits: ");
    case v1::GroupReads::kAll:
      return ListAll(reads.all(), GroupId(reads.group()), blocks);
    case v1::GroupReads::READS_NOT_SET:
      break;
  }
  return absl::OkStatus();
}

absl::Status ReadDecoder::ListAll(const v1::SequenceList& all, GroupId group,
                                  const BlockTable& blocks) {
  // Found before anything is listed: a sequence that comes a thousand times
  // must not cost a thousand times.
  sequences_.assign(all.sequences().begin(), all.sequences().end());
  std::sort(sequences_.begin(), sequences_.end());
  const auto twice = std::adjacent_find(sequences_.begin(), sequences_.end());
  if (twice != sequences_.end()) {
    return Bad("all.sequences has ", *twice, " twice, expected each once");
  }
  for (const uint64_t sequence : all.sequences()) {
    const uint32_t slot = blocks.Slot(SequenceId(sequence));
    if (slot == BlockTable::kNoSlot) {
      return absl::NotFoundError(absl::StrCat("all.sequences has ", sequence,
                                              ", which has no live block"));
    }
    for (BlockId b = blocks.oldest(slot, group); b != kNoBlock;
         b = blocks.newer(b)) {
      reads_.push_back(b);
    }
  }
  return absl::OkStatus();
}

absl::Status ReadDecoder::CheckNearMisses(GroupId group,
                                          const BlockTable& blocks) const {
  auto read = reads_.begin();
  for (const BlockId block : near_misses_) {
    while (read != reads_.end() && *read < block) ++read;
    if (read != reads_.end() && *read == block) {
      return Bad("near_misses: handle ", block.value(),
                 " was read, expected blocks that were not");
    }
    if (!blocks.alive_in(block, group)) {
      return absl::NotFoundError(absl::StrCat(
          "near_misses: handle ", block.value(), " is not live in the group"));
    }
  }
  return absl::OkStatus();
}

// By way of the bits: O(reads + span / 64), where dense attention reads a
// million blocks a step.
void ReadDecoder::SortReads() {
  uint32_t least = UINT32_MAX;
  uint32_t most = 0;
  for (const BlockId block : reads_) {
    bits_[block.value() / 64] |= uint64_t{1} << (block.value() % 64);
    least = std::min(least, block.value());
    most = std::max(most, block.value());
  }
  reads_.clear();
  for (size_t at = least / 64; at <= most / 64; ++at) {
    for (uint64_t word = bits_[at]; word != 0; word &= word - 1) {
      reads_.emplace_back(
          static_cast<uint32_t>(at * 64 + std::countr_zero(word)));
    }
    bits_[at] = 0;
  }
}

void ReadDecoder::SortReadsWithMasses() {
  pairs_.clear();
  for (size_t i = 0; i < reads_.size(); ++i) {
    pairs_.emplace_back(reads_[i], masses_[i]);
  }
  std::sort(pairs_.begin(), pairs_.end());
  for (size_t i = 0; i < reads_.size(); ++i) {
    reads_[i] = pairs_[i].first;
    masses_[i] = pairs_[i].second;
  }
}

}  // namespace kvplace
