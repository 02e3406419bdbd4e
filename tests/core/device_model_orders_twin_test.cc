// The orders of victims that the model keeps for each policy, against orders
// worked out from the whole history of a random run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "server/core/device_model.h"
#include "server/core/policy/lfu_policy.h"
#include "server/core/policy/lru_policy.h"
#include "server/core/policy/reactive_policy.h"
#include "server/core/policy/static_policy.h"
#include "tests/testing/model_orders.h"
#include "tests/testing/small_device.h"
#include "tests/testing/status_matchers.h"

namespace kvplace {
namespace {

constexpr uint32_t kGroups = 2, kHandles = 12;

BlockRange Page(uint64_t sequence, uint32_t handle, uint32_t page, Tier tier) {
  return OnePage(kHandles, sequence, handle, page, tier);
}

// A run of random phases applied to several models at once, with its history.
class RandomRun : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    const std::vector<const Policy*> policies = {&lru_, &lfu_, &fast_lfu_,
                                                 &reactive_, &static_};
    for (const Policy* policy : policies) {
      models_.emplace_back(SmallDevice(kGroups, kHandles, kCapacity), policy);
    }
    for (uint32_t h = 0; h < kGroups * kHandles; h += 2) {
      page_[h] = h % kHandles;
      tier_[h] = h < 8 ? Tier::kHbm : Tier::kDram;
      for (DeviceModel& model : models_) {
        ASSERT_THAT(model.AddInventory(Page(h % 3, h, page_[h], tier_[h])),
                    IsOk());
      }
    }
    for (DeviceModel& model : models_) model.FinishInventory(StepIndex(0));
    std::vector<uint32_t> start;
    for (const auto& [h, tier] : tier_) {
      if (tier == Tier::kHbm) start.push_back(h);
    }
    std::sort(start.begin(), start.end(), [this](uint32_t a, uint32_t b) {
      return UnreadKey(a) < UnreadKey(b);
    });
    for (const uint32_t h : start) recency_.emplace_back(h);
  }

  // Newest pages late, page 0 last of all.
  std::tuple<bool, uint32_t, uint32_t> UnreadKey(uint32_t h) const {
    return {page_.at(h) == 0, page_.at(h), h};
  }
  bool Chance(double p) { return std::bernoulli_distribution(p)(random_); }
  size_t Resident() const {
    return static_cast<size_t>(std::count_if(
        tier_.begin(), tier_.end(),
        [](const auto& entry) { return entry.second == Tier::kHbm; }));
  }

  // Into HBM in a phase of the group. A block that is in a set, or came lately
  // and left again, has its place.
  void Arrive(BlockId block, uint32_t group) {
    SettleArrivals(group);
    if (InSet(block) || !is_new_.insert(block).second) return;
    if (arrivals_[group].empty()) arrival_time_[group] = time_++;
    arrivals_[group].emplace_back(block, step_);
  }
  bool InSet(BlockId block) const {
    return sets_[block.value() / kHandles].contains(block);
  }
  void HearReads(uint32_t group, const std::vector<BlockId>& reads);
  void SettleArrivals(uint32_t group);
  // Blocks in HBM by their last use: those that are not in their group's last
  // step, then those that are and those that came lately, phase by phase.
  std::vector<BlockId> ByUse() const;
  void ApplyRandomPhase(int64_t step, uint32_t group);
  void Compare();
  std::vector<BlockId> ByLastRead(Tier tier) const;
  void CompareLfu(const DeviceModel& model, double decay, int64_t now);

  static constexpr int64_t kCapacity = 8;
  const LruPolicy lru_;
  const LfuPolicy lfu_, fast_lfu_{0.3};
  const ReactivePolicy reactive_{ReactiveVictims::kWholeGroup};
  const StaticPolicy static_;
  std::vector<DeviceModel> models_;
  std::mt19937_64 random_{static_cast<uint64_t>(GetParam())};
  int64_t step_ = 0;

