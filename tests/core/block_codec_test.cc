// The codec against a slow obvious twin, and against hostile bytes.
#include "server/core/block_codec.h"

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kvplace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint32_t kNoLimit = UINT32_MAX;

std::vector<BlockId> Ids(const std::vector<uint32_t>& values) {
  std::vector<BlockId> ids;
  for (const uint32_t value : values) ids.push_back(BlockId(value));
  return ids;
}

std::string Bytes(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) bytes.push_back(static_cast<char>(value));
  return bytes;
}

// The twin: binary digits, seven at a time.
std::string TwinVarint(uint64_t value) {
  std::string bytes;
  do {
    const uint64_t rest = value / 128;
    bytes.push_back(static_cast<char>(value % 128 + (rest > 0 ? 128 : 0)));
    value = rest;
  } while (value > 0);
  return bytes;
}

std::string TwinAscending(const std::vector<BlockId>& ids) {
  std::string bytes;
  for (size_t i = 0; i < ids.size(); ++i) {
    bytes += TwinVarint(ids[i].value() - (i == 0 ? 0u : ids[i - 1].value()));
  }
  return bytes;
}

std::string TwinOrdered(const std::vector<BlockId>& ids) {
  std::string bytes;
  int64_t previous = 0;
  for (const BlockId id : ids) {
    const int64_t difference = id.value() - previous;
    bytes += TwinVarint(difference >= 0
                            ? static_cast<uint64_t>(2 * difference)
                            : static_cast<uint64_t>(-2 * difference - 1));
    previous = id.value();
  }
  return bytes;
}

std::string TwinBitmap(const std::vector<BlockId>& ids, uint32_t first) {
  std::map<size_t, int> bytes;
  for (const BlockId id : ids) {
    bytes[(id.value() - first) / 8] += 1 << ((id.value() - first) % 8);
  }
  std::string out;
  for (const auto& [at, value] : bytes) {
    while (out.size() < at) out.push_back('\0');
    out.push_back(static_cast<char>(value));
  }
  return out;
}

std::vector<BlockId> RandomAscending(std::mt19937_64& random) {
  const uint32_t spread = 1u << (random() % 33 == 32 ? 31 : random() % 32);
  std::set<uint32_t> values;
  for (uint64_t n = random() % 200; n > 0; --n) {
    values.insert(static_cast<uint32_t>(random() % spread));
  }
  return Ids({values.begin(), values.end()});
}

TEST(BlockCodecTest, WorkedExamples) {
  std::string bytes;
  EncodeAscending(Ids({0, 1, 130, 131}), &bytes);
  EXPECT_EQ(bytes, Bytes({0, 1, 0x81, 0x01, 1}));
  bytes.clear();
  EncodeOrdered(Ids({5, 3, 4}), &bytes);
  EXPECT_EQ(bytes, Bytes({10, 3, 2}));
  bytes.clear();
  EncodeBitmap(Ids({100, 101, 115}), 100, &bytes);
  EXPECT_EQ(bytes, Bytes({0x03, 0x80}));
}

TEST(BlockCodecTest, AgreesWithTwinOnRandomLists) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::vector<BlockId> ids = RandomAscending(random);
    std::vector<BlockId> back;
    std::string bytes;
    EncodeAscending(ids, &bytes);
    ASSERT_EQ(bytes, TwinAscending(ids));
    ASSERT_EQ(AscendingSize(ids), bytes.size());
    ASSERT_TRUE(DecodeAscending(bytes, kNoLimit, &back).ok());
    ASSERT_EQ(back, ids);

    if (!ids.empty() && ids.back().value() - ids.front().value() < 1u << 20) {
      const uint32_t first =
          ids.front().value() -
          std::min<uint32_t>(ids.front().value(), random() % 20);
      bytes.clear();
      back.clear();
      EncodeBitmap(ids, first, &bytes);
      ASSERT_EQ(bytes, TwinBitmap(ids, first));
      ASSERT_TRUE(DecodeBitmap(bytes, first, kNoLimit, &back).ok());
      ASSERT_EQ(back, ids);
    }

    std::shuffle(ids.begin(), ids.end(), random);
    bytes.clear();
    back.clear();
    EncodeOrdered(ids, &bytes);
    ASSERT_EQ(bytes, TwinOrdered(ids));
    ASSERT_TRUE(DecodeOrdered(bytes, kNoLimit, &back).ok());
    ASSERT_EQ(back, ids);
  }
}

