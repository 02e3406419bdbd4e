#include "server/service/cpu_pressure.h"

#include <sched.h>

#include <algorithm>
#include <fstream>

namespace kvplace {

double UsableCores() {
  double cores = 1;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    cores = std::max(1, CPU_COUNT(&set));
  }
  // "max 100000" or "150000 100000", in microseconds.
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0;
  double period = 0;
  if (file >> quota >> period && quota > 0 && period > 0) {
    cores = std::min(cores, quota / period);
  }
  return cores;
}

namespace {

// How much longer than one window, in windows; bounded.
uint32_t WindowsOver(absl::Duration elapsed) {
  constexpr int64_t kMost = 10;
  return static_cast<uint32_t>(
      std::clamp(elapsed / CpuPressure::kWindow - 1, int64_t{0}, kMost));
}

}  // namespace

CpuPressure::CpuPressure(const Clock* clock, double cores)
    : clock_(clock),
      cores_(cores),
      next_ns_(absl::ToInt64Nanoseconds(clock->Monotonic() + kWindow)),
      begun_(clock->Monotonic()),
      used_(clock->ProcessCpu()) {}

CpuPressure::Shares CpuPressure::Busy(absl::Duration now) {
  const int64_t now_ns = absl::ToInt64Nanoseconds(now);
  if (now_ns >= next_ns_.load(std::memory_order_relaxed) && mu_.TryLock()) {
    if (now > begun_) {
      const absl::Duration used = clock_->ProcessCpu();
      const double share = std::clamp(
          absl::FDivDuration(used - used_, (now - begun_) * cores_), 0.0, 1.0);
      const double weight =
          std::min(1.0, absl::FDivDuration(now - begun_, kMemory));
      const double mean = mean_.load(std::memory_order_relaxed);
      const bool full = share >= kFull;
      const uint32_t before = full_windows_.load(std::memory_order_relaxed);
      if (before == 0) {
        const uint32_t away = WindowsOver(now - begun_);
        catching_up_.store(
            full ? std::max(away, catching_up_.load(std::memory_order_relaxed))
                 : away,
            std::memory_order_relaxed);
      }
      full_windows_.store(full ? before + 1 : 0, std::memory_order_relaxed);
      mean_.store(mean + (share - mean) * weight, std::memory_order_relaxed);
      begun_ = now;
      used_ = used;
      next_ns_.store(absl::ToInt64Nanoseconds(now + kWindow),
                     std::memory_order_relaxed);
    }
    mu_.Unlock();
  }
  return {full_windows_.load(std::memory_order_relaxed),
          catching_up_.load(std::memory_order_relaxed),
          mean_.load(std::memory_order_relaxed)};
}

}  // namespace kvplace
