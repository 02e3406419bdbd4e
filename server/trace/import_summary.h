// What importers and generators tell their caller.
#ifndef KVPLACE_SERVER_TRACE_IMPORT_SUMMARY_H_
#define KVPLACE_SERVER_TRACE_IMPORT_SUMMARY_H_

#include <cstdint>
#include <functional>

namespace kvplace {

// Called now and then with what is done of what there is to do, in steps.
using ImportProgress = std::function<void(uint64_t done, uint64_t total)>;

// What was written.
struct ImportSummary {
  uint64_t steps = 0;
  uint64_t groups = 0;
  uint64_t reads = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_IMPORT_SUMMARY_H_