  std::map<uint32_t, Tier> tier_;
  std::map<uint32_t, uint32_t> page_;
  std::map<uint32_t, std::vector<int64_t>> reads_;
  // Of ByUse() the first part; what the groups read last, and when.
  std::vector<BlockId> recency_;
  std::array<std::set<BlockId>, kGroups> sets_;
  std::array<int, kGroups> set_time_ = {};
  int time_ = 0;
  // What came in a phase of the group, in which step, and the time of the
  // first; which of them are new still.
  std::array<std::vector<std::pair<BlockId, int64_t>>, kGroups> arrivals_;
  std::array<int, kGroups> arrival_time_ = {};
  std::set<BlockId> is_new_;
};

INSTANTIATE_TEST_SUITE_P(Seeds, RandomRun, ::testing::Range(0, 12));

void RandomRun::SettleArrivals(uint32_t group) {
  auto& arrivals = arrivals_[group];
  while (!arrivals.empty() && arrivals.front().second < step_) {
    const BlockId block = arrivals.front().first;
    arrivals.erase(arrivals.begin());
    if (InSet(block) || is_new_.erase(block) == 0) continue;
    if (tier_.at(block.value()) == Tier::kHbm) recency_.push_back(block);
  }
}

void RandomRun::HearReads(uint32_t group, const std::vector<BlockId>& reads) {
  SettleArrivals(group);
  std::set<BlockId>& set = sets_[group];
  const std::set<BlockId> before =
      std::exchange(set, std::set<BlockId>(reads.begin(), reads.end()));
  for (const BlockId block : before) {
    if (InSet(block)) continue;
    is_new_.erase(block);
    if (tier_.at(block.value()) == Tier::kHbm) recency_.push_back(block);
  }
  for (const BlockId block : reads) std::erase(recency_, block);
  set_time_[group] = time_++;
}

std::vector<BlockId> RandomRun::ByUse() const {
  // Time, whether it is of the set, and the group.
  std::set<std::tuple<int, bool, uint32_t>> parts;
  for (uint32_t g = 0; g < kGroups; ++g) {
    parts.emplace(set_time_[g], true, g);
    parts.emplace(arrival_time_[g], false, g);
  }
  std::vector<BlockId> blocks = recency_;
  const auto append = [&](BlockId block) {
    if (tier_.at(block.value()) == Tier::kHbm) blocks.push_back(block);
  };
  for (const auto& [time, is_set, group] : parts) {
    if (is_set) {
      for (const BlockId block : sets_[group]) append(block);
      continue;
    }
    for (const auto& [block, step] : arrivals_[group]) {
      if (!is_new_.contains(block) || InSet(block)) continue;
      if (std::find(blocks.begin(), blocks.end(), block) == blocks.end()) {
        append(block);
      }
    }
  }
  return blocks;
}

void RandomRun::ApplyRandomPhase(int64_t step, uint32_t group) {
  std::vector<BlockRange> births;
  std::vector<BlockId> reads, evicted, promoted, prefetched, freed;
  for (uint32_t h = group * kHandles; h < (group + 1) * kHandles; ++h) {
    if (tier_.count(h) == 0 && Chance(0.2)) {
      const bool hbm = Resident() < kCapacity && Chance(0.5);
      tier_[h] = hbm ? Tier::kHbm : Tier::kDram;
      page_[h] = static_cast<uint32_t>(random_() % 5);
      births.push_back(Page(h % 3, h, page_[h], tier_[h]));
      if (hbm) Arrive(BlockId(h), group);
    }
  }
  const double share = Chance(0.1) ? 0 : 0.4;
  for (uint32_t h = group * kHandles; h < (group + 1) * kHandles; ++h) {
    if (tier_.count(h) == 0 || !Chance(share)) continue;
    reads.emplace_back(h);
    reads_[h].push_back(step);
  }
  if (reads.empty() && sets_[group].empty()) {
    SettleArrivals(group);
  } else {
    HearReads(group, reads);
  }
  std::vector<uint32_t> live;
  for (const auto& [h, tier] : tier_) live.push_back(h);
  for (const uint32_t h : live) {
    if (h / kHandles == group && Chance(0.1)) {
      freed.emplace_back(h);
      tier_.erase(h);
      reads_.erase(h);
      std::erase(recency_, BlockId(h));
      sets_[group].erase(BlockId(h));
      is_new_.erase(BlockId(h));
    } else if (tier_[h] == Tier::kHbm && Chance(0.2)) {
      evicted.emplace_back(h);
      tier_[h] = Tier::kDram;
      std::erase(recency_, BlockId(h));
    }
  }
  for (auto* list : {&promoted, &prefetched}) {
    for (const uint32_t h : live) {
      const auto it = tier_.find(h);
      if (it == tier_.end() || it->second != Tier::kDram || !Chance(0.3) ||
          Resident() >= kCapacity ||
          std::count(evicted.begin(), evicted.end(), BlockId(h)) > 0) {
        continue;
      }
      list->emplace_back(h);
      it->second = Tier::kHbm;
      Arrive(BlockId(h), group);
    }
  }
  PhaseUpdate phase;
  phase.group = GroupId(group);
  phase.births = births;
  phase.reads = reads;
  phase.evicted = evicted;
  phase.promoted = promoted;
  phase.prefetched = prefetched;
  phase.freed = freed;
  for (DeviceModel& model : models_) {
    StepAccount account;
    ASSERT_THAT(model.ApplyPhase(phase, &account), IsOk());
  }
}

