// A step in pieces says what it says as a whole, or is not taken apart.
#include "server/convert/step_wire.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "kvplace/v1/session.pb.h"

namespace kvplace {
namespace {

using ::google::protobuf::util::MessageDifferencer;

class StepWire {
 public:
  bool Split(absl::string_view message) {
    return SplitReads(message, &rest_, &reads_);
  }
  const std::vector<absl::string_view>& reads() const { return reads_; }
  // The pieces put together; false: one of them is no message.
  bool Join(v1::ConnectRequest* out) const {
    if (!out->ParseFromString(rest_)) return false;
    EXPECT_EQ(out->step().reads_size(), 0);
    for (const absl::string_view entry : reads_) {
      if (!out->mutable_step()->add_reads()->ParseFromString(
              std::string(entry))) {
        return false;
      }
    }
    return true;
  }

 private:
  // Reused, as a session does.
  std::string rest_;
  std::vector<absl::string_view> reads_;
};

std::string Bytes(std::mt19937& rng) {
  std::string bytes(rng() % 4 == 0 ? rng() % 300 : rng() % 5, 0);
  for (char& byte : bytes) byte = static_cast<char>(rng() % 256);
  return bytes;
}

v1::ConnectRequest RandomStep(std::mt19937& rng) {
  v1::ConnectRequest message;
  message.set_sequence_number(rng() % 3 == 0 ? rng() : rng() % 200);
  v1::Step& step = *message.mutable_step();
  step.set_step(static_cast<int64_t>(rng() % 1000) - 5);
  for (uint32_t n = rng() % 4; n > 0; --n) {
    step.add_allocated()->set_first_handle(rng() % 1000);
    step.add_freed()->set_count(rng() % 300);
    step.add_sequences()->set_new_tokens(rng());
  }
  for (uint32_t n = rng() % 6; n > 0; --n) {
    v1::GroupReads& reads = *step.add_reads();
    reads.set_group(n);
    reads.set_near_misses(Bytes(rng));
    if (rng() % 2 == 0) reads.set_masses(Bytes(rng));
    switch (rng() % 4) {
      case 0:
        reads.set_handles(Bytes(rng));
        break;
      case 1:
        reads.mutable_bitmap()->set_bits(Bytes(rng));
        break;
      case 2:
        reads.mutable_all()->add_sequences(rng());
        break;
      default:
        break;
    }
  }
  if (rng() % 2 == 0) step.mutable_measured()->set_step_ns(rng());
  if (rng() % 2 == 0) step.set_decode_steps(rng());
  return message;
}

TEST(StepWireTest, PiecesAreTheWhole) {
  std::mt19937 rng(1);
  StepWire wire;
  for (int i = 0; i < 2000; ++i) {
    const v1::ConnectRequest message = RandomStep(rng);
    const std::string bytes = message.SerializeAsString();
    ASSERT_TRUE(wire.Split(bytes));
    EXPECT_EQ(wire.reads().size(),
              static_cast<size_t>(message.step().reads_size()));
    v1::ConnectRequest joined;
    ASSERT_TRUE(wire.Join(&joined));
    EXPECT_TRUE(MessageDifferencer::Equals(message, joined))
        << message.ShortDebugString();
  }
}

// Whatever the bytes are: pieces never say what the whole does not.
TEST(StepWireTest, BrokenBytesAreNotTakenForOthers) {
  std::mt19937 rng(2);
  StepWire wire;
  int split = 0;
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = RandomStep(rng).SerializeAsString();
    for (uint32_t n = 1 + rng() % 3; n > 0 && !bytes.empty(); --n) {
      const size_t at = rng() % bytes.size();
      switch (rng() % 4) {
        case 0:
          bytes.resize(at);
          break;
        case 1:
          bytes.erase(at, 1);
          break;
        case 2:
          bytes.insert(at, Bytes(rng));
          break;
        default:
          bytes[at] = static_cast<char>(rng() % 256);
      }
    }
    v1::ConnectRequest whole;
    const bool readable = whole.ParseFromString(bytes);
    if (!wire.Split(bytes)) {
      ++refused;
      continue;
    }
    v1::ConnectRequest joined;
    const bool joins = wire.Join(&joined);
    EXPECT_EQ(joins, readable) << i;
    if (!joins || !readable) continue;
    ++split;
    EXPECT_TRUE(MessageDifferencer::Equals(whole, joined)) << i;
  }
  // The test has seen both.
  EXPECT_GT(split, 1000);
  EXPECT_GT(refused, 1000);
}

TEST(StepWireTest, WhatIsNotOneStepIsLeftAlone) {
  StepWire wire;
  v1::ConnectRequest step;
  step.mutable_step()->add_reads()->set_handles("abc");
  const std::string bytes = step.SerializeAsString();
  ASSERT_TRUE(wire.Split(bytes));
  // Protobuf takes both as one, or the last of two bodies.
  EXPECT_FALSE(wire.Split(bytes + bytes));
  v1::ConnectRequest heartbeat;
  heartbeat.mutable_heartbeat();
  EXPECT_FALSE(wire.Split(bytes + heartbeat.SerializeAsString()));
  EXPECT_FALSE(wire.Split(heartbeat.SerializeAsString() + bytes));
  EXPECT_FALSE(wire.Split(heartbeat.SerializeAsString()));
  EXPECT_FALSE(wire.Split(""));
  // Tag 0 ends a message for a parser that is in a group.
  EXPECT_FALSE(wire.Split(bytes + std::string(1, 0)));
  // As many entries as there may be groups, and one more.
  for (int i = 1; i < 4096; ++i) step.mutable_step()->add_reads();
  EXPECT_TRUE(wire.Split(step.SerializeAsString()));
  EXPECT_EQ(wire.reads().size(), 4096u);
  step.mutable_step()->add_reads();
  EXPECT_FALSE(wire.Split(step.SerializeAsString()));
  // A field that is not known here.
  EXPECT_FALSE(wire.Split(bytes + "\x78\x01"));
}

}  // namespace
}  // namespace kvplace
