#include "server/core/block_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace kvplace {
namespace {

// 33 bits of a zigzag difference need 5 bytes, as 32 bits do.
constexpr size_t kMaxVarintBytes = 5;

// The eight bytes as one number, the first lowest.
uint64_t LoadEight(const void* bytes) {
  uint64_t word;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&word, bytes, sizeof word);
  } else {
    word = 0;
    for (int i = 0; i < 8; ++i) {
      word |= uint64_t{static_cast<const uint8_t*>(bytes)[i]} << (8 * i);
    }
  }
  return word;
}

// REQUIRES: room for kMaxVarintBytes. Returns where the next one goes. Without
// branches (all bytes spread and stored at once) it takes more instructions
// than this, and the sizes of neighbours are alike.
char* PutVarint(uint64_t value, char* at) {
  if (value < 0x80) {
    *at = static_cast<char>(value);
    return at + 1;
  }
  if (value < 0x4000) {
    at[0] = static_cast<char>(value | 0x80);
    at[1] = static_cast<char>(value >> 7);
    return at + 2;
  }
  while (value >= 0x80) {
    *at++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<char>(value);
  return at;
}

// Appends what `put` writes for each of `ids`, with one look at the room.
template <typename Put>
void AppendEach(std::span<const BlockId> ids, std::string* out, Put put) {
  const size_t before = out->size();
  out->resize(before + ids.size() * kMaxVarintBytes);
  char* at = out->data() + before;
  for (const BlockId id : ids) at = put(id, at);
  out->resize(static_cast<size_t>(at - out->data()));
}

// Whether each byte is in 1 .. 127: eight differences of one byte, all of them
// allowed.
bool EightSmall(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kTops = kOnes * 0x80;
  // Taking 1 off a byte borrows only where one below is 0, which is found too.
  return ((word | (word - kOnes)) & kTops) == 0;
}

size_t VarintSize(uint32_t value) {
  return value == 0 ? 1 : (std::bit_width(value) + 6) / 7;
}

uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^
         static_cast<uint64_t>(value >> 63);
}

int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

// Walks over LEB128 numbers. Only the shortest form is taken: one list of
// handles has one wire form, and records can be compared byte by byte.
class VarintReader {
 public:
  explicit VarintReader(absl::string_view bytes)
      : begin_(reinterpret_cast<const uint8_t*>(bytes.data())),
        at_(begin_),
        end_(begin_ + bytes.size()) {}

  bool done() const { return at_ == end_; }
  // Start of the number that was read last.
  size_t offset() const { return static_cast<size_t>(last_ - begin_); }
  // The next bytes, not yet read, up to eight of them with 1s behind; how many.
  size_t PeekEight(uint64_t* word) const {
    const auto left = static_cast<size_t>(end_ - at_);
    if (left >= 8) {
      *word = LoadEight(at_);
      return 8;
    }
    std::array<uint8_t, 8> bytes;
    bytes.fill(1);
    std::copy(at_, end_, bytes.begin());
    *word = LoadEight(bytes.data());
    return left;
  }
  void Skip(size_t bytes) { at_ += bytes; }

  // REQUIRES !done(). False leaves `problem()` set.
  bool Read(uint64_t* value) {
    last_ = at_;
    if (*at_ < 0x80) {
      *value = *at_++;
      return true;
    }
    // Two bytes, of which the second is not 0.
    if (end_ - at_ >= 2 && at_[1] - 1u < 0x7f) {
      *value = (at_[0] & 0x7fu) | (uint64_t{at_[1]} << 7);
      at_ += 2;
      return true;
    }
    return ReadLong(value);
  }
  const char* problem() const { return problem_; }

 private:
  bool ReadLong(uint64_t* value) {
    uint64_t sum = 0;
    for (size_t i = 0; i < kMaxVarintBytes; ++i) {
      if (at_ == end_) {
        problem_ = "the varint is cut off";
        return false;
      }
      const uint8_t byte = *at_++;
      sum |= uint64_t{byte & 0x7fu} << (7 * i);
      if (byte >= 0x80) continue;
      if (byte == 0) {
        problem_ = "the varint is longer than its value needs";
        return false;
      }
      *value = sum;
      return true;
    }
    problem_ = "the varint has more than 5 bytes";
    return false;
  }

  const uint8_t* begin_;
  const uint8_t* last_ = nullptr;
  const uint8_t* at_;
  const uint8_t* end_;
  const char* problem_ = "";
};

// `entry` counts from 0.
template <typename... Words>
absl::Status Bad(size_t byte, size_t entry, const Words&... words) {
  return absl::InvalidArgumentError(
      absl::StrCat("byte ", byte, " (entry ", entry, "): ", words...));
}

}  // namespace

void EncodeAscending(std::span<const BlockId> ids, std::string* out) {
  uint32_t previous = 0;
  AppendEach(ids, out, [&previous](BlockId id, char* at) {
    at = PutVarint(id.value() - previous, at);
    previous = id.value();
    return at;
  });
}

