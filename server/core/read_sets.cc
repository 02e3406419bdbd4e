#include "server/core/read_sets.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <iterator>

namespace kvplace {
namespace {

// As in value/lanes.h.
using Ints = int32_t __attribute__((vector_size(16)));

constexpr ptrdiff_t kTogether = 16;
// Sets that are gone through from two places at a time.
constexpr size_t kLong = 256;

#ifdef __SSE2__
// Bit i: lane i is all ones, not all zeros.
uint32_t Mask(const std::array<Ints, 4>& lanes) {
  return static_cast<uint32_t>(
      __builtin_ia32_pmovmskb128(__builtin_ia32_packsswb128(
          __builtin_ia32_packssdw128(lanes[0], lanes[1]),
          __builtin_ia32_packssdw128(lanes[2], lanes[3]))));
}
#endif

// Of kTogether blocks of either set.
class Pairs {
 public:
  Pairs(const BlockId* before, const BlockId* now) {
#ifdef __SSE2__
    static_assert(sizeof(before_) == kTogether * sizeof(BlockId));
    std::memcpy(before_.data(), before, sizeof(before_));
    std::memcpy(now_.data(), now, sizeof(now_));
#else
    before_ = before;
    now_ = now;
#endif
  }
  // Bit i: those at i are not the same.
  uint32_t Different() const {
#ifdef __SSE2__
    return 0xffff ^ Mask({before_[0] == now_[0], before_[1] == now_[1],
                          before_[2] == now_[2], before_[3] == now_[3]});
#else
    uint32_t mask = 0;
    for (uint32_t i = 0; i < kTogether; ++i) {
      mask |= static_cast<uint32_t>(before_[i] != now_[i]) << i;
    }
    return mask;
#endif
  }
  // Bit i: the one of the set before is the lower one. Handles are below 2^31.
  uint32_t BeforeIsLower() const {
#ifdef __SSE2__
    return Mask({before_[0] < now_[0], before_[1] < now_[1],
                 before_[2] < now_[2], before_[3] < now_[3]});
#else
    uint32_t mask = 0;
    for (uint32_t i = 0; i < kTogether; ++i) {
      mask |= static_cast<uint32_t>(before_[i] < now_[i]) << i;
    }
    return mask;
#endif
  }

 private:
#ifdef __SSE2__
  std::array<Ints, 4> before_, now_;
#else
  const BlockId* before_;
  const BlockId* now_;
#endif
};

// Goes through two sets and writes what is in one of them only. Where they
// differ cannot be foreseen, and branches would be taken wrongly: blocks are
// written whatever they are, and stay if they are to.
struct Comparison {
  const BlockId* before;
  const BlockId* now;
  BlockId* left;
  BlockId* entered;

  bool MayStep(const BlockId* before_end, const BlockId* now_end) const {
    return before_end - before > kTogether && now_end - now > kTogether;
  }
  // To behind the next difference, if that is among kTogether.
  void Step() {
    const Pairs pairs(before, now);
    const uint32_t different = pairs.Different();
    if (different == 0) {  // in steady sets nearly always
      before += kTogether;
      now += kTogether;
      return;
    }
    const int same = std::countr_zero(different);
    const ptrdiff_t leaves = (pairs.BeforeIsLower() >> same) & 1;
    Take(same, leaves, 1 - leaves);
  }
  void Finish(const BlockId* before_end, const BlockId* now_end) {
    while (before != before_end && now != now_end) {
      const bool leaves = *before < *now;
      const bool enters = *now < *before;
      const bool stays = !leaves && !enters;
      Take(0, leaves, enters);
      before += stays;
      now += stays;
    }
    left = std::copy(before, before_end, left);
    entered = std::copy(now, now_end, entered);
  }

