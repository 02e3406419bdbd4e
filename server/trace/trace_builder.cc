#include "server/trace/trace_builder.h"

#include <numeric>

#include "absl/strings/str_cat.h"
#include "server/core/block_codec.h"
#include "server/core/topology.h"
#include "server/trace/kvtrace_format.h"

namespace kvplace {
namespace {

constexpr uint32_t kMaxGroups = 4096;
// Per Inventory message; about 80 KB.
constexpr int kRangesPerInventory = 4096;
// Tags, lengths and first_handle around the bytes of a bitmap.
constexpr size_t kBitmapOverhead = 8;

absl::Status CheckPositive(uint64_t value, const char* field) {
  if (value > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is 0; expected at least 1"));
}

}  // namespace

absl::Status Validate(const TraceShape& shape) {
  for (absl::Status status :
       {CheckPositive(shape.sequences, "sequences"),
        CheckPositive(shape.groups, "groups"),
        CheckPositive(shape.pages_max, "pages"),
        CheckPositive(shape.page_tokens, "page_tokens"),
        CheckPositive(shape.kv_bytes_per_token, "kv_bytes_per_token")}) {
    if (!status.ok()) return status;
  }
  if (shape.groups > kMaxGroups) {
    return absl::InvalidArgumentError(absl::StrCat(
        "groups is ", shape.groups, "; expected at most ", kMaxGroups));
  }
  const auto blocks = static_cast<unsigned __int128>(shape.sequences) *
                      shape.groups * shape.pages_max;
  if (blocks >= UINT32_MAX) {
    return absl::InvalidArgumentError(absl::StrCat(
        shape.sequences, " sequences of ", shape.groups, " groups of ",
        shape.pages_max, " pages are more than 2^32 - 2 blocks"));
  }
  const auto limit = static_cast<unsigned __int128>(kMaxBytes.count());
  if (blocks * shape.page_tokens > limit / shape.kv_bytes_per_token) {
    return absl::InvalidArgumentError(
        absl::StrCat("kv_bytes_per_token is ", shape.kv_bytes_per_token,
                     "; all blocks together must not exceed 2^60 bytes"));
  }
  return absl::OkStatus();
}

TraceBuilder::TraceBuilder(const TraceShape& shape, KvtraceWriter* writer)
    : shape_(shape), writer_(writer) {}

absl::Status TraceBuilder::Begin(std::span<const uint32_t> pages) {
  pages_.assign(pages.begin(), pages.end());
  names_.resize(pages.size());
  std::iota(names_.begin(), names_.end(), uint64_t{0});
  pages_total_ = std::accumulate(pages.begin(), pages.end(), uint64_t{0});

  v1::TraceHeader* header = record_.mutable_header();
  header->set_format_version(kTraceFormatVersion);
  header->set_writer(shape_.writer);
  header->set_source(shape_.source);
  header->set_steps(shape_.steps);
  if (absl::Status put = writer_->Write(record_); !put.ok()) return put;

  v1::Hello* hello = record_.mutable_hello();
  hello->set_protocol_version(1);
  hello->set_node_id("trace");
  hello->set_incarnation(1);
  hello->set_residency_mode(v1::RESIDENCY_MODE_INCLUSIVE);
  for (uint32_t g = 0; g < shape_.groups; ++g) {
    v1::LayerGroup* group = hello->add_groups();
    group->set_block_bytes(shape_.kv_bytes_per_token * shape_.page_tokens);
    group->set_handles(shape_.sequences * shape_.pages_max);
    group->set_page_tokens(shape_.page_tokens);
    group->set_kv_bytes_per_token(shape_.kv_bytes_per_token);
  }
  if (absl::Status put = writer_->Write(record_); !put.ok()) return put;
  return WriteInventory();
}

absl::Status TraceBuilder::WriteInventory() {
  v1::Inventory* inventory = record_.mutable_inventory();
  for (uint32_t q = 0; q < shape_.sequences; ++q) {
    for (uint32_t g = 0; g < shape_.groups && pages_[q] > 0; ++g) {
      if (inventory->blocks_size() == kRangesPerInventory) {
        if (absl::Status put = writer_->Write(record_); !put.ok()) return put;
        inventory->Clear();
      }
      v1::BlockRange* range = inventory->add_blocks();
      range->set_sequence(q);
      range->set_group(g);
      range->set_first_handle(HandleOf(q, g, 0).value());
      range->set_count(pages_[q]);
      range->set_tier(v1::TIER_DRAM);
    }
  }
  inventory->set_last(true);
  if (absl::Status put = writer_->Write(record_); !put.ok()) return put;
  step_ = record_.mutable_step();
  return absl::OkStatus();
}

void TraceBuilder::BeginSequence(uint32_t sequence, uint64_t name) {
  names_[sequence] = name;
}

void TraceBuilder::AddPages(uint32_t sequence, uint32_t pages) {
  const uint32_t first = pages_[sequence];
  pages_[sequence] += pages;
  pages_total_ += pages;
  for (uint32_t g = 0; g < shape_.groups && pages > 0; ++g) {
    v1::BlockRange* range = step_->add_allocated();
    range->set_sequence(names_[sequence]);
    range->set_group(g);
    range->set_first_page(first);
    range->set_first_handle(HandleOf(sequence, g, first).value());
    range->set_count(pages);
    range->set_tier(v1::TIER_DRAM);
  }
}

void TraceBuilder::AddTokens(uint32_t sequence, uint32_t tokens, bool ended) {
  v1::SequenceProgress* progress = step_->add_sequences();
  progress->set_sequence(names_[sequence]);
  progress->set_new_tokens(tokens);
  progress->set_ended(ended);
  if (ended) ended_.push_back(sequence);
}

void TraceBuilder::AddReads(uint32_t group, std::span<const BlockId> reads,
                            std::span<const BlockId> near_misses,
                            std::span<const uint8_t> masses) {
  v1::GroupReads* entry = step_->add_reads();
  entry->set_group(group);
  reads_written_ += reads.size();
  const size_t ascending = AscendingSize(reads);
  if (reads.size() == pages_total_) {
    for (uint32_t q = 0; q < shape_.sequences; ++q) {
      if (pages_[q] > 0) entry->mutable_all()->add_sequences(names_[q]);
    }
  } else if (!reads.empty() &&
             (reads.back().value() - reads.front().value()) / 8 + 1 +
                     kBitmapOverhead <
                 ascending) {
    v1::HandleBitmap* bitmap = entry->mutable_bitmap();
    bitmap->set_first_handle(reads.front().value());
    EncodeBitmap(reads, reads.front().value(), bitmap->mutable_bits());
  } else {
    entry->mutable_handles()->reserve(ascending);
    EncodeAscending(reads, entry->mutable_handles());
  }
  EncodeAscending(near_misses, entry->mutable_near_misses());
  entry->mutable_masses()->assign(masses.begin(), masses.end());
}

absl::Status TraceBuilder::EndStep() {
  step_->set_step(next_step_++);
  absl::Status put = writer_->Write(record_);
  step_->Clear();
  for (const uint32_t sequence : ended_) {
    pages_total_ -= pages_[sequence];
    pages_[sequence] = 0;
  }
  ended_.clear();
  return put;
}

}  // namespace kvplace
