#include "server/status/status_document.h"

#include <limits>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/service/session_test_util.h"

namespace kvplace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using Json = nlohmann::json;

class StatusDocumentTest : public SessionTest {
 protected:
  Json Document() {
    return Json::parse(StatusJson(facts_, CollectStatus(*registry_)));
  }

  ServerFacts facts_ = {.version = "1.2.3 (x)",
                        .started = absl::FromUnixSeconds(1'699'999'990),
                        .listen = "127.0.0.1:50551",
                        .metrics_listen = "",
                        .tls = "off"};
};

TEST_F(StatusDocumentTest, AServerWithoutWorkers) {
  const Json document = Document();
  EXPECT_EQ(document["schema"], "kvplace.status/1");
  EXPECT_EQ(document["time_seconds"], 1'700'000'000);
  const Json& server = document["server"];
  EXPECT_EQ(server["started_seconds"], 1'699'999'990);
  EXPECT_EQ(server["version"], "1.2.3 (x)");
  EXPECT_EQ(server["listen"], "127.0.0.1:50551");
  EXPECT_TRUE(server["metrics_listen"].is_null());
  EXPECT_EQ(server["draining"], false);
  EXPECT_EQ(server["default_policy"]["policy"], options_.defaults.policy);
  EXPECT_EQ(server["default_policy"]["mode"], "act");
  EXPECT_EQ(server["hindsight_window_steps"], options_.hindsight_window_steps);
  EXPECT_EQ(document["nodes"], Json::array());
  EXPECT_EQ(document["sessions"], Json::array());
}

TEST_F(StatusDocumentTest, TellsOfDevicesAndSessions) {
  auto worker = ConnectReady();
  worker->Take();
  worker->Send(Report(0, 1, {2}, {}));
  worker->Send(StepReading(0, {0, 2}));
  const Json document = Document();
  ASSERT_EQ(document["nodes"].size(), 1u);
  EXPECT_EQ(document["nodes"][0]["node_id"], "node-a");
  const Json& device = document["nodes"][0]["devices"][0];
  EXPECT_EQ(device["model"], "model-a");
  EXPECT_EQ(device["hbm_resident_bytes"], 5 * 64);
  EXPECT_TRUE(device["hindsight_ratio"].is_null());
  EXPECT_EQ(device["moves"], Json::parse(R"([{"reason": "miss",
      "done_blocks": 1, "failed_blocks": 0, "expired_blocks": 0}])"));
  EXPECT_EQ(device["plan_latency"]["plans"], 1);
  ASSERT_EQ(document["sessions"].size(), 1u);
  EXPECT_EQ(document["sessions"][0]["ready"], true);
  EXPECT_EQ(document["sessions"][0]["silent_seconds"], 0);
}

TEST_F(StatusDocumentTest, StaysJsonWhateverIsInIt) {
  StatusSnapshot snapshot;
  v1::NodeStatus& node = snapshot.nodes.emplace_back();
  node.set_node_id("<img src=x onerror=alert(1)>\"\\\n\x01");
  v1::DeviceStatus& device = *node.add_devices();
  device.set_roofline_ratio(std::numeric_limits<double>::quiet_NaN());
  device.set_utilization(std::numeric_limits<double>::infinity());
  device.set_epoch(std::numeric_limits<uint64_t>::max());
  snapshot.sessions.emplace_back().set_peer("\xff\xfe");
  const std::string text = StatusJson(facts_, snapshot);
  const Json document = Json::parse(text);
  EXPECT_EQ(document["nodes"][0]["node_id"], node.node_id());
  const Json& told = document["nodes"][0]["devices"][0];
  EXPECT_TRUE(told["roofline_ratio"].is_null());
  EXPECT_TRUE(told["utilization"].is_null());
  EXPECT_EQ(told["epoch"], std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(document["sessions"][0]["peer"], "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_THAT(text, Not(HasSubstr("\n")));
}

}  // namespace
}  // namespace kvplace
