#include "server/metrics/text_format.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/strings/string_view.h"
#include "prometheus/client_metric.h"
#include "prometheus/metric_type.h"

namespace kvplace {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

void AppendNumber(double value, std::string* out) {
  if (std::isnan(value)) {
    out->append("NaN");
  } else if (std::isinf(value)) {
    out->append(value > 0 ? "+Inf" : "-Inf");
  } else {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
    out->append(text, end);
  }
}

void AppendNumber(uint64_t value, std::string* out) {
  char text[24];
  out->append(text, std::to_chars(text, text + sizeof(text), value).ptr);
}

// Help texts keep their quotes.
void AppendEscaped(absl::string_view text, bool quotes, std::string* out) {
  for (const char c : text) {
    if (c == '\n') {
      out->append("\\n");
    } else if (c == '\\' || (quotes && c == '"')) {
      out->push_back('\\');
      out->push_back(c);
    } else {
      out->push_back(c);
    }
  }
}

// a="x",b="y" without braces.
void AppendLabels(const ClientMetric& metric, std::string* out) {
  bool first = true;
  for (const ClientMetric::Label& label : metric.label) {
    if (!first) out->push_back(',');
    first = false;
    out->append(label.name).append("=\"");
    AppendEscaped(label.value, true, out);
    out->push_back('"');
  }
}

class FamilyWriter {
 public:
  FamilyWriter(const MetricFamily& family, std::string* out)
      : family_(family), out_(out) {}

  void Write() {
    const bool histogram = family_.type == prometheus::MetricType::Histogram;
    const bool counter = family_.type == prometheus::MetricType::Counter;
    if (!family_.help.empty()) {
      out_->append("# HELP ").append(family_.name).push_back(' ');
      AppendEscaped(family_.help, false, out_);
      out_->push_back('\n');
    }
    out_->append("# TYPE ").append(family_.name);
    out_->append(histogram ? " histogram\n"
                           : (counter ? " counter\n" : " gauge\n"));
    for (const ClientMetric& metric : family_.metric) {
      labels_.clear();
      AppendLabels(metric, &labels_);
      if (histogram) {
        WriteHistogram(metric.histogram);
      } else {
        Line("", counter ? metric.counter.value : metric.gauge.value);
      }
    }
  }

 private:
  template <typename Number>
  void Line(absl::string_view suffix, Number value) {
    Begin(suffix);
    if (!labels_.empty()) out_->append("{").append(labels_).push_back('}');
    End(value);
  }

  void Bucket(double bound, uint64_t count) {
    Begin("_bucket");
    out_->append("{").append(labels_);
    out_->append(labels_.empty() ? "le=\"" : ",le=\"");
    AppendNumber(bound, out_);
    out_->append("\"}");
    End(count);
  }

  void WriteHistogram(const ClientMetric::Histogram& histogram) {
    Line("_count", histogram.sample_count);
    Line("_sum", histogram.sample_sum);
    double last = -std::numeric_limits<double>::infinity();
    for (const ClientMetric::Bucket& bucket : histogram.bucket) {
      Bucket(bucket.upper_bound, bucket.cumulative_count);
      last = bucket.upper_bound;
    }
    if (last < std::numeric_limits<double>::infinity()) {
      Bucket(std::numeric_limits<double>::infinity(), histogram.sample_count);
    }
  }

  void Begin(absl::string_view suffix) {
    out_->append(family_.name).append(suffix.data(), suffix.size());
  }
  template <typename Number>
  void End(Number value) {
    out_->push_back(' ');
    AppendNumber(value, out_);
    out_->push_back('\n');
  }

  const MetricFamily& family_;
  std::string* const out_;
  // Of the series at hand.
  std::string labels_;
};

}  // namespace

std::string PrometheusText(const std::vector<MetricFamily>& families) {
  std::string out;
  for (const MetricFamily& family : families) {
    FamilyWriter(family, &out).Write();
  }
  return out;
}

}  // namespace kvplace
