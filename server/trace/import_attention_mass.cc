#include "server/trace/import_attention_mass.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/trace/file_io.h"
#include "server/trace/page_selection.h"
#include "server/trace/trace_builder.h"

namespace kvplace {
namespace {

constexpr size_t kHeaderBytes = 20;
constexpr int64_t kMaxLayers = 4096;
// Of one step, so that a damaged header does not ask for all memory.
constexpr int64_t kMaxStepBytes = int64_t{1} << 30;

struct MassHeader {
  int64_t steps;
  int64_t layers;
  int64_t pages;
  int64_t n_prefill;
  int64_t page_tokens;

  size_t step_bytes() const { return static_cast<size_t>(layers * pages); }
  // Pages that exist once `tokens` tokens are written.
  int64_t PagesOf(int64_t tokens) const {
    return (tokens + page_tokens - 1) / page_tokens;
  }
};

// Reads files of this format step by step.
class MassFile {
 public:
  static absl::StatusOr<MassFile> Open(const std::string& path);

  const MassHeader& header() const { return header_; }
  // The next step's bytes; the pointer stays valid.
  absl::StatusOr<const uint8_t*> ReadStep();
  // After the last step.
  absl::Status CheckEnd();

 private:
  absl::Status ReadHeader();
  template <typename... Words>
  absl::Status Bad(const Words&... words) const {
    return absl::InvalidArgumentError(
        absl::StrCat(input_->path(), ": ", words...));
  }
  uint64_t ExpectedBytes() const {
    return kHeaderBytes + static_cast<uint64_t>(header_.steps) *
                              static_cast<uint64_t>(header_.step_bytes());
  }

  std::unique_ptr<DecompressedInput> input_;
  MassHeader header_ = {};
  int64_t step_ = 0;
  std::vector<uint8_t> bytes_;
};

absl::StatusOr<MassFile> MassFile::Open(const std::string& path) {
  absl::StatusOr<std::unique_ptr<DecompressedInput>> input =
      DecompressedInput::Open(path);
  if (!input.ok()) return input.status();
  MassFile file;
  file.input_ = *std::move(input);
  if (absl::Status read = file.ReadHeader(); !read.ok()) return read;
  return file;
}

absl::Status MassFile::ReadHeader() {
  std::array<uint8_t, kHeaderBytes> bytes;
  absl::StatusOr<size_t> got =
      input_->Read(reinterpret_cast<char*>(bytes.data()), bytes.size());
  if (!got.ok()) return got.status();
  if (*got < bytes.size()) {
    return Bad("has ", *got, " bytes; expected a header of ", kHeaderBytes);
  }
  struct Field {
    const char* name;
    int64_t MassHeader::*value;
    int64_t min;
    int64_t max;
  };
  constexpr Field kFields[] = {
      {"steps", &MassHeader::steps, 1, INT32_MAX},
      {"layers", &MassHeader::layers, 1, kMaxLayers},
      {"pages", &MassHeader::pages, 1, INT32_MAX},
      {"n_prefill", &MassHeader::n_prefill, 0, INT32_MAX},
      {"page_tokens", &MassHeader::page_tokens, 1, INT32_MAX},
  };
  size_t at = 0;
  for (const Field& field : kFields) {
    uint32_t raw = 0;
    for (size_t i = 4; i-- > 0;) raw = raw << 8 | bytes[at + i];
    at += 4;
    const int64_t value = static_cast<int32_t>(raw);
    if (value < field.min || value > field.max) {
      return Bad("header field ", field.name, " is ", value, "; expected ",
                 field.min, "..", field.max);
    }
    header_.*field.value = value;
  }
  const int64_t needed =
      (header_.n_prefill + header_.steps - 1) / header_.page_tokens + 1;
  if (needed > header_.pages) {
    return Bad("header field pages is ", header_.pages, "; ", header_.n_prefill,
               " + ", header_.steps, " tokens need ", needed, " pages of ",
               header_.page_tokens);
  }
  if (header_.layers * header_.pages > kMaxStepBytes) {
    return Bad("header fields layers ", header_.layers, " and pages ",
               header_.pages, " make more than 2^30 bytes per step");
  }
  bytes_.resize(header_.step_bytes());
  return absl::OkStatus();
}

absl::StatusOr<const uint8_t*> MassFile::ReadStep() {
  absl::StatusOr<size_t> got =
      input_->Read(reinterpret_cast<char*>(bytes_.data()), bytes_.size());
  if (!got.ok()) return got.status();
  if (*got < bytes_.size()) {
    return Bad(
        "has ",
        kHeaderBytes + static_cast<uint64_t>(step_) * bytes_.size() + *got,
        " bytes; 20 + steps*layers*pages is ", ExpectedBytes());
  }
  ++step_;
  return bytes_.data();
}

absl::Status MassFile::CheckEnd() {
  char extra;
  absl::StatusOr<size_t> got = input_->Read(&extra, 1);
  if (!got.ok()) return got.status();
  if (*got == 0) return absl::OkStatus();
  return Bad("has more bytes than 20 + steps*layers*pages, which is ",
             ExpectedBytes());
}

// Writes the steps of one file.
class MassImport {
 public:
  MassImport(const AttentionMassOptions& options, const MassHeader& header,
             int64_t end_step, const TraceShape& shape, KvtraceWriter* writer)
      : options_(options),
        header_(header),
        end_step_(end_step),
        builder_(shape, writer) {}

