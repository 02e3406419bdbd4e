#include "server/core/bound/step_record.h"

#include <array>
#include <utility>

#include "absl/strings/string_view.h"

namespace kvplace {
namespace {

constexpr size_t kMostBytesPerNumber = 5;
// Numbers that are written together.
constexpr size_t kTogether = 64;
// Memory that is kept whatever was in it.
constexpr size_t kSmall = 4096;

// Of a handle in WindowOfSteps, besides the number of a block.
constexpr uint32_t kUnseen = UINT32_MAX;
// It is a block that begins in the window, or none that matters.
constexpr uint32_t kNone = UINT32_MAX - 1;

// Adds the blocks that are used in the steps and were there before.
void AddInitial(const DeviceConfig& device, const StepRecords& steps,
                AccessWindowBuilder* builder, std::vector<uint32_t>* numbers) {
  StepRecord::Phase phase;
  for (const auto& step : steps) {
    StepRecord::Reader reader(*step);
    for (uint32_t g = 0; reader.Next(&phase); ++g) {
      const Bytes bytes = device.groups[g].block_bytes;
      const auto use = [&](BlockId block) {
        uint32_t& number = (*numbers)[block.value()];
        if (number == kUnseen) number = builder->AddBlock(bytes);
      };
      for (const HandleRange& birth : phase.births) {
        for (uint32_t i = 0; i < birth.count; ++i) {
          uint32_t& number = (*numbers)[birth.first.value() + i];
          if (number == kUnseen) number = kNone;
        }
      }
      for (const BlockId block : phase.reads) use(block);
      for (const KvWrite& write : phase.kv_writes) use(write.block);
      for (const BlockId block : phase.ends) {
        uint32_t& number = (*numbers)[block.value()];
        if (number == kUnseen) number = kNone;
      }
    }
  }
}

void AddPhase(const GroupConfig& group, const StepRecord::Phase& phase,
              AccessWindowBuilder* builder, std::vector<uint32_t>* numbers) {
  builder->BeginPhase();
  for (const HandleRange& birth : phase.births) {
    for (uint32_t i = 0; i < birth.count; ++i) {
      (*numbers)[birth.first.value() + i] =
          builder->AddBlock(group.block_bytes);
    }
  }
  for (const BlockId block : phase.reads) {
    builder->Read((*numbers)[block.value()]);
  }
  for (const KvWrite& write : phase.kv_writes) {
    builder->Write((*numbers)[write.block.value()],
                   group.kv_bytes_per_token * write.tokens);
  }
  for (const BlockId block : phase.ends) {
    const uint32_t number = std::exchange((*numbers)[block.value()], kNone);
    if (number < kNone) builder->End(number);
  }
}

}  // namespace

void StepRecord::Clear() {
  if (bytes_.capacity() > 4 * bytes_.size() + kSmall) {
    std::vector<uint8_t>().swap(bytes_);
  }
  bytes_.clear();
  reads_ = 0;
  seconds_ = Seconds();
}

// Gathers numbers and appends their bytes together.
class StepRecord::Writer {
 public:
  explicit Writer(std::vector<uint8_t>* out) : out_(out) {}

  void Put(uint32_t number) {
    if (at_ > last_) Flush();
    while (number >= 0x80) {
      *at_++ = static_cast<uint8_t>(number | 0x80);
      number >>= 7;
    }
    *at_++ = static_cast<uint8_t>(number);
  }
  // `encoded`: empty, or what the blocks become.
  void PutHandles(absl::Span<const BlockId> blocks,
                  absl::string_view encoded = {}) {
    Put(static_cast<uint32_t>(blocks.size()));
    if (!encoded.empty()) {
      Flush();
      out_->insert(out_->end(), encoded.begin(), encoded.end());
      return;
    }
    uint32_t before = 0;
    for (const BlockId block : blocks) {
      Put(block.value() - before);
      before = block.value();
    }
  }
  void Flush() {
    out_->insert(out_->end(), bytes_.data(), at_);
    at_ = bytes_.data();
  }

 private:
  std::vector<uint8_t>* const out_;
  std::array<uint8_t, kTogether * kMostBytesPerNumber> bytes_;
  uint8_t* at_ = bytes_.data();
  // Where a number may begin at the latest.
  uint8_t* const last_ = bytes_.data() + bytes_.size() - kMostBytesPerNumber;
};

void StepRecord::AddPhase(absl::Span<const BlockRange> births,
                          const PhaseUpdate& phase) {
  Writer writer(&bytes_);
  uint32_t before = 0;
  writer.Put(static_cast<uint32_t>(births.size()));
  for (const BlockRange& birth : births) {
    writer.Put(birth.first.value() - before);
    writer.Put(birth.count);
    before = birth.first.value();
  }
  writer.PutHandles(phase.reads, phase.encoded_reads);
  before = 0;
  writer.Put(static_cast<uint32_t>(phase.kv_writes.size()));
  for (const KvWrite& write : phase.kv_writes) {
    writer.Put(write.block.value() - before);
    writer.Put(write.tokens);
    before = write.block.value();
  }
  writer.PutHandles(phase.freed);
  writer.Flush();
  reads_ += phase.reads.size();
}

uint32_t StepRecord::Reader::Number() {
  uint32_t number = 0;
  for (int shift = 0;; shift += 7) {
    const uint8_t byte = bytes_[at_++];
    number |= uint32_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return number;
  }
}

void StepRecord::Reader::Handles(std::vector<BlockId>* out) {
  out->resize(Number());
  uint32_t handle = 0;
  for (BlockId& block : *out) {
    handle += Number();
    block = BlockId(handle);
  }
}

bool StepRecord::Reader::Next(Phase* phase) {
  if (at_ == bytes_.size()) return false;
  phase->births.resize(Number());
  uint32_t handle = 0;
  for (HandleRange& birth : phase->births) {
    handle += Number();
    birth.first = BlockId(handle);
    birth.count = Number();
  }
  Handles(&phase->reads);
  phase->kv_writes.resize(Number());
  handle = 0;
  for (KvWrite& write : phase->kv_writes) {
    handle += Number();
    write.block = BlockId(handle);
    write.tokens = Number();
  }
  Handles(&phase->ends);
  return true;
}

AccessWindow WindowOfSteps(const DeviceConfig& device, const StepRecords& steps,
                           std::vector<uint32_t>* numbers) {
  uint64_t reads = 0;
  for (const auto& step : steps) reads += step->reads();
  AccessWindowBuilder builder(device, reads);
  numbers->assign(device.handles(), kUnseen);
  AddInitial(device, steps, &builder, numbers);
  StepRecord::Phase phase;
  for (const auto& step : steps) {
    StepRecord::Reader reader(*step);
    for (uint32_t g = 0; reader.Next(&phase); ++g) {
      AddPhase(device.groups[g], phase, &builder, numbers);
    }
  }
  return builder.Build();
}

}  // namespace kvplace
