#include "client/cli/bench_command.h"

#include <cmath>
#include <iostream>
#include <map>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/cli/bench_report.h"
#include "client/cli/command.h"
#include "client/cli/server_flags.h"
#include "client/load/load_run.h"

namespace kvplace {
namespace {

constexpr char kExamples[] = R"(Examples:
  kvplacectl bench --target 127.0.0.1:50551 --workers 64 --rate 50/s
  kvplacectl bench --rate max --message-ids 16000 --seconds 5 --format json
  kvplacectl bench --workers 64 --phases 50/s:5,400/s:10,50/s:5)";

struct BenchFlags {
  load::LoadOptions load;
  double rate = 50;
  double seconds = 10;
  std::string phases;
  double warm_up = 1;
  double linger = 0;
  double slow_ms = 5;
  std::string format = "text";
};

absl::StatusOr<double> ParseSeconds(absl::string_view text) {
  double seconds;
  if (!absl::SimpleAtod(text, &seconds) || !(seconds > 0) || seconds > 86400) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no time, expected seconds above 0"));
  }
  return seconds;
}

absl::Status Run(BenchFlags flags) {
  load::LoadOptions& load = flags.load;
  if (flags.phases.empty()) {
    load.phases = {{flags.rate, absl::Seconds(flags.seconds)}};
  } else {
    auto phases = ParsePhases(flags.phases);
    if (!phases.ok()) {
      return UsageError(absl::StrCat("--phases: ", phases.status().message()));
    }
    load.phases = *std::move(phases);
  }
  load.warm_up = absl::Seconds(flags.warm_up);
  load.linger = absl::Seconds(flags.linger);
  load.slow = absl::Milliseconds(flags.slow_ms);
  if (auto s = load::Validate(load); !s.ok()) {
    return UsageError(absl::StrCat("--", s.message()));
  }
  const auto result = load::RunLoad(load);
  if (!result.ok()) return result.status();
  flags.format == "json" ? PrintLoadJson(load, *result, std::cout)
                         : PrintLoadText(load, *result, std::cout);
  return absl::OkStatus();
}

void AddWorkloadFlags(CLI::App* command, load::LoadOptions* load) {
  const std::string group = "Workload";
  const auto option = [&](const char* name, auto& value, const char* words) {
    return command->add_option(name, value, words)
        ->capture_default_str()
        ->group(group);
  };
  option("--workers", load->workers, "Connections, one node each");
  option("--devices-per-worker", load->devices_per_worker,
         "Sessions on each connection");
  option("--idle-workers", load->idle_workers,
         "Further workers that only keep themselves alive");
  option("--message-ids", load->message_ids, "Blocks that a step reads");
  option("--blocks", load->blocks, "Live blocks of a device");
  option("--groups", load->groups, "Layer groups of a device");
  option("--hbm-share", load->hbm_share, "Share of its blocks that HBM holds");
  command
      ->add_option("--encoding", load->encoding,
                   "How reads are written: delta, bitmap, all, smallest")
      ->transform(CLI::CheckedTransformer(EncodingNames()))
      ->default_str("delta")
      ->group(group);
  command->add_flag("--masses", load->masses, "With a mass byte per block")
      ->group(group);
  option("--node-prefix", load->node_prefix, "Nodes are called PREFIX-0, ...");
  option("--seed", load->seed, "Of what is read");
}

}  // namespace

absl::StatusOr<double> ParseRate(const std::string& text) {
  if (text == "max") return 0;
  absl::string_view number = text;
  absl::ConsumeSuffix(&number, "/s");
  double rate;
  if (!absl::SimpleAtod(number, &rate) || !(rate > 0) || !std::isfinite(rate)) {
    return absl::InvalidArgumentError(
        "expected steps per second of each device, such as 50/s, or max");
  }
  return rate;
}

absl::StatusOr<std::vector<load::LoadPhase>> ParsePhases(
    const std::string& text) {
  std::vector<load::LoadPhase> phases;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<std::string> words = absl::StrSplit(part, ':');
    if (words.size() != 2) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", part, "\": expected RATE:SECONDS, such as 50/s:10"));
    }
    const auto rate = ParseRate(words[0]);
    if (!rate.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", words[0], "\": ", rate.status().message()));
    }
    const auto seconds = ParseSeconds(words[1]);
    if (!seconds.ok()) return seconds.status();
    phases.push_back({*rate, absl::Seconds(*seconds)});
  }
  return phases;
}

void RegisterBenchCommand(CLI::App& app) {
  const auto flags = std::make_shared<BenchFlags>();
  CLI::App* command = app.add_subcommand(
      "bench", "Load for a running kvplaced, and how long it takes to answer");
  command->footer(kExamples);
  command
      ->add_option("--target,--server", flags->load.target,
                   "kvplaced, as HOST:PORT")
      ->capture_default_str()
      ->group("Server");
  AddTlsFlags(command, &flags->load.channel);
  AddWorkloadFlags(command, &flags->load);
  AddParsedOption(command, "--rate", ParseRate, &flags->rate,
                  "Steps per second of each device, at their times whatever "
                  "the answers do; max: the next with the answer")
      ->default_str("50/s");
  command
      ->add_option("--seconds", flags->seconds, "How long to load and measure")
      ->capture_default_str();
  command
      ->add_option("--phases", flags->phases,
                   "Instead of --rate and --seconds: RATE:SECONDS,... one "
                   "after the other")
      ->excludes("--rate")
      ->excludes("--seconds");
  command
      ->add_option("--in-flight", flags->load.in_flight,
                   "With rate max: steps of a device under way at a time")
      ->capture_default_str();
  command
      ->add_option("--warm-up", flags->warm_up,
                   "Seconds of the same load before")
      ->capture_default_str();
  command
      ->add_option("--linger", flags->linger,
                   "Seconds to stay connected afterwards")
      ->capture_default_str();
  command
      ->add_option("--slow-ms", flags->slow_ms,
                   "A phase has settled when answers are no slower and nobody "
                   "is throttled")
      ->capture_default_str();
  command->add_option("--format", flags->format, "Output")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  SetRun(command, [flags] { return Run(*flags); });
}

}  // namespace kvplace
