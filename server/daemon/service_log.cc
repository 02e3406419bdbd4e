#include "server/daemon/service_log.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace kvplace {
namespace {

// Cuts what is before the first `end` off the front; false if there is none.
bool CutUpTo(absl::string_view end, absl::string_view* text,
             absl::string_view* front) {
  const size_t at = text->find(end);
  if (at == absl::string_view::npos) return false;
  *front = text->substr(0, at);
  text->remove_prefix(at + end.size());
  return true;
}

// "node/3 epoch 7: " off the front.
bool CutSession(absl::string_view* line, ServiceLine* out) {
  absl::string_view rest = *line;
  absl::string_view node, device, epoch;
  uint32_t device_number = 0;
  uint64_t epoch_number = 0;
  if (!CutUpTo("/", &rest, &node) || !CutUpTo(" epoch ", &rest, &device) ||
      !CutUpTo(": ", &rest, &epoch) ||
      node.find(' ') != absl::string_view::npos ||
      !absl::SimpleAtoi(device, &device_number) ||
      !absl::SimpleAtoi(epoch, &epoch_number)) {
    return false;
  }
  out->node = std::string(node);
  out->device = device_number;
  out->epoch = epoch_number;
  *line = rest;
  return true;
}

// "node: policy ..." or "node: drain, ..." loses the node.
void CutNode(absl::string_view* line, ServiceLine* out) {
  absl::string_view rest = *line;
  absl::string_view node;
  if (!CutUpTo(": ", &rest, &node) ||
      node.find(' ') != absl::string_view::npos) {
    return;
  }
  const bool of_node = absl::ConsumePrefix(&rest, "policy ") ||
                       absl::ConsumePrefix(&rest, "drain, ");
  if (!of_node) return;
  out->node = std::string(node);
  line->remove_prefix(node.size() + 2);
}

absl::string_view FirstWord(absl::string_view text) {
  size_t end = 0;
  while (end < text.size() &&
         ((text[end] >= 'a' && text[end] <= 'z') || text[end] == '_')) {
    ++end;
  }
  return text.substr(0, end);
}

Severity SeverityOf(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return Severity::kInfo;
    case LogLevel::kWarning:
      return Severity::kWarning;
    case LogLevel::kError:
      return Severity::kError;
  }
  return Severity::kError;
}

}  // namespace

ServiceLine ParseServiceLine(absl::string_view line) {
  ServiceLine out;
  if (!CutSession(&line, &out)) CutNode(&line, &out);
  const absl::string_view word = FirstWord(line);
  out.cause = word.empty() ? "service" : std::string(word);
  out.message = std::string(line);
  return out;
}

LogFunction LogInto(StructuredLog* log) {
  return [log](LogLevel level, const std::string& text) {
    const Severity severity = SeverityOf(level);
    if (severity < log->minimum()) return;
    const ServiceLine line = ParseServiceLine(text);
    if (line.epoch.has_value()) {
      log->Write(severity, line.cause, line.message,
                 {{"node", line.node},
                  {"device", *line.device},
                  {"epoch", *line.epoch}});
    } else if (!line.node.empty()) {
      log->Write(severity, line.cause, line.message, {{"node", line.node}});
    } else {
      log->Write(severity, line.cause, line.message);
    }
  };
}

}  // namespace kvplace
