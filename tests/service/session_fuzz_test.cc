// Random and mutated messages against a session: it never crashes, its ledger
// always fits, every end has a status that says why, and a session beside it
// never notices. Not coverage-guided: quick enough for every run; the seed is
// in the trace of a failure.
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/service/session_test_util.h"

namespace kvplace {
namespace {

using ::testing::AnyOf;
using ::testing::SizeIs;

class Fuzzer {
 public:
  // Some sessions are nearly sound, others are not.
  explicit Fuzzer(uint32_t seed) : rng_(seed), strange_(seed % 4 * 3) {}

  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(rng_() % n); }
  bool Chance(uint32_t percent) { return Below(100) < percent; }
  // Whether the next thing is to be one that no sound worker says.
  bool Strange() { return Below(200) < strange_; }

  uint32_t Number() {
    switch (Below(4)) {
      case 0:
        return UINT32_MAX - Below(3);
      case 1:
        return static_cast<uint32_t>(rng_());
      case 2:
        return 16 + Below(3);
      default:
        return Below(16);
    }
  }
  uint64_t Wide() {
    switch (Below(8)) {
      case 0:
        return UINT64_MAX - Below(3);
      case 1:
        return rng_() << 20 | rng_();
      case 2:
        return (uint64_t{1} << 60) + Below(3) - 1;
      default:
        return Below(5);
    }
  }
  double Real() {
    constexpr double kStrange[] = {0,
                                   -1,
                                   1e-320,
                                   1e308,
                                   std::numeric_limits<double>::infinity(),
                                   std::numeric_limits<double>::quiet_NaN()};
    return Chance(80) ? 1 + Below(1000) : kStrange[Below(6)];
  }

  // Of those that the small inventory has in the group, mostly.
  std::string Handles(uint32_t group, bool ordered, uint32_t most) {
    if (Strange()) return Junk();
    std::vector<BlockId> ids;
    const uint32_t end = group * 8 + (Chance(95) ? 4 : 8);
    uint32_t at = group * 8 + Below(4);
    for (uint32_t n = Below(most + 1); n > 0 && at < end; --n) {
      ids.emplace_back(at);
      at += 1 + Below(2);
    }
    std::string bytes;
    if (!ordered) {
      EncodeAscending(ids, &bytes);
      return bytes;
    }
    std::shuffle(ids.begin(), ids.end(), rng_);
    EncodeOrdered(ids, &bytes);
    return bytes;
  }
  std::string Junk() {
    std::string bytes(Below(20), '\0');
    for (char& c : bytes) c = static_cast<char>(rng_());
    return bytes;
  }

  void Range(v1::BlockRange* range) {
    const uint32_t group = Below(2);
    range->set_sequence(Strange() ? Wide() : Below(4));
    range->set_group(Strange() ? Number() : group);
    range->set_first_page(Strange() ? Number() : 4 + Below(6));
    range->set_first_handle(Strange() ? Number() : group * 8 + 4 + Below(4));
    range->set_count(Strange() ? Number() : 1);
    range->set_tier(Strange() ? static_cast<v1::Tier>(Below(5))
                              : (Chance(20) ? v1::TIER_HBM : v1::TIER_DRAM));
  }

  void Reads(uint32_t group, v1::GroupReads* reads) {
    reads->set_group(Strange() ? Number() : group);
    switch (Below(4)) {
      case 0:
        reads->mutable_all()->add_sequences(1);
        if (Strange()) reads->mutable_all()->add_sequences(Below(4));
        break;
      case 1:
        reads->mutable_bitmap()->set_first_handle(Strange() ? Number()
                                                            : group * 8);
        reads->mutable_bitmap()->set_bits(Strange() ? Junk() : "\5");
        break;
      default:
        reads->set_handles(Handles(group, false, 4));
    }
    if (Strange()) reads->set_near_misses(Handles(group, false, 4));
    if (Strange()) reads->set_masses(Junk());
  }

