#include "server/status/status_document.h"

#include <utility>

#include "nlohmann/json.hpp"
#include "server/convert/admin_json.h"

namespace kvplace {
namespace {

double Seconds1970(absl::Time time) {
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

template <typename T>
OrderedJson ListJson(const std::vector<T>& all) {
  OrderedJson list = OrderedJson::array();
  for (const T& one : all) list.push_back(ToJson(one));
  return list;
}

}  // namespace

StatusSnapshot CollectStatus(const NodeRegistry& registry) {
  StatusSnapshot snapshot;
  snapshot.now = registry.clock().Wall();
  snapshot.hindsight_window_steps = registry.options().hindsight_window_steps;
  // The default is always there.
  if (auto policy = registry.GetPolicy(""); policy.ok()) {
    snapshot.policy = std::move(*policy->mutable_settings());
  }
  snapshot.nodes = registry.Nodes();
  snapshot.sessions = registry.Sessions();
  return snapshot;
}

std::string StatusJson(const ServerFacts& server,
                       const StatusSnapshot& snapshot) {
  const OrderedJson document = {
      {"schema", "kvplace.status/1"},
      {"time_seconds", Seconds1970(snapshot.now)},
      {"server",
       {{"version", server.version},
        {"started_seconds", Seconds1970(server.started)},
        {"listen", server.listen},
        {"metrics_listen", server.metrics_listen.empty()
                               ? OrderedJson(nullptr)
                               : OrderedJson(server.metrics_listen)},
        {"tls", server.tls},
        {"draining", snapshot.draining},
        {"default_policy", ToJson(snapshot.policy)},
        {"hindsight_window_steps", snapshot.hindsight_window_steps}}},
      {"nodes", ListJson(snapshot.nodes)},
      {"sessions", ListJson(snapshot.sessions)}};
  return document.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace kvplace
