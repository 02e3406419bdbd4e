// `kvplacectl simulate --plot`: from results to a time plot in a file.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_CLIENT_CLI_SIMULATE_PLOT_H_
#define KVPLACE_CLIENT_CLI_SIMULATE_PLOT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "client/cli/simulate_report.h"
#include "client/cli/time_plot.h"

namespace kvplace {

// REQUIRES: the report's results are those of its workload and device.
TimePlot PlotOf(const SimulationReport& report);

// The file of a plot, which is there or can be written before the run begins,
// and is only written when the run has come to its end: a run that fails leaves
// the file of the run before, or none.
class PlotFile {
 public:
  PlotFile() = default;
  ~PlotFile();
  PlotFile(const PlotFile&) = delete;
  PlotFile& operator=(const PlotFile&) = delete;

  // Errors name the file and why it cannot be written: it is a directory, its
  // directory is missing, or it is one of `inputs`.
  absl::Status Open(const std::string& path,
                    absl::Span<const std::string> inputs);
  // REQUIRES: Open succeeded. DATA_LOSS naming the file if anything was not
  // written.
  absl::Status Write(const TimePlot& plot);

 private:
  std::string path_;
  // By Open, with nothing in it yet.
  bool created_ = false;
};

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_SIMULATE_PLOT_H_
