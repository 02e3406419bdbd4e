// A worker without a GPU, for tests: executes a workload on an emulated device
// by the plans of a session, one step at a time, and reports what it did.
#ifndef KVPLACE_TESTS_SERVICE_LOCKSTEP_WORKER_H_
#define KVPLACE_TESTS_SERVICE_LOCKSTEP_WORKER_H_

#include <algorithm>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "server/convert/plan_codec.h"
#include "server/replay/closed_loop.h"
#include "server/replay/emulated_device.h"
#include "server/replay/start_placement.h"
#include "server/replay/workload.h"
#include "tests/service/session_test_util.h"

namespace kvplace {

class LockstepWorker {
 public:
  // `obey`: executes the plans; otherwise it never moves anything.
  LockstepWorker(const Workload& workload, const DeviceConfig& config,
                 TestWorker* stream, bool obey)
      : workload_(workload),
        stream_(stream),
        obey_(obey),
        device_(config),
        decoder_(workload.groups, config.handles()) {
    hello_.node_id = "node-a";
    hello_.incarnation = 1;
    hello_.device = config;
    plan_.order = EmptyOrder(workload.groups);
  }

  // Hello, inventory, first plan.
  void Start() {
    ASSERT_EQ(stream_->Send(HelloMessage(hello_)), Session::Outcome::kApplied)
        << stream_->Status();
    const auto capacity = static_cast<uint64_t>(hello_.device.hbm_capacity /
                                                workload_.block_bytes());
    const std::vector<BlockId> hbm = OnlineStart(workload_, capacity);
    for (const BlockId block : workload_.initial) {
      device_.Place(block, Tier::kDram);
    }
    for (const BlockId block : hbm) device_.Place(block, Tier::kHbm);
    v1::Inventory inventory;
    for (const BlockRange& range : InventoryOf(workload_, hbm)) {
      BlockRangeToProto(range, inventory.add_blocks());
    }
    inventory.set_last(true);
    ASSERT_EQ(stream_->Send(inventory), Session::Outcome::kApplied)
        << stream_->Status();
    TakePlan(-1);
    device_.PrepareBirths(GroupId(0), workload_.births[0]);
  }

  // Runs one step and tells the server; `outcomes` gets one entry per group.
  void RunStep(uint32_t step, std::vector<PhaseOutcome>* outcomes) {
    outcomes->resize(workload_.groups);
    v1::Step message;
    v1::MoveReport report;
    message.set_step(step);
    report.set_step(step);
    report.set_plan_id(plan_.id.value());
    AddProgress(step, &message);
    for (uint32_t g = 0; g < workload_.groups; ++g) {
      const size_t phase = size_t{step} * workload_.groups + g;
      const PhaseInput input = InputOf(workload_, phase);
      PhaseOutcome& outcome = (*outcomes)[g];
      device_.BeginPhase(input, &outcome);
      device_.EndPhase(input, &outcome);
      AddBirths(outcome.new_hbm, Tier::kHbm, &message);
      AddBirths(outcome.new_dram, Tier::kDram, &message);
      AddReads(phase, &message);
      AddMoves(g, outcome, &report);
    }
    ASSERT_EQ(stream_->Send(report), Session::Outcome::kApplied)
        << stream_->Status();
    ASSERT_EQ(stream_->Send(message), Session::Outcome::kApplied)
        << stream_->Status();
    TakePlan(step);
  }

 private:
  void TakePlan(int64_t basis) {
    if (obey_) {
      const auto out = stream_->Take();
      ASSERT_FALSE(out.empty());
      ASSERT_TRUE(out.back().has_plan()) << out.back().ShortDebugString();
      ASSERT_THAT(decoder_.Decode(out.back().plan(), &plan_), IsOk());
      ASSERT_EQ(plan_.basis.value(), basis);
    }
    device_.SetOrder(&plan_.order);
  }

