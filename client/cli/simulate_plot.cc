#include "client/cli/simulate_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/replay/closed_loop.h"

namespace kvplace {
namespace {

std::vector<double> Values(const std::vector<Seconds>& seconds) {
  std::vector<double> values;
  values.reserve(seconds.size());
  for (const Seconds s : seconds) values.push_back(s.value());
  return values;
}

// "data/bible.kvtrace" is shown as "bible".
std::string ShownName(const std::string& source) {
  const std::filesystem::path path(source);
  return path.extension() == ".kvtrace" ? path.stem().string()
                                        : path.filename().string();
}

std::string SettingOf(const SimulationReport& report) {
  const Workload& workload = *report.workload;
  const DeviceConfig& device = *report.device;
  const double capacity = static_cast<double>(device.hbm_capacity.count());
  const double peak =
      static_cast<double>(workload.block_bytes().count()) *
      static_cast<double>(std::max<uint64_t>(workload.peak_live_blocks, 1));
  std::string setting = fmt::format(
      "{}, {}{}, HBM {:.3f} GB ({:.1f}% of peak KV)", device.profile.name,
      device.mode == ResidencyMode::kInclusive ? "inclusive" : "exclusive",
      device.read_routing ? ", read routing" : "", capacity / 1e9,
      100 * capacity / peak);
  const auto fixed = static_cast<double>(device.fixed_bytes_per_phase.count());
  if (fixed > 0) {
    setting += fmt::format(", {:.4g} GB fixed per phase", fixed / 1e9);
  }
  return setting + fmt::format(", {} step{}", workload.steps,
                               workload.steps == 1 ? "" : "s");
}

}  // namespace

TimePlot PlotOf(const SimulationReport& report) {
  TimePlot plot;
  for (const std::string& source : report.workload->sources) {
    plot.traces.push_back(ShownName(source));
  }
  plot.setting = SettingOf(report);
  const auto names = SimulationPolicyNames();
  for (const SimulationResult& result : report.results) {
    TimePlot::Policy policy;
    policy.name = result.policy;
    policy.clairvoyant = result.clairvoyant;
    policy.style = static_cast<size_t>(
        std::find(names.begin(), names.end(), result.policy) - names.begin());
    policy.step_seconds = Values(result.run.step_seconds);
    policy.breakdown = result.run.breakdown;
    plot.policies.push_back(std::move(policy));
  }
  if (report.roofline_seconds) {
    plot.roofline_step_seconds =
        Values(RooflineStepSeconds(*report.workload, *report.device));
  }
  if (report.hindsight) {
    plot.hindsight_lower_seconds = report.hindsight->lower.value();
    plot.hindsight_upper_step_seconds = Values(report.hindsight_step_seconds);
  }
  return plot;
}

PlotFile::~PlotFile() {
  std::error_code ignored;
  if (created_) std::filesystem::remove(path_, ignored);
}

absl::Status PlotFile::Open(const std::string& path,
                            absl::Span<const std::string> inputs) {
  path_ = path;
  std::error_code none;
  for (const std::string& input : inputs) {
    if (std::filesystem::equivalent(path, input, none)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--plot ", path, ": is the trace ", input,
                       ", expected a file to overwrite"));
    }
  }
  const bool existed = std::filesystem::exists(path, none);
  errno = 0;
  // Appends nothing: what is there stays until Write.
  const std::ofstream probe(path, std::ios::app);
  if (!probe) {
    return absl::PermissionDeniedError(absl::StrCat(
        "--plot ", path, ": cannot be written: ", strerror(errno)));
  }
  created_ = !existed;
  return absl::OkStatus();
}

absl::Status PlotFile::Write(const TimePlot& plot) {
  std::ofstream file(path_, std::ios::trunc);
  WriteSvg(plot, file);
  file.close();
  if (!file) {
    return absl::DataLossError(
        absl::StrCat("--plot ", path_, ": not all was written"));
  }
  created_ = false;
  return absl::OkStatus();
}

}  // namespace kvplace