// One number after the other, in the words of the header.
absl::Status TwinDecodeAscending(const std::string& bytes, uint32_t limit,
                                 std::vector<BlockId>* out) {
  uint64_t handle = 0;
  size_t at = 0;
  for (size_t entry = 0; at < bytes.size(); ++entry) {
    const size_t begin = at;
    const auto bad = [&](const std::string& what) {
      return absl::InvalidArgumentError(
          absl::StrCat("byte ", begin, " (entry ", entry, "): ", what));
    };
    uint64_t difference = 0;
    uint8_t byte = 0x80;
    for (int shift = 0; byte >= 0x80; shift += 7) {
      if (shift == 35) return bad("the varint has more than 5 bytes");
      if (at == bytes.size()) return bad("the varint is cut off");
      byte = static_cast<uint8_t>(bytes[at++]);
      difference |= uint64_t{byte & 0x7fu} << shift;
      if (byte == 0 && shift > 0) {
        return bad("the varint is longer than its value needs");
      }
    }
    if (difference == 0 && entry > 0) {
      return bad("difference 0: handles must rise");
    }
    handle += difference;
    if (handle >= limit) {
      return bad(absl::StrCat("handle ", handle, " is not below ", limit));
    }
    out->emplace_back(static_cast<uint32_t>(handle));
  }
  return absl::OkStatus();
}

TEST(BlockCodecTest, DecodesAscendingAsTheTwinDoes) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes;
    // Long runs of small numbers, and now and then another.
    const uint64_t rare = 1 + random() % 60;
    for (uint64_t n = random() % 100; n > 0; --n) {
      const uint64_t byte =
          random() % rare == 0 ? random() : 1 + random() % 127;
      bytes.push_back(static_cast<char>(byte));
    }
    const auto limit =
        static_cast<uint32_t>(random() % 3 == 0 ? random() % 4000 : kNoLimit);
    std::vector<BlockId> fast, slow;
    const absl::Status status = DecodeAscending(bytes, limit, &fast);
    const absl::Status expected = TwinDecodeAscending(bytes, limit, &slow);
    ASSERT_EQ(status, expected) << status << " and " << expected;
    if (!status.ok()) slow.clear();
    ASSERT_EQ(fast, slow);
  }
}

TEST(BlockCodecTest, BitmapsEndAtTheLimit) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 5000; ++round) {
    std::string bits;
    for (uint64_t n = random() % 40; n > 0; --n) {
      bits.push_back(static_cast<char>(random() & random()));
    }
    const auto first = static_cast<uint32_t>(random() % 100);
    const auto limit = static_cast<uint32_t>(random() % 400);
    std::vector<BlockId> slow;
    std::string expected;
    for (uint32_t bit = 0; bit < bits.size() * 8 && expected.empty(); ++bit) {
      if (((static_cast<uint8_t>(bits[bit / 8]) >> (bit % 8)) & 1) == 0)
        continue;
      if (first + bit < limit) {
        slow.emplace_back(first + bit);
      } else {
        expected =
            absl::StrCat("byte ", bit / 8, " (entry ", slow.size(),
                         "): handle ", first + bit, " is not below ", limit);
      }
    }
    std::vector<BlockId> fast;
    const absl::Status status = DecodeBitmap(bits, first, limit, &fast);
    ASSERT_EQ(status.message(), expected);
    if (!status.ok()) slow.clear();
    ASSERT_EQ(fast, slow);
  }
}

TEST(BlockCodecTest, AppendsToWhatIsThere) {
  std::string bytes = "x";
  EncodeAscending(Ids({7}), &bytes);
  EXPECT_EQ(bytes, "x\x07");
  std::vector<BlockId> ids = Ids({99});
  ASSERT_TRUE(DecodeAscending("\x07", kNoLimit, &ids).ok());
  EXPECT_THAT(ids, ElementsAre(BlockId(99), BlockId(7)));
}

TEST(BlockCodecTest, ExtremeHandles) {
  const std::vector<BlockId> ids = Ids({0, UINT32_MAX - 1});
  std::string ascending;
  std::string ordered;
  std::vector<BlockId> back;
  EncodeAscending(ids, &ascending);
  ASSERT_TRUE(DecodeAscending(ascending, UINT32_MAX, &back).ok());
  EXPECT_EQ(back, ids);
  const std::vector<BlockId> reversed = Ids({UINT32_MAX - 1, 0});
  EncodeOrdered(reversed, &ordered);
  back.clear();
  ASSERT_TRUE(DecodeOrdered(ordered, UINT32_MAX, &back).ok());
  EXPECT_EQ(back, reversed);
}

TEST(BlockCodecTest, EmptyLists) {
  std::string bytes;
  std::vector<BlockId> ids;
  EncodeAscending({}, &bytes);
  EncodeOrdered({}, &bytes);
  EncodeBitmap({}, 5, &bytes);
  EXPECT_THAT(bytes, IsEmpty());
  EXPECT_TRUE(DecodeAscending("", 0, &ids).ok());
  EXPECT_TRUE(DecodeOrdered("", 0, &ids).ok());
  EXPECT_TRUE(DecodeBitmap("", 0, 0, &ids).ok());
  EXPECT_TRUE(DecodeBitmap(Bytes({0, 0, 0}), UINT32_MAX, 0, &ids).ok());
  EXPECT_THAT(ids, IsEmpty());
}

// An input that must be refused, leaving the list as it was.
struct Hostile {
  const char* name;
  std::string bytes;
  uint32_t limit;
  // Of the message.
  const char* says;
};

