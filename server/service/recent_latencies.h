// How long the last plans took: the last kKept of them, and their quantiles.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_SERVICE_RECENT_LATENCIES_H_
#define KVPLACE_SERVER_SERVICE_RECENT_LATENCIES_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace kvplace {

class RecentLatencies {
 public:
  static constexpr size_t kKept = 128;

  void Add(double seconds) {
    kept_[next_] = static_cast<float>(seconds);
    next_ = (next_ + 1) % kKept;
    count_ = std::min(count_ + 1, kKept);
  }
  size_t count() const { return count_; }

  struct Summary {
    double median = 0;
    double p99 = 0;
    double longest = 0;
  };
  // Quantiles by nearest rank: each is one that was added. Sorts a copy, about
  // a microsecond. REQUIRES: count() > 0.
  Summary Summarize() const {
    std::array<float, kKept> sorted = kept_;
    std::sort(sorted.begin(), sorted.begin() + count_);
    const auto rank = [&](double q) {
      const double n = std::ceil(q * static_cast<double>(count_));
      return static_cast<double>(sorted[static_cast<size_t>(n) - 1]);
    };
    return {rank(0.5), rank(0.99), rank(1)};
  }

 private:
  std::array<float, kKept> kept_{};
  size_t next_ = 0;
  size_t count_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_RECENT_LATENCIES_H_