void RandomRun::CompareLfu(const DeviceModel& model, double decay,
                           int64_t now) {
  const auto count = [&](uint32_t h) {
    double sum = 0;
    if (reads_.count(h) == 0) return sum;
    for (const int64_t s : reads_.at(h)) {
      sum += std::pow(decay, static_cast<double>(now - s));
    }
    return sum;
  };
  const std::vector<BlockId> inside = Order(*model.orders().ranks);
  const std::vector<BlockId> outside = Order(*model.orders().outsiders);
  size_t residents = 0, read_outside = 0;
  for (const auto& [h, tier] : tier_) {
    residents += tier == Tier::kHbm;
    read_outside += tier == Tier::kDram && reads_.count(h) > 0;
  }
  ASSERT_EQ(inside.size(), residents);
  ASSERT_EQ(outside.size(), read_outside);
  for (size_t i = 0; i < inside.size(); ++i) {
    const uint32_t b = inside[i].value();
    ASSERT_EQ(tier_.at(b), Tier::kHbm);
    if (i == 0) continue;
    const uint32_t a = inside[i - 1].value();
    ASSERT_LE(count(a), count(b) * (1 + 1e-9)) << a << " before " << b;
    if (reads_.count(b) == 0) {
      ASSERT_LT(UnreadKey(a), UnreadKey(b));
    } else if (reads_.count(a) > 0 && reads_.at(a) == reads_.at(b)) {
      ASSERT_LT(a, b) << "of equals the lower handle";
    }
  }
  for (size_t i = 0; i < outside.size(); ++i) {
    const uint32_t b = outside[i].value();
    ASSERT_EQ(tier_.at(b), Tier::kDram);
    if (i == 0) continue;
    ASSERT_GE(count(outside[i - 1].value()) * (1 + 1e-9), count(b));
  }
}

void RandomRun::Compare() {
  ASSERT_EQ(OldestFirst(models_[0]), ByUse());
  ASSERT_NO_FATAL_FAILURE(CompareLfu(models_[1], 0.8, step_));
  ASSERT_NO_FATAL_FAILURE(CompareLfu(models_[2], 0.3, step_));
  for (uint32_t g = 0; g < kGroups; ++g) {
    std::vector<BlockId> pages;
    for (const BlockId block : ByUse()) {
      if (block.value() / kHandles == g) pages.push_back(block);
    }
    std::sort(pages.begin(), pages.end(), [this](BlockId a, BlockId b) {
      return std::pair(page_[a.value()], a) < std::pair(page_[b.value()], b);
    });
    ASSERT_EQ(Order(*models_[3].orders().ranks, g), pages);
  }
  for (const DeviceModel& model : models_) {
    ASSERT_EQ(model.residency().resident_blocks(), Resident());
    ASSERT_LE(model.residency().resident(), model.residency().capacity());
    for (uint32_t h = 0; h < kGroups * kHandles; ++h) {
      const auto it = tier_.find(h);
      ASSERT_EQ(model.residency().tier(BlockId(h)),
                it == tier_.end() ? Tier::kNone : it->second);
      ASSERT_EQ(model.blocks().alive(BlockId(h)), it != tier_.end());
      const auto reads = reads_.find(h);
      ASSERT_EQ(model.stats().last_read(BlockId(h)),
                StepIndex(reads == reads_.end() ? -1 : reads->second.back()));
    }
  }
}

