#include "server/trace/phase_reads.h"

#include "absl/strings/str_cat.h"
#include "server/core/block_codec.h"

namespace kvplace {
namespace {

constexpr uint64_t kMaxReads = uint64_t{1} << 30;

template <typename... Words>
absl::Status Bad(const Words&... words) {
  return absl::InvalidArgumentError(absl::StrCat(words...));
}

template <typename... Words>
absl::Status Within(const absl::Status& status, const Words&... words) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(words..., status.message()));
}

}  // namespace

absl::Status PhaseReadsDecoder::Decode(const v1::Step& step) {
  uint32_t group = 0;
  for (int i = 0; i < step.reads_size(); ++i) {
    const v1::GroupReads& entry = step.reads(i);
    if (entry.group() >= groups_) {
      return Bad("reads[", i, "].group: ", entry.group(), " is not below the ",
                 groups_, " groups of Hello");
    }
    if (entry.group() < group) {
      return Bad("reads[", i, "].group: ", entry.group(),
                 " again, or out of order; expected at least ", group);
    }
    for (; group < entry.group(); ++group) ClosePhase();
    absl::Status done = DecodeGroup(entry);
    if (!done.ok()) return Within(done, "reads[", i, "].");
    ClosePhase();
    ++group;
  }
  for (; group < groups_; ++group) ClosePhase();
  return absl::OkStatus();
}

void PhaseReadsDecoder::ClosePhase() {
  phases_.reads.Close();
  phases_.near_misses.Close();
}

absl::Status PhaseReadsDecoder::DecodeGroup(const v1::GroupReads& entry) {
  reads_.clear();
  if (absl::Status done = ListReads(entry); !done.ok()) return done;
  if (phases_.reads.items().size() + reads_.size() > kMaxReads) {
    return absl::ResourceExhaustedError(
        "more than 2^30 reads in the window; choose fewer steps");
  }
  for (const uint32_t index : reads_) phases_.reads.Push(index);
  return masses_ ? DecodeMasses(entry) : absl::OkStatus();
}

absl::Status PhaseReadsDecoder::ListReads(const v1::GroupReads& entry) {
  ids_.clear();
  switch (entry.reads_case()) {
    case v1::GroupReads::kHandles: {
      absl::Status done = DecodeAscending(entry.handles(), handles_, &ids_);
      if (!done.ok()) return Within(done, "handles: ");
      return Within(FindBlocks(entry.group(), &reads_), "handles: ");
    }
    case v1::GroupReads::kBitmap: {
      const v1::HandleBitmap& bitmap = entry.bitmap();
      absl::Status done =
          DecodeBitmap(bitmap.bits(), bitmap.first_handle(), handles_, &ids_);
      if (!done.ok()) return Within(done, "bitmap.bits: ");
      return Within(FindBlocks(entry.group(), &reads_), "bitmap.bits: ");
    }
    case v1::GroupReads::kAll: {
      listed_.clear();
      for (const uint64_t sequence : entry.all().sequences()) {
        if (!listed_.insert(sequence).second) {
          return Bad("all.sequences: sequence ", sequence, " twice");
        }
        absl::Status done =
            blocks_->ListGroup(sequence, entry.group(), &reads_);
        if (!done.ok()) return Within(done, "all.sequences: ");
      }
      return absl::OkStatus();
    }
    case v1::GroupReads::READS_NOT_SET:
      break;
  }
  return absl::OkStatus();
}

absl::Status PhaseReadsDecoder::FindBlocks(
    uint32_t group, std::vector<uint32_t>* blocks) const {
  const std::vector<TraceBlock>& all = blocks_->blocks();
  blocks->resize(ids_.size());
  for (size_t i = 0; i < ids_.size(); ++i) {
    const uint32_t index = blocks_->Find(ids_[i].value());
    if (index == kNoIndex) {
      return Bad("handle ", ids_[i].value(), " is not alive");
    }
    if (all[index].group != group) {
      return Bad("handle ", ids_[i].value(), " belongs to group ",
                 all[index].group, ", not ", group);
    }
    (*blocks)[i] = index;
  }
  return absl::OkStatus();
}

absl::Status PhaseReadsDecoder::DecodeMasses(const v1::GroupReads& entry) {
  ids_.clear();
  absl::Status done = DecodeAscending(entry.near_misses(), handles_, &ids_);
  if (done.ok()) done = FindBlocks(entry.group(), &near_misses_);
  if (!done.ok()) return Within(done, "near_misses: ");
  const uint64_t phase = phases_.reads.phases() + 1;
  last_read_.resize(blocks_->blocks().size());
  for (const uint32_t index : reads_) last_read_[index] = phase;
  for (size_t i = 0; i < near_misses_.size(); ++i) {
    if (last_read_[near_misses_[i]] != phase) continue;
    return Bad("near_misses: handle ", ids_[i].value(), " was read");
  }
  const std::string& masses = entry.masses();
  if (masses.empty()) {
    phases_.masses_complete &= reads_.empty() && near_misses_.empty();
    return absl::OkStatus();
  }
  if (masses.size() != reads_.size() + near_misses_.size()) {
    return Bad("masses: ", masses.size(), " bytes for ", reads_.size(),
               " reads and ", near_misses_.size(), " near misses");
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(masses.data());
  phases_.masses.insert(phases_.masses.end(), bytes, bytes + reads_.size());
  for (size_t i = 0; i < near_misses_.size(); ++i) {
    phases_.near_misses.Push({near_misses_[i], bytes[reads_.size() + i]});
  }
  return absl::OkStatus();
}

}  // namespace kvplace
