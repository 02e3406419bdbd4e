// Machine profiles by name or from a YAML file.
//
// A file has these keys, all but `name` required; bandwidths in bytes per
// second (4.9e12), `.inf` for a link that is not modelled:
//   name: my-machine
//   hbm_bytes_per_second: 4.9e12
//   link_read_bytes_per_second: 450e9
//   link_write_bytes_per_second: 450e9
//   dram_bytes_per_second: 500e9
#ifndef KVPLACE_CLIENT_CLI_PROFILE_FILE_H_
#define KVPLACE_CLIENT_CLI_PROFILE_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/core/topology.h"

namespace kvplace {

// A built-in profile, or a file when `name_or_file` ends in .yaml or .yml.
// INVALID_ARGUMENT: an unknown name; or what is wrong in the file, with its
// line and key.
absl::StatusOr<MachineProfile> LoadProfile(const std::string& name_or_file);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_PROFILE_FILE_H_
