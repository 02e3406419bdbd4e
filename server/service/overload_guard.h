// Decides how often a worker may send steps, from how long they take here.
//
// A step that took longer than the limit doubles the interval; a run of quick
// ones halves it. After each change the next few steps are not looked at: they
// were sent before the worker knew. Simple on purpose: an interval that is
// twice too long loses samples, never plans.
// Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_SERVICE_OVERLOAD_GUARD_H_
#define KVPLACE_SERVER_SERVICE_OVERLOAD_GUARD_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "server/service/service_options.h"

namespace kvplace {

class OverloadGuard {
 public:
  explicit OverloadGuard(const ServiceOptions& options)
      : limit_(options.overload_lag),
        least_(options.sample_every),
        most_(options.max_sample_every),
        recovery_(options.overload_recovery_steps),
        sample_every_(options.sample_every) {}

  // A step was processed `lag` after it arrived. True: sample_every() changed
  // and the worker has to hear of it.
  bool OnStep(absl::Duration lag) {
    if (settling_ > 0) {
      --settling_;
      return false;
    }
    if (lag > limit_) {
      quick_ = 0;
      return Change(std::min(most_, sample_every_ * 2));
    }
    quick_ = lag < limit_ / 4 ? quick_ + 1 : 0;
    if (quick_ < recovery_) return false;
    quick_ = 0;
    return Change(std::max(least_, sample_every_ / 2));
  }

  uint32_t sample_every() const { return sample_every_; }
  // Steps that a message standing for `decode_steps` left out because of this.
  uint32_t LeftOut(uint32_t decode_steps) const {
    if (sample_every_ == least_) return 0;
    return std::min(decode_steps, sample_every_) -
           std::min(decode_steps, least_);
  }

 private:
  static constexpr uint32_t kSettlingSteps = 4;

  bool Change(uint32_t to) {
    if (to == sample_every_) return false;
    sample_every_ = to;
    settling_ = kSettlingSteps;
    return true;
  }

  const absl::Duration limit_;
  const uint32_t least_, most_, recovery_;
  uint32_t sample_every_;
  uint32_t settling_ = 0;
  uint32_t quick_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_OVERLOAD_GUARD_H_
