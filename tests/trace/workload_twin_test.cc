// LoadWorkload against a slow obvious twin. Random sessions are made up first
// as what happened (sequences, pages, reads), from which the twin derives the
// workload with sets; then they are written as a worker would, with handles
// used again and all encodings, and loaded.
#include <algorithm>
#include <map>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/trace/workload_loader.h"
#include "tests/trace/random_session.h"

namespace kvplace {
namespace {

// The workload, derived from what happened.
struct TwinWorkload {
  uint32_t steps = 0;
  uint32_t sequences = 0;
  uint32_t pages_max = 0;
  std::set<uint32_t> initial;
  std::set<uint32_t> ever;
  uint64_t peak = 0;
  // By phase.
  std::vector<std::set<uint32_t>> births, freed;
  std::vector<std::map<uint32_t, uint8_t>> reads, near_misses;
  std::vector<std::map<uint32_t, uint32_t>> writes;
};

class Twin {
 public:
  Twin(const std::vector<SessionTruth>& files, size_t first, size_t end)
      : files_(files), first_(first), end_(end), groups_(files[0].groups) {}

  TwinWorkload Make() {
    for (const SessionTruth& file : files_) {
      const size_t last = std::min(end_, file.steps.size());
      if (last > first_) {
        twin_.steps = std::max(twin_.steps, uint32_t(last - first_));
      }
    }
    // Once to number the sequences and find pages_max, once for the lists.
    for (const bool lists : {false, true}) {
      for (size_t f = 0; f < files_.size(); ++f) {
        if (files_[f].steps.size() > first_) Walk(f, lists);
      }
      const size_t phases = size_t{twin_.steps} * groups_;
      twin_.births.resize(phases);
      twin_.freed.resize(phases);
      twin_.reads.resize(phases);
      twin_.near_misses.resize(phases);
      twin_.writes.resize(phases);
    }
    twin_.sequences = static_cast<uint32_t>(numbers_.size());
    FindPeak();
    return std::move(twin_);
  }

 private:
  uint32_t IdOf(size_t file, const Block& block) {
    const auto [q, g, page] = block;
    const auto [at, added] =
        numbers_.try_emplace({file, q}, uint32_t(numbers_.size()));
    twin_.pages_max = std::max(twin_.pages_max, page + 1);
    return (at->second * groups_ + g) * twin_.pages_max + page;
  }

  void Walk(size_t f, bool lists) {
    const SessionTruth& file = files_[f];
    std::set<Block> live = file.initial;
    const size_t last = std::min(end_, file.steps.size());
    for (size_t s = 0; s < last; ++s) {
      const StepTruth& step = file.steps[s];
      if (s == first_) Appear(f, live, lists ? &twin_.initial : nullptr);
      live.insert(step.births.begin(), step.births.end());
      if (s >= first_) {
        Appear(f, step.births, nullptr);
        if (lists) Lists(f, step, s - first_);
      }
      for (const Block& block : step.freed) live.erase(block);
    }
    if (!lists || last - first_ == twin_.steps) return;
    for (const Block& block : live) {
      twin_.freed[(last - 1 - first_) * groups_ + std::get<1>(block)].insert(
          IdOf(f, block));
    }
  }

  // Sequences get their numbers; in order of q, which is that of appearance.
  void Appear(size_t f, const std::set<Block>& blocks,
              std::set<uint32_t>* ids) {
    for (const Block& block : blocks) {
      const uint32_t id = IdOf(f, block);
      if (ids != nullptr) ids->insert(id);
      if (ids != nullptr) twin_.ever.insert(id);
    }
  }

  void Lists(size_t f, const StepTruth& step, size_t s) {
    const auto phase = [&](const Block& block) {
      return s * groups_ + std::get<1>(block);
    };
    for (const Block& b : step.births) {
      twin_.births[phase(b)].insert(IdOf(f, b));
      twin_.ever.insert(IdOf(f, b));
    }
    for (const Block& b : step.freed) {
      twin_.freed[phase(b)].insert(IdOf(f, b));
    }
    for (const auto& [b, mass] : step.reads) {
      twin_.reads[phase(b)][IdOf(f, b)] = mass;
    }
    for (const auto& [b, mass] : step.near_misses) {
      twin_.near_misses[phase(b)][IdOf(f, b)] = mass;
    }
    for (const auto& [b, tokens] : step.writes) {
      twin_.writes[phase(b)][IdOf(f, b)] = tokens;
    }
  }

