#include "tests/testing/exact_placement.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "server/core/cost_model.h"
#include "tests/testing/placement_problem.h"

namespace kvplace {
namespace {

class Search {
 public:
  Search(const Workload& workload, const DeviceConfig& device, Routing routing)
      : problem_(workload, device),
        cost_(device),
        block_bytes_(workload.block_bytes()),
        routing_(problem_.inclusive ? routing : Routing::kNone) {}

  Seconds Run() const {
    // Least time of the phases before p by what is in HBM in phase p.
    std::map<BlockSet, double> least;
    ForEachPlacement(0, [&](BlockSet hbm) { least[hbm] = 0; });
    for (size_t p = 0; p < problem_.phases; ++p) {
      std::map<BlockSet, double> next;
      for (const auto& [hbm, before] : least) {
        const auto go_on = [&, from = hbm, time = before](BlockSet to) {
          const double total = time + PhaseTime(p, from, to);
          const auto [it, added] = next.emplace(to, total);
          it->second = std::min(it->second, total);
        };
        ForEachPlacement(p + 1, go_on);
      }
      least = std::move(next);
    }
    double best = std::numeric_limits<double>::infinity();
    for (const auto& [hbm, seconds] : least) best = std::min(best, seconds);
    return Seconds(best);
  }

  Seconds Of(const std::vector<BlockSet>& hbm) const {
    double seconds = 0;
    for (size_t p = 0; p < problem_.phases; ++p) {
      if ((hbm[p] & ~Alive(p)) != 0 || !Fits(hbm[p])) {
        return Seconds(std::numeric_limits<double>::infinity());
      }
      seconds += PhaseTime(p, hbm[p], p + 1 < hbm.size() ? hbm[p + 1] : hbm[p]);
    }
    return Seconds(seconds);
  }

 private:
  BlockSet Alive(size_t phase) const {
    return Where([phase](const auto& block) { return block.AliveIn(phase); });
  }

  template <typename Predicate>
  BlockSet Where(Predicate predicate) const {
    BlockSet set = 0;
    for (size_t i = 0; i < problem_.blocks.size(); ++i) {
      if (predicate(problem_.blocks[i])) set |= BlockSet{1} << i;
    }
    return set;
  }

  bool Fits(BlockSet hbm) const {
    return std::popcount(hbm) * problem_.block_bytes <= problem_.capacity;
  }

  template <typename Do>
  void ForEachPlacement(size_t phase, Do visit) const {
    const BlockSet alive = Alive(phase);
    for (BlockSet hbm = alive;; hbm = (hbm - 1) & alive) {
      if (Fits(hbm)) visit(hbm);
      if (hbm == 0) return;
    }
  }

  Bytes BytesOf(BlockSet set) const {
    return block_bytes_ * std::popcount(set);
  }
  Bytes NewKv(size_t phase, BlockSet set) const {
    double bytes = 0;
    for (size_t i = 0; i < problem_.blocks.size(); ++i) {
      if ((set >> i & 1) != 0) bytes += problem_.blocks[i].new_kv[phase];
    }
    return Bytes(static_cast<int64_t>(bytes));
  }

  // Of phase p with `from` in HBM, and `to` in the phase after it.
  double PhaseTime(size_t p, BlockSet from, BlockSet to) const {
    const BlockSet alive = Alive(p);
    const BlockSet stay = alive & Alive(p + 1);
    const BlockSet read =
        Where([p](const auto& block) -> bool { return block.read[p]; });
    const BlockSet arrive = to & stay & ~from;
    PhaseTraffic traffic;
    traffic.hbm_reads = BytesOf(read & from);
    traffic.dram_reads = BytesOf(read & ~from);
    traffic.promoted = BytesOf(arrive & read);
    traffic.prefetched = BytesOf(arrive & ~read);
    traffic.demoted = BytesOf(from & stay & ~to);
    traffic.new_kv_hbm = NewKv(p, alive & from);
    traffic.new_kv_dram = NewKv(p, alive & ~from);
    if (routing_ == Routing::kBytes) return BestTimeByBytes(traffic);
    if (routing_ == Routing::kWholeBlocks) {
      const Bytes routed =
          block_bytes_ * cost_.BestRoutedBlocks(traffic, block_bytes_,
                                                std::popcount(read & from));
      traffic.hbm_reads -= routed;
      traffic.dram_reads += routed;
    }
    return cost_.Time(traffic).value();
  }

  // Inclusive mode. The time is the largest of linear functions of the bytes y
  // that move over, one falling, so it is least at an end of the range or where
  // the falling one meets another.
  double BestTimeByBytes(const PhaseTraffic& t) const {
    const auto number = [](Bytes b) { return static_cast<double>(b.count()); };
    const double n = number(t.new_kv());
    const double a =
        problem_.fixed + n + number(t.hbm_reads + t.promoted + t.prefetched);
    const double r = number(t.dram_reads + t.prefetched);
    const double most = number(t.hbm_reads);
    const auto time = [&](double y) {
      return std::max({(a - y) / problem_.hbm, (r + y) / problem_.link_read,
                       n / problem_.link_write, (r + y + n) / problem_.dram});
    };
    double best = std::min(time(0), time(most));
    const auto meet = [&](double base, double bandwidth) {
      // (a - y) / hbm = (base + y) / bandwidth
      const double y = (a / problem_.hbm - base / bandwidth) /
                       (1 / problem_.hbm + 1 / bandwidth);
      if (y > 0 && y < most) best = std::min(best, time(y));
    };
    meet(r, problem_.link_read);
    meet(r + n, problem_.dram);
    return best;
  }

  const PlacementProblem problem_;
  const CostModel cost_;
  const Bytes block_bytes_;
  const Routing routing_;
};

}  // namespace

Seconds ScheduleSeconds(const Workload& workload, const DeviceConfig& device,
                        const std::vector<BlockSet>& hbm, Routing routing) {
  return Search(workload, device, routing).Of(hbm);
}

Seconds IntegralOptimum(const Workload& workload, const DeviceConfig& device,
                        Routing routing) {
  return Search(workload, device, routing).Run();
}

}  // namespace kvplace
