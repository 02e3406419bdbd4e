#include "server/convert/move_report.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/convert/blocks.h"
#include "server/core/block_codec.h"
#include "server/core/topology.h"

namespace kvplace {
namespace {

template <typename... Words>
absl::Status Bad(const Words&... words) {
  return absl::InvalidArgumentError(absl::StrCat(words...));
}

}  // namespace

absl::Status MoveReportDecoder::Hold(const v1::MoveReport& report) {
  if (held_) {
    return Bad("move_report.step is ", report.step(),
               ", expected a step after the report of step ",
               info_.step.value());
  }
  if (auto s = Decode(report); !s.ok()) return Within(s, "move_report.");
  held_ = true;
  return absl::OkStatus();
}

absl::Status MoveReportDecoder::Decode(const v1::MoveReport& report) {
  if (report.moved_bytes() > static_cast<uint64_t>(kMaxBytes.count())) {
    return Bad("moved_bytes is ", report.moved_bytes(), ", expected at most ",
               kMaxBytes.count());
  }
  info_.plan = PlanId(report.plan_id());
  info_.step = StepIndex(report.step());
  info_.expired = report.expired();
  info_.moved = Bytes(static_cast<int64_t>(report.moved_bytes()));
  info_.moving = Seconds(static_cast<double>(report.moved_ns()) * 1e-9);
  info_.failed.clear();
  phases_.clear();
  for (std::vector<BlockId>& list : moves_) list.clear();
  next_ = 0;
  for (int i = 0; i < report.phases_size(); ++i) {
    const v1::PhaseMoves& moves = report.phases(i);
    if (moves.group() >= groups_) {
      return Bad("phases[", i, "].group is ", moves.group(),
                 ", expected below ", groups_);
    }
    if (!phases_.empty() && moves.group() <= phases_.back().group) {
      return Bad("phases[", i, "].group is ", moves.group(),
                 ", expected more than ", phases_.back().group);
    }
    if (auto s = DecodePhase(moves); !s.ok()) {
      return Within(s, "phases[", i, "].");
    }
  }
  info_.promoted = moves_[kPromoted].size();
  info_.prefetched = moves_[kPrefetched].size();
  info_.evicted = moves_[kEvicted].size();
  return absl::OkStatus();
}

absl::Status MoveReportDecoder::DecodePhase(const v1::PhaseMoves& moves) {
  const std::pair<const char*, const std::string&> lists[kKinds] = {
      {"promoted", moves.promoted()},
      {"prefetched", moves.prefetched()},
      {"evicted", moves.evicted()},
  };
  Phase phase{moves.group(), moves.routed_reads()};
  for (int kind = 0; kind < kKinds; ++kind) {
    const auto& [field, bytes] = lists[kind];
    if (auto s = DecodeOrdered(bytes, handles_, &moves_[kind]); !s.ok()) {
      return Within(s, field, ": ");
    }
    phase.end[kind] = moves_[kind].size();
  }
  phases_.push_back(phase);
  return Within(DecodeOrdered(moves.failed(), handles_, &info_.failed),
                "failed: ");
}

void MoveReportDecoder::Fill(PhaseUpdate* update) {
  if (!held_) return;
  while (next_ < phases_.size() &&
         phases_[next_].group < update->group.value()) {
    ++next_;
  }
  if (next_ == phases_.size() ||
      phases_[next_].group != update->group.value()) {
    return;
  }
  const Phase& phase = phases_[next_];
  const auto moves = [&](Kind kind) {
    const size_t begin = next_ == 0 ? 0 : phases_[next_ - 1].end[kind];
    return absl::MakeConstSpan(moves_[kind])
        .subspan(begin, phase.end[kind] - begin);
  };
  update->promoted = moves(kPromoted);
  update->prefetched = moves(kPrefetched);
  update->evicted = moves(kEvicted);
  update->routed_reads = phase.routed_reads;
}

}  // namespace kvplace
