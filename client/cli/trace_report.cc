#include "client/cli/trace_report.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"

namespace kvplace {
namespace {

// Bytes of so many blocks.
int64_t BytesOf(const TraceInfo& info, uint64_t blocks) {
  return (info.block_bytes() * static_cast<int64_t>(blocks)).count();
}

double Mebibytes(int64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

template <typename... Args>
void Line(std::ostream& out, const char* label,
          const absl::FormatSpec<Args...>& format, const Args&... args) {
  out << absl::StrFormat("%-12s", label) << absl::StrFormat(format, args...)
      << "\n";
}

}  // namespace

void PrintJson(const TraceInfo& info, std::ostream& out) {
  nlohmann::ordered_json groups = nlohmann::ordered_json::array();
  for (size_t g = 0; g < info.by_group.size(); ++g) {
    groups.push_back({{"group", g},
                      {"reads", info.by_group[g].reads},
                      {"overlap", info.by_group[g].overlap}});
  }
  const nlohmann::ordered_json json = {
      {"schema", "kvplace.trace_info/1"},
      {"trace", info.path},
      {"writer", info.writer},
      {"source", info.source},
      {"steps", info.steps},
      {"groups", info.groups},
      {"sequences", info.sequences},
      {"page_tokens", info.page_tokens},
      {"kv_bytes_per_token", info.kv_bytes_per_token.count()},
      {"block_bytes", info.block_bytes().count()},
      {"blocks", info.blocks},
      {"bytes", BytesOf(info, info.blocks)},
      {"peak_blocks", info.peak_live_blocks},
      {"peak_bytes", BytesOf(info, info.peak_live_blocks)},
      {"reads", info.reads},
      {"read_bytes", BytesOf(info, info.reads)},
      {"near_misses", info.near_misses},
      {"masses", info.masses},
      {"overlap", info.overlap},
      {"file_bytes", info.file_bytes},
      {"by_group", std::move(groups)},
      {"warnings", info.warnings}};
  // Names of files need not be UTF-8.
  out << json.dump(2, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace)
      << "\n";
}

void PrintTable(const TraceInfo& info, std::ostream& out) {
  Line(out, "trace", "%s", info.path);
  Line(out, "source", "%s", info.source);
  Line(out, "writer", "%s", info.writer);
  Line(out, "file", "%d bytes", info.file_bytes);
  Line(out, "steps", "%d", info.steps);
  Line(out, "groups", "%d", info.groups);
  Line(out, "sequences", "%d", info.sequences);
  Line(out, "block", "%d tokens * %d bytes = %d bytes", info.page_tokens,
       info.kv_bytes_per_token.count(), info.block_bytes().count());
  Line(out, "blocks", "%d (%.1f MiB), at most %d at a time (%.1f MiB)",
       info.blocks, Mebibytes(BytesOf(info, info.blocks)),
       info.peak_live_blocks, Mebibytes(BytesOf(info, info.peak_live_blocks)));
  Line(out, "reads", "%d (%.1f MiB)", info.reads,
       Mebibytes(BytesOf(info, info.reads)));
  Line(out, "attention", "%s",
       info.masses ? absl::StrFormat("a mass per read, %d near misses",
                                     info.near_misses)
                   : std::string("not recorded"));
  Line(out, "overlap", "%.3f of the reads were read in the step before",
       info.overlap);
  out << "\ngroup      reads  overlap\n";
  for (size_t g = 0; g < info.by_group.size(); ++g) {
    out << absl::StrFormat("%5d %10d    %.3f\n", g, info.by_group[g].reads,
                           info.by_group[g].overlap);
  }
}

}  // namespace kvplace
