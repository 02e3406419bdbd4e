#include "server/convert/step_wire.h"

#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "kvplace/v1/session.pb.h"

namespace kvplace {
namespace {

using google::protobuf::internal::WireFormatLite;

constexpr uint32_t Delimited(int field) {
  return static_cast<uint32_t>(field) << 3 |
         WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
}

constexpr uint32_t kStep = Delimited(v1::ConnectRequest::kStepFieldNumber);
constexpr uint32_t kReads = Delimited(v1::Step::kReadsFieldNumber);

// A step of a sound worker has one entry per group, and there are no more
// groups.
constexpr size_t kMostEntries = 4096;

// Goes through the fields of one message.
class Fields {
 public:
  explicit Fields(absl::string_view bytes)
      : bytes_(bytes),
        input_(reinterpret_cast<const uint8_t*>(bytes.data()),
               static_cast<int>(bytes.size())) {}

  // False: there is no other, or it is broken (see whole()).
  bool Next() {
    begin_ = input_.CurrentPosition();
    tag_ = input_.ReadTag();
    return tag_ != 0;
  }
  // All fields were read, and nothing is behind them.
  bool whole() const {
    return begin_ == static_cast<int>(bytes_.size()) && tag_ == 0;
  }
  uint32_t tag() const { return tag_; }
  int field() const { return WireFormatLite::GetTagFieldNumber(tag_); }

  // Passes over the field. False: it is broken.
  bool Skip() { return WireFormatLite::SkipField(&input_, tag_); }
  // What is in it. REQUIRES: it is length-delimited.
  bool Take(absl::string_view* content) {
    uint32_t size = 0;
    if (!input_.ReadVarint32(&size)) return false;
    const auto at = static_cast<size_t>(input_.CurrentPosition());
    if (size > bytes_.size() - at) return false;
    *content = bytes_.substr(at, size);
    return input_.Skip(static_cast<int>(size));
  }
  // The field passed over or taken last, tag and all.
  absl::string_view raw() const {
    const auto begin = static_cast<size_t>(begin_);
    return bytes_.substr(begin,
                         static_cast<size_t>(input_.CurrentPosition()) - begin);
  }

 private:
  const absl::string_view bytes_;
  google::protobuf::io::CodedInputStream input_;
  int begin_ = 0;
  uint32_t tag_ = 0;
};

void AppendVarint(uint32_t value, std::string* out) {
  uint8_t bytes[5];
  const uint8_t* const end =
      google::protobuf::io::CodedOutputStream::WriteVarint32ToArray(value,
                                                                    bytes);
  out->append(reinterpret_cast<const char*>(bytes),
              static_cast<size_t>(end - bytes));
}

// Of a Step: its reads, and everything else.
bool SplitStep(absl::string_view step, std::string* rest,
               std::vector<absl::string_view>* reads) {
  Fields fields(step);
  while (fields.Next()) {
    if (fields.tag() == kReads) {
      if (reads->size() == kMostEntries) return false;
      if (!fields.Take(&reads->emplace_back())) return false;
    } else {
      if (!fields.Skip()) return false;
      absl::StrAppend(rest, fields.raw());
    }
  }
  return fields.whole();
}

}  // namespace

bool SplitReads(absl::string_view message, std::string* rest,
                std::vector<absl::string_view>* reads) {
  rest->clear();
  reads->clear();
  if (message.size() > std::numeric_limits<int>::max()) return false;
  Fields fields(message);
  bool has_step = false;
  absl::string_view step;
  while (fields.Next()) {
    if (fields.tag() == kStep && !has_step) {
      has_step = true;
      if (!fields.Take(&step)) return false;
      continue;
    }
    // Any other field of the message but its number would be another body, or
    // unknown.
    if (fields.field() != v1::ConnectRequest::kSequenceNumberFieldNumber ||
        !fields.Skip()) {
      return false;
    }
    absl::StrAppend(rest, fields.raw());
  }
  if (!fields.whole() || !has_step) return false;
  // Its length comes first, and is known when it has been split.
  std::string step_rest;
  if (!SplitStep(step, &step_rest, reads)) return false;
  AppendVarint(kStep, rest);
  AppendVarint(static_cast<uint32_t>(step_rest.size()), rest);
  rest->append(step_rest);
  return true;
}

}  // namespace kvplace
