// One line of progress on stderr, for people only: nothing is printed when
// stderr is not a terminal.
//
// Thread-safety: one thread per object.
#ifndef KVPLACE_CLIENT_CLI_PROGRESS_METER_H_
#define KVPLACE_CLIENT_CLI_PROGRESS_METER_H_

#include <chrono>
#include <cstdint>
#include <string>

namespace kvplace {

class ProgressMeter {
 public:
  explicit ProgressMeter(std::string label);
  // Clears the line.
  ~ProgressMeter();
  ProgressMeter(const ProgressMeter&) = delete;
  ProgressMeter& operator=(const ProgressMeter&) = delete;

  // Cheap: prints ten times a second at most. `total` 0: not known.
  void Update(uint64_t done, uint64_t total);

 private:
  const std::string label_;
  const bool enabled_;
  bool printed_ = false;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_PROGRESS_METER_H_
