// Trace records as JSON, for people and scripts, without loss.
//
// One record is one JSON object in protobuf's JSON mapping with the names of
// the .proto files (64-bit integers are strings there). The one deviation:
// fields of type `bytes` that hold block lists or masses are arrays of numbers
// (handles; mass bytes) instead of base64. Bytes that are not the one encoding
// of such a list stay base64 strings, and base64 is taken wherever an array is.
// Thread-safety: pure.
#ifndef KVPLACE_SERVER_TRACE_RECORD_JSON_H_
#define KVPLACE_SERVER_TRACE_RECORD_JSON_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kvplace/v1/trace.pb.h"

namespace kvplace {

// One line without its newline. Fields that this program does not know are not
// in it.
absl::StatusOr<std::string> RecordToJson(const v1::TraceRecord& record);

// INVALID_ARGUMENT tells what is wrong with the text: not JSON, an unknown
// field, a number out of range, handles that do not rise, ...
absl::Status RecordFromJson(absl::string_view text, v1::TraceRecord* record);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_RECORD_JSON_H_
