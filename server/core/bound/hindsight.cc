#include "server/core/bound/hindsight.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/core/bound/fewest_reads.h"
#include "server/core/bound/price_ascent.h"
#include "server/core/bound/schedule_search.h"
#include "server/core/cost_model.h"

namespace kvplace {
namespace {

// A round of the ascent starts with long steps and ends with short ones; each
// has twice the evaluations of the one before, since prices that are almost
// right move slowly.
constexpr uint32_t kFirstIterations = 600;
constexpr uint32_t kMostIterations = 2400;
// Length of the steps in rounds after the first, of the first's.
constexpr double kLaterSteps = 0.5;
// Share of the time limit that the first round may take.
constexpr double kFirstShare = 0.4;

// A round of the search cools a schedule down (see SweepOptions): corner width
// in blocks, and how much prices stand for the others' loads, at its start, in
// the first round and later; when both are gone, and when rents are, in shares
// of the round.
constexpr uint32_t kSweeps = 60;
constexpr double kSmoothing[] = {4, 3};
constexpr double kLinear[] = {0.95, 0.9};
constexpr double kSharp = 0.7;
constexpr double kLoads = 0.7;
constexpr double kNoRent = 0.85;

// Both work side by side for so long before they look at each other's results:
// about the same time, and the same for every speed of the machine.
constexpr uint32_t kChunkIterations = 24;
constexpr uint32_t kChunkSweeps = 4;

SweepOptions Cooled(double progress, bool first,
                    const std::vector<PhasePrices>& prices) {
  const auto left = [progress](double end) {
    return std::max(0.0, 1 - progress / end);
  };
  SweepOptions sweep;
  sweep.prices = prices;
  sweep.smoothing = kSmoothing[first ? 0 : 1] * left(kSharp);
  sweep.linear_share = kLinear[first ? 0 : 1] * left(kLoads);
  sweep.rent_share = progress < kNoRent ? 1 : 0;
  return sweep;
}

// Seconds since the start, and the limit.
class Timer {
 public:
  explicit Timer(const HindsightOptions& options)
      : now_(options.now),
        limit_(options.time_limit_seconds),
        started_(now_ ? now_() : 0) {}

  double Elapsed() const { return now_ ? now_() - started_ : 0; }
  bool IsUp() const { return now_ && Elapsed() >= limit_; }
  // How much of the time from `from` to `share` of the limit is over; 0
  // without a limit.
  double Share(double from, double share) const {
    if (!now_) return 0;
    const double to = limit_ * share;
    return to > from ? (Elapsed() - from) / (to - from) : 1;
  }

 private:
  const std::function<double()>& now_;
  const double limit_;
  const double started_;
};

// The ascent, round after round.
class AscentRounds {
 public:
  AscentRounds(const AccessWindow& window, const HindsightOptions& options,
               const Timer& timer)
      : most_(options.max_iterations),
        timer_(timer),
        ascent_(window, options.start) {
    // From prices that were good already.
    if (!options.start.empty()) ascent_.Restart(kLaterSteps);
  }

  bool more() const { return iterations_ < most_; }
  bool in_first_round() const { return round_ == 0; }

  // At most `count` evaluations.
  void Run(uint32_t count, const ParallelFor& parallel) {
    for (uint32_t i = 0; i < count && more() && !timer_.IsUp(); ++i) {
      double progress = static_cast<double>(done_) / planned_;
      if (round_ == 0) {
        progress = std::max(progress, timer_.Share(0, kFirstShare));
      }
      if (progress >= 1) {
        ++round_;
        done_ = 0;
        planned_ = std::min(2 * planned_, kMostIterations);
        ascent_.Restart(kLaterSteps);
        progress = 0;
      }
      ascent_.Step(parallel, progress);
      ++iterations_;
      ++done_;
    }
  }

  uint32_t iterations() const { return iterations_; }
  Seconds lower() const { return Seconds(ascent_.best()); }
  const std::vector<PhasePrices>& prices() const {
    return ascent_.best_prices();
  }

 private:
  const uint32_t most_;
  const Timer& timer_;
  PriceAscent ascent_;
  uint32_t iterations_ = 0;
  int round_ = 0;
  uint32_t done_ = 0;
  uint32_t planned_ = std::min(kFirstIterations, std::max(most_, 1u));
};

// The search, round after round from the best schedule so far.
class SearchRounds {
 public:
  SearchRounds(const AccessWindow& window, const HindsightOptions& options,
               const Timer& timer)
      : window_(window),
        most_(options.max_sweeps),
        most_rest_(options.most_rest),
        timer_(timer),
        seed_(options.seed) {}