  void Step(int64_t step, v1::Step* out) {
    out->set_step(Strange() ? static_cast<int64_t>(Wide()) : step);
    if (Chance(20)) Range(out->add_allocated());
    if (Chance(10)) {
      v1::HandleRange* freed = out->add_freed();
      freed->set_first(Strange() ? Number() : Below(16));
      freed->set_count(Strange() ? Number() : 1);
    }
    if (Chance(50)) {
      v1::SequenceProgress* progress = out->add_sequences();
      progress->set_sequence(Chance(95) ? 1 : Below(4));
      progress->set_new_tokens(Strange() ? Number() : Below(20));
      progress->set_ended(Chance(3));
    }
    for (uint32_t g = 0; g < 2; ++g) {
      if (Chance(60)) Reads(g, out->add_reads());
    }
    if (Strange()) {
      out->mutable_measured()->set_step_ns(Wide());
      out->mutable_measured()->set_hbm_read_bytes(Wide());
    }
    if (Chance(20)) out->set_decode_steps(Number());
  }

  void Report(int64_t step, v1::MoveReport* out) {
    out->set_step(Strange() ? static_cast<int64_t>(Wide()) : step);
    out->set_plan_id(Wide());
    out->set_expired(Chance(10));
    if (Strange()) out->set_moved_bytes(Wide());
    for (uint32_t g = 0; g < 2; ++g) {
      if (Chance(60)) continue;
      v1::PhaseMoves* moves = out->add_phases();
      moves->set_group(Strange() ? Number() : g);
      if (Chance(40)) moves->set_promoted(Handles(g, true, 1));
      if (Chance(10)) moves->set_prefetched(Handles(g, true, 1));
      if (Chance(40)) moves->set_evicted(Handles(g, true, 1));
      if (Chance(10)) moves->set_failed(Handles(g, true, 4));
      if (Strange()) moves->set_routed_reads(Number());
    }
  }

  void Hello(v1::Hello* hello) {
    *hello = HelloMessage(SmallWorker(1 + rng_() % 1000)).hello();
    hello->set_residency_mode(static_cast<v1::ResidencyMode>(1 + Below(2)));
    if (Strange()) hello->set_residency_mode(v1::RESIDENCY_MODE_UNSPECIFIED);
    if (hello->residency_mode() == v1::RESIDENCY_MODE_INCLUSIVE) {
      hello->set_read_routing(Chance(50));
    }
    if (Chance(10)) hello->set_fixed_bytes_per_phase(Wide() >> 5);
    if (Strange()) hello->mutable_hbm()->set_capacity_bytes(Wide());
    if (Strange()) hello->set_next_step(static_cast<int64_t>(Wide()));
    if (Strange()) hello->set_devices_sharing_dram(Number());
    if (Strange()) hello->set_node_id(Junk());
    if (Strange()) {
      hello->mutable_hbm()->set_bandwidth_bytes_per_second(Real());
    }
    if (!Chance(10)) return;
    // Blocks as large as they may be, or too large.
    const uint64_t size = uint64_t{1} << (50 + Below(8));
    hello->mutable_groups(0)->set_block_bytes(size);
    hello->mutable_hbm()->set_capacity_bytes(uint64_t{1} << 60);
    if (Chance(50)) hello->mutable_groups(0)->set_kv_bytes_per_token(size / 4);
    if (Strange()) hello->mutable_groups(0)->set_page_tokens(Number());
  }

  // Any message, or a valid one with some of its bytes changed. `lost`: what
  // was sent last was not applied.
  v1::ConnectRequest Message(uint64_t number, int64_t step, bool lost) {
    v1::ConnectRequest message;
    message.set_sequence_number(Strange() ? Wide() : number);
    const uint32_t kind = lost && Chance(80) ? 0 : Below(100);
    if (kind < 4) {
      *message.mutable_inventory() = SmallInventory();
      if (Strange()) Range(message.mutable_inventory()->mutable_blocks(1));
      message.mutable_inventory()->set_last(!Strange());
    } else if (kind < 40) {
      Report(step, message.mutable_move_report());
    } else if (kind < 95) {
      Step(step, message.mutable_step());
    } else if (!Strange()) {
      message.mutable_heartbeat();
    } else if (Chance(50)) {
      Hello(message.mutable_hello());
    }
    return Strange() ? Mutated(message) : message;
  }

