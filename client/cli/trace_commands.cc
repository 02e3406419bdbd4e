#include "client/cli/trace_commands.h"

#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/command.h"
#include "client/cli/sizes.h"
#include "client/cli/synth_command.h"
#include "client/cli/trace_output.h"
#include "client/cli/trace_report.h"
#include "server/trace/import_attention_mass.h"
#include "server/trace/import_authors_csv.h"
#include "server/trace/jsonl.h"
#include "server/trace/kvtrace_reader.h"
#include "server/trace/kvtrace_writer.h"
#include "server/trace/trace_info.h"

namespace kvplace {
namespace {

absl::StatusOr<uint32_t> ParseSelect(const std::string& text) {
  absl::string_view count = text;
  uint32_t top;
  if (!absl::ConsumePrefix(&count, "top:") || !absl::SimpleAtoi(count, &top)) {
    return absl::InvalidArgumentError("expected top:K, for example top:64");
  }
  if (top < 3) {
    return absl::InvalidArgumentError(
        "expected at least top:3: page 0 and the two newest are always read");
  }
  return top;
}

struct ImportFlags {
  std::string from;
  std::string file;
  TraceOutput output;
  uint32_t top = 64;
  uint32_t near_misses = 32;
  bool no_masses = false;
  StepRange steps;
  uint32_t page_tokens = 16;
  std::optional<Bytes> kv_bytes_per_token;
};

constexpr char kAttentionMass[] = "attention-mass";
constexpr char kAuthorsCsv[] = "authors-csv";
constexpr char kJsonl[] = "jsonl";

absl::Status RunImport(const ImportFlags& flags) {
  const auto kv_bytes = [&](int64_t preset) {
    return static_cast<uint64_t>(
        flags.kv_bytes_per_token.value_or(Bytes(preset)).count());
  };
  const auto write =
      [&](KvtraceWriter* writer,
          const ImportProgress& progress) -> absl::StatusOr<ImportSummary> {
    if (flags.from == kAttentionMass) {
      AttentionMassOptions options;
      options.top = flags.top;
      options.near_misses = flags.near_misses;
      options.masses = !flags.no_masses;
      options.kv_bytes_per_token = kv_bytes(4096);
      options.first_step = flags.steps.first;
      options.end_step = flags.steps.end;
      options.writer = TraceWriterName();
      options.progress = progress;
      return ImportAttentionMass(flags.file, options, writer);
    }
    if (flags.from == kAuthorsCsv) {
      AuthorsCsvOptions options;
      options.page_tokens = flags.page_tokens;
      options.kv_bytes_per_token = kv_bytes(16384);
      options.writer = TraceWriterName();
      options.progress = progress;
      return ImportAuthorsCsv(flags.file, options, writer);
    }
    return ImportJsonl(flags.file, progress, writer);
  };
  return flags.output.Write("import", write);
}

// A flag that belongs to other --from is not silently passed over.
absl::Status CheckImportFlags(const CLI::App& command,
                              const ImportFlags& flags) {
  struct Rule {
    const char* flag;
    const char* first;
    const char* second;
  };
  constexpr Rule kRules[] = {
      {"--select", kAttentionMass, nullptr},
      {"--near-misses", kAttentionMass, nullptr},
      {"--no-masses", kAttentionMass, nullptr},
      {"--steps", kAttentionMass, nullptr},
      {"--page-tokens", kAuthorsCsv, nullptr},
      {"--kv-bytes-per-token", kAttentionMass, kAuthorsCsv},
  };
  for (const Rule& rule : kRules) {
    if (command.count(rule.flag) == 0 || flags.from == rule.first ||
        (rule.second != nullptr && flags.from == rule.second)) {
      continue;
    }
    return UsageError(absl::StrCat(rule.flag, ": not with --from ", flags.from,
                                   ", only with ", rule.first,
                                   rule.second != nullptr ? " and " : "",
                                   rule.second != nullptr ? rule.second : ""));
  }
  return absl::OkStatus();
}

void RegisterImport(CLI::App* trace) {
  CLI::App* command =
      trace->add_subcommand("import", "Make a trace from another format");
  command->footer(
      "Examples:\n"
      "  kvplacectl trace import --from attention-mass bible.mass.zst"
      " --select top:64 --steps 0:400 --out bible.kvtrace\n"
      "  kvplacectl trace import --from authors-csv tokens.csv"
      " --page-tokens 16 --out tokens.kvtrace\n"
      "  kvplacectl trace import --from jsonl trace.jsonl"
      " --out trace.kvtrace\n");
  auto flags = std::make_shared<ImportFlags>();
  command->add_option("--from", flags->from, "Format of FILE")
      ->required()
      ->check(CLI::IsMember({kAttentionMass, kAuthorsCsv, kJsonl}));
  command->add_option("FILE", flags->file, "File to read, plain or zstd")
      ->required();
  flags->output.AddTo(command);
  AddParsedOption(command, "--select", ParseSelect, &flags->top,
                  "attention-mass: pages read per step and layer, top:K, "
                  "K >= 3 [top:64]");
  command
      ->add_option("--near-misses", flags->near_misses,
                   "attention-mass: best unread pages to keep the masses of")
      ->capture_default_str();
  command->add_flag("--no-masses", flags->no_masses,
                    "attention-mass: keep the reads only, no mass bytes");
  AddParsedOption(
      command, "--steps",
      [](const std::string& text) { return ParseSteps(text); }, &flags->steps,
      "attention-mass: steps A:B, renumbered from 0 [all]");
  command
      ->add_option("--page-tokens", flags->page_tokens,
                   "authors-csv: tokens of a page")
      ->check(CLI::Range(uint32_t{1}, uint32_t{1} << 30))
      ->capture_default_str();
  AddParsedOption(command, "--kv-bytes-per-token", ParsePositiveSize,
                  &flags->kv_bytes_per_token,
                  "KV bytes of a token in one layer [attention-mass 4096, "
                  "authors-csv 16384]");
  SetRun(command, [command, flags]() -> absl::Status {
    if (absl::Status s = CheckImportFlags(*command, *flags); !s.ok()) return s;
    return RunImport(*flags);
  });
}

struct ExportFlags {
  std::string to;
  std::string file;
  std::string out = "-";
};

absl::Status RunExport(const ExportFlags& flags) {
  absl::StatusOr<std::unique_ptr<KvtraceReader>> reader =
      KvtraceReader::Open(flags.file);
  if (!reader.ok()) return reader.status();
  std::unique_ptr<OutputFile> file;
  if (flags.out != "-") {
    absl::StatusOr<std::unique_ptr<OutputFile>> created =
        OutputFile::Create(flags.out, OutputFile::Mode::kReplaceOnClose);
    if (!created.ok()) return created.status();
    file = *std::move(created);
  }
  const auto sink = [&](absl::string_view line) -> absl::Status {
    if (file != nullptr) return file->Append({line.data(), line.size()});
    std::cout.write(line.data(), static_cast<std::streamsize>(line.size()));
    if (std::cout) return absl::OkStatus();
    return absl::DataLossError("standard output cannot be written");
  };
  if (absl::Status s = ExportJsonl(reader->get(), sink); !s.ok()) return s;
  if ((*reader)->truncated()) {
    PrintWarning(absl::StrCat(flags.file, ": ", (*reader)->truncation()));
  }
  return file != nullptr ? file->Close() : absl::OkStatus();
}

void RegisterExport(CLI::App* trace) {
  CLI::App* command =
      trace->add_subcommand("export", "Write a trace in another format");
  command->footer(
      "Example:\n"
      "  kvplacectl trace export --to jsonl bible.kvtrace | head -3\n");
  auto flags = std::make_shared<ExportFlags>();
  command->add_option("--to", flags->to, "Format to write")
      ->required()
      ->check(CLI::IsMember({kJsonl}));
  command->add_option("TRACE", flags->file, "Trace to read, *.kvtrace")
      ->required();
  command->add_option("--out", flags->out, "File to write; - is stdout")
      ->capture_default_str();
  SetRun(command, [flags] { return RunExport(*flags); });
}

void RegisterInfo(CLI::App* trace) {
  CLI::App* command = trace->add_subcommand("info", "Tell what a trace holds");
  command->footer(
      "Example:\n"
      "  kvplacectl trace info bible.kvtrace --format json\n");
  auto file = std::make_shared<std::string>();
  auto format = std::make_shared<std::string>("table");
  command->add_option("TRACE", *file, "Trace to read, *.kvtrace")->required();
  command->add_option("--format", *format, "How to print it")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  SetRun(command, [file, format]() -> absl::Status {
    absl::StatusOr<TraceInfo> info = ReadTraceInfo(*file);
    if (!info.ok()) return info.status();
    for (const std::string& warning : info->warnings) PrintWarning(warning);
    *format == "json" ? PrintJson(*info, std::cout)
                      : PrintTable(*info, std::cout);
    return absl::OkStatus();
  });
}

}  // namespace

void RegisterTraceCommands(CLI::App& app) {
  CLI::App* trace = app.add_subcommand(
      "trace", "Import, export, generate and look into traces");
  trace->require_subcommand(1);
  trace->footer(
      "Example:\n"
      "  kvplacectl trace info bible.kvtrace\n");
  RegisterImport(trace);
  RegisterExport(trace);
  RegisterSynthCommand(trace);
  RegisterInfo(trace);
}

}  // namespace kvplace
