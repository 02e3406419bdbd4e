#include "server/convert/step_assembler.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/convert/blocks.h"

namespace kvplace {
namespace {

constexpr uint32_t kNoGroup = UINT32_MAX;

template <typename... Words>
absl::Status Bad(const Words&... words) {
  return absl::InvalidArgumentError(absl::StrCat(words...));
}

// Sorts items into groups, keeping their order within a group: begin[g + 1]
// ends up as the end of group g.
template <typename Item, typename GroupOf>
void Bucket(const std::vector<Item>& items, uint32_t groups, GroupOf group_of,
            std::vector<size_t>* begin, std::vector<Item>* out) {
  begin->assign(size_t{groups} + 2, 0);
  for (size_t i = 0; i < items.size(); ++i) ++(*begin)[group_of(i) + 2];
  for (size_t g = 2; g < begin->size(); ++g) (*begin)[g] += (*begin)[g - 1];
  out->resize(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    (*out)[(*begin)[group_of(i) + 1]++] = items[i];
  }
}

}  // namespace

StepAssembler::StepAssembler(const DeviceConfig& device)
    : groups_(device.group_count().value()),
      handles_(device.handles()),
      sequences_(device),
      reads_(handles_),
      moves_(groups_, handles_),
      reads_of_(groups_, -1) {}

void StepAssembler::Clear() {
  sequences_.Clear();
  moves_.Drop();
  step_ = nullptr;
  encoded_ = {};
}

absl::Status StepAssembler::HoldReport(const v1::MoveReport& report) {
  return moves_.Hold(report);
}

uint32_t StepAssembler::decode_steps() const {
  return std::max(1u, step_->decode_steps());
}

absl::Status StepAssembler::Begin(const v1::Step& step,
                                  const BlockTable& blocks,
                                  EncodedReads reads) {
  step_ = &step;
  encoded_ = reads;
  found_reads_ = false;
  if (moves_.held() && moves_.info().step.value() != step.step()) {
    return Bad("move_report.step is ", moves_.info().step.value(),
               ", expected that of the step that follows, ", step.step());
  }
  if (auto s = GetMeasured(); !s.ok()) return s;
  if (auto s = GetBirths(); !s.ok()) return s;
  if (auto s = GetFreed(blocks); !s.ok()) return s;
  return Within(sequences_.BeginStep(step, births_as_sent_, blocks), "step.");
}

absl::Status StepAssembler::FindReads() {
  std::fill(reads_of_.begin(), reads_of_.end(), -1);
  found_reads_ = true;
  int64_t before = -1;
  for (int i = 0; i < step_->reads_size(); ++i) {
    if (auto s = FindEntry(i, step_->reads(i), &before); !s.ok()) return s;
  }
  // No more of them are parsed than there are groups: a further one does not
  // rise.
  for (size_t i = 0; i < encoded_.size(); ++i) {
    if (i == parsed_.size()) parsed_.emplace_back();
    if (!parsed_[i].ParseFromArray(encoded_[i].data(),
                                   static_cast<int>(encoded_[i].size()))) {
      return Bad("step.reads[", i,
                 "] is no GroupReads, expected protobuf's wire format");
    }
    if (auto s = FindEntry(static_cast<int>(i), parsed_[i], &before); !s.ok()) {
      return s;
    }
  }
  return absl::OkStatus();
}

absl::Status StepAssembler::FindEntry(int index, const v1::GroupReads& reads,
                                      int64_t* group_before) {
  const uint32_t group = reads.group();
  if (group >= groups_) {
    return Bad("step.reads[", index, "].group is ", group, ", expected below ",
               groups_);
  }
  if (int64_t{group} <= *group_before) {
    return Bad("step.reads[", index, "].group is ", group,
               ", expected more than ", *group_before);
  }
  *group_before = group;
  reads_of_[group] = index;
  return absl::OkStatus();
}

absl::Status StepAssembler::GetMeasured() {
  measured_.reset();
  if (!step_->has_measured()) return absl::OkStatus();
  const v1::Measurement& measured = step_->measured();
  if (measured.step_ns() == 0) {
    return Bad("step.measured.step_ns is 0, expected > 0");
  }
  const auto most = static_cast<uint64_t>(kMaxBytes.count());
  if (measured.hbm_read_bytes() > most || measured.dram_read_bytes() > most) {
    const bool hbm = measured.hbm_read_bytes() > most;
    return Bad("step.measured.", hbm ? "hbm" : "dram", "_read_bytes is ",
               hbm ? measured.hbm_read_bytes() : measured.dram_read_bytes(),
               ", expected at most ", most);
  }
  measured_ =
      StepMeasurement{Seconds(static_cast<double>(measured.step_ns()) * 1e-9),
                      Bytes(static_cast<int64_t>(measured.hbm_read_bytes())),
                      Bytes(static_cast<int64_t>(measured.dram_read_bytes()))};
  return absl::OkStatus();
}

absl::Status StepAssembler::GetBirths() {
  births_as_sent_.clear();
  births_by_handle_.clear();
  for (int i = 0; i < step_->allocated_size(); ++i) {
    auto range = BlockRangeFromProto(step_->allocated(i), groups_, handles_);
    if (!range.ok()) {
      return Within(range.status(), "step.allocated[", i, "].");
    }
    births_as_sent_.push_back(*range);
  }
  Bucket(
      births_as_sent_, groups_,
      [this](size_t i) { return births_as_sent_[i].group.value(); },
      &births_begin_, &births_);
  return absl::OkStatus();
}

uint32_t StepAssembler::GroupOfFreed(BlockId block, const BlockTable& blocks) {
  if (blocks.alive(block)) return blocks.group(block).value();
  const auto by_handle = [](const BlockRange& a, const BlockRange& b) {
    return a.first < b.first;
  };
  if (births_by_handle_.empty()) {
    births_by_handle_ = births_as_sent_;
    std::sort(births_by_handle_.begin(), births_by_handle_.end(), by_handle);
  }
  BlockRange key;
  key.first = block;
  auto at = std::upper_bound(births_by_handle_.begin(), births_by_handle_.end(),
                             key, by_handle);
  if (at == births_by_handle_.begin()) return kNoGroup;
  --at;
  return block.value() - at->first.value() < at->count ? at->group.value()
                                                       : kNoGroup;
}

absl::Status StepAssembler::GetFreed(const BlockTable& blocks) {
  freed_as_sent_.clear();
  freed_groups_.clear();
  uint64_t total = 0;
  for (int i = 0; i < step_->freed_size(); ++i) {
    auto range = HandleRangeFromProto(step_->freed(i), handles_);
    if (!range.ok()) return Within(range.status(), "step.freed[", i, "].");
    // Before they are written out: overlapping ranges could name any number.
    total += range->count;
    if (total > handles_) {
      return Bad("step.freed names ", total, " handles up to entry ", i,
                 ", expected each once and at most ", handles_);
    }
    for (uint32_t k = 0; k < range->count; ++k) {
      const BlockId block(range->first.value() + k);
      const uint32_t group = GroupOfFreed(block, blocks);
      if (group == kNoGroup) {
        return absl::NotFoundError(absl::StrCat("step.freed[", i, "]: handle ",
                                                block.value(), " is not live"));
      }
      freed_as_sent_.push_back(block);
      freed_groups_.push_back(group);
    }
  }
  Bucket(
      freed_as_sent_, groups_, [this](size_t i) { return freed_groups_[i]; },
      &freed_begin_, &freed_);
  return absl::OkStatus();
}

absl::Status StepAssembler::Phase(GroupId group, const BlockTable& blocks,
                                  StepDetail detail, PhaseUpdate* update) {
  const bool heard = detail == StepDetail::kAll;
  if (heard && !found_reads_) {
    if (auto s = FindReads(); !s.ok()) return s;
  }
  *update = PhaseUpdate();
  update->group = group;
  if (const int32_t i = reads_of_[group.value()]; heard && i >= 0) {
    if (auto s = reads_.Decode(entry(i), blocks, update); !s.ok()) {
      return Within(s, "step.reads[", i, "].");
    }
  }
  kv_writes_.clear();
  sequences_.AppendWrites(group, Births(group), blocks, &kv_writes_);
  update->kv_writes = kv_writes_;
  moves_.Fill(update);
  if (!heard) update->routed_reads = 0;
  if (auto s = Ends(group, blocks); !s.ok()) return s;
  update->freed = ends_;
  return absl::OkStatus();
}

absl::Status StepAssembler::Ends(GroupId group, const BlockTable& blocks) {
  const auto at = [this](size_t i) {
    return freed_.begin() + static_cast<ptrdiff_t>(freed_begin_[i]);
  };
  ends_.assign(at(group.value()), at(group.value() + 1));
  std::sort(ends_.begin(), ends_.end());
  const auto twice = std::adjacent_find(ends_.begin(), ends_.end());
  if (twice != ends_.end()) {
    return Bad("step.freed has handle ", twice->value(),
               " twice, expected each once");
  }
  const size_t listed = ends_.size();
  sequences_.AppendEnded(group, blocks, &ends_);
  if (ends_.size() == listed) return absl::OkStatus();
  // A block may be freed by name and by the end of its sequence.
  std::sort(ends_.begin(), ends_.end());
  ends_.erase(std::unique(ends_.begin(), ends_.end()), ends_.end());
  return absl::OkStatus();
}

void StepAssembler::End(const BlockTable& blocks) {
  sequences_.EndStep(blocks);
  moves_.Drop();
  step_ = nullptr;
  encoded_ = {};
}

}  // namespace kvplace
