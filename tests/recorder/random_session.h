// A made-up worker: valid messages of one session, and the truth about what is
// alive where, kept in the plainest way.
#ifndef KVPLACE_TESTS_RECORDER_RANDOM_SESSION_H_
#define KVPLACE_TESTS_RECORDER_RANDOM_SESSION_H_

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "kvplace/v1/session.pb.h"
#include "server/core/block_codec.h"
#include "server/service/recorder_sink.h"

namespace kvplace {

class RandomSession {
 public:
  struct Block {
    uint64_t sequence;
    uint32_t group, page;
    v1::Tier tier;
    bool operator==(const Block&) const = default;
  };
  using Blocks = std::map<uint32_t, Block>;

  static constexpr uint32_t kGroups = 2;
  static constexpr uint32_t kHandlesPerGroup = 300;

  explicit RandomSession(uint32_t seed) : random_(seed) {
    for (uint64_t q = 0; q < 3; ++q) StartSequence();
    // Before the session there were some blocks.
    v1::Step unused;
    for (int i = 0; i < 10; ++i) Grow(&unused);
  }

  v1::ConnectRequest Hello() {
    v1::ConnectRequest m = Next();
    v1::Hello& hello = *m.mutable_hello();
    hello.set_protocol_version(1);
    hello.set_node_id("n0");
    hello.set_incarnation(77);
    hello.set_next_step(step_);
    for (uint32_t g = 0; g < kGroups; ++g) {
      v1::LayerGroup& group = *hello.add_groups();
      group.set_block_bytes(64);
      group.set_handles(kHandlesPerGroup);
      group.set_page_tokens(4);
      group.set_kv_bytes_per_token(16);
    }
    return m;
  }

  // In two chunks.
  std::vector<v1::ConnectRequest> Inventory() {
    std::vector<v1::ConnectRequest> chunks = {Next(), Next()};
    size_t n = 0;
    for (const auto& [handle, block] : blocks_) {
      const size_t half = n++ < blocks_.size() / 2 ? 0 : 1;
      AddRange(handle, block, chunks[half].mutable_inventory()->add_blocks());
    }
    chunks[0].mutable_inventory()->set_last(false);
    chunks[1].mutable_inventory()->set_last(true);
    return chunks;
  }

  // A MoveReport and its Step.
  std::vector<v1::ConnectRequest> Step() {
    std::vector<v1::ConnectRequest> messages;
    v1::Step step;
    step.set_step(step_);
    std::set<uint32_t> old;
    for (const auto& [handle, block] : blocks_) old.insert(handle);
    Grow(&step);
    Read(&step);
    if (random_() % 8 != 0) {
      messages.push_back(Next());
      Move(messages.back().mutable_move_report());
    }
    Shrink(old, &step);
    messages.push_back(Next());
    *messages.back().mutable_step() = std::move(step);
    ++step_;
    return messages;
  }

  const Blocks& blocks() const { return blocks_; }
  int64_t next_step() const { return step_; }

 private:
  v1::ConnectRequest Next() {
    v1::ConnectRequest m;
    m.set_sequence_number(++number_);
    return m;
  }

  static void AddRange(uint32_t handle, const Block& block,
                       v1::BlockRange* range) {
    range->set_sequence(block.sequence);
    range->set_group(block.group);
    range->set_first_page(block.page);
    range->set_first_handle(handle);
    range->set_count(1);
    range->set_tier(block.tier);
  }

  void StartSequence() { sequences_[next_sequence_++] = 0; }

  // Each sequence gets a page in each group.
  void Grow(v1::Step* step) {
    for (auto& [sequence, pages] : sequences_) {
      if (blocks_.size() + kGroups > kGroups * kHandlesPerGroup) return;
      for (uint32_t g = 0; g < kGroups; ++g) {
        uint32_t handle = 0;
        do {
          handle = random_() % (kGroups * kHandlesPerGroup);
        } while (blocks_.contains(handle));
        if (OfGroup(g) >= kHandlesPerGroup) continue;
        const Block block{sequence, g, pages,
                          random_() % 2 == 0 ? v1::TIER_HBM : v1::TIER_DRAM};
        blocks_[handle] = block;
        AddRange(handle, block, step->add_allocated());
      }
      ++pages;
    }
  }

  uint32_t OfGroup(uint32_t group) const {
    uint32_t n = 0;
    for (const auto& [handle, block] : blocks_) n += block.group == group;
    return n;
  }

  void Read(v1::Step* step) {
    for (uint32_t g = 0; g < kGroups; ++g) {
      std::vector<BlockId> ids;
      for (const auto& [handle, block] : blocks_) {
        if (block.group == g && random_() % 3 != 0) {
          ids.push_back(BlockId(handle));
        }
      }
      v1::GroupReads& reads = *step->add_reads();
      reads.set_group(g);
      EncodeAscending(ids, reads.mutable_handles());
      for (size_t i = 0; i < ids.size(); ++i) {
        reads.mutable_masses()->push_back(static_cast<char>(random_()));
      }
    }
  }

  void Move(v1::MoveReport* report) {
    report->set_step(step_);
    for (uint32_t g = 0; g < kGroups; ++g) {
      std::vector<BlockId> evicted, promoted, prefetched;
      for (auto& [handle, block] : blocks_) {
        if (random_() % 10 != 0) continue;
        if (block.tier == v1::TIER_HBM) {
          evicted.push_back(BlockId(handle));
        } else {
          (random_() % 2 == 0 ? promoted : prefetched)
              .push_back(BlockId(handle));
        }
        block.tier = block.tier == v1::TIER_HBM ? v1::TIER_DRAM : v1::TIER_HBM;
      }
      v1::PhaseMoves& phase = *report->add_phases();
      phase.set_group(g);
      EncodeOrdered(evicted, phase.mutable_evicted());
      EncodeOrdered(promoted, phase.mutable_promoted());
      EncodeOrdered(prefetched, phase.mutable_prefetched());
    }
  }

  // Some blocks and sometimes a whole sequence end.
  void Shrink(const std::set<uint32_t>& old, v1::Step* step) {
    for (const uint32_t handle : old) {
      if (random_() % 40 != 0) continue;
      v1::HandleRange& range = *step->add_freed();
      range.set_first(handle);
      range.set_count(1);
      blocks_.erase(handle);
    }
    if (random_() % 12 != 0 && blocks_.size() < 400) return;
    const uint64_t ended = sequences_.begin()->first;
    v1::SequenceProgress& progress = *step->add_sequences();
    progress.set_sequence(ended);
    progress.set_ended(true);
    sequences_.erase(ended);
    std::erase_if(
        blocks_, [ended](const auto& b) { return b.second.sequence == ended; });
    StartSequence();
  }

  std::mt19937 random_;
  uint64_t number_ = 0;
  int64_t step_ = 100;
  uint64_t next_sequence_ = 1000;
  // Pages that each live sequence has had.
  std::map<uint64_t, uint32_t> sequences_;
  Blocks blocks_;
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_RECORDER_RANDOM_SESSION_H_
