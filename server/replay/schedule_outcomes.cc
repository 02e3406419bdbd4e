#include "server/replay/schedule_outcomes.h"

#include <algorithm>

#include "server/core/cost_model.h"
#include "server/replay/window_of.h"

namespace kvplace {
namespace {

// Lists of blocks by phase, filled in any order.
struct Moves {
  explicit Moves(size_t phases)
      : read_hbm(phases),
        read_dram(phases),
        promoted(phases),
        prefetched(phases),
        evicted(phases) {}
  using Lists = std::vector<std::vector<BlockId>>;
  Lists read_hbm, read_dram, promoted, prefetched, evicted;
};

void SortInto(std::vector<BlockId>* from, std::vector<BlockId>* to) {
  std::sort(from->begin(), from->end());
  *to = std::move(*from);
}

}  // namespace

absl::Status VisitOutcomes(const Workload& workload, const AccessWindow& window,
                           const ClairvoyantSchedule& schedule,
                           const OutcomeVisitor& visitor) {
  auto seconds = Evaluate(window, schedule);
  if (!seconds.ok()) return seconds.status();
  const std::vector<BlockId> ids = BlockOrder(workload);
  Moves moves(workload.phases());
  std::vector<BlockId> initial_hbm;
  // In HBM from birth.
  std::vector<bool> begins_in_hbm(workload.id_space());
  for (uint32_t i = 0; i < window.blocks(); ++i) {
    const BlockId id = ids[window.added_as(i)];
    const WindowBlock& block = window.block(i);
    const std::span<const BlockUse> uses = window.uses(i);
    const std::span<const Stay> stays =
        std::span(schedule.stays).subspan(block.first_use, uses.size());
    if (stays[0].resident() && stays[0].from == block.born) {
      begins_in_hbm[id.value()] = true;
      if (window.added_as(i) < workload.initial.size()) {
        initial_hbm.push_back(id);
      }
    }
    for (size_t j = 0; j < uses.size(); ++j) {
      const Stay& stay = stays[j];
      if (uses[j].read()) {
        (stay.resident() ? moves.read_hbm : moves.read_dram)[uses[j].phase()]
            .push_back(id);
      }
      const StayEdges edges = EdgesOf(block, uses, stays, j);
      if (edges.arrival == StayEdges::kPromoted) {
        moves.promoted[stay.from - 1].push_back(id);
      } else if (edges.arrival == StayEdges::kFetched) {
        moves.prefetched[stay.from - 1].push_back(id);
      }
      if (edges.evicted) moves.evicted[stay.until].push_back(id);
    }
  }
  if (visitor.on_start) {
    std::sort(initial_hbm.begin(), initial_hbm.end());
    visitor.on_start(initial_hbm);
  }
  const CostModel cost(window.device());
  const std::vector<PhaseTraffic> traffic = TrafficOf(window, schedule);
  PhaseOutcome outcome;
  for (size_t p = 0; p < workload.phases(); ++p) {
    outcome.Reset();
    SortInto(&moves.read_hbm[p], &outcome.read_hbm);
    SortInto(&moves.read_dram[p], &outcome.read_dram);
    SortInto(&moves.promoted[p], &outcome.promoted);
    SortInto(&moves.prefetched[p], &outcome.prefetched);
    SortInto(&moves.evicted[p], &outcome.evicted);
    for (const BlockId block : workload.births[p]) {
      (begins_in_hbm[block.value()] ? outcome.new_hbm : outcome.new_dram)
          .push_back(block);
    }
    outcome.traffic = traffic[p];
    if (window.device().read_routing) {
      RouteReads(cost, workload.block_bytes(), /*max_share=*/1, &outcome);
    }
    outcome.seconds = (*seconds)[p];
    if (visitor.on_phase) visitor.on_phase(p, outcome);
  }
  return absl::OkStatus();
}

}  // namespace kvplace
