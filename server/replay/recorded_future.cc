#include "server/replay/recorded_future.h"

#include <algorithm>

namespace kvplace {

RecordedFuture::RecordedFuture(const Workload& workload)
    : workload_(workload),
      phases_(workload.reads.items().size() + workload.id_space(), kEnd),
      first_(workload.id_space() + 1, 0) {
  for (const BlockId block : workload.reads.items()) {
    ++first_[block.value() + 1];
  }
  for (size_t id = 1; id < first_.size(); ++id) {
    first_[id] += first_[id - 1] + 1;
  }
  Rewind();
  for (size_t phase = 0; phase < workload.phases(); ++phase) {
    for (const BlockId block : workload.reads[phase]) {
      phases_[next_[block.value()]++] = static_cast<uint32_t>(phase);
    }
  }
  Rewind();
}

void RecordedFuture::Rewind() {
  next_.assign(first_.begin(), first_.end() - 1);
  to_come_ = 0;
}

void RecordedFuture::Enter(size_t phase) {
  for (const BlockId block : workload_.reads[phase]) ++next_[block.value()];
  to_come_ = phase + 1;
}

uint32_t RecordedFuture::ReadsWithin(BlockId block, uint64_t phases) const {
  const uint64_t after = std::min<uint64_t>(to_come_ + phases, kEnd);
  const uint32_t* const begin = &phases_[next_[block.value()]];
  // Windows are short and reads in them few: look at these first.
  constexpr uint32_t kFew = 16;
  for (uint32_t n = 0; n < kFew; ++n) {
    if (begin[n] >= after) return n;
  }
  const uint32_t* const end = &phases_[first_[block.value() + 1] - 1];
  return static_cast<uint32_t>(std::lower_bound(begin + kFew, end, after) -
                               begin);
}

}  // namespace kvplace
