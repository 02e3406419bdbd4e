#include "server/trace/import_authors_csv.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/trace/line_reader.h"
#include "server/trace/trace_builder.h"

namespace kvplace {
namespace {

constexpr uint64_t kMaxStep = uint64_t{1} << 40;
constexpr uint64_t kMaxLayer = 4095;
constexpr uint64_t kMaxToken = INT32_MAX;
// From the first row's step; a wrong number would write steps for ever.
constexpr uint64_t kMaxSteps = uint64_t{1} << 22;

struct CsvRow {
  // From the first row's.
  uint64_t step = 0;
  uint32_t layer = 0;
  std::vector<uint32_t> tokens;
};

constexpr const char* kColumns[] = {"step", "layer", "token ids"};

// Takes one row apart.
class RowParser {
 public:
  RowParser(absl::string_view row, std::string where)
      : row_(row), where_(std::move(where)) {}

  absl::Status Parse(CsvRow* row) {
    uint64_t layer;
    if (absl::Status s = Number(0, kMaxStep, &row->step); !s.ok()) return s;
    if (absl::Status s = Comma(0); !s.ok()) return s;
    if (absl::Status s = Number(1, kMaxLayer, &layer); !s.ok()) return s;
    if (absl::Status s = Comma(1); !s.ok()) return s;
    row->layer = static_cast<uint32_t>(layer);
    return List(&row->tokens);
  }

 private:
  void SkipSpaces() {
    while (at_ < row_.size() && absl::ascii_isspace(row_[at_])) ++at_;
  }
  // Takes `c` if it comes next, spaces aside.
  bool Take(char c) {
    SkipSpaces();
    if (at_ == row_.size() || row_[at_] != c) return false;
    ++at_;
    return true;
  }

  absl::Status Expected(int column, absl::string_view what) const {
    std::string found =
        at_ == row_.size()
            ? std::string("the end of the row")
            : absl::StrCat("\"", row_.substr(at_, 12),
                           row_.size() - at_ > 12 ? "..." : "", "\"");
    return absl::InvalidArgumentError(
        absl::StrCat(where_, ", column ", column + 1, " (", kColumns[column],
                     "): expected ", what, ", found ", found));
  }

  absl::Status Comma(int column) {
    if (Take(',')) return absl::OkStatus();
    return Expected(column, "a comma after it");
  }

  absl::Status Number(int column, uint64_t max, uint64_t* value) {
    SkipSpaces();
    const size_t start = at_;
    *value = 0;
    while (at_ < row_.size() && absl::ascii_isdigit(row_[at_])) {
      *value = *value * 10 + static_cast<uint64_t>(row_[at_++] - '0');
      if (*value > max) {
        at_ = start;
        return Expected(column, absl::StrCat("a whole number 0..", max));
      }
    }
    if (at_ > start) return absl::OkStatus();
    return Expected(column, absl::StrCat("a whole number 0..", max));
  }

  absl::Status List(std::vector<uint32_t>* tokens) {
    tokens->clear();
    const bool quoted = Take('"');
    if (!Take('[')) return Expected(2, "a list like \"[0, 1, 17]\"");
    if (!Take(']')) {
      do {
        uint64_t token;
        if (absl::Status s = Number(2, kMaxToken, &token); !s.ok()) return s;
        tokens->push_back(static_cast<uint32_t>(token));
      } while (Take(','));
      if (!Take(']')) return Expected(2, "a comma or ]");
    }
    // CSV writers leave the quotes out where there is no comma to hide.
    if (!quoted && tokens->size() > 1) {
      at_ = row_.find('[');
      return Expected(2, "a quote before the list");
    }
    if (quoted && !Take('"')) return Expected(2, "a quote after the list");
    SkipSpaces();
    if (at_ != row_.size()) return Expected(2, "the end of the row");
    return absl::OkStatus();
  }

  const absl::string_view row_;
  const std::string where_;
  size_t at_ = 0;
};

// Rows of one file, checked one by one and for their order.
class CsvReader {
 public:
  static absl::StatusOr<CsvReader> Open(const std::string& path) {
    absl::StatusOr<LineReader> lines = LineReader::Open(path);
    if (!lines.ok()) return lines.status();
    return CsvReader(*std::move(lines));
  }

  // False at the end.
  absl::StatusOr<bool> Next(CsvRow* row);

 private:
  explicit CsvReader(LineReader lines) : lines_(std::move(lines)) {}

  absl::Status CheckOrder(uint64_t step, uint32_t layer);
  std::string Where() const {
    return absl::StrCat(lines_.path(), ": row ", lines_.line_number());
  }

