// Decides how often a worker may send steps, and which of them are only taken
// down, from how long they take here and how busy the process is.
//
// A step that took longer than the limit doubles the interval; a run of quick
// ones halves it. After each change the next few steps are not looked at: they
// were sent before the worker knew. A process that works without a pause makes
// it four times as long at once, because what waits by then is in sockets, and
// two or four times shorter as soon as so much more work would leave it a
// pause: so it comes to rest where the work fits, and back from the longest
// within two seconds.
//
// What a policy learns from a step costs ten times what it takes to follow it
// and to answer. A process without a pause leaves that out for most steps,
// whatever the workers were told: what waits in sockets was sent before. Each
// window without a pause halves, besides, how much is learned from then on;
// that comes back when the workers send all again and there is room for twice
// the work, so that a process which cannot learn from all does not try to,
// again and again.
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
  explicit OverloadGuard(const ServiceOptions& options)
      : limit_(options.overload_lag),
        least_(options.sample_every),
        most_(options.max_sample_every),
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
    if (busy.last >= kFull) {
      calm_since_.reset();
      LearnLess(now);
      if (pressed_at_ && now - *pressed_at_ < kPatience) return false;
      pressed_at_ = now;
      return Change(std::min(most_, sample_every_ * 4));
    }
    const bool at_rest = sample_every_ == least_ && learn_every_ == 1;
    if (!half_empty_ || !last_quick_ || at_rest) {
      calm_since_.reset();
      return false;
    }
    if (!calm_since_) calm_since_ = now;
    if (now - *calm_since_ < kCalm) return false;
    calm_since_.reset();
    const uint32_t factor = 4 * busy.mean < kRoomy ? 4 : 2;
    if (sample_every_ == least_) {
      learn_every_ = std::max(1u, learn_every_ / factor);
      return false;
    }
    return Change(std::max(least_, sample_every_ / factor));
  }

  // Before each step. True: the step's statistics should be left out.
  bool LeavesOutStatistics(CpuPressure::Shares busy) {
    if (least_ == most_) return false;
    const uint32_t every =
        busy.last >= kFull ? kLongestLearnEvery : learn_every_;
    if (++unlearned_ >= every) unlearned_ = 0;
    return unlearned_ > 0;
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
  static constexpr double kFull = 0.95;
  static constexpr double kRoomy = 0.85;
  // Of so many steps one is learned from while the process has no pause.
  static constexpr uint32_t kLongestLearnEvery = 8;
  // Between two changes for want of CPU: what was sent before must come
  // through.
  static constexpr absl::Duration kPatience = absl::Milliseconds(100);
  static constexpr absl::Duration kCalm = absl::Milliseconds(250);

  // Once per window of the pressure.
  void LearnLess(absl::Duration now) {
    if (learned_less_at_ && now - *learned_less_at_ < CpuPressure::kWindow) {
      return;
    }
    learned_less_at_ = now;
    learn_every_ = std::min(kLongestLearnEvery, 2 * learn_every_);
  }
  bool Change(uint32_t to) {
    quick_ = 0;
    if (to == sample_every_) return false;
    sample_every_ = to;
    longest_ = std::max(longest_, to);
    settling_ = kSettlingSteps;
    return true;
  }

  const absl::Duration limit_;
  const uint32_t least_, most_, recovery_;
  uint32_t sample_every_;
  // The longest interval that the worker was ever told.
  uint32_t longest_;
  uint32_t settling_ = 0;
  uint32_t quick_ = 0;
  // Of so many steps one is learned from, with pauses; steps since the last.
  uint32_t learn_every_ = 1;
  uint32_t unlearned_ = 0;
  bool last_quick_ = true;
  bool half_empty_ = true;
  std::optional<absl::Duration> pressed_at_;
  std::optional<absl::Duration> learned_less_at_;
  std::optional<absl::Duration> calm_since_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_SERVICE_OVERLOAD_GUARD_H_
