#include "tests/testing/random_workload.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace kvplace {
namespace {

class Generator {
 public:
  Generator(const RandomWorkloadOptions& options, std::mt19937_64& random)
      : options_(options), random_(random) {}

  Workload Make() {
    workload_.sources = {"random"};
    workload_.sequences = options_.sequences;
    workload_.groups = options_.groups;
    workload_.pages_max = options_.pages_max;
    workload_.page_tokens = options_.page_tokens;
    workload_.kv_bytes_per_token = options_.kv_bytes_per_token;
    workload_.steps = options_.steps;
    workload_.live_at_start.assign(options_.sequences, false);
    for (uint32_t s = 0; s < options_.sequences; ++s) Plan(s);
    for (uint32_t step = 0; step < options_.steps; ++step) Step(step);
    workload_.blocks = ever_.size();
    return std::move(workload_);
  }

 private:
  struct Sequence {
    // First and last step in which it lives; first < 0: there from the start.
    int64_t first = 0, last = 0;
    uint32_t tokens = 0;
  };

  bool Chance(double p) { return std::bernoulli_distribution(p)(random_); }
  uint32_t Upto(uint32_t most) {
    return std::uniform_int_distribution<uint32_t>(0, most)(random_);
  }
  uint32_t Pages(uint32_t tokens) const {
    return (tokens + options_.page_tokens - 1) / options_.page_tokens;
  }

  void Plan(uint32_t s) {
    Sequence sequence;
    sequence.last = int64_t{options_.steps} + 1;
    const uint32_t room = options_.pages_max * options_.page_tokens;
    const bool initial = Chance(options_.initial_share);
    sequence.first = initial ? -1 : Upto(std::max(options_.steps, 1u) - 1);
    if (Chance(options_.end_share)) {
      const int64_t from = std::max<int64_t>(sequence.first, 0);
      sequence.last = from + Upto(options_.steps);
    }
    if (initial) {
      sequence.tokens = Upto(room - 1) + 1;
      for (uint32_t g = 0; g < options_.groups; ++g) {
        for (uint32_t p = 0; p < Pages(sequence.tokens); ++p) {
          const BlockId block = workload_.IdOf(s, GroupId(g), p);
          Begin(block);
          workload_.initial.push_back(block);
        }
      }
    }
    if (options_.steps > 0 && sequence.first <= 0) {
      workload_.live_at_start[s] = true;
    }
    std::sort(workload_.initial.begin(), workload_.initial.end());
    sequences_.push_back(sequence);
  }

  void Begin(BlockId block) {
    live_.insert(block);
    ever_.insert(block);
    // Some pages are read nearly always, some nearly never.
    const double u = std::uniform_real_distribution<>(0, 1)(random_);
    popularity_[block] =
        u < 0.3 ? 0.95 : std::min(1.0, options_.read_share * 2 * u);
  }

  void Step(uint32_t step) {
    std::vector<uint32_t> before, after;
    for (Sequence& sequence : sequences_) {
      before.push_back(sequence.tokens);
      if (step >= sequence.first && step <= sequence.last) {
        const uint32_t room = options_.pages_max * options_.page_tokens;
        const uint32_t most = step == sequence.first ? room
                              : Chance(0.8)          ? 1
                                                     : 2 * options_.page_tokens;
        sequence.tokens = std::min(room, sequence.tokens + Upto(most - 1) + 1);
      }
      after.push_back(sequence.tokens);
    }
    for (uint32_t g = 0; g < options_.groups; ++g) {
      Births(GroupId(g), before, after);
      workload_.peak_live_blocks =
          std::max<uint64_t>(workload_.peak_live_blocks, live_.size());
      ReadsAndEnds(GroupId(g), step);
    }
  }

  void Births(GroupId group, const std::vector<uint32_t>& before,
              const std::vector<uint32_t>& after) {
    for (uint32_t s = 0; s < options_.sequences; ++s) {
      for (uint32_t p = Pages(before[s]); p < Pages(after[s]); ++p) {
        const BlockId block = workload_.IdOf(s, group, p);
        Begin(block);
        workload_.births.Push(block);
      }
      for (uint32_t p = 0; p < Pages(after[s]); ++p) {
        const uint32_t from = std::max(before[s], p * options_.page_tokens);
        const uint32_t to = std::min(after[s], (p + 1) * options_.page_tokens);
        const BlockId block = workload_.IdOf(s, group, p);
        if (from < to && live_.count(block) > 0) {
          workload_.kv_writes.Push({block, to - from});
        }
      }
    }
    workload_.births.Close();
    workload_.kv_writes.Close();
  }

  void ReadsAndEnds(GroupId group, uint32_t step) {
    std::vector<BlockId> ends;
    for (const BlockId block : live_) {
      if (workload_.GroupOf(block) != group) continue;
      if (Chance(popularity_[block])) workload_.reads.Push(block);
      const Sequence& sequence = sequences_[workload_.SequenceOf(block)];
      if (step == sequence.last || Chance(options_.free_share)) {
        ends.push_back(block);
      }
    }
    for (const BlockId block : ends) {
      workload_.freed.Push(block);
      live_.erase(block);
    }
    workload_.reads.Close();
    workload_.freed.Close();
    workload_.near_misses.Close();
  }

  const RandomWorkloadOptions& options_;
  std::mt19937_64& random_;
  Workload workload_;
  std::vector<Sequence> sequences_;
  std::set<BlockId> live_, ever_;
  std::map<BlockId, double> popularity_;
};

}  // namespace

Workload RandomWorkload(const RandomWorkloadOptions& options,
                        std::mt19937_64& random) {
  return Generator(options, random).Make();
}

Workload WithOtherReads(const Workload& workload, size_t first_phase,
                        double read_share, std::mt19937_64& random) {
  Workload other = workload;
  other.reads = PhaseLists<BlockId>();
  std::set<BlockId> live(workload.initial.begin(), workload.initial.end());
  for (size_t phase = 0; phase < workload.phases(); ++phase) {
    live.insert(workload.births[phase].begin(), workload.births[phase].end());
    if (phase < first_phase) {
      for (const BlockId block : workload.reads[phase]) other.reads.Push(block);
    } else {
      for (const BlockId block : live) {
        if (workload.GroupOf(block).value() == phase % workload.groups &&
            std::bernoulli_distribution(read_share)(random)) {
          other.reads.Push(block);
        }
      }
    }
    other.reads.Close();
    for (const BlockId block : workload.freed[phase]) live.erase(block);
  }
  return other;
}

}  // namespace kvplace