  absl::StatusOr<ImportSummary> Run(MassFile* file);

 private:
  absl::Status WriteStep(int64_t step, const uint8_t* masses);
  void AddLayer(uint32_t layer, std::span<const uint8_t> masses);

  const AttentionMassOptions& options_;
  const MassHeader& header_;
  const int64_t end_step_;
  TraceBuilder builder_;
  // Of the layer at hand.
  PageSelection selection_;
  std::vector<BlockId> reads_;
  std::vector<BlockId> near_misses_;
  std::vector<uint8_t> masses_;
};

absl::StatusOr<ImportSummary> MassImport::Run(MassFile* file) {
  const uint32_t initial = static_cast<uint32_t>(
      header_.PagesOf(header_.n_prefill + options_.first_step));
  if (absl::Status put = builder_.Begin({&initial, 1}); !put.ok()) return put;
  for (int64_t step = 0; step < header_.steps; ++step) {
    absl::StatusOr<const uint8_t*> masses = file->ReadStep();
    if (!masses.ok()) return masses.status();
    if (step >= options_.first_step && step < end_step_) {
      if (absl::Status put = WriteStep(step, *masses); !put.ok()) return put;
    }
    if (options_.progress) {
      options_.progress(static_cast<uint64_t>(step) + 1,
                        static_cast<uint64_t>(header_.steps));
    }
  }
  if (absl::Status end = file->CheckEnd(); !end.ok()) return end;
  return ImportSummary{
      .steps = static_cast<uint64_t>(end_step_ - options_.first_step),
      .groups = static_cast<uint64_t>(header_.layers),
      .reads = builder_.reads_written()};
}

absl::Status MassImport::WriteStep(int64_t step, const uint8_t* masses) {
  const int64_t exist = (header_.n_prefill + step) / header_.page_tokens + 1;
  if (exist > builder_.pages(0)) builder_.AddPages(0, 1);
  builder_.AddTokens(0, 1);
  for (int64_t layer = 0; layer < header_.layers; ++layer) {
    AddLayer(static_cast<uint32_t>(layer),
             {masses + layer * header_.pages, static_cast<size_t>(exist)});
  }
  return builder_.EndStep();
}

void MassImport::AddLayer(uint32_t layer, std::span<const uint8_t> masses) {
  SelectPages(masses, options_.top, options_.near_misses, &selection_);
  reads_.clear();
  near_misses_.clear();
  masses_.clear();
  for (const uint32_t page : selection_.reads) {
    reads_.push_back(builder_.HandleOf(0, layer, page));
    masses_.push_back(masses[page]);
  }
  for (const uint32_t page : selection_.near_misses) {
    near_misses_.push_back(builder_.HandleOf(0, layer, page));
    masses_.push_back(masses[page]);
  }
  if (!options_.masses) masses_.clear();
  builder_.AddReads(layer, reads_, near_misses_, masses_);
}

}  // namespace

absl::StatusOr<ImportSummary> ImportAttentionMass(
    const std::string& path, const AttentionMassOptions& options,
    KvtraceWriter* writer) {
  if (options.top < 3) {
    return absl::InvalidArgumentError(absl::StrCat(
        "top is ", options.top,
        "; expected at least 3: page 0 and the two newest are always read"));
  }
  absl::StatusOr<MassFile> file = MassFile::Open(path);
  if (!file.ok()) return file.status();
  const MassHeader& header = file->header();
  const int64_t end_step = options.end_step.value_or(header.steps);
  if (options.first_step < 0 || options.first_step >= end_step ||
      end_step > header.steps) {
    return absl::OutOfRangeError(
        absl::StrCat(path, ": has no steps ", options.first_step, ":", end_step,
                     "; expected a range within 0:", header.steps));
  }
  TraceShape shape;
  shape.groups = static_cast<uint32_t>(header.layers);
  shape.pages_max = static_cast<uint32_t>(
      (header.n_prefill + end_step - 1) / header.page_tokens + 1);
  shape.page_tokens = static_cast<uint32_t>(header.page_tokens);
  shape.kv_bytes_per_token = options.kv_bytes_per_token;
  shape.steps = static_cast<uint64_t>(end_step - options.first_step);
  shape.writer = options.writer;
  shape.source = absl::StrCat("attention-mass ", path, " top:", options.top);
  if (absl::Status valid = Validate(shape); !valid.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", valid.message()));
  }
  return MassImport(options, header, end_step, shape, writer).Run(&*file);
}

}  // namespace kvplace
