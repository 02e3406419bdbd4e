#include "client/cli/simulate_command.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "client/cli/command.h"
#include "client/cli/hindsight_run.h"
#include "client/cli/run_flags.h"
#include "client/cli/schedule_writer.h"
#include "client/cli/simulate_plot.h"
#include "client/cli/simulate_report.h"
#include "server/core/policy/registry.h"
#include "server/replay/simulation.h"
#include "server/replay/window_of.h"

namespace kvplace {
namespace {

constexpr char kExamples[] = R"(Examples:
  kvplacectl simulate T.kvtrace --policy all
  kvplacectl simulate T.kvtrace --policy all --bound hindsight --plot T.svg
  kvplacectl simulate a.kvtrace b.kvtrace --hbm-capacity 15% --policy lru,lfu --format json
  kvplacectl simulate T.kvtrace --policy lfu --mode exclusive --schedule-out schedule.jsonl
  kvplacectl simulate T.kvtrace --policy all --hbm-capacity 20% --plot all.svg)";

struct Flags {
  std::vector<std::string> traces;
  RunFlags run;
  std::string policies{kDefaultPolicy};
  std::string bound = "roofline";
  double bound_gap = 0.01;
  std::string bound_time_limit = "60s";
  std::optional<uint32_t> bound_iterations;
  std::string bound_schedule_out;
  std::string format = "table";
  std::string schedule_out;
  std::string plot;
};

// What the flags mean, checked.
struct Plan {
  RunSettings run;
  std::vector<std::string> policies;
  HindsightFlags hindsight;
};

[[noreturn]] void Failed(const absl::Status& status) {
  std::cerr << "kvplacectl simulate: " << status.message() << "\n";
  throw CLI::RuntimeError(1);
}

std::vector<std::string> ParsePolicies(const std::string& text) {
  const auto known = SimulationPolicyNames();
  if (text == "all") return {known.begin(), known.end()};
  const std::vector<std::string> names = absl::StrSplit(text, ',');
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      WrongUsage("--policy",
                 absl::StrCat("\"", name, "\", expected all or a list of ",
                              absl::StrJoin(known, ",")));
    }
  }
  return names;
}

HindsightFlags CheckBound(const Flags& flags) {
  HindsightFlags bound;
  if (!flags.bound_schedule_out.empty() && flags.bound != "hindsight") {
    WrongUsage("--bound-schedule-out", "expected with --bound hindsight only");
  }
  if (!(flags.bound_gap >= 0 && flags.bound_gap < 1e9)) {
    WrongUsage("--bound-gap", "expected a share of at least 0, such as 0.01");
  }
  bound.gap = flags.bound_gap;
  if (!absl::ParseDuration(flags.bound_time_limit, &bound.time_limit) ||
      bound.time_limit < absl::ZeroDuration()) {
    WrongUsage("--bound-time-limit",
               absl::StrCat("\"", flags.bound_time_limit,
                            "\", expected a duration such as 60s or 500ms"));
  }
  bound.iterations = flags.bound_iterations;
  bound.seed = flags.run.seed;
  return bound;
}

Plan Check(const Flags& flags) {
  Plan plan;
  plan.policies = ParsePolicies(flags.policies);
  plan.run = CheckRunFlags(flags.run, plan.policies);
  if (!flags.schedule_out.empty() && plan.policies.size() != 1) {
    WrongUsage("--schedule-out",
               "expected exactly one policy in --policy: a schedule is of one "
               "run");
  }
  plan.hindsight = CheckBound(flags);
  if (!flags.plot.empty() && flags.plot == flags.schedule_out) {
    WrongUsage("--plot", "expected another file than --schedule-out's");
  }
  return plan;
}

// Steps done, on stderr, when that is a terminal.
class Progress {
 public:
  Progress(const Workload& workload, size_t runs)
      : on_(isatty(STDERR_FILENO) != 0), workload_(workload), runs_(runs) {}

  void Start(const std::string& policy) {
    policy_ = policy;
    ++run_;
  }
  void OnPhase(size_t phase) {
    if (!on_ || phase % (workload_.groups * size_t{64}) != 0) return;
    std::cerr << "\r\033[K" << policy_ << " (" << run_ << "/" << runs_
              << "): step " << phase / workload_.groups << " of "
              << workload_.steps << std::flush;
  }
  void OnEvaluated(int done, int of) {
    if (!on_) return;
    std::cerr << "\r\033[K" << policy_ << " (" << run_ << "/" << runs_
              << "): annealing, run " << done << " of " << of << std::flush;
  }
  void Clear() const {
    if (on_) std::cerr << "\r\033[K" << std::flush;
  }

 private:
  const bool on_;
  const Workload& workload_;
  const size_t runs_;
  size_t run_ = 0;
  std::string policy_;
};

