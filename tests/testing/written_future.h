// The reads to come, written down: phases by block, ascending. What is not
// written down is never read.
#ifndef KVPLACE_TESTS_TESTING_WRITTEN_FUTURE_H_
#define KVPLACE_TESTS_TESTING_WRITTEN_FUTURE_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "server/core/policy/future.h"

namespace kvplace {

class WrittenFuture final : public Future {
 public:
  uint64_t NextRead(BlockId block) const override {
    for (const uint64_t phase : Of(block)) {
      if (phase > now) return phase;
    }
    return kNever;
  }
  uint32_t ReadsWithin(BlockId block, uint64_t phases) const override {
    const auto in_window = [&](uint64_t p) {
      return p > now && p <= now + phases;
    };
    const auto& all = Of(block);
    return static_cast<uint32_t>(
        std::count_if(all.begin(), all.end(), in_window));
  }

  std::map<uint32_t, std::vector<uint64_t>> reads;
  // The current phase.
  uint64_t now = 0;

 private:
  const std::vector<uint64_t>& Of(BlockId block) const {
    static const std::vector<uint64_t> kNone;
    const auto it = reads.find(block.value());
    return it == reads.end() ? kNone : it->second;
  }
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_WRITTEN_FUTURE_H_