TEST_P(RandomRun, IndexFollowsTheEvents) {
  SCOPED_TRACE(GetParam());
  ASSERT_NO_FATAL_FAILURE(Compare());
  for (; step_ < 60; ++step_) {
    SCOPED_TRACE(step_);
    for (DeviceModel& model : models_) {
      ASSERT_THAT(model.BeginStep(StepIndex(step_)), IsOk());
    }
    for (uint32_t g = 0; g < kGroups; ++g) {
      ASSERT_NO_FATAL_FAILURE(ApplyRandomPhase(step_, g));
      ASSERT_NO_FATAL_FAILURE(Compare());
    }
  }
}

// What lfu knows after lru and others: each block's last read, as if it had
// been its only one.
std::vector<BlockId> RandomRun::ByLastRead(Tier tier) const {
  std::vector<BlockId> blocks;
  const auto read_in = [this](BlockId block) {
    const auto it = reads_.find(block.value());
    return it == reads_.end() ? -1 : it->second.back();
  };
  for (const auto& [h, t] : tier_) {
    if (t != tier) continue;
    if (tier == Tier::kHbm || read_in(BlockId(h)) >= 0) blocks.emplace_back(h);
  }
  std::sort(blocks.begin(), blocks.end(), [&](BlockId a, BlockId b) {
    if (read_in(a) != read_in(b)) {
      return (read_in(a) < read_in(b)) == (tier == Tier::kHbm);
    }
    return read_in(a) < 0 ? UnreadKey(a.value()) < UnreadKey(b.value()) : a < b;
  });
  return blocks;
}

// Whatever policy a model had before, after SetPolicy its ranks are those of a
// model that had the policy all along; but for counts, which begin then.
// Recency is known by step only: it must not contradict the true order.
TEST_P(RandomRun, SetPolicyRebuildsTheIndex) {
  SCOPED_TRACE(GetParam());
  for (; step_ < 20; ++step_) {
    SCOPED_TRACE(step_);
    for (DeviceModel& model : models_) {
      ASSERT_THAT(model.BeginStep(StepIndex(step_)), IsOk());
    }
    for (uint32_t g = 0; g < kGroups; ++g) {
      ASSERT_NO_FATAL_FAILURE(ApplyRandomPhase(step_, g));
    }
    const std::vector<const Policy*> back = {&lru_, nullptr, nullptr,
                                             &reactive_, &static_};
    for (const size_t from : {size_t{0}, size_t{3}, size_t{4}}) {
      DeviceModel& model = models_[from];
      model.SetPolicy(&lfu_);
      ASSERT_EQ(Order(*model.orders().ranks), ByLastRead(Tier::kHbm));
      ASSERT_EQ(Order(*model.orders().outsiders), ByLastRead(Tier::kDram));
      model.SetPolicy(&reactive_);
      for (uint32_t g = 0; g < kGroups; ++g) {
        ASSERT_EQ(Order(*model.orders().ranks, g),
                  Order(*models_[3].orders().ranks, g));
      }
      model.SetPolicy(&lru_);
      const std::vector<BlockId> order = OldestFirst(model);
      ASSERT_EQ(order.size(), Resident());
      for (size_t i = 1; i < order.size(); ++i) {
        ASSERT_LE(model.stats().last_read(order[i - 1]),
                  model.stats().last_read(order[i]));
      }
      model.SetPolicy(back[from]);
    }
  }
}

}  // namespace
}  // namespace kvplace
