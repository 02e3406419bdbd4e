// A recorded window of phases as the bounds see it: one machine, and for each
// block when it was read, written, born and ended. No placement.
//
// Times are phase numbers 0 <= p < phases(). Blocks are numbered in the order
// in which they were added, without gaps, and each has its uses in a row:
// walking one block's history is walking an array.
//
// Thread-safety: const after Build. Memory: 4 bytes per use (8 in exclusive
// mode), 16 per block, 8 per phase; twice that while it is built.
#ifndef KVPLACE_SERVER_CORE_BOUND_ACCESS_WINDOW_H_
#define KVPLACE_SERVER_CORE_BOUND_ACCESS_WINDOW_H_

#include <cstdint>
#include <span>
#include <vector>

#include "server/core/topology.h"
#include "server/core/units.h"

namespace kvplace {

// A phase in which a block matters to the cost: it is read, or (exclusive mode
// only, where it depends on the tier) new KV is written into it.
class BlockUse {
 public:
  static constexpr uint32_t kNoPhase = UINT32_MAX;

  BlockUse(uint32_t phase, bool read) : packed_(phase << 1 | (read ? 1 : 0)) {}
  uint32_t phase() const { return packed_ >> 1; }
  bool read() const { return (packed_ & 1) != 0; }

 private:
  uint32_t packed_;
};

struct WindowBlock {
  uint64_t first_use = 0;
  // First and last phase in which it may be in HBM. A block that exists before
  // the window is born in phase 0.
  uint32_t born = 0;
  uint32_t last = 0;
};

class AccessWindow {
 public:
  // Largest number of phases.
  static constexpr uint32_t kMaxPhases = uint32_t{1} << 30;

  // The machine; hbm_capacity is capacity(). `groups` is not looked at.
  const DeviceConfig& device() const { return device_; }
  bool exclusive() const { return device_.mode == ResidencyMode::kExclusive; }
  // HBM for KV. Where all blocks have one size, what whole blocks can use of
  // it: no schedule can use the rest, and a bound that could would be loose.
  Bytes capacity() const { return device_.hbm_capacity; }

  uint32_t phases() const { return static_cast<uint32_t>(new_kv_.size()); }
  // KV of new tokens in each phase.
  std::span<const Bytes> new_kv() const { return new_kv_; }

  // Blocks used at least once in the window; any other costs nothing wherever
  // it is.
  uint32_t blocks() const { return static_cast<uint32_t>(bytes_.size()); }
  const WindowBlock& block(uint32_t i) const { return blocks_[i]; }
  Bytes block_bytes(uint32_t i) const { return Bytes(bytes_[i]); }
  // The number it was added under.
  uint32_t added_as(uint32_t i) const { return added_as_[i]; }
  // Rising phases.
  std::span<const BlockUse> uses(uint32_t i) const {
    return std::span(uses_).subspan(
        blocks_[i].first_use, blocks_[i + 1].first_use - blocks_[i].first_use);
  }
  // Exclusive mode: bytes written in each use of block i; otherwise empty.
  std::span<const uint32_t> writes(uint32_t i) const {
    if (writes_.empty()) return {};
    return std::span(writes_).subspan(
        blocks_[i].first_use, blocks_[i + 1].first_use - blocks_[i].first_use);
  }
  uint64_t total_uses() const { return uses_.size(); }
  // Reads, over all blocks.
  uint64_t reads() const { return reads_; }
  // Bytes read in each phase.
  std::span<const Bytes> read_bytes() const { return read_bytes_; }
  // Set where all blocks have one size.
  Bytes uniform_bytes() const { return uniform_bytes_; }
  Bytes largest_block() const { return largest_block_; }

 private:
  friend class AccessWindowBuilder;

  DeviceConfig device_;
  std::vector<Bytes> new_kv_;
  std::vector<Bytes> read_bytes_;
  // One more than blocks: its first_use is the end of the last.
  std::vector<WindowBlock> blocks_;
  std::vector<uint32_t> bytes_;
  std::vector<uint32_t> added_as_;
  std::vector<BlockUse> uses_;
  std::vector<uint32_t> writes_;
  uint64_t reads_ = 0;
  Bytes uniform_bytes_;
  Bytes largest_block_;
};

// Takes a window phase by phase.
class AccessWindowBuilder {
 public:
  // REQUIRES: Validate(device) is OK. `expected_reads` only saves time.
  explicit AccessWindowBuilder(const DeviceConfig& device,
                               uint64_t expected_reads = 0);

  // A block that exists from the current phase on, or before the first phase
  // from the start; returns its number: 0, 1, ... REQUIRES: 0 < bytes < 2^32.
  uint32_t AddBlock(Bytes bytes);
  // The next phase; the first call opens phase 0. REQUIRES: at most kMaxPhases.
  void BeginPhase();
  // In the current phase: REQUIRES: the block exists; at most one Read of it.
  void Read(uint32_t block);
  // New KV of `bytes` in the block, at most its size.
  void Write(uint32_t block, Bytes bytes);
  // It ends with this phase.
  void End(uint32_t block);

  // Leaves the builder empty.
  AccessWindow Build();

 private:
  struct Written {
    uint32_t block;
    uint32_t bytes;
  };
  struct Born {
    uint32_t bytes;
    uint32_t born;
    uint32_t last;
    uint32_t uses;
  };

  // Of the blocks, and of the capacity.
  void SetSizes();

  AccessWindow window_;
  std::vector<Born> added_;
  // By phase.
  std::vector<uint64_t> read_offsets_;
  std::vector<uint32_t> reads_;
  std::vector<uint64_t> write_offsets_;
  std::vector<Written> writes_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_BOUND_ACCESS_WINDOW_H_
