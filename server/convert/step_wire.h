// A message in its wire form, taken apart: what a step read, which is nearly
// all of it, stays where it is, and is parsed when somebody wants to know.
//
// Untrusted input. Thread-safety: pure function.
#ifndef KVPLACE_SERVER_CONVERT_STEP_WIRE_H_
#define KVPLACE_SERVER_CONVERT_STEP_WIRE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace kvplace {

// The entries of Step.reads in their order, each the wire form of a GroupReads
// that may be broken.
using EncodedReads = absl::Span<const absl::string_view>;

// `message` should be a ConnectRequest: moves the entries of step.reads to
// *reads, as parts of `message`, and the rest of it to *rest, which parses as
// what is left. Replaces what was in both, keeping its memory. False, and
// neither is of use: the message has no step, more than one body, more entries
// than a device has groups, or is broken outside of its reads; parse it whole.
bool SplitReads(absl::string_view message, std::string* rest,
                std::vector<absl::string_view>* reads);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONVERT_STEP_WIRE_H_