  bool more() const { return sweeps_ < most_; }
  // At most `count` sweeps, in a new round from `best`; true when the round is
  // over or `aim` is reached, and schedule() is worth a look.
  bool Run(uint32_t count, const ClairvoyantSchedule& best,
           const std::vector<PhasePrices>& prices, double aim) {
    if (!search_) {
      search_.emplace(window_, best, seed_ + static_cast<uint64_t>(round_));
      done_ = 0;
      planned_ = std::min(kSweeps, most_ - sweeps_);
      from_ = timer_.Elapsed();
    }
    for (uint32_t i = 0; i < count && !timer_.IsUp(); ++i) {
      const double progress = std::max(static_cast<double>(done_) / planned_,
                                       timer_.Share(from_, 1));
      SweepOptions sweep = Cooled(progress, round_ == 0, prices);
      sweep.most_rest = most_rest_;
      search_->Sweep(sweep);
      ++sweeps_;
      ++done_;
      if (done_ == planned_ || search_->Total() <= aim) return true;
    }
    return timer_.IsUp();
  }
  const ClairvoyantSchedule& schedule() const { return search_->schedule(); }
  void EndRound() {
    search_.reset();
    ++round_;
  }
  uint32_t sweeps() const { return sweeps_; }

 private:
  const AccessWindow& window_;
  const uint32_t most_;
  const uint32_t most_rest_;
  const Timer& timer_;
  const uint64_t seed_;
  std::optional<ScheduleSearch> search_;
  uint32_t sweeps_ = 0;
  int round_ = 0;
  uint32_t done_ = 0;
  uint32_t planned_ = 0;
  double from_ = 0;
};

class Solver {
 public:
  Solver(const AccessWindow& window, const HindsightOptions& options)
      : window_(window),
        options_(options),
        timer_(options),
        ascent_(window, options, timer_),
        search_(window, options, timer_) {}

  HindsightResult Solve() {
    StartFromInstantCertificates();
    while (!Done() && ascent_.more() && ascent_.in_first_round()) {
      ascent_.Run(kChunkIterations, options_.parallel);
      Report();
    }
    while (!Done() && (ascent_.more() || search_.more())) {
      ImproveBoth();
      Report();
    }
    result_.prices = ascent_.prices();
    result_.seconds_spent = timer_.Elapsed();
    return std::move(result_);
  }

 private:
  bool Done() const { return timer_.IsUp() || result_.Gap() <= options_.gap; }

  void Report() {
    result_.iterations = ascent_.iterations();
    result_.sweeps = search_.sweeps();
    result_.lower = std::max(result_.lower, ascent_.lower());
    if (!options_.on_progress) return;
    options_.on_progress(
        {result_.iterations, result_.sweeps, result_.lower, result_.upper});
  }

  void StartFromInstantCertificates() {
    FewestReads fewest = FindFewestReads(window_);
    result_.fewest_dram_reads = fewest.certificate;
    result_.roofline = RooflineOf(window_);
    result_.lower = std::max(result_.roofline, result_.fewest_dram_reads);
    result_.upper = Sum(*Evaluate(window_, fewest.schedule));
    result_.schedule = std::move(fewest.schedule);
    Report();
  }

  // Prices and schedule, on a thread each; the search works with the prices of
  // the chunk before, so the result does not depend on who is faster.
  void ImproveBoth() {
    const std::vector<PhasePrices> prices = ascent_.prices();
    const double aim = result_.lower.value() * (1 + options_.gap);
    bool found = false;
    options_.parallel(2, [&](size_t task) {
      if (task == 1) {
        ascent_.Run(kChunkIterations, RunInOrder);
      } else if (search_.more()) {
        found = search_.Run(kChunkSweeps, result_.schedule, prices, aim);
      }
    });
    if (!found) return;
    Adopt(search_.schedule());
    search_.EndRound();
  }

  void Adopt(const ClairvoyantSchedule& schedule) {
    const auto seconds = Evaluate(window_, schedule);
    // One that broke the rules would be no evidence.
    if (!seconds.ok() || Sum(*seconds) >= result_.upper) return;
    result_.upper = Sum(*seconds);
    result_.schedule = schedule;
  }

  const AccessWindow& window_;
  const HindsightOptions& options_;
  const Timer timer_;
  AscentRounds ascent_;
  SearchRounds search_;
  HindsightResult result_;
};

}  // namespace

double HindsightResult::Gap() const {
  return lower.value() > 0 ? (upper.value() - lower.value()) / lower.value()
                           : 0;
}

Seconds RooflineOf(const AccessWindow& window) {
  const CostModel cost(window.device());
  Seconds sum;
  for (uint32_t p = 0; p < window.phases(); ++p) {
    sum += cost.Roofline(window.read_bytes()[p], window.capacity(),
                         window.new_kv()[p]);
  }
  return sum;
}

HindsightResult SolveHindsight(const AccessWindow& window,
                               const HindsightOptions& options) {
  return Solver(window, options).Solve();
}

}  // namespace kvplace
