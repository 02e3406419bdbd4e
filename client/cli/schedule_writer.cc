#include "client/cli/schedule_writer.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace kvplace {

ScheduleWriter::ScheduleWriter(const Workload& workload,
                               uint64_t capacity_blocks)
    : workload_(workload), capacity_blocks_(capacity_blocks) {}

absl::Status ScheduleWriter::Open(const std::string& path) {
  path_ = path;
  file_.open(path, std::ios::trunc);
  if (!file_) {
    return absl::PermissionDeniedError(absl::StrCat(
        "--schedule-out ", path, ": cannot be written: ", strerror(errno)));
  }
  return absl::OkStatus();
}

void ScheduleWriter::WriteStart(const std::vector<BlockId>& initial_hbm) {
  line_ = fmt::format(
      "{{\"schema\":\"kvplace.schedule/1\",\"sequences\":{},\"groups\":{},"
      "\"pages_max\":{},\"page_tokens\":{},\"kv_bytes_per_token\":{},"
      "\"blocks\":{},\"phases\":{},\"hbm_capacity_blocks\":{},"
      "\"block_bytes\":{}",
      workload_.sequences, workload_.groups, workload_.pages_max,
      workload_.page_tokens, workload_.kv_bytes_per_token.count(),
      workload_.blocks, workload_.phases(), capacity_blocks_,
      workload_.block_bytes().count());
  AppendIds("initial_hbm", initial_hbm);
  line_ += "}\n";
  file_ << line_;
}

void ScheduleWriter::AppendIds(const char* key, absl::Span<const BlockId> ids) {
  fmt::format_to(std::back_inserter(line_), ",\"{}\":[", key);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) line_ += ',';
    line_ += fmt::format_int(ids[i].value()).c_str();
  }
  line_ += ']';
}

void ScheduleWriter::WritePhase(size_t phase, const PhaseOutcome& outcome) {
  line_ = fmt::format("{{\"phase\":{},\"step\":{},\"group\":{}", phase,
                      phase / workload_.groups, phase % workload_.groups);
  AppendIds("read_hbm", outcome.read_hbm);
  AppendIds("read_dram", outcome.read_dram);
  AppendIds("promote_on_read", outcome.promoted);
  AppendIds("prefetch", outcome.prefetched);
  AppendIds("evict", outcome.evicted);
  AppendIds("new_hbm", outcome.new_hbm);
  AppendIds("new_dram", outcome.new_dram);
  AppendIds("freed", workload_.freed[phase]);
  fmt::format_to(std::back_inserter(line_),
                 ",\"new_kv_bytes\":{},\"seconds\":{}}}\n",
                 outcome.traffic.new_kv().count(),
                 nlohmann::json(outcome.seconds.value()).dump());
  file_ << line_;
}

absl::Status ScheduleWriter::Close() {
  file_.close();
  if (!file_) {
    return absl::DataLossError(
        absl::StrCat("--schedule-out ", path_, ": not all was written"));
  }
  return absl::OkStatus();
}

}  // namespace kvplace
