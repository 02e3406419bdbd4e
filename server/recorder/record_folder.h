// The folder of recorded traces: names that sort by age and mean no harm, and a
// bound on what all files together take.
//
// A name is node-device-epoch-YYYYMMDDTHHMMSSZ-NNNN.kvtrace. Whatever the
// worker calls its node, the name has no other characters than [A-Za-z0-9._-]
// and does not begin with a dot. Files of the folder with other names are never
// touched nor counted. Thread-safety: one thread at a time.
#ifndef KVPLACE_SERVER_RECORDER_RECORD_FOLDER_H_
#define KVPLACE_SERVER_RECORDER_RECORD_FOLDER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/service/recorder_sink.h"

namespace kvplace {

// `sequence` tells files apart that begin in the same second.
std::string RecordFileName(const SessionKey& key, absl::Time begun,
                           uint32_t sequence);
// What a name sorts by: its time and its sequence. Nothing for other names.
std::optional<std::pair<std::string, uint32_t>> RecordFileAge(
    absl::string_view name);

class RecordFolder {
 public:
  explicit RecordFolder(std::string path) : path_(std::move(path)) {}

  // Makes the folder if only its last part is missing, sees whether files can
  // be made in it, and counts the traces that are there. The error is for the
  // operator: it says what the system said.
  absl::Status Open();

  std::string PathOf(const std::string& name) const;

  // A file grew to `bytes`, or is new; it is not deleted while `open`.
  void Set(const std::string& name, uint64_t bytes, bool open);
  // Deletes the oldest files that are not open until all are at most `limit`.
  // Returns how many it deleted.
  int DeleteOldest(uint64_t limit);

  uint64_t total_bytes() const { return total_bytes_; }
  // Why the last DeleteOldest could not delete a file that it should have.
  const absl::Status& last_error() const { return last_error_; }

 private:
  struct File {
    std::string name;
    uint64_t bytes = 0;
    bool open = false;
  };
  // Time, sequence, name: oldest first.
  using Age = std::pair<std::pair<std::string, uint32_t>, std::string>;

  static std::optional<Age> AgeOf(const std::string& name);

  const std::string path_;
  std::map<Age, File> files_;
  uint64_t total_bytes_ = 0;
  absl::Status last_error_;
};

}  // namespace kvplace

#endif  // KVPLACE_SERVER_RECORDER_RECORD_FOLDER_H_
