// For programs that measure: what must not fail ends them.
#ifndef KVPLACE_BENCH_MUST_H_
#define KVPLACE_BENCH_MUST_H_

#include <cstdio>
#include <cstdlib>

#include "absl/status/status.h"

namespace kvplace {

// Ends the program unless OK.
inline void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

}  // namespace kvplace

#endif  // KVPLACE_BENCH_MUST_H_
