// kvplaced. Exit status: 0 as it should be, 1 the probed server does not serve,
// 2 refused at the start: starting it again changes nothing.
#include <cstdio>
#include <string>
#include <vector>

#include "kvplace/version.h"
#include "server/config/command_line.h"
#include "server/config/load_options.h"
#include "server/daemon/health_probe.h"
#include "server/daemon/serve.h"

namespace kvplace {
namespace {

int Fail(int status, const absl::Status& why) {
  std::fprintf(stderr, "kvplaced: %s\n", std::string(why.message()).c_str());
  return status;
}

int Ask(const Options& options, const ProbeRequest& request) {
  const absl::StatusOr<std::string> health = Probe(options, request);
  if (!health.ok()) return Fail(1, health.status());
  std::printf("%s\n", health->c_str());
  return *health == "SERVING" ? 0 : 1;
}

int Main(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Invocation> invocation = ParseCommandLine(arguments);
  if (!invocation.ok()) return Fail(2, invocation.status());
  if (invocation->action == Invocation::Action::kHelp) {
    std::printf("%s", HelpText().c_str());
    return 0;
  }
  if (invocation->action == Invocation::Action::kShowVersion) {
    std::printf("kvplaced %s\n", VersionString());
    return 0;
  }
  const absl::StatusOr<EffectiveOptions> loaded = LoadOptions(*invocation);
  if (!loaded.ok()) return Fail(2, loaded.status());
  if (invocation->action == Invocation::Action::kCheckConfig) {
    std::printf("%s", ToYaml(*loaded).c_str());
    return 0;
  }
  if (invocation->action == Invocation::Action::kProbe) {
    return Ask(loaded->options, invocation->probe);
  }
  return Serve(*invocation, loaded->options);
}

}  // namespace
}  // namespace kvplace

int main(int argc, char** argv) {
  return kvplace::Main(std::vector<std::string>(argv + 1, argv + argc));
}