class HostileAscending : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileAscending, IsRefused) {
  std::vector<BlockId> ids = Ids({42});
  const absl::Status status =
      DecodeAscending(GetParam().bytes, GetParam().limit, &ids);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().says));
  EXPECT_THAT(ids, ElementsAre(BlockId(42)));
}

INSTANTIATE_TEST_SUITE_P(
    , HostileAscending,
    ::testing::Values(
        Hostile{"CutOff", Bytes({1, 0x80}), kNoLimit,
                "byte 1 (entry 1): the varint is cut off"},
        Hostile{"CutOffInFourth", Bytes({0x80, 0x80, 0x80}), kNoLimit,
                "byte 0 (entry 0): the varint is cut off"},
        Hostile{"SixBytes", Bytes({0x80, 0x80, 0x80, 0x80, 0x80, 1}), kNoLimit,
                "more than 5 bytes"},
        Hostile{"NotShortest", Bytes({0x81, 0}), kNoLimit,
                "longer than its value needs"},
        Hostile{"ZeroDifference", Bytes({3, 0}), kNoLimit,
                "byte 1 (entry 1): difference 0"},
        Hostile{"AtLimit", Bytes({3, 1}), 4, "handle 4 is not below 4"},
        Hostile{"FirstAtLimit", Bytes({0}), 0, "handle 0 is not below 0"},
        Hostile{"NoBlock", Bytes({0xff, 0xff, 0xff, 0xff, 0x0f}), kNoLimit,
                "handle 4294967295 is not below"},
        Hostile{
            "SumOverflows",
            Bytes({0xfe, 0xff, 0xff, 0xff, 0x0f, 0xfe, 0xff, 0xff, 0xff, 0x0f}),
            kNoLimit, "handle 8589934588 is not below"},
        Hostile{"MoreThan32Bits", Bytes({0xff, 0xff, 0xff, 0xff, 0x7f}),
                kNoLimit, "handle 34359738367 is not below"}),
    [](const auto& test) { return std::string(test.param.name); });

class HostileOrdered : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileOrdered, IsRefused) {
  std::vector<BlockId> ids = Ids({42});
  const absl::Status status =
      DecodeOrdered(GetParam().bytes, GetParam().limit, &ids);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().says));
  EXPECT_THAT(ids, ElementsAre(BlockId(42)));
}

INSTANTIATE_TEST_SUITE_P(
    , HostileOrdered,
    ::testing::Values(
        Hostile{"CutOff", Bytes({2, 0xff}), kNoLimit, "is cut off"},
        Hostile{"Negative", Bytes({2, 3}), kNoLimit,
                "byte 1 (entry 1): handle -1 is not in 0 .. 4294967294"},
        Hostile{"AtLimit", Bytes({8}), 4, "handle 4 is not in 0 .. 3"},
        Hostile{"FarOut", Bytes({0xfe, 0xff, 0xff, 0xff, 0x7f}), kNoLimit,
                "handle 17179869183 is not in"},
        Hostile{"FarBelow", Bytes({0xff, 0xff, 0xff, 0xff, 0x7f}), kNoLimit,
                "handle -17179869184 is not in"},
        Hostile{"TooLong", Bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}),
                kNoLimit, "more than 5 bytes"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(BlockCodecTest, HostileBitmaps) {
  std::vector<BlockId> ids = Ids({42});
  // Bit 12 is handle 12.
  absl::Status status = DecodeBitmap(Bytes({1, 0x10}), 0, 12, &ids);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("byte 1 (entry 1): handle 12 is not below 12"));
  EXPECT_THAT(ids, ElementsAre(BlockId(42)));
  status = DecodeBitmap(Bytes({0, 0, 1}), UINT32_MAX - 3, UINT32_MAX, &ids);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("4294967308"));
}

TEST(BlockCodecTest, RandomBytesNeverYieldBadHandles) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes(random() % 24, '\0');
    for (char& byte : bytes) {
      byte = static_cast<char>(random() % 3 == 0 ? random() : random() % 8);
    }
    const uint32_t limit = static_cast<uint32_t>(random() >> (random() % 40));
    const uint32_t first = static_cast<uint32_t>(random() >> (random() % 40));
    std::vector<BlockId> ascending;
    std::vector<BlockId> ordered;
    std::vector<BlockId> bitmap;
    if (DecodeAscending(bytes, limit, &ascending).ok()) {
      // One list has one wire form.
      std::string again;
      EncodeAscending(ascending, &again);
      ASSERT_EQ(again, bytes);
    }
    if (DecodeOrdered(bytes, limit, &ordered).ok()) {
      std::string again;
      EncodeOrdered(ordered, &again);
      ASSERT_EQ(again, bytes);
    }
    DecodeBitmap(bytes, first, limit, &bitmap).IgnoreError();
    for (const auto* list : {&ascending, &ordered, &bitmap}) {
      for (const BlockId id : *list) ASSERT_LT(id.value(), limit);
    }
  }
}

}  // namespace
}  // namespace kvplace
