// Everything about kvplaced that can be set from outside.
//
// A field belongs to one entry of the option table (option_table.h), which
// gives it its name as flag and as key of the YAML file, its range and its
// help. The defaults stand here and in ServiceOptions, nowhere else.
//
// Thread-safety: plain values.
#ifndef KVPLACE_SERVER_CONFIG_OPTIONS_H_
#define KVPLACE_SERVER_CONFIG_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "server/config/structured_log.h"
#include "server/service/service_options.h"

namespace kvplace {

struct TlsOptions {
  // PEM files; empty: plaintext. Read again when they change.
  std::string cert;
  std::string key;
  // Clients must show a certificate signed by one of these; empty: they need
  // none.
  std::string client_ca;
  // How often the files are looked at. 1 s .. 1 h.
  absl::Duration reload_interval = absl::Seconds(10);
};

struct RecordOptions {
  // Folder for the trace files of live sessions; empty: nothing is recorded.
  std::string dir;
  // A session's file is closed and another begun at this size. 1 MiB .. 1 TiB.
  uint64_t file_bytes = uint64_t{256} << 20;
  // All trace files in the folder; beyond it the oldest go. At least
  // file_bytes, at most 1 PiB.
  uint64_t total_bytes = uint64_t{10} << 30;
  // Messages waiting to be written, in bytes. 1 MiB .. 64 GiB.
  uint64_t queue_bytes = uint64_t{64} << 20;
};

struct Options {
  // Where workers and admins connect. Loopback, because out of the box neither
  // side shows who it is.
  std::string listen = "127.0.0.1:50551";
  // Where Prometheus scrapes; "off": nowhere.
  std::string metrics_listen = "127.0.0.1:9551";
  // Rows of layer groups that a device has in /metrics; 1 .. 1024.
  uint32_t metrics_groups = 8;
  // Where the status page is; "off" or empty: nowhere.
  std::string status_listen = "127.0.0.1:9552";
  // Gets the chosen ports as JSON once they are open; empty: no file.
  std::string port_file;

  TlsOptions tls;
  // File with the token that AdminService asks for; empty: it asks for none.
  std::string admin_token_file;
  bool reflection = true;
  bool channelz = false;
  // A connection that is silent for `time` is pinged, and closed if there is no
  // answer for `timeout`. 1 s .. 2 h; 1 s .. 10 min.
  absl::Duration keepalive_time = absl::Seconds(20);
  absl::Duration keepalive_timeout = absl::Seconds(10);

  // host:port that draining sessions are sent to; empty: the same address.
  std::string drain_to;
  ServiceOptions service;
  RecordOptions record;

  LogFormat log_format = LogFormat::kText;
  Severity log_level = Severity::kInfo;
};

// Options that do not fit together; ranges of single options are checked as
// they are read.
struct OptionProblem {
  // Name of the option to mend, without its dashes.
  std::string option;
  // "is empty, expected ..."
  std::string what;
};
// The first problem found, if any.
std::optional<OptionProblem> FindProblem(const Options& options);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONFIG_OPTIONS_H_