 private:
  v1::ConnectRequest Mutated(const v1::ConnectRequest& message) {
    std::string bytes = message.SerializeAsString();
    for (uint32_t n = 1 + Below(3); n > 0 && !bytes.empty(); --n) {
      bytes[Below(static_cast<uint32_t>(bytes.size()))] =
          static_cast<char>(rng_());
    }
    v1::ConnectRequest mutated;
    // What does not parse never reaches a session.
    return mutated.ParseFromString(bytes) ? mutated : message;
  }

  std::mt19937_64 rng_;
  const uint32_t strange_;
};

class FuzzTest : public SessionTest {
 protected:
  void ExpectLedgerFits() {
    for (const auto& node : registry_->Nodes()) {
      for (const auto& d : node.devices()) {
        EXPECT_LE(d.hbm_resident_bytes() + d.hbm_reserved_bytes() +
                      d.hbm_in_flight_bytes(),
                  d.hbm_capacity_bytes());
        EXPECT_LE(d.hbm_resident_bytes(), d.live_bytes());
      }
    }
  }

  // One session of random messages; what it did.
  void RunSession(uint32_t seed) {
    Fuzzer fuzz(seed);
    auto worker = Connect();
    v1::ConnectRequest hello;
    hello.set_sequence_number(1);
    fuzz.Hello(hello.mutable_hello());
    worker->Send(hello);
    bool lost = true;
    bool reported = false;
    int64_t step = hello.hello().next_step();
    uint64_t number = 2;
    for (int i = 0; i < 120 && !worker->ended(); ++i) {
      const v1::ConnectRequest message = fuzz.Message(number, step, lost);
      // A second report before its step would end most sessions early.
      if (message.has_move_report() && std::exchange(reported, true) &&
          !fuzz.Strange()) {
        continue;
      }
      number = message.sequence_number() + 1;
      lost = worker->Send(message) != Outcome::kApplied;
      applied_ += !lost;
      if (message.has_step()) reported = false;
      if (message.has_step() && step < INT64_MAX / 2) ++step;
      ExpectLedgerFits();
      if (fuzz.Chance(70)) sent_ += worker->Take().size();
      if (fuzz.Chance(5)) clock_.Advance(absl::Milliseconds(fuzz.Below(200)));
      if (fuzz.Chance(2)) ChangePolicy(fuzz);
    }
    if (!worker->ended()) return;
    ++ended_;
    EXPECT_THAT(worker->Status().code(),
                AnyOf(absl::StatusCode::kInvalidArgument,
                      absl::StatusCode::kFailedPrecondition,
                      absl::StatusCode::kResourceExhausted))
        << worker->Status();
    EXPECT_FALSE(worker->Status().message().empty());
  }

  void ChangePolicy(Fuzzer& fuzz) {
    const auto names = OnlinePolicyNames();
    v1::SetPolicyRequest request;
    request.mutable_settings()->set_policy(
        std::string(names[fuzz.Below(static_cast<uint32_t>(names.size()))]));
    request.mutable_settings()->set_mode(
        static_cast<v1::Mode>(1 + fuzz.Below(3)));
    EXPECT_THAT(registry_->SetPolicy(request), IsOk());
  }

  uint64_t applied_ = 0;
  uint64_t sent_ = 0;
  uint64_t ended_ = 0;
};

TEST_F(FuzzTest, NothingBreaks) {
  options_.max_consecutive_resyncs = 50;
  Restart();
  WorkerHello other = SmallWorker();
  other.node_id = "bystander";
  auto bystander = ConnectReady(other);
  constexpr uint32_t kSessions = 1500;
  for (uint32_t seed = 1; seed <= kSessions; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    RunSession(seed);
    ASSERT_EQ(bystander->Send(StepReading(seed, {0, 1})), Outcome::kApplied);
    ASSERT_EQ(registry_->live_sessions(), 1u);
    if (HasFailure()) return;
  }
  EXPECT_THAT(device("bystander/0").steps, SizeIs(kSessions));
  EXPECT_TRUE(device().ledger_always_fits);
  EXPECT_EQ(metrics_.overlaps(), 0u);
  // Otherwise the test would be about Hello alone.
  EXPECT_GT(applied_, 5u * kSessions);
  EXPECT_GT(sent_, 5u * kSessions);
  EXPECT_GT(ended_, kSessions / 2);
  EXPECT_GT(device().observed.size(), 100u);
}

}  // namespace
}  // namespace kvplace