  void FindPeak() {
    uint64_t live = twin_.initial.size();
    for (size_t p = 0; p < twin_.births.size(); ++p) {
      live += twin_.births[p].size();
      twin_.peak = std::max(twin_.peak, live);
      live -= twin_.freed[p].size();
    }
  }

  const std::vector<SessionTruth>& files_;
  const size_t first_;
  const size_t end_;
  const uint32_t groups_;
  std::map<std::pair<size_t, uint32_t>, uint32_t> numbers_;
  TwinWorkload twin_;
};

std::vector<uint32_t> Values(std::span<const BlockId> ids) {
  std::vector<uint32_t> values;
  for (const BlockId id : ids) values.push_back(id.value());
  return values;
}

std::vector<uint32_t> Values(const std::set<uint32_t>& ids) {
  return {ids.begin(), ids.end()};
}

void Compare(const TwinWorkload& twin, const Workload& workload, bool masses) {
  ASSERT_EQ(workload.steps, twin.steps);
  ASSERT_EQ(workload.sequences, twin.sequences);
  ASSERT_EQ(workload.pages_max, twin.pages_max);
  ASSERT_EQ(workload.blocks, twin.ever.size());
  ASSERT_EQ(workload.peak_live_blocks, twin.peak);
  ASSERT_EQ(Values(workload.initial), Values(twin.initial));
  size_t read = 0;
  for (size_t p = 0; p < workload.phases(); ++p) {
    ASSERT_EQ(Values(workload.births[p]), Values(twin.births[p])) << p;
    ASSERT_EQ(Values(workload.freed[p]), Values(twin.freed[p])) << p;
    std::map<uint32_t, uint32_t> writes;
    for (const KvWrite& write : workload.kv_writes[p]) {
      ASSERT_TRUE(writes.emplace(write.block.value(), write.tokens).second);
    }
    ASSERT_EQ(writes, twin.writes[p]) << p;
    ASSERT_EQ(workload.reads[p].size(), twin.reads[p].size()) << p;
    auto expected = twin.reads[p].begin();
    for (const BlockId id : workload.reads[p]) {
      ASSERT_EQ(id.value(), expected->first);
      if (masses) {
        ASSERT_EQ(workload.read_masses[read], expected->second);
      }
      ++read;
      ++expected;
    }
    std::map<uint32_t, uint8_t> near;
    for (const NearMiss& miss : workload.near_misses[p]) {
      near[miss.block.value()] = miss.mass;
    }
    if (masses) {
      ASSERT_EQ(near, twin.near_misses[p]);
    }
  }
}

TEST(WorkloadTwinTest, AgreesOnRandomSessions) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  Random random(seed);
  TempDir dir;
  int compared = 0;
  for (int round = 0; round < 1500; ++round) {
    const uint32_t groups = 1 + Below(random, 4);
    const uint32_t page_tokens = 1 + Below(random, 4);
    std::vector<SessionTruth> files;
    std::vector<std::string> paths;
    size_t longest = 0;
    for (uint32_t n = 1 + Below(random, 3); n > 0; --n) {
      files.push_back(SessionMaker(random, groups, page_tokens).Make());
      paths.push_back(dir.File("t" + std::to_string(n)));
      ASSERT_NO_FATAL_FAILURE(WriteTrace(
          paths.back(), SessionWriter(random, files.back()).Records(),
          1 + Below(random, 2000)));
      longest = std::max(longest, files.back().steps.size());
    }
    WorkloadOptions options;
    options.masses = Below(random, 2) == 0;
    size_t end = longest;
    if (Below(random, 2) == 0) {
      options.first_step = Below(random, longest);
      end = static_cast<size_t>(options.first_step) + 1 +
            Below(random, longest - static_cast<size_t>(options.first_step));
      options.end_step = static_cast<int64_t>(end);
    }
    const TwinWorkload twin =
        Twin(files, static_cast<size_t>(options.first_step), end).Make();
    const absl::StatusOr<Workload> workload = LoadWorkload(paths, options);
    SCOPED_TRACE(::testing::Message() << "round " << round);
    if (twin.ever.empty()) {
      ASSERT_FALSE(workload.ok());
      continue;
    }
    ASSERT_TRUE(workload.ok()) << workload.status();
    ASSERT_TRUE(workload->warnings.empty()) << workload->warnings[0];
    ASSERT_NO_FATAL_FAILURE(Compare(twin, *workload, options.masses));
    ++compared;
  }
  EXPECT_GT(compared, 1000);
}

}  // namespace
}  // namespace kvplace
