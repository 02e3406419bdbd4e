#include "server/trace/record_json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/core/block_codec.h"

namespace kvplace {
namespace {

using Json = nlohmann::ordered_json;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// How the bytes of a field are written as numbers.
enum class ListForm { kAscending, kOrdered, kBitmap, kPlain };

// A field of type bytes within the JSON object of its message.
struct BytesField {
  ListForm form;
  // Of a bitmap: handle of bit 0.
  uint32_t first = 0;
};

std::vector<uint32_t> ValuesOf(const std::vector<BlockId>& ids) {
  std::vector<uint32_t> values;
  values.reserve(ids.size());
  for (const BlockId id : ids) values.push_back(id.value());
  return values;
}

absl::StatusOr<std::vector<uint32_t>> Decode(const BytesField& field,
                                             const std::string& bytes) {
  std::vector<BlockId> ids;
  absl::Status status;
  switch (field.form) {
    case ListForm::kAscending:
      status = DecodeAscending(bytes, UINT32_MAX, &ids);
      break;
    case ListForm::kOrdered:
      status = DecodeOrdered(bytes, UINT32_MAX, &ids);
      break;
    case ListForm::kBitmap:
      status = DecodeBitmap(bytes, field.first, UINT32_MAX, &ids);
      break;
    case ListForm::kPlain: {
      const auto* begin = reinterpret_cast<const uint8_t*>(bytes.data());
      return std::vector<uint32_t>(begin, begin + bytes.size());
    }
  }
  if (!status.ok()) return status;
  return ValuesOf(ids);
}

absl::StatusOr<std::string> Encode(const BytesField& field,
                                   const std::vector<uint32_t>& values) {
  std::string bytes;
  std::vector<BlockId> ids;
  for (size_t i = 0; i < values.size(); ++i) {
    const uint32_t value = values[i];
    if (field.form == ListForm::kPlain) {
      if (value > 255) {
        return absl::InvalidArgumentError(
            absl::StrCat("entry ", i, ": ", value, "; expected 0..255"));
      }
      bytes.push_back(static_cast<char>(value));
      continue;
    }
    const bool rises = i == 0 || values[i - 1] < value;
    if (field.form != ListForm::kOrdered && !rises) {
      return absl::InvalidArgumentError(absl::StrCat(
          "entry ", i, ": ", value, "; expected more than the entry before"));
    }
    if (field.form == ListForm::kBitmap && value < field.first) {
      return absl::InvalidArgumentError(
          absl::StrCat("entry ", i, ": ", value,
                       "; expected at least first_handle ", field.first));
    }
    ids.push_back(BlockId(value));
  }
  if (field.form == ListForm::kAscending) EncodeAscending(ids, &bytes);
  if (field.form == ListForm::kOrdered) EncodeOrdered(ids, &bytes);
  if (field.form == ListForm::kBitmap) EncodeBitmap(ids, field.first, &bytes);
  return bytes;
}

BytesField FormOf(const FieldDescriptor& field, const Json& object) {
  const std::string& message = field.containing_type()->name();
  if (message == "HandleBitmap") {
    uint32_t first = 0;
    for (const char* name : {"first_handle", "firstHandle"}) {
      const auto at = object.find(name);
      if (at != object.end() && at->is_number_unsigned() &&
          at->get<uint64_t>() <= UINT32_MAX) {
        first = at->get<uint32_t>();
      }
    }
    return {ListForm::kBitmap, first};
  }
  if (field.name() == "masses") return {ListForm::kPlain};
  if (message == "GroupReads") return {ListForm::kAscending};
  return {ListForm::kOrdered};
}

// From base64 to numbers, if they are the same without loss.
std::optional<Json> BytesToNumbers(const BytesField& field, const Json& text) {
  std::string bytes;
  if (!text.is_string() ||
      !absl::Base64Unescape(text.get_ref<const std::string&>(), &bytes)) {
    return std::nullopt;
  }
  absl::StatusOr<std::vector<uint32_t>> values = Decode(field, bytes);
  if (!values.ok()) return std::nullopt;
  absl::StatusOr<std::string> again = Encode(field, *values);
  if (!again.ok() || *again != bytes) return std::nullopt;
  return Json(*values);
}

absl::StatusOr<Json> NumbersToBytes(const BytesField& field, const Json& list) {
  std::vector<uint32_t> values;
  for (const Json& entry : list) {
    if (!entry.is_number_unsigned() || entry.get<uint64_t>() >= UINT32_MAX) {
      return absl::InvalidArgumentError(
          absl::StrCat("entry ", values.size(), ": ", entry.dump(),
                       "; expected a whole number 0..4294967294"));
    }
    values.push_back(entry.get<uint32_t>());
  }
  absl::StatusOr<std::string> bytes = Encode(field, values);
  if (!bytes.ok()) return bytes.status();
  return Json(absl::Base64Escape(*bytes));
}

enum class Direction { kToNumbers, kToBytes };

absl::Status Convert(const Descriptor& type, Direction direction, Json* object);

absl::Status ConvertField(const FieldDescriptor& field, const Json& parent,
                          Direction direction, Json* value) {
  if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
    const Descriptor& type = *field.message_type();
    if (value->is_object()) return Convert(type, direction, value);
    if (!value->is_array()) return absl::OkStatus();
    for (size_t i = 0; i < value->size(); ++i) {
      if (!(*value)[i].is_object()) continue;
      absl::Status status = Convert(type, direction, &(*value)[i]);
      if (!status.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("[", i, "]", status.message()));
      }
    }
    return absl::OkStatus();
  }
  if (field.type() != FieldDescriptor::TYPE_BYTES) return absl::OkStatus();
  const BytesField form = FormOf(field, parent);
  if (direction == Direction::kToNumbers) {
    std::optional<Json> numbers = BytesToNumbers(form, *value);
    if (numbers.has_value()) *value = *std::move(numbers);
    return absl::OkStatus();
  }
  if (!value->is_array()) return absl::OkStatus();
  absl::StatusOr<Json> bytes = NumbersToBytes(form, *value);
  if (!bytes.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(": ", bytes.status().message()));
  }
  *value = *std::move(bytes);
  return absl::OkStatus();
}

