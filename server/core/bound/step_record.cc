#include "server/core/bound/step_record.h"

#include <algorithm>
#include <utility>

namespace kvplace {
namespace {

constexpr size_t kMostBytesPerNumber = 5;
// The bytes grow by so many at a time.
constexpr size_t kChunk = 1024;
// Handles that are written after one look at the room.
constexpr size_t kRun = 64;
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
  end_ = 0;
  reads_ = 0;
  seconds_ = Seconds();
}

void StepRecord::MakeRoom(size_t numbers) {
  const size_t bytes = numbers * kMostBytesPerNumber;
  if (end_ + bytes > bytes_.size()) {
    bytes_.resize(end_ + std::max(bytes, kChunk));
  }
}

void StepRecord::Put(uint32_t number) {
  MakeRoom(1);
  while (number >= 0x80) {
    bytes_[end_++] = static_cast<uint8_t>(number | 0x80);
    number >>= 7;
  }
  bytes_[end_++] = static_cast<uint8_t>(number);
}

void StepRecord::PutHandles(absl::Span<const BlockId> blocks) {
  Put(static_cast<uint32_t>(blocks.size()));
  uint32_t before = 0;
  for (size_t i = 0; i < blocks.size(); i += kRun) {
    const absl::Span<const BlockId> run = blocks.subspan(i, kRun);
    MakeRoom(run.size());
    uint8_t* to = bytes_.data() + end_;
    for (const BlockId block : run) {
      uint32_t number = block.value() - before;
      before = block.value();
      for (; number >= 0x80; number >>= 7) {
        *to++ = static_cast<uint8_t>(number | 0x80);
      }
      *to++ = static_cast<uint8_t>(number);
    }
    end_ = static_cast<size_t>(to - bytes_.data());
  }
}

void StepRecord::AddPhase(absl::Span<const BlockRange> births,
                          const PhaseUpdate& phase) {
  uint32_t before = 0;
  Put(static_cast<uint32_t>(births.size()));
  for (const BlockRange& birth : births) {
    Put(birth.first.value() - before);
    Put(birth.count);
    before = birth.first.value();
  }
  PutHandles(phase.reads);
  before = 0;
  Put(static_cast<uint32_t>(phase.kv_writes.size()));
  for (const KvWrite& write : phase.kv_writes) {
    Put(write.block.value() - before);
    Put(write.tokens);
    before = write.block.value();
  }
  PutHandles(phase.freed);
  bytes_.resize(end_);
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
