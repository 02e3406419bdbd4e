// LoadWorkload against a slow obvious twin. Random sessions are made up first
// as what happened (sequences, pages, reads), from which the twin derives the
// workload with sets; then they are written as a worker would, with handles
// used again and all encodings, and loaded.
#include <algorithm>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/trace/workload_loader.h"
#include "tests/trace/trace_test_util.h"

namespace kvplace {
namespace {

using Random = std::mt19937_64;
// (sequence within the file, group, page).
using Block = std::tuple<uint32_t, uint32_t, uint32_t>;

uint32_t Below(Random& random, uint64_t n) {
  return static_cast<uint32_t>(random() % n);
}

struct StepTruth {
  std::set<Block> births;
  std::set<Block> freed;
  // Mass by block.
  std::map<Block, uint8_t> reads;
  std::map<Block, uint8_t> near_misses;
  std::map<Block, uint32_t> writes;
  // Tokens by sequence, and who ends.
  std::map<uint32_t, uint32_t> tokens;
  std::set<uint32_t> ended;
};

// What happened in one file.
struct SessionTruth {
  uint32_t groups;
  uint32_t page_tokens;
  std::set<Block> initial;
  std::vector<StepTruth> steps;
};

// Makes one up, step by step.
class SessionMaker {
 public:
  SessionMaker(Random& random, uint32_t groups, uint32_t page_tokens)
      : random_(random) {
    truth_.groups = groups;
    truth_.page_tokens = page_tokens;
  }

  SessionTruth Make() {
    for (uint32_t n = Below(random_, 4); n > 0; --n) {
      const uint32_t tokens = 1 + Below(random_, 6 * truth_.page_tokens);
      AddPages(Arrive(tokens), &truth_.initial);
    }
    for (uint32_t n = 1 + Below(random_, 12); n > 0; --n) Step();
    return std::move(truth_);
  }

 private:
  struct Sequence {
    uint32_t tokens = 0;
    uint32_t pages = 0;
    bool alive = true;
    // Its tokens come in any number per step.
    bool arrived_in_trace = false;
  };

  uint32_t Arrive(uint32_t tokens) {
    sequences_.push_back({tokens});
    return static_cast<uint32_t>(sequences_.size() - 1);
  }

  void AddPages(uint32_t q, std::set<Block>* births) {
    Sequence& sequence = sequences_[q];
    const uint32_t needed =
        (sequence.tokens + truth_.page_tokens - 1) / truth_.page_tokens;
    for (; sequence.pages < needed; ++sequence.pages) {
      for (uint32_t g = 0; g < truth_.groups; ++g) {
        births->insert({q, g, sequence.pages});
        live_.insert({q, g, sequence.pages});
      }
    }
  }

  void Step() {
    StepTruth step;
    if (Below(random_, 3) == 0) {
      sequences_[Arrive(0)].arrived_in_trace = true;
    }
    for (uint32_t q = 0; q < sequences_.size(); ++q) {
      if (sequences_[q].alive) Decode(q, &step);
    }
    Read(&step);
    Free(&step);
    truth_.steps.push_back(std::move(step));
  }

  void Decode(uint32_t q, StepTruth* step) {
    Sequence& sequence = sequences_[q];
    uint32_t count = 1;
    if (sequence.arrived_in_trace && Below(random_, 3) == 0) {
      count = 1 + Below(random_, 5 * truth_.page_tokens);
    }
    step->tokens[q] = count;
    const uint32_t begin = sequence.tokens;
    sequence.tokens += count;
    AddPages(q, &step->births);
    for (uint32_t token = begin; token < sequence.tokens; ++token) {
      for (uint32_t g = 0; g < truth_.groups; ++g) {
        const Block block = {q, g, token / truth_.page_tokens};
        if (live_.count(block) > 0) ++step->writes[block];
      }
    }
  }

  void Read(StepTruth* step) {
    const uint32_t style = Below(random_, 3);
    for (const Block& block : live_) {
      // One group in three reads everything, as dense attention does.
      const bool all = std::get<1>(block) % 3 == style;
      const uint8_t mass = static_cast<uint8_t>(random_());
      if (all || Below(random_, 3) == 0) {
        step->reads[block] = mass;
      } else if (Below(random_, 4) == 0) {
        step->near_misses[block] = mass;
      }
    }
  }

  void Free(StepTruth* step) {
    for (uint32_t q = 0; q < sequences_.size(); ++q) {
      Sequence& sequence = sequences_[q];
      if (!sequence.alive) continue;
      const bool ends = Below(random_, 8) == 0;
      if (ends) {
        sequence.alive = false;
        step->ended.insert(q);
      }
      for (uint32_t g = 0; g < truth_.groups; ++g) {
        for (uint32_t page = 0; page < sequence.pages; ++page) {
          // A sliding window drops old pages of some groups.
          const bool drops =
              g == 0 && page + 2 < sequence.pages && Below(random_, 6) == 0;
          if ((ends || drops) && live_.erase({q, g, page}) > 0) {
            step->freed.insert({q, g, page});
          }
        }
      }
    }
  }

