#include "client/cli/report_parts.h"

#include <fmt/format.h>

#include <cmath>

namespace kvplace {

using Json = nlohmann::ordered_json;

Json NumberJson(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json ProfileJson(const MachineProfile& profile) {
  return {
      {"name", profile.name},
      {"hbm_bytes_per_second", NumberJson(profile.hbm.value())},
      {"link_read_bytes_per_second", NumberJson(profile.link_read.value())},
      {"link_write_bytes_per_second", NumberJson(profile.link_write.value())},
      {"dram_bytes_per_second", NumberJson(profile.dram.value())}};
}

Json TrafficJson(const PhaseTraffic& traffic) {
  return {{"hbm_read_bytes", traffic.hbm_reads.count()},
          {"dram_read_bytes", traffic.dram_reads.count()},
          {"promoted_on_read_bytes", traffic.promoted.count()},
          {"prefetched_bytes", traffic.prefetched.count()},
          {"demoted_bytes", traffic.demoted.count()},
          {"new_kv_bytes", traffic.new_kv().count()},
          {"miss_share", ShareOf(traffic.dram_reads, traffic.reads())}};
}

double ShareOf(Bytes part, Bytes whole) {
  return whole > Bytes(0) ? static_cast<double>(part.count()) /
                                static_cast<double>(whole.count())
                          : 0;
}

std::string RatioText(const Json& ratio) {
  return ratio.is_null() ? "-" : fmt::format("{:.3f}", ratio.get<double>());
}

}  // namespace kvplace