absl::Status DecodeAscending(absl::string_view bytes, uint32_t limit,
                             std::vector<BlockId>* out) {
  // An entry takes at least one byte: room for all is made once, and for what
  // is written behind the last.
  const size_t before = out->size();
  out->resize(before + bytes.size() + 8);
  BlockId* const entries = out->data() + before;
  size_t count = 0;
  uint64_t handle = 0;
  absl::Status problem;
  VarintReader reader(bytes);
  while (!reader.done()) {
    // Most gaps are below 128. The first number is a handle, which may be 0.
    uint64_t word;
    size_t size = reader.PeekEight(&word);
    while (size > 0 && EightSmall(word)) {
      uint64_t next = handle;
      for (size_t i = 0; i < 8; ++i) {
        next += (word >> (8 * i)) & 0xff;
        entries[count + i] = BlockId(static_cast<uint32_t>(next));
      }
      // Whichever is too large is named below; what is behind the end is too.
      if (next >= limit) break;
      handle = entries[count + size - 1].value();
      count += size;
      reader.Skip(size);
      size = reader.PeekEight(&word);
    }
    if (reader.done()) break;
    uint64_t difference;
    if (!reader.Read(&difference)) {
      problem = Bad(reader.offset(), count, reader.problem());
      break;
    }
    if (difference == 0 && count > 0) {
      problem = Bad(reader.offset(), count, "difference 0: handles must rise");
      break;
    }
    handle += difference;
    if (handle >= limit) {
      problem = Bad(reader.offset(), count, "handle ", handle, " is not below ",
                    limit);
      break;
    }
    entries[count++] = BlockId(static_cast<uint32_t>(handle));
  }
  out->resize(problem.ok() ? before + count : before);
  return problem;
}

void EncodeOrdered(std::span<const BlockId> ids, std::string* out) {
  int64_t previous = 0;
  AppendEach(ids, out, [&previous](BlockId id, char* at) {
    const int64_t handle = id.value();
    at = PutVarint(ZigZag(handle - previous), at);
    previous = handle;
    return at;
  });
}

absl::Status DecodeOrdered(absl::string_view bytes, uint32_t limit,
                           std::vector<BlockId>* out) {
  const size_t before = out->size();
  out->reserve(before + bytes.size());
  int64_t handle = 0;
  absl::Status problem;
  VarintReader reader(bytes);
  while (!reader.done()) {
    const size_t entry = out->size() - before;
    uint64_t difference;
    if (!reader.Read(&difference)) {
      problem = Bad(reader.offset(), entry, reader.problem());
      break;
    }
    // At most 2^32 + 2^34: no overflow.
    handle += UnZigZag(difference);
    if (handle < 0 || handle >= int64_t{limit}) {
      problem = Bad(reader.offset(), entry, "handle ", handle,
                    " is not in 0 .. ", int64_t{limit} - 1);
      break;
    }
    out->push_back(BlockId(static_cast<uint32_t>(handle)));
  }
  if (!problem.ok()) out->resize(before);
  return problem;
}

void EncodeBitmap(std::span<const BlockId> ids, uint32_t first,
                  std::string* out) {
  if (ids.empty()) return;
  const size_t base = out->size();
  out->resize(base + (ids.back().value() - first) / 8 + 1, '\0');
  for (const BlockId id : ids) {
    const uint32_t bit = id.value() - first;
    char& byte = (*out)[base + bit / 8];
    byte = static_cast<char>(static_cast<uint8_t>(byte) | (1u << (bit % 8)));
  }
}

absl::Status DecodeBitmap(absl::string_view bits, uint32_t first,
                          uint32_t limit, std::vector<BlockId>* out) {
  const auto word_at = [bits](size_t at) {
    if (bits.size() - at >= 8) return LoadEight(bits.data() + at);
    uint64_t word = 0;
    for (size_t i = at; i < bits.size(); ++i) {
      word |= uint64_t{static_cast<uint8_t>(bits[i])} << (8 * (i - at));
    }
    return word;
  };
  size_t total = 0;
  for (size_t at = 0; at < bits.size(); at += 8) {
    total += static_cast<size_t>(std::popcount(word_at(at)));
  }
  const size_t before = out->size();
  out->resize(before + total);
  BlockId* entry = out->data() + before;
  for (size_t at = 0; at < bits.size(); at += 8) {
    const uint64_t base = uint64_t{first} + at * 8;
    uint64_t word = word_at(at);
    if (word != 0 &&
        base + static_cast<uint64_t>(std::bit_width(word)) > limit) {
      while (base + static_cast<uint64_t>(std::countr_zero(word)) < limit) {
        word &= word - 1;
        ++entry;
      }
      const auto bit = static_cast<size_t>(std::countr_zero(word));
      const auto index = static_cast<size_t>(entry - out->data()) - before;
      out->resize(before);
      return Bad(at + bit / 8, index, "handle ", base + bit, " is not below ",
                 limit);
    }
    for (; word != 0; word &= word - 1) {
      *entry++ = BlockId(static_cast<uint32_t>(
          base + static_cast<uint64_t>(std::countr_zero(word))));
    }
  }
  return absl::OkStatus();
}

size_t AscendingSize(std::span<const BlockId> ids) {
  size_t size = 0;
  uint32_t previous = 0;
  for (const BlockId id : ids) {
    size += VarintSize(id.value() - previous);
    previous = id.value();
  }
  return size;
}

}  // namespace kvplace
