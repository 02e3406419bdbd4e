// Requests that arrive at a serving engine, as Mooncake publishes them: JSON
// lines, plain or zstd-compressed,
//     {"timestamp": 3000, "input_length": 6758, "output_length": 500, ...}
// with the timestamp in ms, rising or equal from line to line, and lengths in
// tokens. Other keys and empty lines are passed over.
#ifndef KVPLACE_SERVER_TRACE_REQUEST_FILE_H_
#define KVPLACE_SERVER_TRACE_REQUEST_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace kvplace {

struct Request {
  uint64_t timestamp_ms = 0;
  // Both at least 1 and at most 2^30.
  uint64_t input_tokens = 1;
  uint64_t output_tokens = 1;
};

// The first `limit` requests of the file, 0: all. The file is untrusted: errors
// are INVALID_ARGUMENT and name the file, the line, the field and what was
// expected; at least one request is. Lines behind the last one that was asked
// for are not looked at. RESOURCE_EXHAUSTED for more than 2^24 requests.
absl::StatusOr<std::vector<Request>> ReadRequests(const std::string& path,
                                                  uint64_t limit);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_REQUEST_FILE_H_
