#include "client/worker/step_recorder.h"

#include <algorithm>
#include <utility>

namespace kvplace::client {

StepRecorder::StepRecorder(const Workload& workload, uint64_t first_sequence)
    : workload_(workload),
      first_sequence_(first_sequence),
      phase_tokens_(workload.sequences, 0),
      tokens_(workload.sequences, 0) {}

void StepRecorder::Begin(StepIndex step, const PlanRef& plan) {
  step_ = StepData();
  step_.step = step;
  moves_ = MoveReport();
  moves_.step = step;
  moves_.plan = plan;
  std::fill(tokens_.begin(), tokens_.end(), 0);
}

void StepRecorder::AddBirths(const std::vector<BlockId>& blocks, GroupId group,
                             Tier tier) {
  bool first = true;
  for (const BlockId block : blocks) {
    const SequenceId sequence(first_sequence_ + workload_.SequenceOf(block));
    if (!std::exchange(first, false)) {
      BlockRange& last = step_.allocated.back();
      if (last.sequence == sequence &&
          last.first.value() + last.count == block.value()) {
        ++last.count;
        continue;
      }
    }
    step_.allocated.push_back(
        {sequence, group, workload_.PageOf(block), block, 1, tier});
  }
}

void StepRecorder::AddReads(size_t phase, GroupId group) {
  const auto blocks = workload_.reads[phase];
  PhaseReads reads;
  reads.group = group;
  reads.blocks.assign(blocks.begin(), blocks.end());
  if (!workload_.read_masses.empty()) {
    const auto first = workload_.read_masses.begin() +
                       (blocks.data() - workload_.reads.items().data());
    reads.masses.assign(first, first + static_cast<ptrdiff_t>(blocks.size()));
  }
  if (workload_.near_misses.phases() > 0) {
    const auto misses = workload_.near_misses[phase];
    std::vector<NearMiss> sorted(misses.begin(), misses.end());
    std::sort(
        sorted.begin(), sorted.end(),
        [](const NearMiss& a, const NearMiss& b) { return a.block < b.block; });
    for (const NearMiss& miss : sorted) {
      reads.near_misses.push_back(miss.block);
      if (!workload_.read_masses.empty()) reads.masses.push_back(miss.mass);
    }
  }
  if (reads.blocks.empty() && reads.near_misses.empty()) return;
  step_.reads.push_back(std::move(reads));
}

void StepRecorder::AddTokens(size_t phase) {
  const auto writes = workload_.kv_writes[phase];
  for (const KvWrite& write : writes) {
    phase_tokens_[workload_.SequenceOf(write.block)] += write.tokens;
  }
  for (const KvWrite& write : writes) {
    const uint32_t sequence = workload_.SequenceOf(write.block);
    tokens_[sequence] = std::max(tokens_[sequence], phase_tokens_[sequence]);
    phase_tokens_[sequence] = 0;
  }
}

void StepRecorder::Add(size_t phase, const PhaseOutcome& outcome) {
  const GroupId group(static_cast<uint32_t>(phase % workload_.groups));
  // The order in which a simulation tells its model of them.
  AddBirths(outcome.new_hbm, group, Tier::kHbm);
  AddBirths(outcome.new_dram, group, Tier::kDram);
  AddReads(phase, group);
  AddTokens(phase);
  for (const BlockId block : workload_.freed[phase]) {
    if (!step_.freed.empty() &&
        step_.freed.back().first.value() + step_.freed.back().count ==
            block.value()) {
      ++step_.freed.back().count;
    } else {
      step_.freed.push_back({block, 1});
    }
  }
  if (outcome.promoted.empty() && outcome.prefetched.empty() &&
      outcome.evicted.empty() && outcome.routed_reads == 0) {
    return;
  }
  PhaseMoves moves;
  moves.group = group;
  moves.promoted = outcome.promoted;
  moves.prefetched = outcome.prefetched;
  moves.evicted = outcome.evicted;
  moves.routed_reads = outcome.routed_reads;
  moves_.phases.push_back(std::move(moves));
}

StepData& StepRecorder::Finish() {
  for (uint32_t s = 0; s < tokens_.size(); ++s) {
    if (tokens_[s] == 0) continue;
    step_.sequences.push_back(
        {SequenceId(first_sequence_ + s), tokens_[s], false});
  }
  return step_;
}

}  // namespace kvplace::client
