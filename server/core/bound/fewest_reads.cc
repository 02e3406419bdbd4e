#include "server/core/bound/fewest_reads.h"

#include <algorithm>
#include <span>
#include <vector>

namespace kvplace {
namespace {

// The gap before a read: it ends with the read's phase. Uses that only write
// lie within a gap or after the last.
struct Gap {
  uint32_t end;
  uint32_t block;
  uint64_t use;
};

bool EndsBefore(const Gap& a, const Gap& b) { return a.end < b.end; }

// Gaps by the first phase in which the block would be in HBM.
class GapsByStart {
 public:
  explicit GapsByStart(const AccessWindow& window)
      : offsets_(size_t{window.phases()} + 1), gaps_(window.reads()) {
    Visit(window, [this](uint32_t start, const Gap&) { ++offsets_[start]; });
    uint64_t sum = 0;
    for (uint64_t& offset : offsets_) {
      const uint64_t count = offset;
      offset = sum;
      sum += count;
    }
    std::vector<uint64_t> next = offsets_;
    Visit(window,
          [&](uint32_t start, const Gap& gap) { gaps_[next[start]++] = gap; });
  }

  std::span<const Gap> operator[](uint32_t start) const {
    return std::span(gaps_).subspan(offsets_[start],
                                    offsets_[start + 1] - offsets_[start]);
  }

 private:
  template <typename Visitor>
  static void Visit(const AccessWindow& window, Visitor visitor) {
    for (uint32_t i = 0; i < window.blocks(); ++i) {
      uint32_t start = window.block(i).born;
      uint64_t use = window.block(i).first_use;
      for (const BlockUse& u : window.uses(i)) {
        if (u.read()) {
          visitor(start, Gap{u.phase(), i, use});
          start = u.phase() + 1;
        }
        ++use;
      }
    }
  }

  std::vector<uint64_t> offsets_;
  std::vector<Gap> gaps_;
};

// Gaps that are kept so far, the last to end on top.
class KeptGaps {
 public:
  void Push(const Gap& gap, Bytes bytes) {
    heap_.push_back(gap);
    std::push_heap(heap_.begin(), heap_.end(), EndsBefore);
    held_ += bytes;
  }
  Gap PopLastToEnd() {
    std::pop_heap(heap_.begin(), heap_.end(), EndsBefore);
    const Gap gap = heap_.back();
    heap_.pop_back();
    return gap;
  }
  // Gaps that ended before `phase` lie at the bottom; now and then they go.
  void Forget(uint32_t phase) {
    if (heap_.size() < 2 * live_ + 1024) return;
    std::erase_if(heap_, [phase](const Gap& g) { return g.end < phase; });
    std::make_heap(heap_.begin(), heap_.end(), EndsBefore);
    live_ = heap_.size();
  }
  void Release(Bytes bytes) { held_ -= bytes; }
  Bytes held() const { return held_; }

 private:
  std::vector<Gap> heap_;
  size_t live_ = 0;
  Bytes held_;
};

}  // namespace

FewestReads FindFewestReads(const AccessWindow& window) {
  const GapsByStart gaps(window);
  std::vector<uint8_t> kept(window.total_uses(), 1);
  std::vector<Bytes> ending(window.phases());
  KeptGaps held;
  for (uint32_t p = 0; p < window.phases(); ++p) {
    if (p > 0) held.Release(ending[p - 1]);
    held.Forget(p);
    for (const Gap& gap : gaps[p]) {
      const Bytes bytes = window.block_bytes(gap.block);
      // Alone it is too large; it must not push others out.
      if (bytes > window.capacity()) {
        kept[gap.use] = 0;
        continue;
      }
      held.Push(gap, bytes);
      ending[gap.end] += bytes;
    }
    while (held.held() > window.capacity()) {
      const Gap dropped = held.PopLastToEnd();
      const Bytes bytes = window.block_bytes(dropped.block);
      kept[dropped.use] = 0;
      ending[dropped.end] -= bytes;
      held.Release(bytes);
    }
  }

  FewestReads result;
  result.schedule.stays.resize(window.total_uses());
  for (uint32_t i = 0; i < window.blocks(); ++i) {
    const std::span<const BlockUse> uses = window.uses(i);
    const uint64_t first_use = window.block(i).first_use;
    uint32_t start = window.block(i).born;
    size_t first = 0;  // of the gap
    for (size_t j = 0; j < uses.size(); ++j) {
      if (!uses[j].read()) continue;
      if (kept[first_use + j] == 0) {
        result.dram_reads += window.block_bytes(i);
        start = uses[j].phase() + 1;
      } else {
        for (size_t k = first; k <= j; ++k) {
          result.schedule.stays[first_use + k] = {start, uses[k].phase()};
          start = uses[k].phase() + 1;
        }
      }
      first = j + 1;
    }
  }
  if (window.uniform_bytes() > Bytes(0)) {
    result.certificate = result.dram_reads / EffectiveDramRead(window.device());
  }
  return result;
}

}  // namespace kvplace