  Random& random_;
  SessionTruth truth_;
  std::vector<Sequence> sequences_;
  std::set<Block> live_;
};

// Writes a session down as a worker would.
class SessionWriter {
 public:
  SessionWriter(Random& random, const SessionTruth& truth)
      : random_(random), truth_(truth) {
    // Few handles, so that they are used again.
    std::set<Block> ever = truth.initial;
    for (const StepTruth& step : truth.steps) {
      ever.insert(step.births.begin(), step.births.end());
    }
    handles_ = static_cast<uint32_t>(ever.size() + 1);
    for (uint32_t h = 0; h < handles_; ++h) free_.push_back(h);
    std::shuffle(free_.begin(), free_.end(), random_);
    if (Below(random_, 2) == 0) std::sort(free_.rbegin(), free_.rend());
  }

  std::vector<v1::TraceRecord> Records() {
    std::vector<v1::TraceRecord> records = {Header(truth_.steps.size())};
    records.push_back(Hello(truth_.groups, handles_, truth_.page_tokens));
    records.push_back(Inventory(Ranges(truth_.initial), false));
    records.push_back(Inventory({}));
    int64_t number = Below(random_, 100);
    for (const StepTruth& step : truth_.steps) {
      records.push_back(Record(step, number));
      number += 1 + Below(random_, 3);
      if (Below(random_, 4) == 0) {
        v1::TraceRecord report;
        report.mutable_move_report()->set_step(number);
        records.push_back(report);
      }
    }
    return records;
  }

 private:
  // Runs of pages with consecutive handles become one range.
  std::vector<v1::BlockRange> Ranges(const std::set<Block>& blocks) {
    std::vector<v1::BlockRange> ranges;
    for (const Block& block : blocks) {
      const auto [q, g, page] = block;
      const uint32_t handle = free_.back();
      free_.pop_back();
      handle_of_[block] = handle;
      if (!ranges.empty()) {
        v1::BlockRange& last = ranges.back();
        if (last.sequence() == NameOf(q) && last.group() == g &&
            last.first_page() + last.count() == page &&
            last.first_handle() + last.count() == handle) {
          last.set_count(last.count() + 1);
          continue;
        }
      }
      ranges.push_back(Range(NameOf(q), g, page, handle, 1));
    }
    return ranges;
  }

  v1::TraceRecord Record(const StepTruth& step, int64_t number) {
    StepOf record(number);
    for (const v1::BlockRange& range : Ranges(step.births)) {
      record.Allocate(range);
    }
    for (const auto& [q, tokens] : step.tokens) {
      record.Tokens(NameOf(q), tokens, step.ended.count(q) > 0);
    }
    for (uint32_t g = 0; g < truth_.groups; ++g) AddReads(step, g, &record);
    for (const Block& block : step.freed) {
      const uint32_t handle = handle_of_[block];
      // Some blocks of ended sequences are named, the others end with it.
      const bool named =
          step.ended.count(std::get<0>(block)) == 0 || Below(random_, 3) == 0;
      if (named) record.Free(handle, 1);
      live_.erase(handle);
      free_.push_back(handle);
      handle_of_.erase(block);
    }
    return record;
  }

  void AddReads(const StepTruth& step, uint32_t group, StepOf* record) {
    std::map<uint32_t, uint8_t> reads;
    std::map<uint32_t, uint8_t> near;
    std::string masses;
    std::vector<uint64_t> sequences;
    std::string all_masses;
    for (const auto& [block, mass] : step.reads) {
      if (std::get<1>(block) != group) continue;
      reads[handle_of_[block]] = mass;
      const uint64_t name = NameOf(std::get<0>(block));
      if (sequences.empty() || sequences.back() != name) {
        sequences.push_back(name);
      }
      all_masses.push_back(static_cast<char>(mass));
    }
    for (const auto& [block, mass] : step.near_misses) {
      if (std::get<1>(block) == group) near[handle_of_[block]] = mass;
    }
    if (reads.empty() && near.empty()) return;
    size_t alive = 0;
    for (const auto& [block, handle] : handle_of_) {
      alive += std::get<1>(block) == group &&
               std::count(sequences.begin(), sequences.end(),
                          NameOf(std::get<0>(block))) > 0;
    }
    std::vector<uint32_t> near_handles;
    std::string near_masses;
    for (const auto& [handle, mass] : near) {
      near_handles.push_back(handle);
      near_masses.push_back(static_cast<char>(mass));
    }
    std::vector<uint32_t> handles;
    for (const auto& [handle, mass] : reads) {
      handles.push_back(handle);
      masses.push_back(static_cast<char>(mass));
    }
    if (alive == reads.size() && !sequences.empty()) {
      record->ReadAll(group, sequences, all_masses + near_masses);
      (*record)->mutable_reads()->rbegin()->set_near_misses(
          Ascending(near_handles));
    } else if (Below(random_, 2) == 0) {
      record->Read(group, handles, near_handles, masses + near_masses);
    } else {
      std::vector<BlockId> ids;
      for (const uint32_t handle : handles) ids.push_back(BlockId(handle));
      const uint32_t first =
          handles.empty() ? 0 : Below(random_, handles[0] + 1);
      std::string bits;
      EncodeBitmap(ids, first, &bits);
      record->ReadBitmap(group, first, bits + std::string(2, '\0'));
      v1::GroupReads& entry = *(*record)->mutable_reads()->rbegin();
      entry.set_near_misses(Ascending(near_handles));
      entry.set_masses(masses + near_masses);
    }
  }

  static uint64_t NameOf(uint32_t q) { return UINT64_MAX - 17 * q; }

  Random& random_;
  const SessionTruth& truth_;
  uint32_t handles_;
  std::vector<uint32_t> free_;
  std::map<Block, uint32_t> handle_of_;
  std::set<uint32_t> live_;
};

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
