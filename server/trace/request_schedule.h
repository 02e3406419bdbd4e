// When requests run on a small device: an engine's admission in a few lines.
//
// Request i wants in at step (timestamp_i - timestamp_0) / time of a step.
// Requests are admitted in order, so that one that waits holds back those
// behind it, and at most `max_active` run at once. A request that is admitted
// in step s writes the KV of its prompt in that step and reads nothing; in each
// of the next steps it decodes one token, and with the last its blocks are
// freed. Its place is free for another from the next step on.
//
// Example, 50 ms a step, two at once, requests (timestamp, input, output):
//     (1000, 8, 2)  (1000, 8, 4)  (1000, 8, 1)  (1400, 8, 1)
// run in steps 0-2, 0-4, 3-4 and 8-9: the third waits for the first.
// Thread-safety: pure.
#ifndef KVPLACE_SERVER_TRACE_REQUEST_SCHEDULE_H_
#define KVPLACE_SERVER_TRACE_REQUEST_SCHEDULE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "server/trace/request_file.h"

namespace kvplace {

struct AdmissionOptions {
  // Decode steps are taken to last so long, >= 1.
  uint64_t milliseconds_per_step = 50;
  // Requests that run at once, >= 1.
  uint32_t max_active = 8;
  // Inputs and outputs are divided by this, rounded up, >= 1.
  uint64_t scale_tokens = 1;
};

struct ScheduledRequest {
  // Index into the requests.
  uint32_t request;
  // Which of the places it has, the lowest that is free.
  uint32_t slot;
  uint64_t prompt_tokens;
  // Step of its prompt, and step of its last token.
  uint64_t first_step;
  uint64_t last_step;
};

// Those that are admitted before step `steps`, in order of admission.
// INVALID_ARGUMENT names the option out of range. REQUIRES timestamps that do
// not fall.
absl::StatusOr<std::vector<ScheduledRequest>> ScheduleRequests(
    std::span<const Request> requests, const AdmissionOptions& options,
    uint64_t steps);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_REQUEST_SCHEDULE_H_
