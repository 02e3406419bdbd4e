#include "server/core/device_model.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/core/policy/policy.h"

namespace kvplace {
namespace {

// A queue is this many times as long as the most evictions of a recent step,
// and longer within limits: where values choose what goes, by what the last
// step read, so that one step can replace all of it when a topic changes;
// elsewhere by a share of what is in HBM.
constexpr double kQueueFactor = 4;
// What is left of a burst of evictions a step later.
constexpr double kBurstMemory = 63.0 / 64.0;
constexpr uint64_t kLeastSpare = 256;
constexpr uint64_t kMostSpareForReads = 2048;
constexpr uint64_t kSpareShare = 32;
constexpr uint64_t kMostSpare = 1024;

}  // namespace

StepAccount& StepAccount::operator+=(const StepAccount& o) {
  traffic += o.traffic;
  seconds += o.seconds;
  roofline += o.roofline;
  blocks_read += o.blocks_read;
  return *this;
}

DeviceModel::DeviceModel(DeviceConfig config, const Policy* policy,
                         uint32_t plan_lead)
    : config_(std::move(config)),
      cost_(config_),
      blocks_(config_),
      residency_(config_.handles(), config_.hbm_capacity),
      stats_(config_.handles()),
      plan_lead_(plan_lead),
      policy_(policy) {
  RebuildIndex();
}

void DeviceModel::Clear() {
  blocks_.Clear();
  residency_.Clear();
  stats_.Clear();
  if (orders_.recency) orders_.recency->Clear();
  if (orders_.ranks) orders_.ranks->Clear();
  if (orders_.outsiders) orders_.outsiders->Clear();
  if (orders_.ranking) orders_.ranking->Clear();
  refresh_due_ = false;
  finished_.reset();
  evictions_in_step_ = 0;
  recent_evictions_ = 0;
}

void DeviceModel::SetPolicy(const Policy* policy) {
  policy_ = policy;
  RebuildIndex();
}

uint32_t DeviceModel::PartitionOf(BlockId block) const {
  return policy_->traits().index == VictimIndex::kRankByGroup
             ? blocks_.group(block).value()
             : 0;
}

void DeviceModel::AddToIndex(BlockId block, GroupId group) {
  if (orders_.recency) {
    orders_.recency->Arrive(device(), block, group, step_);
  } else if (orders_.ranks) {
    if (orders_.outsiders) orders_.outsiders->Remove(block, 0);
    orders_.ranks->Set(block, PartitionOf(block), policy_->Rank(*this, block));
  }
}

void DeviceModel::AddToOutsiders(BlockId block) {
  if (!orders_.outsiders) return;
  if (!stats_.ever_read(block) && !policy_->traits().rank_unread_outsiders) {
    return;
  }
  orders_.outsiders->Set(block, 0, -policy_->Rank(*this, block));
}

void DeviceModel::RemoveFromIndex(BlockId block) {
  if (orders_.recency) {
    orders_.recency->Remove(device(), block);
  } else if (orders_.ranks) {
    orders_.ranks->Remove(block, PartitionOf(block));
    if (orders_.outsiders) orders_.outsiders->Remove(block, 0);
  }
}

void DeviceModel::Rerank(absl::Span<const BlockId> blocks) {
  for (const BlockId block : blocks) {
    if (!blocks_.alive(block)) continue;
    residency_.tier(block) == Tier::kHbm
        ? AddToIndex(block, blocks_.group(block))
        : AddToOutsiders(block);
  }
}

void DeviceModel::RebuildIndex() {
  const VictimIndex index = policy_->traits().index;
  if (orders_.recency) orders_.recency->Dissolve(device());
  SetCounting(policy_->traits().count_decay);
  orders_.recency.reset();
  orders_.ranks.reset();
  orders_.outsiders.reset();
  if (index == VictimIndex::kValue) {
    RebuildRanking();
    return;
  }
  orders_.ranking.reset();
  if (index == VictimIndex::kRecency) {
    orders_.recency.emplace(config_.handles(), config_.group_count().value());
  } else if (index != VictimIndex::kNone) {
    orders_.ranks.emplace(config_.handles(), index == VictimIndex::kRankByGroup
                                                 ? config_.group_count().value()
                                                 : 1);
    if (policy_->traits().rank_outsiders)
      orders_.outsiders.emplace(config_.handles(), 1);
  }
  if (index == VictimIndex::kNone || blocks_.live() == 0) return;
  std::vector<BlockId> resident;
  resident.reserve(residency_.resident_blocks());
  for (uint32_t h = 0; h < blocks_.handles(); ++h) {
    const Tier tier = residency_.tier(BlockId(h));
    if (tier == Tier::kHbm) resident.emplace_back(h);
    if (tier == Tier::kDram) AddToOutsiders(BlockId(h));
  }
  if (index == VictimIndex::kRecency) {
    const auto age = [this](BlockId b) {
      return std::tuple(stats_.last_read(b), UnreadRank(*this, b), b);
    };
    std::sort(resident.begin(), resident.end(),
              [&age](BlockId a, BlockId b) { return age(a) < age(b); });
  }
  for (const BlockId block : resident) {
    orders_.recency ? orders_.recency->Start(block)
                    : AddToIndex(block, blocks_.group(block));
  }
}

void DeviceModel::SetCounting(double decay) {
  if (decay == 0) return stats_.DropCounts();
  const bool from_ranking = stats_.decay() == 0 && orders_.ranking.has_value();
  stats_.KeepCounts(decay);
  if (!from_ranking) return;
  // A share of steps is what a count is of 1 + decay + decay^2 ...
  const BlockHistory& history = orders_.ranking->history();
  for (uint32_t h = 0; h < blocks_.handles(); ++h) {
    const BlockId block(h);
    if (!blocks_.alive(block) || !stats_.ever_read(block)) continue;
    const int share = history.ShortCount(block, history.last_read(block));
    stats_.SetCount(block,
                    std::max(std::exp2(share / 1024.0) / (1 - decay), 1.0));
  }
}

// What was learned outlives a change of the policy's parameters.
void DeviceModel::RebuildRanking() {
  const RankingOptions& options = policy_->traits().ranking;
  if (orders_.ranking) {
    orders_.ranking->SetOptions(options);
    return;
  }
  orders_.ranking.emplace(config_, options, plan_lead_);
  orders_.ranking->Start(blocks_, residency_);
  for (uint32_t h = 0; h < blocks_.handles(); ++h) {
    const BlockId block(h);
    if (!blocks_.alive(block) || !stats_.ever_read(block)) continue;
    const uint8_t in_hbm = residency_.tier(block) == Tier::kHbm;
    orders_.ranking->OnReads(blocks_, blocks_.group(block),
                             Offset(stats_.last_read(block)),
                             {.reads = absl::MakeConstSpan(&block, 1)},
                             absl::MakeConstSpan(&in_hbm, 1));
  }
  if (step_ >= base_) {
    orders_.ranking->EndStep(Offset(step_), blocks_, residency_);
  }
  while (!orders_.ranking->Refresh(blocks_, residency_,
                                   residency_.resident_blocks())) {
  }
}

size_t DeviceModel::EvictionBound() const {
  if (!finished_) return residency_.resident_blocks();
  // Not cut to what is in HBM: a queue may rank blocks in DRAM too.
  const uint64_t spare =
      orders_.ranking
          ? std::clamp(finished_->blocks_read, kLeastSpare, kMostSpareForReads)
          : std::clamp(residency_.resident_blocks() / kSpareShare, kLeastSpare,
                       kMostSpare);
  return static_cast<size_t>(recent_evictions_ * kQueueFactor) + spare;
}

void DeviceModel::Refresh() {
  if (!refresh_due_) return;
  refresh_due_ = false;
  if (orders_.ranking) {
    orders_.ranking->Refresh(blocks_, residency_, EvictionBound());
  }
  if (orders_.recency) orders_.recency->Tidy();
}

absl::Status DeviceModel::AddInventory(const BlockRange& range) {
  if (auto s = blocks_.Add(range); !s.ok()) return s;
  for (uint32_t i = 0; i < range.count; ++i) {
    const BlockId block(range.first.value() + i);
    if (auto s =
            residency_.Add(block, range.tier, config_.block_bytes(range.group));
        !s.ok()) {
      return s;
    }
  }
  return absl::OkStatus();
}

void DeviceModel::FinishInventory(StepIndex next_step) {
  step_ = StepIndex(next_step.value() - 1);
  stats_.SetBase(next_step);
  base_ = next_step;
  orders_.ranking.reset();
  blocks_.SortByPage();
  RebuildIndex();
}

absl::Status DeviceModel::BeginStep(StepIndex step, StepDetail detail) {
  if (step <= step_ || step < base_ ||
      step.value() - base_.value() >= AccessStats::kMostSteps) {
    return absl::InvalidArgumentError(absl::StrCat(
        "step is ", step.value(), ", expected more than ", step_.value(),
        " and less than ", AccessStats::kMostSteps, " after the first"));
  }
  detail_ = detail;
  if (detail == StepDetail::kAll) Refresh();
  step_ = step;
  evictions_in_step_ = 0;
  return absl::OkStatus();
}

absl::Status DeviceModel::CheckAlive(BlockId block) const {
  if (block.value() >= blocks_.handles()) {
    return absl::InvalidArgumentError(
        absl::StrCat("handle ", block.value(),
                     " is out of range, expected below ", blocks_.handles()));
  }
  if (!blocks_.alive(block)) {
    return absl::NotFoundError(
        absl::StrCat("handle ", block.value(), " is not live"));
  }
  return absl::OkStatus();
}

absl::Status DeviceModel::CheckAliveIn(BlockId block, GroupId group) const {
  if (block.value() >= blocks_.handles()) return CheckAlive(block);
  if (!blocks_.alive_in(block, group)) {
    return absl::NotFoundError(absl::StrCat(
        "handle ", block.value(), " is not live in group ", group.value()));
  }
  return absl::OkStatus();
}

absl::Status DeviceModel::CheckEach(const PhaseUpdate& phase) const {
  for (const BlockId block : phase.reads) {
    if (auto s = CheckAliveIn(block, phase.group); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status DeviceModel::HearReads(const PhaseUpdate& phase, int64_t* hits) {
  for (const BlockId block : phase.near_misses) {
    if (auto s = CheckAlive(block); !s.ok()) return s;
  }
  if (phase.reads.empty()) return absl::OkStatus();
  if (orders_.recency) {
    const absl::Status heard =
        orders_.recency->Hear(device(), phase.group, step_, phase.reads, hits);
    return absl::IsNotFound(heard) ? CheckEach(phase) : heard;
  }
  if (!AllAliveIn(blocks_, phase.reads, phase.group)) return CheckEach(phase);
  stats_.OnReads(phase.reads, step_);
  if (BlockRanking* const ranking = listening_ranking()) {
    *hits = residency_.FindHbm(phase.reads, &in_hbm_);
    ranking->OnReads(blocks_, phase.group, Offset(step_),
                     {phase.reads, phase.read_masses, phase.near_misses,
                      phase.near_miss_masses},
                     in_hbm_);
    return absl::OkStatus();
  }
  if (orders_.ranks) Rerank(phase.reads);
  *hits = CountHbm(residency_, phase.reads);
  return absl::OkStatus();
}

absl::Status DeviceModel::AccountKvWrites(const PhaseUpdate& phase,
                                          PhaseTraffic* traffic) const {
  const GroupConfig& group = config_.groups[phase.group.value()];
  for (const KvWrite& write : phase.kv_writes) {
    if (auto s = CheckAliveIn(write.block, phase.group); !s.ok()) return s;
    if (write.tokens > group.page_tokens) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tokens written into handle ", write.block.value(), " are ",
          write.tokens, ", expected at most a page's ", group.page_tokens));
    }
    const Bytes bytes = group.kv_bytes_per_token * write.tokens;
    (residency_.tier(write.block) == Tier::kHbm ? traffic->new_kv_hbm
                                                : traffic->new_kv_dram) +=
        bytes;
  }
  return absl::OkStatus();
}

absl::Status DeviceModel::BeginPhase(const PhaseUpdate& phase,
                                     PhaseTraffic* traffic) {
  for (const BlockRange& birth : phase.births) {
    if (auto s = AddInventory(birth); !s.ok()) return s;
    for (uint32_t i = 0; i < birth.count; ++i) {
      const BlockId block(birth.first.value() + i);
      birth.tier == Tier::kHbm ? AddToIndex(block, birth.group)
                               : AddToOutsiders(block);
    }
    if (orders_.ranking) orders_.ranking->OnBirth(birth);
  }
  int64_t hits = 0;
  if (auto s = HearReads(phase, &hits); !s.ok()) return s;
  Rerank(phase.reranked);
  if (phase.routed_reads > hits) {
    return absl::FailedPreconditionError(
        absl::StrCat("routed_reads is ", phase.routed_reads, ", only ", hits,
                     " blocks of the phase were in HBM"));
  }
  const Bytes each = config_.block_bytes(phase.group);
  const int64_t from_hbm = hits - phase.routed_reads;
  traffic->hbm_reads += each * from_hbm;
  traffic->dram_reads +=
      each * (static_cast<int64_t>(phase.reads.size()) - from_hbm);
  if (listening_ranking() && !phase.reads.empty()) HearPhase(phase, hits);
  return AccountKvWrites(phase, traffic);
}

void DeviceModel::HearPhase(const PhaseUpdate& phase, int64_t hits) {
  // As if nothing had been routed or moved.
  const Bytes each = config_.block_bytes(phase.group);
  PhaseTraffic traffic;
  traffic.hbm_reads = each * hits;
  traffic.dram_reads = each * (static_cast<int64_t>(phase.reads.size()) - hits);
  if (!AccountKvWrites(phase, &traffic).ok()) return;
  const CostModel::TierSeconds times = cost_.TierTimes(traffic);
  orders_.ranking->OnPhase(phase.group, times.hbm, times.dram);
}

void DeviceModel::RankMoved(BlockId block) {
  if (!orders_.ranking) return;
  std::optional<uint32_t> step;
  if (detail_ == StepDetail::kAll) step = Offset(step_);
  orders_.ranking->OnMove(block, step, blocks_, residency_);
}

absl::Status DeviceModel::EndPhase(const PhaseUpdate& phase,
                                   PhaseTraffic* traffic) {
  if (orders_.recency && detail_ == StepDetail::kAll) {
    orders_.recency->EndPhase(device(), phase.group, step_);
  }
  for (const BlockId block : phase.freed) {
    if (auto s = CheckAlive(block); !s.ok()) return s;
    const Bytes bytes = bytes_of(block);
    if (orders_.recency) {
      orders_.recency->End(device(), block);
    } else {
      RemoveFromIndex(block);
    }
    const SequenceId sequence = blocks_.sequence(block);
    if (auto s = residency_.Remove(block, bytes); !s.ok()) return s;
    if (auto s = blocks_.Remove({block, 1}); !s.ok()) return s;
    blocks_.ForgetIfEmpty(sequence);
    stats_.Forget(block);
    if (orders_.ranking) orders_.ranking->OnEnd(block);
  }
  for (const BlockId block : phase.evicted) {
    if (auto s = CheckAlive(block); !s.ok()) return s;
    const Bytes bytes = bytes_of(block);
    if (auto s = residency_.Evict(block, bytes); !s.ok()) return s;
    RemoveFromIndex(block);
    AddToOutsiders(block);
    ++evictions_in_step_;
    RankMoved(block);
    traffic->demoted += bytes;
  }
  const auto bring_in = [&](absl::Span<const BlockId> blocks, Bytes* total) {
    for (const BlockId block : blocks) {
      if (auto s = CheckAlive(block); !s.ok()) return s;
      const Bytes bytes = bytes_of(block);
      if (auto s = residency_.Promote(block, bytes); !s.ok()) return s;
      AddToIndex(block, phase.group);
      RankMoved(block);
      *total += bytes;
    }
    return absl::OkStatus();
  };
  if (auto s = bring_in(phase.promoted, &traffic->promoted); !s.ok()) return s;
  return bring_in(phase.prefetched, &traffic->prefetched);
}

absl::Status DeviceModel::ApplyPhase(const PhaseUpdate& phase,
                                     StepAccount* account) {
  PhaseTraffic traffic;
  if (auto s = BeginPhase(phase, &traffic); !s.ok()) return s;
  if (auto s = EndPhase(phase, &traffic); !s.ok()) return s;
  account->traffic += traffic;
  account->seconds += cost_.Time(traffic);
  account->roofline +=
      cost_.Roofline(traffic.reads(), config_.hbm_capacity, traffic.new_kv());
  account->blocks_read += phase.reads.size();
  return absl::OkStatus();
}

void DeviceModel::EndStep(const StepAccount& account) {
  if (BlockRanking* const ranking = listening_ranking()) {
    ranking->EndStep(Offset(step_), blocks_, residency_);
  }
  // What was heard of before may be waiting for it.
  if (detail_ == StepDetail::kAll) refresh_due_ = true;
  if (detail_ == StepDetail::kAll || !finished_) finished_ = account;
  recent_evictions_ = std::max(static_cast<double>(evictions_in_step_),
                               recent_evictions_ * kBurstMemory);
}

}  // namespace kvplace
