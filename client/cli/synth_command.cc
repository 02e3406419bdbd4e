#include "client/cli/synth_command.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/command.h"
#include "client/cli/trace_output.h"
#include "server/trace/request_file.h"
#include "server/trace/synthetic_trace.h"

namespace kvplace {
namespace {

// CLI11 takes -1 for a large unsigned number.
absl::StatusOr<uint64_t> ParseSeed(const std::string& text) {
  uint64_t seed;
  if (absl::SimpleAtoi(text, &seed)) return seed;
  return absl::InvalidArgumentError("expected a whole number 0..2^64-1");
}

struct SynthFlags {
  SyntheticOptions options;
  std::string locality = "mixed";
  std::optional<Bytes> kv_bytes_per_token;
  std::optional<std::string> requests;
  uint64_t first_requests = 0;
  TraceOutput output;
};

// A flag that says nothing to this kind of trace is not silently passed over.
absl::Status CheckSynthFlags(const CLI::App& command) {
  const bool requests = command.count("--requests") > 0;
  for (const char* flag : {"--sequences", "--context"}) {
    if (requests && command.count(flag) > 0) {
      return UsageError(
          absl::StrCat(flag, ": not with --requests, which say what arrives"));
    }
  }
  for (const char* flag : {"--time-per-step", "--first-requests",
                           "--max-active", "--scale-tokens"}) {
    if (!requests && command.count(flag) > 0) {
      return UsageError(absl::StrCat(flag, ": only with --requests"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> ParseTimePerStep(const std::string& text) {
  absl::Duration time;
  const absl::Duration unit = absl::Milliseconds(1);
  if (!absl::ParseDuration(text, &time) || time < unit ||
      time > absl::Hours(24) || time % unit != absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        "expected whole milliseconds, 1ms..24h, for example 50ms");
  }
  return static_cast<uint64_t>(absl::ToInt64Milliseconds(time));
}

absl::Status RunSynth(const SynthFlags& flags) {
  SyntheticOptions options = flags.options;
  if (flags.requests.has_value()) {
    absl::StatusOr<std::vector<Request>> requests =
        ReadRequests(*flags.requests, flags.first_requests);
    if (!requests.ok()) return requests.status();
    options.requests = *std::move(requests);
  }
  options.locality = flags.locality == "sticky"     ? Locality::kSticky
                     : flags.locality == "volatile" ? Locality::kVolatile
                                                    : Locality::kMixed;
  if (flags.kv_bytes_per_token.has_value()) {
    options.kv_bytes_per_token =
        static_cast<uint64_t>(flags.kv_bytes_per_token->count());
  }
  options.writer = TraceWriterName();
  if (!(options.select_share > 0 && options.select_share <= 1)) {
    return UsageError("--select-share: expected more than 0 and at most 1");
  }
  return flags.output.Write(
      "synth", [&](KvtraceWriter* writer, const ImportProgress& progress) {
        options.progress = progress;
        return WriteSyntheticTrace(options, writer);
      });
}

// A whole number within limits.
template <typename T>
void AddNumber(CLI::App* command, const char* flag, T& value, uint64_t min,
               uint64_t max, const char* description) {
  command->add_option(flag, value, description)
      ->check(CLI::Range(min, max))
      ->capture_default_str();
}

constexpr uint64_t kMax32 = UINT32_MAX;
constexpr uint64_t kMaxTokens = uint64_t{1} << 40;

void AddRequestFlags(CLI::App* command, SynthFlags* flags) {
  AdmissionOptions& admission = flags->options.admission;
  command->add_option("--requests", flags->requests,
                      "JSON lines with timestamp (ms), input_length and "
                      "output_length, plain or zstd: these arrive and leave");
  AddParsedOption(command, "--time-per-step", ParseTimePerStep,
                  &admission.milliseconds_per_step,
                  "requests: how long a step takes them [50ms]");
  AddNumber(command, "--first-requests", flags->first_requests, 0, kMaxTokens,
            "requests: use only the first so many; 0: all");
  AddNumber(command, "--max-active", admission.max_active, 1, kMax32,
            "requests: so many run at once, others wait in order");
  AddNumber(command, "--scale-tokens", admission.scale_tokens, 1, kMaxTokens,
            "requests: divide inputs and outputs by this");
}

}  // namespace

void RegisterSynthCommand(CLI::App* trace) {
  CLI::App* command =
      trace->add_subcommand("synth", "Generate a trace of sparse attention");
  command->footer(
      "Examples:\n"
      "  kvplacectl trace synth --layers 32 --sequences 4 --context 32768"
      " --steps 256 --select-share 0.125 --locality mixed --seed 7"
      " --out synth.kvtrace\n"
      "  kvplacectl trace synth --requests conversation.jsonl.zst"
      " --scale-tokens 8 --max-active 8 --layers 16 --steps 400"
      " --out arrivals.kvtrace\n");
  auto flags = std::make_shared<SynthFlags>();
  SyntheticOptions& options = flags->options;
  AddNumber(command, "--layers", options.layers, 1, 4096,
            "Layers, one group each");
  AddNumber(command, "--sequences", options.sequences, 1, kMax32, "Sequences");
  AddNumber(command, "--context", options.context_tokens, 0, kMaxTokens,
            "Tokens of each sequence before step 0");
  AddNumber(command, "--steps", options.steps, 1, kMaxTokens, "Decode steps");
  command
      ->add_option("--select-share", options.select_share,
                   "Share of the pages read per step and layer")
      ->capture_default_str();
  command
      ->add_option("--locality", flags->locality,
                   "How much a step's reads repeat those before")
      ->check(CLI::IsMember({"sticky", "mixed", "volatile"}))
      ->capture_default_str();
  AddParsedOption(command, "--seed", ParseSeed, &options.seed, "Seed [1]");
  AddNumber(command, "--page-tokens", options.page_tokens, 1, uint64_t{1} << 30,
            "Tokens of a page");
  AddParsedOption(command, "--kv-bytes-per-token", ParsePositiveSize,
                  &flags->kv_bytes_per_token,
                  "KV bytes of a token in one layer [4096]");
  AddNumber(command, "--near-misses", options.near_misses, 0, kMax32,
            "Best unread pages per sequence to keep the masses of");
  AddNumber(command, "--shift-every", options.shift_every, 0, kMaxTokens,
            "Change the topic every so many steps; 0: never");
  AddNumber(command, "--cluster-pages", options.scores.cluster_pages, 1, 1024,
            "Pages that are wanted together");
  AddNumber(command, "--slashes", options.scores.slashes, 0, 64,
            "Fixed distances from the end that are always read, per layer");
  AddRequestFlags(command, flags.get());
  flags->output.AddTo(command);
  SetRun(command, [command, flags]() -> absl::Status {
    if (absl::Status s = CheckSynthFlags(*command); !s.ok()) return s;
    return RunSynth(*flags);
  });
}

}  // namespace kvplace
