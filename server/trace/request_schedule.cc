#include "server/trace/request_schedule.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kvplace {
namespace {

absl::Status CheckPositive(uint64_t value, const char* option) {
  if (value > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(option, " is 0; expected at least 1"));
}

template <typename T>
using Ascending = std::priority_queue<T, std::vector<T>, std::greater<T>>;

// The places of the requests that run.
class Slots {
 public:
  explicit Slots(uint32_t most) : most_(most) {}

  // The first step from `step` on with a free place.
  uint64_t WhenFree(uint64_t step) {
    Release(step);
    if (!free_.empty() || used_ < most_) return step;
    step = busy_.top().first;
    Release(step);
    return step;
  }
  // REQUIRES a free place, see WhenFree.
  uint32_t Take(uint64_t last_step) {
    uint32_t slot = used_;
    if (free_.empty()) {
      ++used_;
    } else {
      slot = free_.top();
      free_.pop();
    }
    busy_.emplace(last_step + 1, slot);
    return slot;
  }

 private:
  void Release(uint64_t step) {
    while (!busy_.empty() && busy_.top().first <= step) {
      free_.push(busy_.top().second);
      busy_.pop();
    }
  }

  const uint32_t most_;
  // Places that were ever taken.
  uint32_t used_ = 0;
  Ascending<uint32_t> free_;
  // From which step a place is free again.
  Ascending<std::pair<uint64_t, uint32_t>> busy_;
};

}  // namespace

absl::StatusOr<std::vector<ScheduledRequest>> ScheduleRequests(
    std::span<const Request> requests, const AdmissionOptions& options,
    uint64_t steps) {
  for (absl::Status status :
       {CheckPositive(options.milliseconds_per_step, "time per step"),
        CheckPositive(options.max_active, "max active"),
        CheckPositive(options.scale_tokens, "scale tokens")}) {
    if (!status.ok()) return status;
  }
  const auto scaled = [&](uint64_t tokens) {
    return (tokens - 1) / options.scale_tokens + 1;
  };
  std::vector<ScheduledRequest> schedule;
  Slots slots(options.max_active);
  uint64_t step = 0;
  for (uint32_t i = 0; i < requests.size(); ++i) {
    const Request& request = requests[i];
    const uint64_t wanted = (request.timestamp_ms - requests[0].timestamp_ms) /
                            options.milliseconds_per_step;
    step = slots.WhenFree(std::max(step, wanted));
    if (step >= steps) break;
    const uint64_t last_step = step + scaled(request.output_tokens);
    schedule.push_back({.request = i,
                        .slot = slots.Take(last_step),
                        .prompt_tokens = scaled(request.input_tokens),
                        .first_step = step,
                        .last_step = last_step});
  }
  return schedule;
}

}  // namespace kvplace
