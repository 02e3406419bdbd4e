// Which steps a worker makes a sample of: the last of each window of
// `interval` steps.
//
// A server asks all its workers for fewer at the same moment. So that their
// samples do not all come at the same moment again, a first window is shorter,
// by how much depends on the worker. An open window that a new interval has
// become too short for ends with the next step.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_CLIENT_CPP_SAMPLE_WINDOW_H_
#define KVPLACE_CLIENT_CPP_SAMPLE_WINDOW_H_

#include <cstdint>
#include <utility>

namespace kvplace::client {

class SampleWindow {
 public:
  // Every step is a sample. `shift`: any number, best another for each worker;
  // 0: no window is shorter.
  explicit SampleWindow(uint64_t shift = 0) : shift_(shift) {}

  // steps >= 1.
  void SetInterval(uint32_t steps) {
    if (steps == interval_) return;
    interval_ = steps;
    length_ = steps - static_cast<uint32_t>(shift_ % steps);
  }
  uint32_t interval() const { return interval_; }

  // One more step; true: the window should end with it.
  bool Add() { return ++steps_ >= length_; }
  // No step since the last window ended.
  bool empty() const { return steps_ == 0; }
  // Ends the window; returns how many steps it had.
  uint32_t Close() {
    length_ = interval_;
    return std::exchange(steps_, 0);
  }
  // Forgets the steps of an open window.
  void Reset() { steps_ = 0; }

 private:
  const uint64_t shift_;
  uint32_t interval_ = 1;
  // Of the open window or the next one: its length, and steps so far.
  uint32_t length_ = 1;
  uint32_t steps_ = 0;
};

}  // namespace kvplace::client

#endif  // KVPLACE_CLIENT_CPP_SAMPLE_WINDOW_H_