 private:
  void Take(ptrdiff_t same, ptrdiff_t leaves, ptrdiff_t enters) {
    *left = before[same];
    *entered = now[same];
    left += leaves;
    entered += enters;
    before += same + leaves;
    now += same + enters;
  }
};

bool Ascend(absl::Span<const BlockId> blocks) {
  constexpr size_t kAtOnce = sizeof(Ints) / sizeof(BlockId);
  Ints wrong = {};
  size_t i = 0;
  for (; i + kAtOnce < blocks.size(); i += kAtOnce) {
    Ints lanes, next;
    std::memcpy(&lanes, &blocks[i], sizeof(lanes));
    std::memcpy(&next, &blocks[i + 1], sizeof(next));
    wrong |= lanes >= next;
  }
  bool ascend = (wrong[0] | wrong[1] | wrong[2] | wrong[3]) == 0;
  for (; i + 1 < blocks.size(); ++i) ascend &= blocks[i] < blocks[i + 1];
  return ascend;
}

void Fit(size_t size, std::vector<BlockId>* scratch) {
  if (scratch->size() < size) scratch->resize(size);
}

}  // namespace

void ReadSets::Clear() {
  for (Set& set : sets_) set.blocks.clear();
}

bool ReadSets::Compare(absl::Span<const BlockId> before,
                       absl::Span<const BlockId> reads) {
  if (!Ascend(reads)) return false;
  Fit(before.size(), &left_);
  Fit(reads.size(), &entered_);
  const BlockId* const before_end = before.data() + before.size();
  const BlockId* const now_end = reads.data() + reads.size();
  Comparison low = {before.data(), reads.data(), left_.data(), entered_.data()};
  if (before.size() >= kLong && reads.size() >= kLong) {
    // A step waits for the one before it, but not for one of the other half.
    const BlockId* const now_middle = reads.data() + reads.size() / 2;
    const BlockId* const before_middle =
        std::lower_bound(before.data(), before_end, *now_middle);
    Comparison high = {before_middle, now_middle,
                       low.left + (before_middle - low.before),
                       low.entered + (now_middle - low.now)};
    BlockId* const high_left = high.left;
    BlockId* const high_entered = high.entered;
    while (low.MayStep(before_middle, now_middle) &&
           high.MayStep(before_end, now_end)) {
      low.Step();
      high.Step();
    }
    while (low.MayStep(before_middle, now_middle)) low.Step();
    while (high.MayStep(before_end, now_end)) high.Step();
    low.Finish(before_middle, now_middle);
    high.Finish(before_end, now_end);
    low.left = std::copy(high_left, high.left, low.left);
    low.entered = std::copy(high_entered, high.entered, low.entered);
  } else {
    while (low.MayStep(before_end, now_end)) low.Step();
    low.Finish(before_end, now_end);
  }
  left_count_ = static_cast<size_t>(low.left - left_.data());
  entered_count_ = static_cast<size_t>(low.entered - entered_.data());
  return true;
}

bool ReadSets::Hear(GroupId group, absl::Span<const BlockId> reads,
                    Changes* changes) {
  Set& set = sets_[group.value()];
  if (!Compare(set.blocks, reads)) return false;
  *changes = {absl::MakeConstSpan(entered_.data(), entered_count_),
              absl::MakeConstSpan(left_.data(), left_count_)};
  set.time = now_++;
  if (entered_count_ + left_count_ > 0) {
    set.blocks.assign(reads.begin(), reads.end());
  }
  return true;
}

bool ReadSets::HearMore(GroupId group, absl::Span<const BlockId> reads,
                        Changes* changes) {
  Set& set = sets_[group.value()];
  if (!Compare(set.blocks, reads)) return false;
  *changes = {absl::MakeConstSpan(entered_.data(), entered_count_), {}};
  set.time = now_++;
  std::vector<BlockId> both;
  std::merge(set.blocks.begin(), set.blocks.end(), changes->entered.begin(),
             changes->entered.end(), std::back_inserter(both));
  set.blocks.swap(both);
  return true;
}

}  // namespace kvplace
