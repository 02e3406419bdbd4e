#include "tests/replay/oracle_twin.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include "tests/testing/small_device.h"

namespace kvplace {
namespace {

class Oracle {
 public:
  Oracle(const Workload& workload, uint64_t capacity, uint32_t window_steps)
      : workload_(workload), capacity_(capacity), window_(window_steps) {}
  virtual ~Oracle() = default;

  TwinRun Run() {
    TwinRun run;
    Start(&run);
    for (size_t p = 0; p < workload_.phases(); ++p) {
      run.phases.push_back(Phase(p));
    }
    return run;
  }

 protected:
  // Chooses from live_, hbm_ and coming_, what begins in phase p + 1.
  virtual void Choose(size_t p, const TwinBlocks& misses, TwinPhase* phase) = 0;

  bool Read(BlockId block, size_t phase) const {
    return Has(workload_.reads[phase], block);
  }
  size_t NextRead(BlockId block, size_t from) const {
    size_t p = from;
    while (p < workload_.phases() && !Read(block, p)) ++p;
    return p;
  }
  // In the window after phase p.
  int Uses(BlockId block, size_t p) const {
    int uses = 0;
    for (size_t q = p + 1;
         q <= p + size_t{window_} * workload_.groups && q < workload_.phases();
         ++q) {
      uses += Read(block, q);
    }
    return uses;
  }
  // Step of the last read up to phase p; -1: none.
  int LastStep(BlockId block, size_t p) const {
    for (size_t q = p + 1; q-- > 0;) {
      if (Read(block, q)) return static_cast<int>(q / workload_.groups);
    }
    return -1;
  }
  int64_t Room() const {
    return static_cast<int64_t>(capacity_) -
           static_cast<int64_t>(hbm_.size() + births_in_hbm_.size());
  }
  void Evict(BlockId block, TwinPhase* phase) {
    hbm_.erase(block);
    phase->evicted.push_back(block);
  }
  // Into HBM: counted at once.
  void BringIn(BlockId block, bool birth, std::vector<BlockId>* list) {
    if (birth) {
      births_in_hbm_.insert(block);
    } else {
      hbm_.insert(block);
      list->push_back(block);
    }
  }

  const Workload& workload_;
  const uint64_t capacity_;
  const uint32_t window_;
  TwinBlocks live_, hbm_, coming_, births_in_hbm_;

 private:
  // What is read soonest; of equals births of phase 0, then the lower block.
  void Start(TwinRun* run) {
    live_ = TwinBlocks(workload_.initial.begin(), workload_.initial.end());
    std::vector<std::tuple<size_t, bool, BlockId>> all;
    for (const BlockId b : live_) all.emplace_back(NextRead(b, 0), true, b);
    if (workload_.phases() > 0) {
      for (const BlockId b : workload_.births[0]) {
        all.emplace_back(NextRead(b, 0), false, b);
      }
    }
    std::sort(all.begin(), all.end());
    for (const auto& [next, initial, block] : all) {
      if (Room() <= 0 || next == workload_.phases()) continue;
      (initial ? hbm_ : births_in_hbm_).insert(block);
    }
    run->start.assign(hbm_.begin(), hbm_.end());
  }

  TwinPhase Phase(size_t p) {
    TwinPhase phase;
    for (const BlockId b : workload_.births[p]) {
      const bool hbm = births_in_hbm_.count(b) > 0;
      (hbm ? phase.new_hbm : phase.new_dram).push_back(b);
      live_.insert(b);
      if (hbm) hbm_.insert(b);
    }
    births_in_hbm_.clear();
    TwinBlocks misses;
    for (const BlockId b : workload_.reads[p]) {
      const bool hit = hbm_.count(b) > 0;
      (hit ? phase.read_hbm : phase.read_dram).push_back(b);
      if (!hit && !Has(workload_.freed[p], b)) misses.insert(b);
    }
    Weigh(p, phase);
    for (const BlockId b : workload_.freed[p]) {
      live_.erase(b);
      hbm_.erase(b);
    }
    coming_.clear();
    if (p + 1 < workload_.phases()) {
      const auto births = workload_.births[p + 1];
      coming_ = TwinBlocks(births.begin(), births.end());
    }
    Choose(p, misses, &phase);
    return phase;
  }

  // Bytes of the phase before moves, where blocks still are.
  virtual void Weigh(size_t /*p*/, const TwinPhase& /*phase*/) {}
};

class Lookahead final : public Oracle {
 public:
  Lookahead(const Workload& workload, uint64_t capacity, uint32_t window,
            double share)
      : Oracle(workload, capacity, window), share_(share) {}

 private:
  using Wish = std::tuple<int, size_t, BlockId, bool>;  // -uses, next, birth