std::vector<SimulationResult> RunAll(const Flags& flags, const Plan& plan,
                                     const Workload& workload,
                                     const DeviceConfig& device,
                                     uint64_t capacity_blocks) {
  std::optional<ScheduleWriter> schedule;
  if (!flags.schedule_out.empty()) {
    schedule.emplace(workload, capacity_blocks);
    if (auto s = schedule->Open(flags.schedule_out); !s.ok()) Failed(s);
  }
  Progress progress(workload, plan.policies.size());
  SimulationOptions options = plan.run.simulation;
  options.annealing.on_evaluated = [&](int done, int of) {
    progress.OnEvaluated(done, of);
  };
  options.now = MonotonicSeconds;
  options.on_start = [&](const std::vector<BlockId>& initial_hbm) {
    if (schedule) schedule->WriteStart(initial_hbm);
  };
  options.on_phase = [&](size_t phase, const PhaseOutcome& outcome) {
    progress.OnPhase(phase);
    if (schedule) schedule->WritePhase(phase, outcome);
  };
  std::vector<SimulationResult> results;
  for (const std::string& policy : plan.policies) {
    progress.Start(policy);
    auto result = Simulate(workload, device, policy, options);
    if (!result.ok()) Failed(result.status());
    results.push_back(*std::move(result));
  }
  progress.Clear();
  if (schedule) {
    if (auto s = schedule->Close(); !s.ok()) Failed(s);
  }
  return results;
}

void AddHindsight(const Flags& flags, const Plan& plan,
                  const Workload& workload, const DeviceConfig& device,
                  uint64_t capacity_blocks, SimulationReport* report) {
  // Before the long work, since it may not be writable.
  ScheduleWriter writer(workload, capacity_blocks);
  if (!flags.bound_schedule_out.empty()) {
    if (auto s = writer.Open(flags.bound_schedule_out); !s.ok()) Failed(s);
  }
  const AccessWindow window = WindowOf(workload, device);
  report->hindsight = RunHindsight(window, plan.hindsight);
  const ClairvoyantSchedule& schedule = report->hindsight->schedule;
  const auto phases = Evaluate(window, schedule);
  if (!phases.ok()) Failed(phases.status());
  report->hindsight_step_seconds.resize(workload.steps);
  for (size_t p = 0; p < phases->size(); ++p) {
    report->hindsight_step_seconds[p / workload.groups] += (*phases)[p];
  }
  if (flags.bound_schedule_out.empty()) return;
  if (auto s = WriteHindsightSchedule(workload, window, schedule, &writer);
      !s.ok()) {
    Failed(s);
  }
}

void Run(const Flags& flags) {
  const Plan plan = Check(flags);
  PlotFile plot;
  if (!flags.plot.empty()) {
    if (auto s = plot.Open(flags.plot, flags.traces); !s.ok()) Failed(s);
  }
  auto prepared = PrepareRun(flags.traces, plan.run);
  if (!prepared.ok()) Failed(prepared.status());
  const Workload& workload = prepared->workload;
  const DeviceConfig& device = prepared->device;
  const uint64_t capacity = prepared->capacity_blocks;
  for (const std::string& warning : workload.warnings) {
    std::cerr << "kvplacectl simulate: warning: " << warning << "\n";
  }
  SimulationReport report;
  report.workload = &workload;
  report.device = &device;
  if (flags.bound != "none") {
    report.roofline_seconds = RooflineSeconds(workload, device).value();
  }
  report.results = RunAll(flags, plan, workload, device, capacity);
  if (flags.bound == "hindsight") {
    AddHindsight(flags, plan, workload, device, capacity, &report);
  }
  if (!flags.plot.empty()) {
    if (auto s = plot.Write(PlotOf(report)); !s.ok()) Failed(s);
  }
  if (flags.format == "json") {
    PrintJson(report, std::cout);
  } else if (flags.format == "csv") {
    PrintCsv(report, std::cout);
  } else {
    PrintTable(report, std::cout);
  }
  std::cout.flush();
  if (!std::cout) Failed(absl::DataLossError("stdout: not all was written"));
}

}  // namespace

void RegisterSimulateCommand(CLI::App& app) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand(
      "simulate", "Run placement policies on recorded traces, offline");
  command->footer(kExamples);
  command
      ->add_option("traces", flags->traces,
                   "Traces (.kvtrace), side by side as sequences of one device")
      ->required();
  const auto option = [&](const char* name, auto& value,
                          const std::string& help) {
    return command->add_option(name, value, help)->capture_default_str();
  };
  option(
      "--policy", flags->policies,
      absl::StrCat("Comma separated, of ",
                   absl::StrJoin(SimulationPolicyNames(), ", "), "; or all"));
  AddRunFlags(command, &flags->run);
  option("--bound", flags->bound, "Bound to compare with")
      ->check(CLI::IsMember({"none", "roofline", "hindsight"}));
  option("--bound-gap", flags->bound_gap,
         "hindsight: stop when schedule and bound are this share apart");
  option("--bound-time-limit", flags->bound_time_limit,
         "hindsight: stop after this long with what was found");
  command->add_option("--bound-iterations", flags->bound_iterations,
                      "hindsight: most evaluations of the dual, and a sweep "
                      "of the search for a schedule for every five; default: "
                      "as many as the time limit allows");
  command->add_option("--bound-schedule-out", flags->bound_schedule_out,
                      "hindsight: write the clairvoyant schedule behind the "
                      "upper bound, like --schedule-out");
  option("--format", flags->format, "Output")
      ->check(CLI::IsMember({"table", "json", "csv"}));
  command->add_option("--schedule-out", flags->schedule_out,
                      "Write the schedule of the run as JSON lines");
  command->add_option("--plot", flags->plot,
                      "Draw time per step, and where it goes, as an SVG file");
  command->callback([flags] { Run(*flags); });
}

}  // namespace kvplace
