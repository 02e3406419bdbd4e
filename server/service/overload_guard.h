// Decides which steps of a worker are heard, and how often it may send any,
// from how long they take here and how busy the process is.
//
// To hear what a step read costs most of what it costs. A process without a
// pause leaves that out for most steps, at once: what waits by then is in
// sockets, whatever workers are told. Each window without a pause halves,
// besides, how much is heard from then on, until there are pauses again; that
// comes back step by step while there is room for twice the work.
//
// If the next window has no pause either, workers are told to send a quarter of
// what they send; that is taken back in steps of two or four as soon as so much
// more work would leave a pause, and before more is heard. So it comes to rest
// where the work fits, and back from the longest interval within two seconds.
//
// Beside that, a step that took longer than the limit doubles the interval; a
// run of quick ones halves it. After each change the next few steps are not
// looked at: they were sent before the worker knew.
//
// Where the interval may not change, nothing is left out, whatever the load.
//
// Simple on purpose: an interval that is too long loses samples, never plans.
// Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_SERVICE_OVERLOAD_GUARD_H_
#define KVPLACE_SERVER_SERVICE_OVERLOAD_GUARD_H_

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "server/service/cpu_pressure.h"
#include "server/service/service_options.h"

namespace kvplace {

class OverloadGuard {
 public:
  // Workers of different `phase` are heard at different steps.
  OverloadGuard(const ServiceOptions& options, uint64_t phase)
      : steps_(phase),
        limit_(options.overload_lag),
        least_(options.sample_every),
        most_(options.max_sample_every),
        longest_hear_every_(options.max_sample_every / options.sample_every),
        recovery_(options.overload_recovery_steps),
        sample_every_(options.sample_every),
        longest_(options.sample_every) {}

  // A step was processed `lag` after it arrived. True: sample_every() changed
  // and the worker has to hear of it.
  bool OnStep(absl::Duration lag) {
    last_quick_ = lag < limit_ / 4;
    quick_ = last_quick_ ? quick_ + 1 : 0;
    if (settling_ > 0) {
      --settling_;
      quick_ = 0;
      return false;
    }
    if (lag > limit_) return Change(std::min(most_, sample_every_ * 2));
    if (quick_ < recovery_ || !half_empty_) return false;
    return Change(std::max(least_, sample_every_ / 2));
  }

  // Beside OnStep, and now and then when no step comes: the process uses so
  // much of its CPU.
  bool OnPressure(absl::Duration now, CpuPressure::Shares busy) {
    half_empty_ = 2 * busy.mean < kRoomy;
    if (busy.full_windows > 0) {
      calm_since_.reset();
      HearLess(now);
      if (busy.full_windows < kWindowsToThrottle + busy.catching_up) {
        return false;
      }
      if (pressed_at_ && now - *pressed_at_ < kPatience) return false;
      pressed_at_ = now;
      return Change(std::min(most_, sample_every_ * 4));
    }
    const bool at_rest = sample_every_ == least_ && hear_every_ == 1;
    if (!half_empty_ || !last_quick_ || at_rest) {
      calm_since_.reset();
      return false;
    }
    if (!calm_since_) calm_since_ = now;
    if (now - *calm_since_ < kCalm) return false;
    calm_since_.reset();
    const uint32_t factor = 4 * busy.mean < kRoomy ? 4 : 2;
    if (sample_every_ == least_) {
      hear_every_ = std::max(1u, hear_every_ / factor);
      return false;
    }
    return Change(std::max(least_, sample_every_ / factor));
  }

  // Before each step. False: what it read should not be heard.
  bool Hears(CpuPressure::Shares busy) {
    if (least_ == most_) return true;
    uint32_t every = hear_every_;
    if (busy.full_windows > 0) every = std::max(every, kHearEveryAtOnce);
    return steps_++ % every == 0;
  }

  uint32_t sample_every() const { return sample_every_; }
  // Steps that a message standing for `decode_steps` left out because of this.
  // What was sent by any interval of before may still be on its way, behind
  // messages that are older than that.
  uint32_t LeftOut(uint32_t decode_steps) const {
    return std::min(decode_steps, longest_) - std::min(decode_steps, least_);
  }

 private:
  static constexpr uint32_t kSettlingSteps = 4;
  static constexpr uint32_t kWindowsToThrottle = 2;
  static constexpr double kRoomy = 0.7;
  // Of so many steps one is heard as soon as the process has no pause.
  static constexpr uint32_t kHearEveryAtOnce = 8;
  // Between two changes for want of CPU: what was sent before must come
  // through.
  static constexpr absl::Duration kPatience = absl::Milliseconds(100);
  static constexpr absl::Duration kCalm = absl::Milliseconds(250);

  // Once per window of the pressure.
  void HearLess(absl::Duration now) {
    if (heard_less_at_ && now - *heard_less_at_ < CpuPressure::kWindow) return;
    heard_less_at_ = now;
    hear_every_ = std::min(longest_hear_every_, 2 * hear_every_);
  }
  bool Change(uint32_t to) {
    quick_ = 0;
    if (to == sample_every_) return false;
    sample_every_ = to;
    longest_ = std::max(longest_, to);
    settling_ = kSettlingSteps;
    return true;
  }

  uint64_t steps_;
  const absl::Duration limit_;
  const uint32_t least_, most_;
  // As few as a worker would send at the most.
  const uint32_t longest_hear_every_;
  const uint32_t recovery_;
  uint32_t sample_every_;
  // The longest interval that the worker was ever told.
  uint32_t longest_;
  uint32_t settling_ = 0;
  uint32_t quick_ = 0;
  // Of so many steps one is heard, with pauses.
  uint32_t hear_every_ = 1;
  bool last_quick_ = true;
  bool half_empty_ = true;
  std::optional<absl::Duration> pressed_at_;
  std::optional<absl::Duration> heard_less_at_;
  std::optional<absl::Duration> calm_since_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_OVERLOAD_GUARD_H_
