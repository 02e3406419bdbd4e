#include "bench/bench_node.h"

#include <algorithm>
#include <random>

#include "bench/must.h"
#include "server/convert/plan_codec.h"
#include "server/core/block_codec.h"
#include "server/core/policy/registry.h"

namespace kvplace {
namespace {

constexpr Bytes kBlock{65536};
constexpr uint32_t kHbmShare = 4;
constexpr uint32_t kPages = 128;

// std::shuffle and the distributions are the library's to choose; this is not.
uint32_t Below(std::mt19937* random, uint32_t limit) {
  return static_cast<uint32_t>((uint64_t{(*random)()} * limit) >> 32);
}

}  // namespace

BenchReads::BenchReads(uint32_t blocks, uint32_t reads, BenchEncoding encoding)
    : blocks_(blocks), reads_(reads), steps_(kRound) {
  std::mt19937 random(1);
  const uint32_t each = blocks / kGroups;
  const uint32_t wanted = reads / kGroups;
  const uint32_t sequences = (wanted + kPages - 1) / kPages;
  if (encoding == BenchEncoding::kAll) reads_ = sequences * kPages * kGroups;
  for (uint32_t g = 0; g < kGroups; ++g) {
    std::vector<bool> steady(each, false);
    for (uint32_t n = 0; n < wanted * 9 / 10;) {
      const uint32_t page = Below(&random, each);
      if (steady[page]) continue;
      steady[page] = true;
      ++n;
    }
    for (auto& step : steps_) {
      v1::GroupReads& out = step.emplace_back();
      out.set_group(g);
      std::vector<bool> read = steady;
      for (uint32_t n = wanted * 9 / 10; n < wanted;) {
        const uint32_t page = Below(&random, each);
        if (read[page]) continue;
        read[page] = true;
        ++n;
      }
      std::vector<BlockId> ids;
      for (uint32_t page = 0; page < each; ++page) {
        if (read[page]) ids.emplace_back(g * each + page);
      }
      switch (encoding) {
        case BenchEncoding::kDelta:
          EncodeAscending(ids, out.mutable_handles());
          break;
        case BenchEncoding::kBitmap:
          out.mutable_bitmap()->set_first_handle(g * each);
          EncodeBitmap(ids, g * each, out.mutable_bitmap()->mutable_bits());
          break;
        case BenchEncoding::kAll:
          for (uint32_t q = 0; q < sequences; ++q) {
            out.mutable_all()->add_sequences(1 + q);
          }
          break;
      }
    }
  }
}

DeviceConfig BenchDevice(uint32_t blocks) {
  DeviceConfig device;
  device.profile = *FindProfile("paper-gh200");
  device.mode = ResidencyMode::kInclusive;
  device.hbm_capacity = kBlock * (blocks / kHbmShare);
  device.groups.assign(
      BenchReads::kGroups,
      GroupConfig{kBlock, blocks / BenchReads::kGroups, 16, Bytes(4096)});
  return device;
}

BenchNode::BenchNode(const std::string& policy, const BenchReads* reads)
    : reads_(reads),
      policy_(*MakeOnlinePolicy(policy)),
      model_(BenchDevice(reads->blocks()), policy_.get()),
      decoder_(reads->blocks()) {
  const uint32_t each = reads->blocks() / BenchReads::kGroups;
  for (uint32_t g = 0; g < BenchReads::kGroups; ++g) {
    for (uint32_t page = 0; page < each; page += kPages) {
      const BlockId first(g * each + page);
      const Tier tier =
          page + kPages <= each / kHbmShare ? Tier::kHbm : Tier::kDram;
      Must(model_.AddInventory({SequenceId(1 + page / kPages), GroupId(g), 0,
                                first, std::min(kPages, each - page), tier}));
    }
  }
  model_.FinishInventory(StepIndex(0));
}

void BenchNode::DecodeOnly() {
  ++step_;
  for (const v1::GroupReads& reads :
       reads_->step(static_cast<uint64_t>(step_))) {
    PhaseUpdate update;
    update.group = GroupId(reads.group());
    Must(decoder_.Decode(reads, model_.blocks(), &update));
  }
}

void BenchNode::Hear() {
  Must(model_.BeginStep(StepIndex(++step_)));
  StepAccount account;
  for (const v1::GroupReads& reads :
       reads_->step(static_cast<uint64_t>(step_))) {
    PhaseUpdate update;
    update.group = GroupId(reads.group());
    Must(decoder_.Decode(reads, model_.blocks(), &update));
    Must(model_.ApplyPhase(update, &account));
  }
  model_.EndStep(account);
}

void BenchNode::MakePlan() {
  Must(planner_.MakePlan(*policy_, model_, &plan_));
  EncodePlan(plan_, false, &message_);
}

}  // namespace kvplace
