// Sessions made up at random, for tests that compare a loader with a twin: what
// happened (sequences, pages, reads), and the records that a worker would have
// written of it, with handles used again and all encodings.
#ifndef KVPLACE_TESTS_TRACE_RANDOM_SESSION_H_
#define KVPLACE_TESTS_TRACE_RANDOM_SESSION_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/trace/trace_test_util.h"

namespace kvplace {

using Random = std::mt19937_64;
// (sequence within the file, group, page).
using Block = std::tuple<uint32_t, uint32_t, uint32_t>;

inline uint32_t Below(Random& random, uint64_t n) {
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

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TRACE_RANDOM_SESSION_H_
