#include "client/load/load_script.h"

#include <algorithm>
#include <array>
#include <utility>

#include "client/cpp/session_messages.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "kvplace/v1/session.pb.h"
#include "server/convert/blocks.h"
#include "server/core/block_codec.h"

namespace kvplace::load {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

constexpr uint32_t kPageTokens = 16;
constexpr Bytes kBytesPerToken{4096};
constexpr Bytes kBlock = kBytesPerToken * kPageTokens;
constexpr uint32_t kMostPages = 256;
constexpr uint32_t kSteadyTenths = 9;

constexpr uint32_t Tag(int field, WireFormatLite::WireType type) {
  return WireFormatLite::MakeTag(field, type);
}

// Fields in front of bytes that are there already.
class Head {
 public:
  void Varint(int field, uint64_t value) {
    at_ = CodedOutputStream::WriteTagToArray(
        Tag(field, WireFormatLite::WIRETYPE_VARINT), at_);
    at_ = CodedOutputStream::WriteVarint64ToArray(value, at_);
  }
  void Message(int field, size_t length) {
    at_ = CodedOutputStream::WriteTagToArray(
        Tag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED), at_);
    at_ = CodedOutputStream::WriteVarint64ToArray(length, at_);
  }
  size_t size() const { return static_cast<size_t>(at_ - bytes_.data()); }
  const uint8_t* data() const { return bytes_.data(); }
  grpc::Slice slice() const { return grpc::Slice(bytes_.data(), size()); }

 private:
  std::array<uint8_t, 64> bytes_;
  uint8_t* at_ = bytes_.data();
};

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

DeviceConfig Device(const LoadOptions& options, uint32_t each) {
  DeviceConfig device;
  device.profile = *FindProfile("paper-gh200");
  device.groups.assign(options.groups,
                       {kBlock, each, kPageTokens, kBytesPerToken});
  device.hbm_capacity =
      kBlock * static_cast<int64_t>(
                   options.hbm_share *
                   static_cast<double>(uint64_t{each} * options.groups));
  return device;
}

}  // namespace

LoadScript::LoadScript(const LoadOptions& options)
    : each_(options.blocks / options.groups),
      pages_(std::min(each_, kMostPages)),
      random_(options.seed) {
  session_.target = options.target;
  session_.device = Device(options, each_);
  const uint32_t most = std::min(options.message_ids, each_ * options.groups);
  for (uint32_t g = 0; g < options.groups; ++g) {
    // Rounded so that the groups' numbers add up.
    const auto upto = [&](uint64_t groups) {
      return static_cast<uint32_t>(groups * most / options.groups);
    };
    wanted_.push_back(std::min(each_, upto(g + 1) - upto(g)));
  }
  Place(options);
  double bytes = 0;
  for (uint32_t i = 0; i < kRound; ++i) {
    steps_.push_back(EncodeReads(options));
    bytes += static_cast<double>(Step(1000, i, 1).Length());
  }
  step_bytes_ = bytes / kRound;
}

// What every step reads begins in HBM, then the first pages, as far as there
// is room.
void LoadScript::Place(const LoadOptions& options) {
  const auto room = static_cast<uint32_t>(session_.device.hbm_capacity /
                                          (kBlock * int64_t{options.groups}));
  std::vector<BlockRange> ranges;
  std::vector<BlockId> handles(each_);
  for (uint32_t g = 0; g < options.groups; ++g) {
    for (uint32_t i = 0; i < each_; ++i) handles[i] = BlockId(g * each_ + i);
    std::shuffle(handles.begin(), handles.end(), random_);
    const uint32_t steady = wanted_[g] * kSteadyTenths / 10;
    steady_.emplace_back(handles.begin(), handles.begin() + steady);
    std::vector<Tier> tier(each_, Tier::kDram);
    uint32_t in_hbm = std::min(steady, room);
    for (uint32_t i = 0; i < in_hbm; ++i) {
      tier[handles[i].value() - g * each_] = Tier::kHbm;
    }
    for (uint32_t i = 0; i < each_ && in_hbm < room; ++i) {
      if (tier[i] == Tier::kHbm) continue;
      tier[i] = Tier::kHbm;
      ++in_hbm;
    }
    for (uint32_t i = 0; i < each_; ++i) {
      const bool joins = i % pages_ != 0 && tier[i] == tier[i - 1];
      if (joins) {
        ++ranges.back().count;
        continue;
      }
      ranges.push_back({SequenceId(1 + i / pages_), GroupId(g), i % pages_,
                        BlockId(g * each_ + i), 1, tier[i]});
    }
  }
  v1::Inventory inventory;
  client::EncodeInventory(ranges, true, &inventory);
  inventory_ = inventory.SerializeAsString();
}