  // Sequences that write in the step, and those whose blocks all end with it
  // (by name for even ones, block by block for odd ones).
  void AddProgress(uint32_t step, v1::Step* message) {
    const size_t phase = size_t{step} * workload_.groups;
    std::vector<uint32_t> tokens(workload_.sequences);
    for (const KvWrite& write : workload_.kv_writes[phase]) {
      tokens[workload_.SequenceOf(write.block)] += write.tokens;
    }
    std::set<uint32_t> ended;
    for (const BlockId block : workload_.freed[phase]) {
      ended.insert(workload_.SequenceOf(block));
    }
    for (uint32_t q = 0; q < workload_.sequences; ++q) {
      if (tokens[q] == 0 && !ended.contains(q)) continue;
      v1::SequenceProgress* progress = message->add_sequences();
      progress->set_sequence(q);
      progress->set_new_tokens(tokens[q]);
      progress->set_ended(ended.contains(q) && q % 2 == 0);
    }
    std::vector<BlockId> freed;
    for (uint32_t g = 0; g < workload_.groups; ++g) {
      for (const BlockId block : workload_.freed[phase + g]) {
        if (workload_.SequenceOf(block) % 2 != 0) freed.push_back(block);
      }
    }
    std::sort(freed.begin(), freed.end());
    AppendHandleRanges(freed, message->mutable_freed());
  }

  void AddBirths(const std::vector<BlockId>& blocks, Tier tier,
                 v1::Step* message) {
    for (const BlockId block : blocks) {
      BlockRangeToProto(
          {SequenceId(workload_.SequenceOf(block)), workload_.GroupOf(block),
           workload_.PageOf(block), block, 1, tier},
          message->add_allocated());
      ++live_[{workload_.SequenceOf(block), workload_.GroupOf(block).value()}];
    }
  }

  void AddReads(size_t phase, v1::Step* message) {
    const auto reads = workload_.reads[phase];
    ReadSet set;
    set.group = GroupId(static_cast<uint32_t>(phase % workload_.groups));
    set.reads = reads;
    // Every live page of each sequence that is read at all?
    std::vector<SequenceId> whole;
    std::map<uint32_t, uint32_t> pages;
    for (const BlockId block : reads) ++pages[workload_.SequenceOf(block)];
    for (const auto& [sequence, count] : pages) {
      if (count != live(sequence, set.group)) {
        whole.clear();
        break;
      }
      // Not in order of handle: the decoder has to sort.
      whole.insert(whole.begin(), SequenceId(sequence));
    }
    set.whole_sequences = whole;
    if (!reads.empty()) EncodeReads(set, message->add_reads());
    if (!whole.empty() && message->reads().rbegin()->has_all()) ++whole_reads_;
  }

  uint32_t live(uint32_t sequence, GroupId group) {
    uint32_t initial = 0;
    for (const BlockId block : workload_.initial) {
      initial += workload_.SequenceOf(block) == sequence &&
                 workload_.GroupOf(block) == group;
    }
    return initial + live_[{sequence, group.value()}];
  }

  static void AddMoves(uint32_t group, const PhaseOutcome& outcome,
                       v1::MoveReport* report) {
    if (outcome.promoted.empty() && outcome.prefetched.empty() &&
        outcome.evicted.empty() && outcome.routed_reads == 0) {
      return;
    }
    v1::PhaseMoves* moves = report->add_phases();
    moves->set_group(group);
    EncodeOrdered(outcome.promoted, moves->mutable_promoted());
    EncodeOrdered(outcome.prefetched, moves->mutable_prefetched());
    EncodeOrdered(outcome.evicted, moves->mutable_evicted());
    moves->set_routed_reads(outcome.routed_reads);
  }

 public:
  // Phases whose reads went out as a list of sequences.
  int whole_reads() const { return whole_reads_; }

 private:
  const Workload& workload_;
  TestWorker* const stream_;
  const bool obey_;
  WorkerHello hello_;
  EmulatedDevice device_;
  PlanDecoder decoder_;
  Plan plan_;
  // Births by sequence and group.
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> live_;
  int whole_reads_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_SERVICE_LOCKSTEP_WORKER_H_
