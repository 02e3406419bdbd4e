#include "client/cpp/step_sampler.h"

#include <algorithm>
#include <utility>

namespace kvplace::client {

void StepSampler::Reset() {
  window_.Reset();
  last_ = StepData();
  last_moves_.reset();
  allocated_.clear();
  sequences_.clear();
  moved_.clear();
  order_.clear();
}

std::optional<StepSample> StepSampler::Add(StepData step,
                                           std::optional<MoveReport> moves,
                                           const std::vector<BlockId>& freed) {
  if (interval() <= 1 && window_.empty()) {
    StepSample sample;
    sample.step = std::move(step);
    sample.has_moves = moves.has_value();
    if (moves) sample.moves = *std::move(moves);
    return sample;
  }
  Join(&step, moves);
  if (!window_.Add() && freed.empty()) {
    last_ = std::move(step);
    last_moves_ = std::move(moves);
    return std::nullopt;
  }
  return Close(std::move(step), std::move(moves), freed);
}

std::optional<StepSample> StepSampler::Flush() {
  if (window_.empty()) return std::nullopt;
  return Close(std::move(last_), std::move(last_moves_), {});
}

void StepSampler::Join(StepData* step, const std::optional<MoveReport>& moves) {
  for (BlockRange range : step->allocated) {
    if (range.tier == Tier::kHbm) {
      for (uint32_t i = 0; i < range.count; ++i) {
        NoteMove(BlockId(range.first.value() + i), Tier::kDram, Tier::kHbm,
                 /*prefetched=*/false);
      }
      range.tier = Tier::kDram;
    }
    allocated_.push_back(range);
  }
  for (const SequenceStep& progress : step->sequences) {
    const auto known = std::find_if(
        sequences_.begin(), sequences_.end(),
        [&](const SequenceStep& s) { return s.sequence == progress.sequence; });
    if (known == sequences_.end()) {
      sequences_.push_back(progress);
    } else {
      known->new_tokens += progress.new_tokens;
      known->ended |= progress.ended;
    }
  }
  if (moves) NoteMoves(*moves);
}

void StepSampler::NoteMoves(const MoveReport& moves) {
  for (const PhaseMoves& phase : moves.phases) {
    for (const BlockId b : phase.evicted) {
      NoteMove(b, Tier::kHbm, Tier::kDram, false);
    }
    for (const BlockId b : phase.promoted) {
      NoteMove(b, Tier::kDram, Tier::kHbm, false);
    }
    for (const BlockId b : phase.prefetched) {
      NoteMove(b, Tier::kDram, Tier::kHbm, true);
    }
  }
}

void StepSampler::NoteMove(BlockId block, Tier before, Tier now,
                           bool prefetched) {
  const auto [it, added] = moved_.try_emplace(block);
  if (added) {
    it->second.before = before;
    order_.push_back(block);
  }
  it->second.now = now;
  it->second.prefetched = prefetched;
}

StepSample StepSampler::Close(StepData step, std::optional<MoveReport> moves,
                              const std::vector<BlockId>& freed) {
  StepSample sample;
  sample.decode_steps = window_.Close();
  PhaseMoves net;
  net.group = GroupId(groups_ - 1);
  for (const BlockId block : freed) moved_.erase(block);
  for (const BlockId block : order_) {
    const auto it = moved_.find(block);
    if (it == moved_.end() || it->second.before == it->second.now) continue;
    if (it->second.now == Tier::kDram) {
      net.evicted.push_back(block);
    } else {
      (it->second.prefetched ? net.prefetched : net.promoted).push_back(block);
    }
  }
  sample.has_moves = true;
  sample.moves.step = step.step;
  if (moves) {
    sample.moves.plan = moves->plan;
    sample.moves.moved_bytes = moves->moved_bytes;
    sample.moves.moved_ns = moves->moved_ns;
  }
  if (!net.evicted.empty() || !net.promoted.empty() ||
      !net.prefetched.empty()) {
    sample.moves.phases.push_back(std::move(net));
  }
  sample.step = std::move(step);
  sample.step.allocated = std::move(allocated_);
  sample.step.sequences = std::move(sequences_);
  Reset();
  return sample;
}

}  // namespace kvplace::client
