#include "server/trace/request_file.h"

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/trace/line_reader.h"

namespace kvplace {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxRequests = uint64_t{1} << 24;
// So that differences and sums of a few do not overflow.
constexpr uint64_t kMaxTimestamp = uint64_t{1} << 53;
constexpr uint64_t kMaxTokens = uint64_t{1} << 30;
// Of a value that is no number, in an error.
constexpr size_t kShownBytes = 24;

std::string Shown(const Json& value) {
  std::string text =
      value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text.size() > kShownBytes) {
    text.resize(kShownBytes);
    text += "...";
  }
  return text;
}

absl::Status ReadNumber(const Json& object, const char* field, uint64_t least,
                        uint64_t most, uint64_t* value) {
  const auto at = object.find(field);
  if (at == object.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, " is missing; expected a whole number ", least, "..", most));
  }
  if (at->is_number_unsigned()) {
    *value = at->get<uint64_t>();
    if (*value >= least && *value <= most) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(field, " is ", Shown(*at),
                                                 "; expected a whole number ",
                                                 least, "..", most));
}

absl::Status ParseRequest(absl::string_view line, Request* request) {
  const Json object = Json::parse(line.begin(), line.end(), nullptr,
                                  /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return absl::InvalidArgumentError(
        "expected a JSON object with timestamp, input_length and "
        "output_length");
  }
  absl::Status s =
      ReadNumber(object, "timestamp", 0, kMaxTimestamp, &request->timestamp_ms);
  if (!s.ok()) return s;
  s = ReadNumber(object, "input_length", 1, kMaxTokens, &request->input_tokens);
  if (!s.ok()) return s;
  return ReadNumber(object, "output_length", 1, kMaxTokens,
                    &request->output_tokens);
}

}  // namespace

absl::StatusOr<std::vector<Request>> ReadRequests(const std::string& path,
                                                  uint64_t limit) {
  absl::StatusOr<LineReader> lines = LineReader::Open(path);
  if (!lines.ok()) return lines.status();
  const auto where = [&] {
    return absl::StrCat(path, ": line ", lines->line_number(), ": ");
  };
  std::vector<Request> requests;
  absl::string_view line;
  while (limit == 0 || requests.size() < limit) {
    absl::StatusOr<bool> more = lines->Next(&line);
    if (!more.ok()) return more.status();
    if (!*more) break;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    if (requests.size() == kMaxRequests) {
      return absl::ResourceExhaustedError(
          absl::StrCat(where(), "expected at most 2^24 requests"));
    }
    Request request;
    if (absl::Status s = ParseRequest(line, &request); !s.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(where(), s.message()));
    }
    if (!requests.empty() &&
        request.timestamp_ms < requests.back().timestamp_ms) {
      return absl::InvalidArgumentError(
          absl::StrCat(where(), "timestamp is ", request.timestamp_ms,
                       "; expected at least ", requests.back().timestamp_ms,
                       ", that of the request before"));
    }
    requests.push_back(request);
  }
  if (requests.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": has no request; expected at least one"));
  }
  return requests;
}

}  // namespace kvplace
