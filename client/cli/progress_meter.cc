#include "client/cli/progress_meter.h"

#include <unistd.h>

#include <iostream>
#include <utility>

namespace kvplace {
namespace {

constexpr std::chrono::milliseconds kInterval(100);

}  // namespace

ProgressMeter::ProgressMeter(std::string label)
    : label_(std::move(label)),
      enabled_(isatty(STDERR_FILENO) != 0),
      next_(std::chrono::steady_clock::now() + kInterval) {}

ProgressMeter::~ProgressMeter() {
  // Back to the line's start, and erase what is right of it.
  if (printed_) std::cerr << "\r\x1b[K" << std::flush;
}

void ProgressMeter::Update(uint64_t done, uint64_t total) {
  if (!enabled_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + kInterval;
  printed_ = true;
  std::cerr << "\r" << label_ << " ";
  if (total > 0) {
    std::cerr << done * 100 / total << "%";
  } else {
    std::cerr << done;
  }
  std::cerr << "\x1b[K" << std::flush;
}

}  // namespace kvplace
