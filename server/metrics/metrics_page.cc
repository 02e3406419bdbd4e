#include "server/metrics/metrics_page.h"

#include <zlib.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "server/metrics/text_format.h"

namespace kvplace {
namespace {

// Level 1: names repeat so much that others gain little and take long. Empty
// where zlib fails, which it does without memory only.
std::string Gzip(const std::string& text) {
  constexpr int kGzipFormat = 15 + 16;
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipFormat, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return "";
  }
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in =
      reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // reads only
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(whole ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

}  // namespace

HttpAnswer AnswerScrape(const prometheus::Registry& registry,
                        const HttpRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") {
    HttpAnswer answer = PlainAnswer(405, "GET /metrics\n");
    answer.headers.emplace_back("Allow", "GET, HEAD");
    return answer;
  }
  if (request.path != "/metrics") {
    return PlainAnswer(404, "metrics are at /metrics\n");
  }
  std::string text = PrometheusText(registry.Collect());
  HttpAnswer answer;
  answer.headers = {
      {"Content-Type", "text/plain; version=0.0.4; charset=utf-8"},
      {"Vary", "Accept-Encoding"}};
  if (absl::StrContains(request.accept_encoding, "gzip")) {
    if (std::string packed = Gzip(text); !packed.empty()) {
      answer.headers.emplace_back("Content-Encoding", "gzip");
      text = std::move(packed);
    }
  }
  answer.Own(std::move(text));
  return answer;
}

}  // namespace kvplace