absl::Status Convert(const Descriptor& type, Direction direction,
                     Json* object) {
  for (auto& [key, value] : object->items()) {
    const FieldDescriptor* field = type.FindFieldByName(key);
    if (field == nullptr) field = type.FindFieldByCamelcaseName(key);
    // protobuf's own parser names unknown fields.
    if (field == nullptr) continue;
    absl::Status status = ConvertField(*field, *object, direction, &value);
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(".", key, status.message()));
    }
  }
  return absl::OkStatus();
}

// "record.step.reads[3].handles: entry 5: ..." from ".step.reads[3]...".
absl::Status InRecord(const absl::Status& status) {
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat("record", status.message()));
}

}  // namespace

absl::StatusOr<std::string> RecordToJson(const v1::TraceRecord& record) {
  std::string text;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  const auto printed =
      google::protobuf::util::MessageToJsonString(record, &text, options);
  if (!printed.ok()) {
    return absl::InternalError(
        absl::StrCat("cannot be written as JSON: ", printed.ToString()));
  }
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  absl::Status converted =
      Convert(*v1::TraceRecord::descriptor(), Direction::kToNumbers, &json);
  if (!converted.ok()) return InRecord(converted);
  return json.dump();
}

absl::Status RecordFromJson(absl::string_view text, v1::TraceRecord* record) {
  Json json;
  try {
    json = Json::parse(text.begin(), text.end());
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("not JSON: ", error.what()));
  }
  if (!json.is_object()) {
    return absl::InvalidArgumentError(
        "expected a JSON object with one of header, hello, inventory, step, "
        "move_report, gap");
  }
  absl::Status converted =
      Convert(*v1::TraceRecord::descriptor(), Direction::kToBytes, &json);
  if (!converted.ok()) return InRecord(converted);
  std::string plain;
  try {
    plain = json.dump();
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("not UTF-8: ", error.what()));
  }
  record->Clear();
  const auto parsed =
      google::protobuf::util::JsonStringToMessage(plain, record);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a trace record: ", parsed.ToString()));
  }
  return absl::OkStatus();
}

}  // namespace kvplace
