// The code of docs/client.md: that it compiles, runs, and is what the page
// shows.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "client/cpp/session_client.h"
#include "gtest/gtest.h"
#include "server/replay/closed_loop.h"
#include "server/replay/emulated_device.h"
#include "tests/client/client_test_util.h"
#include "tests/testing/loopback_server.h"

namespace kvplace::client {
namespace {

// An engine as small as it gets: each step reads all it has in group 0,
// brings in what it may, and sequence 7 grows by a page.
class Engine {
 public:
  explicit Engine(const DeviceConfig& device) : device_(device) {
    for (const BlockRange& range : SmallInventory()) {
      for (uint32_t i = 0; i < range.count; ++i) {
        device_.Place(BlockId(range.first.value() + i), range.tier);
        if (range.group == GroupId(0)) {
          reads_.emplace_back(range.first.value() + i);
        }
      }
    }
  }

  std::vector<BlockRange> LiveBlocks() const { return SmallInventory(); }
  bool running() const { return step_ < 5; }

  // Runs a step by the order; says what it did.
  void Decode(const StandingOrder& order, StepData* step, MoveReport* moves) {
    device_.SetOrder(&order);
    PhaseInput input;
    input.group = GroupId(0);
    input.next_group = GroupId(1);
    input.reads = reads_;
    device_.BeginPhase(input, &outcome_);
    device_.EndPhase(input, &outcome_);
    step->reads.push_back({GroupId(0), {}, reads_, {}, {}});
    step->sequences.push_back({SequenceId(7), 1, false});
    moves->phases.push_back(
        {GroupId(0), outcome_.promoted, outcome_.prefetched, outcome_.evicted});
    ++step_;
  }

 private:
  EmulatedDevice device_;
  std::vector<BlockId> reads_;
  PhaseOutcome outcome_;
  int64_t step_ = 0;
};

// [begin]
absl::Status Serve(const std::string& kvplaced, Engine& engine,
                   const DeviceConfig& device, SessionStats* stats) {
  SessionOptions options;
  options.target = kvplaced;   // host:port
  options.node_id = "node-7";  // with device_index: who this is
  options.device_index = 0;
  options.device = device;  // tiers, bandwidths, layer groups
  options.on_error = [](const absl::Status& why) {
    std::cerr << "kvplace: " << why.message() << "\n";  // it tries again
  };
  auto client = SessionClient::Create(options, ChannelOptions());
  if (!client.ok()) return client.status();

  // What lives now, and in which tier. Connects on a thread of its own.
  absl::Status status = (*client)->Start(engine.LiveBlocks(), StepIndex(0));
  for (int64_t t = 0; status.ok() && engine.running(); ++t) {
    // Never waits: the server's plan, or the local policy's word.
    const OrderPtr order = (*client)->CurrentOrder(StepIndex(t));
    StepData step{.step = StepIndex(t)};
    MoveReport moves{.step = StepIndex(t), .plan = order->plan};
    engine.Decode(order->order, &step, &moves);
    status = (*client)->Report(std::move(moves));
    if (status.ok()) status = (*client)->Step(std::move(step));
  }
  *stats = (*client)->stats();
  return status;
}
// [end]

// Without what depends on where the lines stand.
std::string Squeeze(const std::string& text) {
  std::istringstream in(text);
  std::string word, out;
  while (in >> word) out += word + " ";
  return out;
}

std::string Read(const std::string& name) {
  const char* const root = std::getenv("KVPLACE_SOURCE_DIR");
  std::ifstream file((root == nullptr ? std::string(".") : root) + "/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Between(const std::string& text, const std::string& begin,
                    const std::string& end) {
  const size_t from = text.find(begin);
  if (from == std::string::npos) return "nothing after " + begin;
  const size_t first = from + begin.size();
  return text.substr(first, text.find(end, first) - first);
}

TEST(DocsExampleTest, Runs) {
  LoopbackServer server;
  const DeviceConfig device = SmallDevice();
  for (const std::string& target :
       {server.address(), std::string("127.0.0.1:1")}) {
    Engine engine(device);
    SessionStats stats;
    const absl::Status status = Serve(target, engine, device, &stats);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(stats.steps, 5u);
    EXPECT_EQ(stats.plan_steps + stats.local_steps, 5u);
  }
}

TEST(DocsExampleTest, IsWhatThePageShows) {
  const std::string page = Read("docs/client.md");
  const std::string code = Read("tests/client/docs_example_test.cc");
  EXPECT_EQ(Squeeze(Between(page, "```cpp\n", "```")),
            Squeeze(Between(code, "// [begin]\n", "// [end]\n")));
}

}  // namespace
}  // namespace kvplace::client
