// Small random workloads: sequences that grow, arrive and end; sparse or dense
// reads.
#ifndef KVPLACE_TESTS_TESTING_RANDOM_WORKLOAD_H_
#define KVPLACE_TESTS_TESTING_RANDOM_WORKLOAD_H_

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "server/replay/workload.h"

namespace kvplace {

struct RandomWorkloadOptions {
  uint32_t sequences = 4;
  uint32_t groups = 3;
  uint32_t steps = 40;
  uint32_t page_tokens = 4;
  // Every phase reads whole sequences; otherwise some pages of each.
  bool dense = false;
};

namespace internal {

// Lifetime of one sequence, in steps, and its tokens before the first of them.
struct RandomSequence {
  uint32_t begin = 0;  // 0: it is there from the start
  uint32_t end = 0;    // its last step
  uint32_t prompt = 0;
};

class WorkloadMaker {
 public:
  WorkloadMaker(uint32_t seed, const RandomWorkloadOptions& options)
      : rng_(seed), options_(options) {}

  Workload Make() {
    Workload& w = workload_;
    w.sequences = options_.sequences;
    w.groups = options_.groups;
    w.steps = options_.steps;
    w.page_tokens = options_.page_tokens;
    w.kv_bytes_per_token = Bytes(16);
    uint32_t most_tokens = 0;
    for (uint32_t q = 0; q < w.sequences; ++q) {
      RandomSequence s;
      s.begin = q == 0 || Chance(2, 3) ? 0 : Pick(1, w.steps - 2);
      s.end = Chance(1, 2) ? w.steps : Pick(s.begin + 1, w.steps - 1);
      s.prompt = Pick(1, 40);
      most_tokens = std::max(most_tokens, s.prompt + w.steps);
      sequences_.push_back(s);
      w.live_at_start.push_back(s.begin == 0);
    }
    w.pages_max = most_tokens / w.page_tokens + 1;
    AddInitial();
    for (uint32_t step = 0; step < w.steps; ++step) {
      for (uint32_t g = 0; g < w.groups; ++g) AddPhase(step, GroupId(g));
    }
    return std::move(workload_);
  }

 private:
  uint32_t Pick(uint32_t least, uint32_t most) {
    return std::uniform_int_distribution<uint32_t>(least,
                                                   std::max(least, most))(rng_);
  }
  bool Chance(uint32_t n, uint32_t of) { return Pick(1, of) <= n; }

  // Tokens of a sequence after `step`.
  uint32_t TokensAfter(const RandomSequence& s, uint32_t step) const {
    return s.prompt + (s.begin == 0 ? step + 1 : step - s.begin);
  }
  uint32_t Pages(uint32_t tokens) const {
    return (tokens + options_.page_tokens - 1) / options_.page_tokens;
  }

  void AddInitial() {
    for (uint32_t q = 0; q < workload_.sequences; ++q) {
      if (sequences_[q].begin > 0) continue;
      for (uint32_t g = 0; g < workload_.groups; ++g) {
        for (uint32_t p = 0; p < Pages(sequences_[q].prompt); ++p) {
          workload_.initial.push_back(workload_.IdOf(q, GroupId(g), p));
        }
      }
    }
  }

  void AddPhase(uint32_t step, GroupId group) {
    for (uint32_t q = 0; q < workload_.sequences; ++q) {
      const RandomSequence& s = sequences_[q];
      if (step < s.begin || step > s.end) continue;
      const uint32_t after = TokensAfter(s, step);
      const bool arrives = s.begin > 0 && step == s.begin;
      const uint32_t before = arrives ? 0 : after - 1;
      for (uint32_t p = Pages(before); p < Pages(after); ++p) {
        workload_.births.Push(workload_.IdOf(q, group, p));
      }
      AddWrites(q, group, before, after);
      AddReads(q, group, Pages(after));
      if (step < s.end || s.end == workload_.steps) continue;
      for (uint32_t p = 0; p < Pages(after); ++p) {
        workload_.freed.Push(workload_.IdOf(q, group, p));
      }
    }
    workload_.births.Close();
    workload_.kv_writes.Close();
    workload_.reads.Close();
    workload_.freed.Close();
    workload_.near_misses.Close();
  }

  void AddWrites(uint32_t q, GroupId group, uint32_t before, uint32_t after) {
    const uint32_t each = options_.page_tokens;
    for (uint32_t p = before / each; p * each < after; ++p) {
      const uint32_t from = std::max(before, p * each);
      const uint32_t to = std::min(after, p * each + each);
      workload_.kv_writes.Push({workload_.IdOf(q, group, p), to - from});
    }
  }

  void AddReads(uint32_t q, GroupId group, uint32_t pages) {
    if (options_.dense && Chance(1, 4)) return;
    for (uint32_t p = 0; p < pages; ++p) {
      // The first and the newest pages often, the others with a preference
      // that stays.
      const bool favourite = (p * 7 + q * 3 + group.value()) % 5 == 0;
      if (options_.dense || p == 0 || p + 1 == pages ||
          (favourite ? Chance(3, 4) : Chance(1, 5))) {
        workload_.reads.Push(workload_.IdOf(q, group, p));
      }
    }
  }

  std::mt19937 rng_;
  const RandomWorkloadOptions options_;
  std::vector<RandomSequence> sequences_;
  Workload workload_;
};

}  // namespace internal

inline Workload RandomWorkload(uint32_t seed,
                               const RandomWorkloadOptions& options = {}) {
  return internal::WorkloadMaker(seed, options).Make();
}

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_RANDOM_WORKLOAD_H_