  void Choose(size_t p, const TwinBlocks& misses, TwinPhase* phase) override {
    std::vector<Wish> wishes;
    const auto add = [&](BlockId b, bool birth) {
      if (Uses(b, p) > 0) {
        wishes.emplace_back(-Uses(b, p), NextRead(b, p + 1), b, birth);
      }
    };
    for (const BlockId b : misses) add(b, false);
    std::sort(wishes.begin(), wishes.end());
    const double most = std::ceil(share_ * static_cast<double>(misses.size()));
    while (static_cast<double>(wishes.size()) > most) wishes.pop_back();
    for (const BlockId b : coming_) add(b, true);
    std::sort(wishes.begin(), wishes.end());

    // Never read first, then by step; unread by page, page 0 last of them.
    std::vector<std::tuple<int, bool, uint32_t, BlockId>> victims;
    for (const BlockId b : hbm_) {
      if (Uses(b, p) > 0) continue;
      const int last = LastStep(b, p);
      const uint32_t page = last < 0 ? workload_.PageOf(b) : 1;
      victims.emplace_back(last, page == 0, page, b);
    }
    std::sort(victims.begin(), victims.end());
    size_t gone = 0;
    for (const auto& [uses, next, block, birth] : wishes) {
      if (Room() <= 0) {
        if (gone == victims.size()) break;
        Evict(std::get<BlockId>(victims[gone++]), phase);
      }
      BringIn(block, birth, &phase->promoted);
    }
  }

  const double share_;
};

class Slack final : public Oracle {
 public:
  Slack(const Workload& workload, uint64_t capacity, uint32_t window,
        bool exclusive, Bytes fixed)
      : Oracle(workload, capacity, window),
        exclusive_(exclusive),
        fixed_(fixed.count()) {}

 private:
  enum Kind { kBirth, kMiss, kPrefetch };
  // -worth, kind, -last step, block.
  using Candidate = std::tuple<double, Kind, int, BlockId>;

  void Weigh(size_t p, const TwinPhase& phase) override {
    int64_t in_hbm = 0, in_dram = 0;
    for (const KvWrite& write : workload_.kv_writes[p]) {
      (hbm_.count(write.block) > 0 ? in_hbm : in_dram) +=
          write.tokens * workload_.kv_bytes_per_token.count();
    }
    if (!exclusive_) in_hbm = in_dram = in_hbm + in_dram;
    const int64_t each = workload_.block_bytes().count();
    const auto hits = static_cast<int64_t>(phase.read_hbm.size());
    const auto misses = static_cast<int64_t>(phase.read_dram.size());
    const int64_t hbm = fixed_ + each * hits + in_hbm;
    const int64_t r = each * misses;
    const int64_t w = in_dram;
    // 1000 B/s times r / 100, w / 100 and (r + w) / 150 seconds, in thirds.
    const int64_t thirds = std::max({30 * r, 30 * w, 20 * (r + w)}) - 3 * hbm;
    slack_ = thirds > 0 ? thirds / 3 : 0;
  }

  void Choose(size_t p, const TwinBlocks& misses, TwinPhase* phase) override {
    std::vector<Candidate> candidates;
    const auto add = [&](BlockId b, Kind kind) {
      const double worth = Uses(b, p) / (kind == kPrefetch ? 2.0 : 1.0);
      if (worth > 0) candidates.emplace_back(-worth, kind, -LastStep(b, p), b);
    };
    for (const BlockId b : coming_) add(b, kBirth);
    for (const BlockId b : misses) add(b, kMiss);
    for (const BlockId b : live_) {
      if (hbm_.count(b) == 0 && !Read(b, p)) add(b, kPrefetch);
    }
    std::sort(candidates.begin(), candidates.end());
    std::vector<std::tuple<int, int, BlockId>> victims;
    for (const BlockId b : hbm_) {
      victims.emplace_back(Uses(b, p), LastStep(b, p), b);
    }
    std::sort(victims.begin(), victims.end());
    size_t gone = 0;
    for (const auto& [worth, kind, last, block] : candidates) {
      const bool full = Room() <= 0;
      const int moves = (kind != kBirth) + (full && exclusive_);
      const int64_t bytes = workload_.block_bytes().count() * moves;
      if (bytes > slack_) continue;
      if (full) {
        if (gone == victims.size()) continue;
        const auto& [uses, step, victim] = victims[gone];
        if (uses >= -worth) continue;
        Evict(victim, phase);
        ++gone;
      }
      slack_ -= bytes;
      BringIn(block, kind == kBirth,
              kind == kMiss ? &phase->promoted : &phase->prefetched);
    }
  }

  const bool exclusive_;
  const int64_t fixed_;
  int64_t slack_ = 0;
};

}  // namespace

TwinRun TwinLookahead(const Workload& workload, uint64_t capacity,
                      uint32_t window_steps, double share) {
  return Lookahead(workload, capacity, window_steps, share).Run();
}

TwinRun TwinSlack(const Workload& workload, uint64_t capacity, bool exclusive,
                  Bytes fixed, uint32_t window_steps) {
  return Slack(workload, capacity, window_steps, exclusive, fixed).Run();
}

}  // namespace kvplace
