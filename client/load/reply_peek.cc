#include "client/load/reply_peek.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "grpcpp/support/slice.h"
#include "kvplace/v1/session.pb.h"

namespace kvplace::load {
namespace {

using google::protobuf::internal::WireFormatLite;

constexpr uint32_t VarintTag(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_VARINT);
}

}  // namespace

std::optional<int64_t> PeekPlanBasis(std::span<const uint8_t> beginning) {
  google::protobuf::io::CodedInputStream in(beginning.data(),
                                            static_cast<int>(beginning.size()));
  uint64_t number;
  uint32_t tag = in.ReadTag();
  if (tag == VarintTag(v1::ConnectResponse::kEpochFieldNumber)) {
    if (!in.ReadVarint64(&number)) return std::nullopt;
    tag = in.ReadTag();
  }
  if (tag !=
      WireFormatLite::MakeTag(v1::ConnectResponse::kPlanFieldNumber,
                              WireFormatLite::WIRETYPE_LENGTH_DELIMITED)) {
    return std::nullopt;
  }
  uint32_t length;
  if (!in.ReadVarint32(&length)) return std::nullopt;
  tag = in.ReadTag();
  if (tag == VarintTag(v1::Plan::kIdFieldNumber)) {
    if (!in.ReadVarint64(&number)) return std::nullopt;
    tag = in.ReadTag();
  }
  // Left out where it is 0.
  if (tag != VarintTag(v1::Plan::kBasisStepFieldNumber)) return 0;
  if (!in.ReadVarint64(&number)) return std::nullopt;
  return static_cast<int64_t>(number);
}

std::span<const uint8_t> Beginning(const grpc::ByteBuffer& buffer,
                                   std::span<uint8_t, kPeekBytes> room) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return {};
  size_t filled = 0;
  for (const grpc::Slice& slice : slices) {
    const size_t size = std::min(slice.size(), kPeekBytes - filled);
    std::memcpy(room.data() + filled, slice.begin(), size);
    filled += size;
    if (filled == kPeekBytes) break;
  }
  return room.first(filled);
}

}  // namespace kvplace::load
