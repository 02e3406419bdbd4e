// Starts the real kvplaced and watches it: its ports, its log, its end. Waiting
// is polling with a deadline; a test never sleeps and hopes.
//
// Thread-safety: one thread.
#ifndef KVPLACE_TESTS_SERVER_DAEMON_PROCESS_H_
#define KVPLACE_TESTS_SERVER_DAEMON_PROCESS_H_

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/trace/trace_test_util.h"

namespace kvplace {

// Long enough for a loaded machine and a sanitizer; reached by failures only.
inline constexpr absl::Duration kPatience = absl::Seconds(30);

// Whether it came true before the patience ended.
inline bool Eventually(const std::function<bool()>& condition,
                       absl::Duration patience = kPatience) {
  const absl::Time end = absl::Now() + patience;
  while (!condition()) {
    if (absl::Now() > end) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

inline std::string ProgramPath() {
  const char* folder = std::getenv("KVPLACE_BIN_DIR");
  return absl::StrCat(folder == nullptr ? "build/release/bin" : folder,
                      "/kvplaced");
}

inline std::string SourcePath(const std::string& name) {
  const char* root = std::getenv("KVPLACE_SOURCE_DIR");
  return absl::StrCat(root == nullptr ? "." : root, "/", name);
}

class DaemonProcess {
 public:
  // Standard output and error go to files.
  explicit DaemonProcess(const std::vector<std::string>& arguments) {
    std::vector<std::string> words = {ProgramPath()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const std::string out = dir_.File("stdout"), err = dir_.File("stderr");
    pid_ = fork();
    if (pid_ != 0) return;
    dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
    execv(argv[0], argv.data());
    _exit(127);
  }
  ~DaemonProcess() {
    if (status_.has_value()) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  void Signal(int number) const { kill(pid_, number); }
  pid_t pid() const { return pid_; }
  bool running() { return !Ended(); }

  // The exit status; 128 + n if signal n ended it; -1 if it did not end.
  int Wait(absl::Duration patience = kPatience) {
    Eventually([this] { return Ended(); }, patience);
    return status_.value_or(-1);
  }

  std::string out() const { return ReadFile(dir_.File("stdout")); }
  std::string err() const { return ReadFile(dir_.File("stderr")); }
  // Waits for a text in the log.
  bool Logs(const std::string& text) {
    return Eventually([this, &text] {
             return absl::StrContains(err(), text) ||
                    (Ended() && !absl::StrContains(err(), text));
           }) &&
           absl::StrContains(err(), text);
  }

 private:
  bool Ended() {
    if (status_.has_value()) return true;
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
  }

  TempDir dir_;
  pid_t pid_ = -1;
  std::optional<int> status_;
};

// What a run that ends by itself says.
struct RunResult {
  int status;
  std::string out, err;
};
inline RunResult RunProgram(const std::vector<std::string>& arguments) {
  DaemonProcess process(arguments);
  const int status = process.Wait();
  return {status, process.out(), process.err()};
}

// A server on free ports of this machine.
class TestServer {
 public:
  explicit TestServer(std::vector<std::string> flags = {}) {
    const std::string port_file = dir_.File("ports.json");
    flags.insert(flags.begin(),
                 {"--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0",
                  "--status-listen=127.0.0.1:0", "--port-file=" + port_file});
    process_.emplace(flags);
    Eventually(
        [&] { return !ReadFile(port_file).empty() || !process_->running(); });
    const auto json =
        nlohmann::json::parse(ReadFile(port_file), nullptr, false);
    if (json.is_discarded()) {
      ADD_FAILURE() << "kvplaced does not serve: " << process_->err();
      return;
    }
    address_ = json["listen"];
    metrics_port_ = json["metrics_port"];
    status_port_ = json["status_port"];
  }

  // host:port of gRPC.
  const std::string& address() const { return address_; }
  int metrics_port() const { return metrics_port_; }
  int status_port() const { return status_port_; }
  DaemonProcess& process() { return *process_; }
  // For files that belong to the server.
  std::string File(const std::string& name) const { return dir_.File(name); }

 private:
  TempDir dir_;
  std::optional<DaemonProcess> process_;
  std::string address_;
  int metrics_port_ = 0;
  int status_port_ = 0;
};

}  // namespace kvplace

#endif  // KVPLACE_TESTS_SERVER_DAEMON_PROCESS_H_