  LineReader lines_;
  // Of the row before, as written.
  std::optional<std::pair<uint64_t, uint32_t>> last_;
  uint64_t first_step_ = 0;
};

absl::StatusOr<bool> CsvReader::Next(CsvRow* row) {
  absl::string_view line;
  while (true) {
    absl::StatusOr<bool> more = lines_.Next(&line);
    if (!more.ok() || !*more) return more;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    const bool header =
        lines_.line_number() == 1 && absl::ascii_isalpha(line.front());
    if (!header) break;
  }
  if (absl::Status s = RowParser(line, Where()).Parse(row); !s.ok()) return s;
  if (absl::Status s = CheckOrder(row->step, row->layer); !s.ok()) return s;
  row->step -= first_step_;
  return true;
}

absl::Status CsvReader::CheckOrder(uint64_t step, uint32_t layer) {
  if (!last_.has_value()) {
    first_step_ = step;
  } else if (std::pair(step, layer) <= *last_) {
    return absl::InvalidArgumentError(absl::StrCat(
        Where(), ": step ", step, ", layer ", layer,
        " is not in ascending order; expected more than step ", last_->first,
        ", layer ", last_->second, " of the row before"));
  }
  if (step - first_step_ >= kMaxSteps) {
    return absl::InvalidArgumentError(absl::StrCat(
        Where(), ", column 1 (step): ", step, "; expected less than 2^22 steps",
        " from the first row's, ", first_step_));
  }
  last_ = {step, layer};
  return absl::OkStatus();
}

// What the whole file says.
struct CsvDimensions {
  uint64_t steps = 0;
  uint32_t layers = 0;
  uint64_t n_prefill = 0;
};

absl::StatusOr<CsvDimensions> Measure(const std::string& path) {
  absl::StatusOr<CsvReader> reader = CsvReader::Open(path);
  if (!reader.ok()) return reader.status();
  CsvDimensions dimensions;
  CsvRow row;
  while (true) {
    absl::StatusOr<bool> more = reader->Next(&row);
    if (!more.ok()) return more.status();
    if (!*more) break;
    dimensions.steps = row.step + 1;
    dimensions.layers = std::max(dimensions.layers, row.layer + 1);
    if (row.tokens.empty()) continue;
    const uint64_t token =
        *std::max_element(row.tokens.begin(), row.tokens.end());
    if (token > row.step) {
      dimensions.n_prefill = std::max(dimensions.n_prefill, token - row.step);
    }
  }
  if (dimensions.steps == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": has no row; expected at least one"));
  }
  return dimensions;
}

// Writes the steps of one file.
class CsvImport {
 public:
  CsvImport(const CsvDimensions& dimensions, const AuthorsCsvOptions& options,
            const TraceShape& shape, KvtraceWriter* writer)
      : dimensions_(dimensions), options_(options), builder_(shape, writer) {}

  absl::StatusOr<ImportSummary> Run(CsvReader* reader);

 private:
  void BeginStep();
  absl::Status EndStep();
  absl::Status AddRow(const CsvRow& row);

  const CsvDimensions& dimensions_;
  const AuthorsCsvOptions& options_;
  TraceBuilder builder_;
  uint64_t step_ = 0;
  std::vector<uint32_t> pages_;
  std::vector<BlockId> reads_;
};

absl::StatusOr<ImportSummary> CsvImport::Run(CsvReader* reader) {
  const uint32_t initial =
      static_cast<uint32_t>((dimensions_.n_prefill + options_.page_tokens - 1) /
                            options_.page_tokens);
  if (absl::Status put = builder_.Begin({&initial, 1}); !put.ok()) return put;
  BeginStep();
  CsvRow row;
  while (true) {
    absl::StatusOr<bool> more = reader->Next(&row);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (absl::Status put = AddRow(row); !put.ok()) return put;
  }
  if (absl::Status put = EndStep(); !put.ok()) return put;
  return ImportSummary{.steps = dimensions_.steps,
                       .groups = dimensions_.layers,
                       .reads = builder_.reads_written()};
}

void CsvImport::BeginStep() {
  const uint64_t pages =
      (dimensions_.n_prefill + step_) / options_.page_tokens + 1;
  if (pages > builder_.pages(0)) builder_.AddPages(0, 1);
  builder_.AddTokens(0, 1);
}

absl::Status CsvImport::EndStep() {
  ++step_;
  if (options_.progress) options_.progress(step_, dimensions_.steps);
  return builder_.EndStep();
}

absl::Status CsvImport::AddRow(const CsvRow& row) {
  while (step_ < row.step) {
    if (absl::Status put = EndStep(); !put.ok()) return put;
    BeginStep();
  }
  pages_.clear();
  for (const uint32_t token : row.tokens) {
    const uint32_t page = token / options_.page_tokens;
    if (pages_.empty() || pages_.back() != page) pages_.push_back(page);
  }
  std::sort(pages_.begin(), pages_.end());
  pages_.erase(std::unique(pages_.begin(), pages_.end()), pages_.end());
  // Only if the file is no longer the one that was measured.
  if (row.step >= dimensions_.steps || row.layer >= dimensions_.layers ||
      (!pages_.empty() && pages_.back() >= builder_.pages(0))) {
    return absl::AbortedError("the file changed while it was read");
  }
  reads_.clear();
  for (const uint32_t page : pages_) {
    reads_.push_back(builder_.HandleOf(0, row.layer, page));
  }
  builder_.AddReads(row.layer, reads_, {}, {});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ImportSummary> ImportAuthorsCsv(const std::string& path,
                                               const AuthorsCsvOptions& options,
                                               KvtraceWriter* writer) {
  if (options.page_tokens == 0) {
    return absl::InvalidArgumentError("page tokens is 0; expected at least 1");
  }
  absl::StatusOr<CsvDimensions> dimensions = Measure(path);
  if (!dimensions.ok()) return dimensions.status();
  TraceShape shape;
  shape.groups = dimensions->layers;
  shape.pages_max = static_cast<uint32_t>(
      (dimensions->n_prefill + dimensions->steps - 1) / options.page_tokens +
      1);
  shape.page_tokens = options.page_tokens;
  shape.kv_bytes_per_token = options.kv_bytes_per_token;
  shape.steps = dimensions->steps;
  shape.writer = options.writer;
  shape.source = absl::StrCat("authors-csv ", path);
  if (absl::Status valid = Validate(shape); !valid.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", valid.message()));
  }
  absl::StatusOr<CsvReader> reader = CsvReader::Open(path);
  if (!reader.ok()) return reader.status();
  return CsvImport(*dimensions, options, shape, writer).Run(&*reader);
}

}  // namespace kvplace
