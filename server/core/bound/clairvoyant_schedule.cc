#include "server/core/bound/clairvoyant_schedule.h"

#include <span>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

absl::Status CheckStay(const AccessWindow& window, uint32_t i, size_t j,
                       std::span<const Stay> stays) {
  const WindowBlock& block = window.block(i);
  const std::span<const BlockUse> uses = window.uses(i);
  const Stay& stay = stays[j];
  if (!stay.resident()) return absl::OkStatus();
  const uint32_t p = uses[j].phase();
  const bool in_life = stay.from >= block.born && stay.from <= p &&
                       stay.until >= p && stay.until <= block.last;
  const bool after_previous =
      j == 0 || (stay.from > uses[j - 1].phase() &&
                 (!stays[j - 1].resident() || stay.from > stays[j - 1].until));
  if (in_life && after_previous) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("use ", j, " of block ", i,
                                          " in phase ", p, " has a stay ",
                                          stay.from, "..", stay.until));
}

}  // namespace

std::vector<PhaseTraffic> TrafficOf(const AccessWindow& window,
                                    const ClairvoyantSchedule& schedule) {
  std::vector<PhaseTraffic> traffic(window.phases());
  for (uint32_t i = 0; i < window.blocks(); ++i) {
    const WindowBlock& block = window.block(i);
    const std::span<const BlockUse> uses = window.uses(i);
    const std::span<const uint32_t> writes = window.writes(i);
    const std::span<const Stay> stays =
        std::span(schedule.stays).subspan(block.first_use, uses.size());
    const Bytes bytes = window.block_bytes(i);
    for (size_t j = 0; j < uses.size(); ++j) {
      const Stay& stay = stays[j];
      PhaseTraffic& at = traffic[uses[j].phase()];
      if (uses[j].read()) {
        (stay.resident() ? at.hbm_reads : at.dram_reads) += bytes;
      }
      if (!writes.empty()) {
        (stay.resident() ? at.new_kv_hbm : at.new_kv_dram) += Bytes(writes[j]);
      }
      const StayEdges edges = EdgesOf(block, uses, stays, j);
      if (edges.arrival == StayEdges::kPromoted) {
        traffic[stay.from - 1].promoted += bytes;
      } else if (edges.arrival == StayEdges::kFetched) {
        traffic[stay.from - 1].prefetched += bytes;
      }
      if (edges.evicted) traffic[stay.until].demoted += bytes;
    }
  }
  if (!window.exclusive()) {
    for (uint32_t p = 0; p < window.phases(); ++p) {
      traffic[p].new_kv_hbm = window.new_kv()[p];
    }
  }
  return traffic;
}

absl::StatusOr<std::vector<Seconds>> Evaluate(
    const AccessWindow& window, const ClairvoyantSchedule& schedule) {
  if (schedule.stays.size() != window.total_uses()) {
    return absl::InternalError("the schedule is of another window");
  }
  std::vector<Bytes> change(size_t{window.phases()} + 1);
  for (uint32_t i = 0; i < window.blocks(); ++i) {
    const std::span<const Stay> stays =
        std::span(schedule.stays)
            .subspan(window.block(i).first_use, window.uses(i).size());
    for (size_t j = 0; j < stays.size(); ++j) {
      if (auto s = CheckStay(window, i, j, stays); !s.ok()) return s;
      if (!stays[j].resident()) continue;
      change[stays[j].from] += window.block_bytes(i);
      change[stays[j].until + 1] -= window.block_bytes(i);
    }
  }
  const CostModel cost(window.device());
  const bool routing =
      window.device().read_routing && window.uniform_bytes() > Bytes(0);
  std::vector<PhaseTraffic> traffic = TrafficOf(window, schedule);
  std::vector<Seconds> seconds;
  seconds.reserve(window.phases());
  Bytes resident;
  for (uint32_t p = 0; p < window.phases(); ++p) {
    resident += change[p];
    if (resident > window.capacity()) {
      return absl::InternalError(absl::StrCat("phase ", p, " has ",
                                              resident.count(),
                                              " bytes in HBM, expected at "
                                              "most ",
                                              window.capacity().count()));
    }
    PhaseTraffic& t = traffic[p];
    if (routing) {
      const Bytes routed =
          window.uniform_bytes() *
          cost.BestRoutedBlocks(t, window.uniform_bytes(),
                                t.hbm_reads / window.uniform_bytes());
      t.hbm_reads -= routed;
      t.dram_reads += routed;
    }
    seconds.push_back(cost.Time(t));
  }
  return seconds;
}

Seconds Sum(const std::vector<Seconds>& phases) {
  Seconds sum;
  for (const Seconds s : phases) sum += s;
  return sum;
}

}  // namespace kvplace
