#include "server/core/bound/access_window.h"

#include <algorithm>
#include <utility>

namespace kvplace {

AccessWindowBuilder::AccessWindowBuilder(const DeviceConfig& device,
                                         uint64_t expected_reads) {
  window_.device_ = device;
  reads_.reserve(expected_reads);
}

uint32_t AccessWindowBuilder::AddBlock(Bytes bytes) {
  const auto phases = static_cast<uint32_t>(read_offsets_.size());
  added_.push_back({static_cast<uint32_t>(bytes.count()),
                    phases == 0 ? 0 : phases - 1, BlockUse::kNoPhase, 0});
  return static_cast<uint32_t>(added_.size() - 1);
}

void AccessWindowBuilder::BeginPhase() {
  read_offsets_.push_back(reads_.size());
  write_offsets_.push_back(writes_.size());
  window_.new_kv_.emplace_back(0);
  window_.read_bytes_.emplace_back(0);
}

void AccessWindowBuilder::Read(uint32_t block) {
  reads_.push_back(block);
  ++added_[block].uses;
  window_.read_bytes_.back() += Bytes(added_[block].bytes);
}

void AccessWindowBuilder::Write(uint32_t block, Bytes bytes) {
  window_.new_kv_.back() += bytes;
  // Inclusive mode writes both tiers wherever the block is.
  if (!window_.exclusive() || bytes == Bytes(0)) return;
  writes_.push_back({block, static_cast<uint32_t>(bytes.count())});
  ++added_[block].uses;
}

void AccessWindowBuilder::End(uint32_t block) {
  added_[block].last = static_cast<uint32_t>(read_offsets_.size() - 1);
}

AccessWindow AccessWindowBuilder::Build() {
  AccessWindow& w = window_;
  const uint32_t phases = w.phases();
  w.reads_ = reads_.size();
  // Where each added block's uses will go; a use that is both a read and a
  // write is counted twice here and closed up below.
  std::vector<uint64_t> next(added_.size());
  uint64_t total = 0;
  for (size_t i = 0; i < added_.size(); ++i) {
    next[i] = total;
    total += added_[i].uses;
  }
  const std::vector<uint64_t> begin = next;
  w.uses_.assign(total, BlockUse(0, false));
  if (w.exclusive()) w.writes_.assign(total, 0);
  read_offsets_.push_back(reads_.size());
  write_offsets_.push_back(writes_.size());
  for (uint32_t p = 0; p < phases; ++p) {
    for (uint64_t r = read_offsets_[p]; r < read_offsets_[p + 1]; ++r) {
      w.uses_[next[reads_[r]]++] = BlockUse(p, true);
    }
    for (uint64_t n = write_offsets_[p]; n < write_offsets_[p + 1]; ++n) {
      const Written& written = writes_[n];
      uint64_t& at = next[written.block];
      const bool again =
          at > begin[written.block] && w.uses_[at - 1].phase() == p;
      if (!again) w.uses_[at++] = BlockUse(p, false);
      w.writes_[at - 1] += written.bytes;
    }
  }
  reads_ = {};
  writes_ = {};
  uint64_t kept = 0;
  for (size_t i = 0; i < added_.size(); ++i) {
    const Born& born = added_[i];
    if (next[i] == begin[i]) continue;
    w.blocks_.push_back({kept, born.born, std::min(born.last, phases - 1)});
    w.bytes_.push_back(born.bytes);
    w.added_as_.push_back(static_cast<uint32_t>(i));
    for (uint64_t from = begin[i]; from < next[i]; ++from, ++kept) {
      w.uses_[kept] = w.uses_[from];
      if (w.exclusive()) w.writes_[kept] = w.writes_[from];
    }
  }
  w.uses_.resize(kept, BlockUse(0, false));
  if (w.exclusive()) w.writes_.resize(kept);
  w.blocks_.push_back({kept, 0, 0});
  SetSizes();
  read_offsets_ = {};
  write_offsets_ = {};
  added_ = {};
  return std::exchange(window_, AccessWindow());
}

void AccessWindowBuilder::SetSizes() {
  AccessWindow& w = window_;
  if (w.blocks() == 0) return;
  const auto [least, most] =
      std::minmax_element(w.bytes_.begin(), w.bytes_.end());
  w.largest_block_ = Bytes(*most);
  if (*least == *most) {
    w.uniform_bytes_ = Bytes(*most);
    w.device_.hbm_capacity =
        w.uniform_bytes_ * (w.device_.hbm_capacity / w.uniform_bytes_);
  }
}

}  // namespace kvplace
