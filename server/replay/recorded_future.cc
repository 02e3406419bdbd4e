#include "server/replay/recorded_future.h"

namespace kvplace {

RecordedFuture::RecordedFuture(const Workload& workload)
    : workload_(workload),
      first_(workload.id_space(), kNever),
      after_(workload.reads.items().size()) {
  const BlockId* const begin = workload.reads.items().data();
  for (size_t phase = workload.phases(); phase-- > 0;) {
    for (const BlockId& block : workload.reads[phase]) {
      after_[static_cast<size_t>(&block - begin)] = first_[block.value()];
      first_[block.value()] = phase;
    }
  }
  Rewind();
}

void RecordedFuture::Rewind() { next_ = first_; }

void RecordedFuture::Enter(size_t phase) {
  const BlockId* const begin = workload_.reads.items().data();
  for (const BlockId& block : workload_.reads[phase]) {
    next_[block.value()] = after_[static_cast<size_t>(&block - begin)];
  }
}

}  // namespace kvplace