std::vector<BlockId> LoadScript::Reads(uint32_t group) {
  std::vector<bool> read(each_, false);
  std::vector<BlockId> reads = steady_[group];
  for (const BlockId block : reads) read[block.value() - group * each_] = true;
  while (reads.size() < wanted_[group]) {
    const auto page = static_cast<uint32_t>(random_() % each_);
    if (read[page]) continue;
    read[page] = true;
    reads.emplace_back(group * each_ + page);
  }
  std::sort(reads.begin(), reads.end());
  return reads;
}

grpc::Slice LoadScript::EncodeReads(const LoadOptions& options) {
  v1::Step step;
  for (uint32_t g = 0; g < options.groups; ++g) {
    if (wanted_[g] == 0) continue;
    const std::vector<BlockId> reads = Reads(g);
    v1::GroupReads* out = step.add_reads();
    out->set_group(g);
    switch (options.encoding) {
      case ReadEncoding::kDelta:
        EncodeAscending(reads, out->mutable_handles());
        break;
      case ReadEncoding::kBitmap:
        out->mutable_bitmap()->set_first_handle(reads.front().value());
        EncodeBitmap(reads, reads.front().value(),
                     out->mutable_bitmap()->mutable_bits());
        break;
      case ReadEncoding::kAll: {
        const uint32_t sequences = std::max(1u, wanted_[g] / pages_);
        for (uint32_t q = 0; q < sequences; ++q) {
          out->mutable_all()->add_sequences(1 + q);
        }
        break;
      }
      case ReadEncoding::kSmallest:
        kvplace::EncodeReads({GroupId(g), reads, {}, {}, {}}, out);
        break;
    }
    if (options.masses && options.encoding != ReadEncoding::kAll) {
      for (size_t i = 0; i < reads.size(); ++i) {
        out->mutable_masses()->push_back(
            static_cast<char>(150 + random_() % 64));
      }
    }
  }
  return grpc::Slice(step.SerializeAsString());
}

grpc::ByteBuffer LoadScript::Hello(const std::string& node, uint32_t device,
                                   uint64_t incarnation) const {
  client::SessionOptions session = session_;
  session.node_id = node;
  session.device_index = device;
  v1::ConnectRequest request;
  request.set_sequence_number(1);
  client::EncodeHello(session, incarnation, StepIndex(0),
                      request.mutable_hello());
  return ToBuffer(request.SerializeAsString());
}

grpc::ByteBuffer LoadScript::Inventory(uint64_t sequence_number) const {
  Head head;
  head.Varint(v1::ConnectRequest::kSequenceNumberFieldNumber, sequence_number);
  head.Message(v1::ConnectRequest::kInventoryFieldNumber, inventory_.size());
  const std::array<grpc::Slice, 2> slices = {head.slice(),
                                             grpc::Slice(inventory_)};
  return grpc::ByteBuffer(slices.data(), slices.size());
}

grpc::ByteBuffer LoadScript::Step(uint64_t sequence_number, int64_t step,
                                  uint32_t decode_steps) const {
  const grpc::Slice& reads = steps_[static_cast<uint64_t>(step) % kRound];
  Head fields;
  fields.Varint(v1::Step::kStepFieldNumber, static_cast<uint64_t>(step));
  // Before the reads, which are written already: protobuf takes any order.
  fields.Varint(v1::Step::kDecodeStepsFieldNumber, decode_steps);
  Head head;
  head.Varint(v1::ConnectRequest::kSequenceNumberFieldNumber, sequence_number);
  head.Message(v1::ConnectRequest::kStepFieldNumber,
               fields.size() + reads.size());
  std::array<uint8_t, 128> bytes;
  std::copy_n(head.data(), head.size(), bytes.data());
  std::copy_n(fields.data(), fields.size(), bytes.data() + head.size());
  const std::array<grpc::Slice, 2> slices = {
      grpc::Slice(bytes.data(), head.size() + fields.size()), reads};
  return grpc::ByteBuffer(slices.data(), slices.size());
}

grpc::ByteBuffer LoadScript::Heartbeat(uint64_t sequence_number) {
  Head head;
  head.Varint(v1::ConnectRequest::kSequenceNumberFieldNumber, sequence_number);
  head.Message(v1::ConnectRequest::kHeartbeatFieldNumber, 0);
  const grpc::Slice slice = head.slice();
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace kvplace::load
