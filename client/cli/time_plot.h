// The picture of a simulation: time per step of each policy, and where the time
// goes. docs/cli.md, "The plot", says what is drawn; here is how it looks.
//
// Thread-safety: pure functions. The same plot gives the same bytes.
#ifndef KVPLACE_CLIENT_CLI_TIME_PLOT_H_
#define KVPLACE_CLIENT_CLI_TIME_PLOT_H_

#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "server/core/cost_model.h"

namespace kvplace {

struct TimePlot {
  struct Policy {
    std::string name;
    bool clairvoyant = false;
    // Lines of one style look alike in every plot: number policies by their
    // place among all that there are, not among those of this plot.
    size_t style = 0;
    std::vector<double> step_seconds;
    TimeBreakdown breakdown;

    double total_seconds() const;
  };

  // Names as they are to be shown, in any bytes.
  std::vector<std::string> traces;
  // Machine, mode, capacity: one line under the title.
  std::string setting;
  std::vector<Policy> policies;
  // Per step; unset: not computed, and not drawn.
  std::optional<std::vector<double>> roofline_step_seconds;
  // The hindsight bound: seconds of the whole run that nothing can beat, and
  // the steps of a schedule that knows the future.
  std::optional<double> hindsight_lower_seconds;
  std::optional<std::vector<double>> hindsight_upper_step_seconds;

  // Of the longest series.
  size_t steps() const;
};

// More steps than this are drawn in buckets: closer points than every four
// pixels make noise of dashes.
inline constexpr size_t kMostPlotPoints = 150;

// One document that needs nothing outside of itself: no script, no font file.
// Any input is drawn: what is not finite is left out (a gap in a line, no bar).
void WriteSvg(const TimePlot& plot, std::ostream& out);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_TIME_PLOT_H_
