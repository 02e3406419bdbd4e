#include "server/service/step_window.h"

#include <cmath>

namespace kvplace {
namespace {

constexpr double kKeptPerStep = 1.0 - 1.0 / 64;

double ToDouble(Bytes bytes) { return static_cast<double>(bytes.count()); }

uint64_t Count(Bytes bytes) { return static_cast<uint64_t>(bytes.count()); }

}  // namespace

void StepWindow::Add(const StepAccount& step, uint64_t decode_steps,
                     const std::optional<StepMeasurement>& measured) {
  const PhaseTraffic& t = step.traffic;
  const Bytes moved = t.promoted + t.prefetched + t.demoted;

  ++totals_.steps;
  totals_.seconds += step.seconds.value();
  totals_.roofline_seconds += step.roofline.value();
  totals_.read_bytes += Count(t.reads());
  totals_.dram_read_bytes += Count(t.dram_reads);
  totals_.moved_bytes += Count(moved);

  const double kept = std::pow(kKeptPerStep, static_cast<double>(decode_steps));
  // So that n like steps weigh what one message per step would have.
  const double weight = (1 - kept) / (1 - kKeptPerStep);
  const auto add = [&](double* sum, double value) {
    *sum = *sum * kept + value * weight;
  };
  add(&steps_, 1);
  add(&seconds_, step.seconds.value());
  add(&measured_, (measured ? measured->seconds : step.seconds).value());
  add(&roofline_, step.roofline.value());
  add(&read_, ToDouble(t.reads()));
  add(&dram_read_, ToDouble(t.dram_reads));
  // Moves are all that happened since the last message, not those of one step.
  add(&moved_, ToDouble(moved) / static_cast<double>(decode_steps));
}

void StepWindow::AddObserved(const StepAccount& step) {
  totals_.observed_seconds += step.seconds.value();
}

}  // namespace kvplace
